//! Keys that a rule and an application read differently.

use earwitness::event::Certainty;

use super::{World, names, request};
use crate::gullible::{Habits, Keys};

// THREATS E10
#[test]
fn whichever_value_an_application_takes_of_a_repeated_key_is_told() {
    let cases = [
        "booking_id=1&booking_id=2",
        "booking_id=2&x=3&booking_id=1",
        "booking_id[]=1&booking_id[]=2",
        "booking_id=1&booking_id[]=2",
        "booking%5fid=1&booking_id=2",
    ];
    for keys in [Keys::First, Keys::Last, Keys::All, Keys::Php] {
        let world = World::new(Habits::keys(keys));
        for (index, query) in cases.iter().enumerate() {
            let id = format!("r{index}");
            world.rig.exchange(request(&format!("POST /cancel?{query}"), &id, &[], ""));
            let event = world.event_of(&id);
            assert!(names(&event, "1") && names(&event, "2"), "{query}: {event:#?}");
        }
        assert_eq!(world.app.deeds().len(), cases.len());
        world.assert_all_is_told();
    }
}

// THREATS E10
#[test]
fn a_key_that_only_the_application_finds_is_doubt_and_told() {
    let cases = [
        (Keys::Php, "booking.id=7"),
        (Keys::Php, "booking%20id=7"),
        (Keys::Php, "booking+id=7"),
        (Keys::Php, "booking[id=7"),
        (Keys::Php, "booking_id=8&booking.id=7"),
        (Keys::All, "x=1;booking_id=7"),
        (Keys::All, "booking_id=8;booking_id=7"),
        (Keys::All, "booking_id=7;x=1"),
    ];
    for keys in [Keys::Php, Keys::All] {
        let world = World::new(Habits::keys(keys));
        for (index, (_, query)) in cases.iter().enumerate().filter(|(_, (whose, _))| *whose == keys) {
            let id = format!("r{index}");
            world.rig.exchange(request(&format!("POST /cancel?{query}"), &id, &[], ""));
            assert!(world.app.deeds().pop().unwrap().targets.contains(&"7".to_owned()), "{query}");
            assert_eq!(world.event_of(&id).r#match.certainty, Certainty::Doubtful, "{query}");
        }
        world.assert_all_is_told();
    }
}
