//! What an erasure tells before it happens: of which events values go, and how many of each. Never whose, but by a word
//! that stands for the person from then on (THREATS P09). Pure.

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::own::{self, Own};
use crate::event::{Event, Outcome, Target};
use crate::store::{ERASED, Erased};
use crate::value::{Value, json};

/// The events of what goes from one partition of the log of that installation, in order.
pub(super) fn told(log: Uuid, gone: &[Erased], person: &str, by: &str) -> Vec<Event> {
    gone.chunks(PIECE_EVENTS).map(|gone| one(log, gone, person, by)).collect()
}

fn one(log: Uuid, gone: &[Erased], person: &str, by: &str) -> Event {
    let (first, last) = (gone.first().map_or(0, |one| one.0), gone.last().map_or(0, |one| one.0));
    let (count, values) = (gone.len(), gone.iter().map(|(_, values)| values).sum::<u64>());
    let own = Own {
        id: Uuid::now_v7(),
        time: Timestamp::now(),
        rule: "erasure",
        action: ERASED,
        title: "Values of a person are erased",
        text: format!("{values} values of {count} events are erased, of one person: {person}"),
        result: Outcome::Success,
    };
    let target =
        Target { r#type: "events".to_owned(), id: Some(format!("{first}-{last}")), ..Target::default() };
    let pairs = gone.iter().map(|(sequence, values)| json!([sequence, values])).collect();
    let details = [
        ("installation", json!(log.to_string())),
        ("person", json!(person)),
        ("count", json!(count)),
        ("values", json!(values)),
        ("confirmedBy", json!(by)),
        // What `verify` compares.
        ("events", Value::Array(pairs)),
    ];
    Event {
        target: Some(target),
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..own::event(own)
    }
}

/// About 60 KiB as JSON.
const PIECE_EVENTS: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS P09
    #[test]
    fn an_erasure_tells_what_goes_and_not_whose() {
        let gone: Vec<Erased> = (1..=9_000).map(|sequence| (sequence, 2)).collect();
        let events = told(Uuid::from_u128(5), &gone, "0123456789abcdef", "token:ops");
        let ranges: Vec<_> = events.iter().filter_map(|event| event.target.clone()?.id).collect();
        assert_eq!(ranges, ["1-4000", "4001-8000", "8001-9000"]);
        let last = serde_json::to_value(&events[2]).unwrap();
        assert_eq!((&last["details"]["values"], &last["details"]["count"]), (&2_000.into(), &1_000.into()));
        assert_eq!(last["details"]["events"][0], serde_json::json!([8_001, 2]));
        assert_eq!(last["details"]["person"], "0123456789abcdef");
        assert_eq!(last["details"]["installation"], Uuid::from_u128(5).to_string());
        assert_eq!(told(Uuid::nil(), &[], "0123456789abcdef", ""), []);
    }
}
