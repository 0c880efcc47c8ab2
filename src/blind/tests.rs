//! What is learned, and what cannot be made to be forgotten.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::table::Table;
use super::*;

fn seen(method: &'static str, target: &str, status: u16, table: &mut Table, at_second: i64) {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(at_second);
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    table.saw(&Seen { method, target, status, answered: Answered::Unmatched, client, at, sample: None });
}

/// Method, path and count of each row.
fn told(table: &Table) -> Vec<String> {
    table.rows().iter().map(|row| format!("{} {} {}", row.method, row.path, row.unmatched)).collect()
}

#[test]
fn requests_are_grouped_by_method_and_template() {
    let mut table = Table::default();
    let requests = [
        "/v2/bookings/12/cancel",
        "/v2/bookings/cm3k9x2ab/cancel?a=b",
        "/v2/bookings/",
        "/v2/bookings",
        "/",
        "/dav/ada@x.org/0e8a3a1e-58a5.ics",
    ];
    requests.iter().for_each(|target| seen("POST", target, 201, &mut table, 0));
    seen("delete", "/v2/bookings/7", 204, &mut table, 0);
    assert_eq!(
        told(&table),
        [
            "POST /v2/bookings 2",
            "POST /v2/bookings/{id}/cancel 2",
            "DELETE /v2/bookings/{id} 1",
            "POST / 1",
            "POST /dav/{id}/{id2}.ics 1",
        ]
    );
}

// THREATS E12, E75
#[test]
fn a_flood_of_invented_paths_that_do_not_exist_teaches_nothing() {
    let mut table = Table::default();
    for number in 0..10_000 {
        let name: String = format!("{number:05}").bytes().map(|digit| char::from(digit + 49)).collect();
        seen("POST", &format!("/bookings/{name}"), 404, &mut table, 0);
    }
    seen("POST", "/bookings/cancel-all", 200, &mut table, 0);
    assert_eq!(told(&table), ["POST /bookings/cancel-all 1"]);
    assert_eq!(table.unlearned(), [0, 0, 0, 10_000, 0]);
    // Failures at a known path are its own.
    seen("POST", "/bookings/cancel-all", 500, &mut table, 0);
    assert_eq!(table.rows()[0].statuses.get("5xx"), Some(&1));
}

// THREATS E12
#[test]
fn a_place_with_many_names_folds_and_still_tells_the_frequent_ones() {
    let mut table = Table::default();
    for number in 0..500_u32 {
        let name: String = format!("{number:03}").bytes().map(|digit| char::from(digit + 49)).collect();
        seen("POST", &format!("/people/{name}/rename"), 200, &mut table, 0);
        seen("POST", "/people/everybody/rename", 200, &mut table, 0);
    }
    assert_eq!(told(&table), ["POST /people/{id}/rename 1000"]);
    let values = &table.rows()[0].values["id"];
    assert_eq!((values[0].value.as_str(), values.len()), ("everybody", 32));
    assert_eq!(values[0].count, 500);
}

#[test]
fn folding_makes_one_of_what_stands_behind_it() {
    let mut table = Table::default();
    for letter in 'a'..='y' {
        seen("PUT", &format!("/x{letter}/one"), 200, &mut table, 0);
        seen("PUT", &format!("/x{letter}/t{letter}"), 200, &mut table, 0);
    }
    // 25 names at the first place; 26 at the second, once the first is one place.
    assert_eq!(told(&table), ["PUT /{id}/{id2} 50"]);
    seen("PUT", "/xa/new", 200, &mut table, 0);
    assert_eq!(told(&table), ["PUT /{id}/{id2} 51"]);
}

// THREATS E75
#[test]
fn a_full_table_keeps_successes_and_what_is_new() {
    let mut table = Table::default();
    let letters = || 'a'..='t';
    let paths: Vec<String> = letters()
        .flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("/p{a}/q{b}/r{c}"))))
        .collect();
    let mut iter = paths.iter();
    iter.by_ref().take(1_000).for_each(|path| seen("POST", path, 302, &mut table, 0));
    assert_eq!(table.count(), 1_000);
    iter.by_ref().take(100).for_each(|path| seen("POST", path, 302, &mut table, 0));
    assert_eq!((table.count(), table.unlearned()), (1_000, [0, 0, 100, 0, 0]));
    seen("POST", "/real", 201, &mut table, 0);
    assert_eq!(told(&table)[0], "POST /real 1");
    // A day later, what is only redirected makes room too.
    seen("POST", "/other", 302, &mut table, 90_000);
    assert_eq!(table.count(), 1_000);
    assert!(told(&table).contains(&"POST /other 1".to_owned()));
    assert!(told(&table).contains(&"POST /real 1".to_owned()));
}

#[test]
fn what_was_learned_outlives_a_restart_and_a_damaged_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let blind = Blind::open(folder.path());
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let at = Timestamp::UNIX_EPOCH;
    let sample = Sample { headers: vec!["host".to_owned()], ..Sample::default() };
    let seen = Seen {
        method: "POST",
        target: "/a/7",
        status: 200,
        answered: Answered::Unrecorded,
        client,
        at,
        sample: Some(&sample),
    };
    assert!(!blind.knows("POST", "/a/7"));
    blind.saw(&seen);
    assert!(blind.knows("post", "/a/8?x=y"));
    blind.close();
    let blind = Blind::open(folder.path());
    let row = &blind.rows()[0];
    assert_eq!((row.path.as_str(), row.unmatched, row.unrecorded, row.clients), ("/a/{id}", 0, 1, 1));
    assert_eq!(row.sample, sample);
    blind.close();
    for damage in ["{", "{\"spots\":{},\"places\":{},\"unlearned\":[0,0,0,0,0],\"more\":1}", "\u{0}"] {
        std::fs::write(folder.path().join("blind-spots.json"), damage).unwrap();
        let blind = Blind::open(folder.path());
        assert_eq!(blind.count(), 0);
        blind.close();
        assert_eq!(std::fs::read_to_string(folder.path().join("blind-spots.damaged")).unwrap(), damage);
    }
}

proptest! {
    /// Whatever is seen, the table stays within its limits, can be read again, and counts each request once.
    #[test]
    fn no_traffic_breaks_the_table(paths in prop::collection::vec("(/[a-c0-2@.{}%-]{0,4}){0,20}", 0..200)) {
        let mut table = Table::default();
        for path in &paths {
            seen("POST", path, 200, &mut table, 0);
        }
        let counted: u64 = table.rows().iter().map(|row| row.unmatched).sum();
        prop_assert_eq!(counted + table.unlearned().iter().sum::<u64>(), paths.len() as u64);
        if let Some(text) = table.take_changed() {
            let read = Table::read(&text).unwrap();
            prop_assert_eq!(told(&read), told(&table));
        }
    }
}

const OFFICE: &str = "version: 1
rules:
  - { id: cancelled, match: 'POST /api/bookings/{id}/cancel', action: CANCELLED }
  - { id: changed, match: 'PUT /api/bookings/{id}', action: CHANGED }
  - { id: tried, match: 'POST /api/trials', action: TRIED, mode: shadow }
";

/// An office at work: from 8 to 18, a booking is changed every ten minutes, and every half an hour one is cancelled.
struct Office {
    blind: Blind,
    now: Timestamp,
}

impl Office {
    fn new() -> Office {
        let blind = Blind::default();
        blind.watch(&RuleSet::from_texts("office", &[("office.yaml", OFFICE)]).unwrap().rules);
        Office { blind, now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(8) }
    }

    /// A day from 8 to 8; `cancel` is called for each cancellation.
    fn day(&mut self, mut cancel: impl FnMut(&Blind, Timestamp)) {
        for ten_minutes in 0..60 {
            self.blind.recorded(["office/changed"].into_iter(), self.now);
            if ten_minutes % 3 == 0 {
                cancel(&self.blind, self.now);
            }
            self.now += SignedDuration::from_mins(10);
        }
        self.now += SignedDuration::from_hours(14);
    }

    fn silent(&self) -> Vec<String> {
        self.blind.silent(self.now).into_iter().map(|silent| silent.rule).collect()
    }
}

fn cancelled(blind: &Blind, at: Timestamp) {
    blind.recorded(["office/cancelled", "office/cancelled"].into_iter(), at);
}

/// A request at that address, which no rule knows.
fn unknown(blind: &Blind, method: &str, target: &str, status: u16, at: Timestamp) {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    blind.saw(&Seen { method, target, status, answered: Answered::Unmatched, client, at, sample: None });
}

// THREATS E73
#[test]
fn a_rule_whose_route_was_renamed_is_told_beside_the_blind_spot_that_came_in_its_place() {
    let mut office = Office::new();
    let before = office.now;
    for _ in 0..10 {
        office.day(cancelled);
        assert_eq!(office.silent(), [""; 0], "a night is no silence");
    }
    // What was there before, and what nobody finds, are no likes; nor is what has nothing in common.
    unknown(&office.blind, "POST", "/api/bookings/7/confirm", 201, before);
    unknown(&office.blind, "POST", "/api/bookings/7/cancellations", 404, office.now);
    unknown(&office.blind, "POST", "/sessions", 201, office.now);
    unknown(&office.blind, "PATCH", "/api/rooms/7", 200, office.now);
    let last = office.blind.inner.pulses.lock().silent(office.now, Vec::new).len();
    assert_eq!(last, 0);
    office.day(|blind, at| unknown(blind, "POST", "/api/v3/bookings/7/cancel", 201, at));
    let silent = office.blind.silent(office.now);
    assert_eq!(silent.len(), 1, "{silent:?}");
    assert_eq!((silent[0].rule.as_str(), silent[0].requests_since), ("office/cancelled", 85));
    let like: Vec<_> = silent[0].like.iter().map(|like| format!("{} {}", like.method, like.path)).collect();
    assert_eq!(like, ["POST /api/v3/bookings/{id}/cancel", "PATCH /api/rooms/{id}"]);
    let told = trouble(&silent).unwrap();
    assert!(told.starts_with("the rule office/cancelled has not fired since 1970-01-10T17:30:00Z"), "{told}");
    cancelled(&office.blind, office.now);
    assert_eq!((office.silent(), trouble(&[])), (Vec::new(), None));
}

// THREATS E73
#[test]
fn a_rule_is_not_called_silent_by_a_pause_a_rush_or_strangers() {
    let mut office = Office::new();
    (0..10).for_each(|_| office.day(cancelled));
    // A fortnight's holiday: nobody works.
    office.now += SignedDuration::from_hours(14 * 24);
    assert_eq!(office.silent(), [""; 0]);
    // Strangers try what is not there.
    (0..10_000).for_each(|_| unknown(&office.blind, "POST", "/wp-login.php", 404, office.now));
    assert_eq!(office.silent(), [""; 0]);
    // The first hour afterwards is a rush of something else.
    cancelled(&office.blind, office.now);
    for second in 0..3_000 {
        let at = office.now + SignedDuration::from_secs(second);
        office.blind.recorded(["office/changed"].into_iter(), at);
    }
    office.now += SignedDuration::from_mins(50);
    assert_eq!(office.silent(), [""; 0]);
}

// THREATS E73
#[test]
fn only_rules_in_force_with_a_habit_can_go_silent_and_habits_outlive_a_restart() {
    let rules = RuleSet::from_texts("office", &[("office.yaml", OFFICE)]).unwrap().rules;
    let mut office = Office::new();
    // Twenty at once are one firing, and one in shadow mode never makes an event.
    cancelled(&office.blind, office.now);
    office.blind.recorded(["office/tried", "elsewhere/x"].into_iter(), office.now);
    (0..5).for_each(|_| office.day(|_, _| ()));
    assert_eq!(office.silent(), [""; 0]);
    (0..10).for_each(|_| office.day(cancelled));
    (0..10).for_each(|_| office.day(|_, _| ()));
    assert_eq!(office.silent(), ["office/cancelled"]);
    let text = office.blind.inner.pulses.lock().take_changed(office.now).unwrap();
    // Whoever fell silent last stands first.
    let mut both = Office { blind: Blind { inner: Arc::clone(&office.blind.inner) }, now: office.now };
    for _ in 0..700 {
        unknown(&both.blind, "POST", "/elsewhere", 200, both.now);
    }
    both.now += SignedDuration::from_hours(30 * 24);
    assert_eq!(both.silent(), ["office/changed", "office/cancelled"]);
    let mut read = Pulses::read(&text).unwrap();
    let names = |pulses: &Pulses| pulses.silent(office.now, Vec::new).len();
    assert_eq!(names(&read), 0, "no rules are in force");
    read.watch(&rules);
    assert_eq!(names(&read), 1);
    let much_later = office.now + SignedDuration::from_hours(91 * 24);
    read.deed();
    assert!(
        !read.take_changed(much_later).unwrap().contains("office/cancelled"),
        "that is no habit any more"
    );
    for damage in ["", "{}", "{\"deeds\":-1,\"pulses\":{}}", "{\"deeds\":1,\"pulses\":{},\"more\":1}"] {
        assert!(Pulses::read(damage).is_none(), "{damage}");
    }
}

// THREATS E73: the clock is no friend.
#[test]
fn a_clock_that_was_set_back_begins_a_habit_anew() {
    let mut office = Office::new();
    (0..10).for_each(|_| office.day(cancelled));
    cancelled(&office.blind, office.now + SignedDuration::from_hours(9_000));
    (0..10).for_each(|_| office.day(cancelled));
    (0..10).for_each(|_| office.day(|_, _| ()));
    assert_eq!(office.silent(), ["office/cancelled"]);
}
