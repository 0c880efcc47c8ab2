//! What an erasure tells before it happens: of which events values go, and how many of each. Never whose, but by a word
//! that stands for the person from then on (THREATS P09). Pure.

use jiff::Timestamp;
use uuid::Uuid;

use super::approval::Waiting;
use crate::event::own::{self, Own};
use crate::event::{Event, Outcome, Target};
use crate::store::{ERASED, Erased, Loss};
use crate::value::{Value, json};

/// The events of what goes from one partition of the log of that installation, in order.
pub(super) fn told(log: Uuid, gone: &[Loss], person: &str, by: &By) -> Vec<Event> {
    let gone: Vec<Erased> = gone.iter().map(Loss::erased).collect();
    gone.chunks(PIECE_EVENTS).map(|gone| one(log, gone, person, by)).collect()
}

/// The same of what was erased before, and came back with a backup.
pub(super) fn told_again(log: Uuid, gone: &[Loss], person: &str, by: &By) -> Vec<Event> {
    let again = |mut event: Event| {
        event.details.insert("again".to_owned(), json!(true));
        event
    };
    told(log, gone, person, by).into_iter().map(again).collect()
}

/// That a plan was confirmed, and waits for somebody else to confirm it until then.
pub(super) fn asked(log: Uuid, plan: &Asked<'_>, waiting: &Waiting) -> Event {
    let Asked { person, events, values } = plan;
    let Waiting { id, by, until } = waiting;
    let text = format!(
        "{values} values of {events} events are to be erased, of one person: {person}; a second person must confirm it"
    );
    let own = Own {
        id: Uuid::now_v7(),
        time: Timestamp::now(),
        rule: "erasure",
        action: "ERASURE_ASKED",
        title: "An erasure waits for a second person",
        text,
        result: Outcome::Success,
    };
    let details = [
        ("installation", json!(log.to_string())),
        ("plan", json!(id.as_str())),
        ("person", json!(*person)),
        ("count", json!(*events)),
        ("values", json!(*values)),
        ("confirmedBy", json!(by.as_str())),
        ("until", json!(until.to_string())),
    ];
    let details = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Event { details, ..own::event(own) }
}

/// What a confirmed plan is about.
pub(super) struct Asked<'a> {
    pub(super) person: &'a str,
    pub(super) events: u64,
    pub(super) values: u64,
}

/// Who has confirmed an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct By {
    pub(super) first: String,
    /// Somebody else, where that is asked for.
    pub(super) second: Option<String>,
}

fn one(log: Uuid, gone: &[Erased], person: &str, by: &By) -> Event {
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
        ("confirmedBy", json!(by.first.as_str())),
        // What `verify` compares.
        ("events", Value::Array(pairs)),
    ];
    let second = by.second.as_deref().map(|second| ("approvedBy", json!(second)));
    Event {
        target: Some(target),
        details: details.into_iter().chain(second).map(|(name, value)| (name.to_owned(), value)).collect(),
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
        let by = By { first: "token:ops".to_owned(), second: Some("token:dpo".to_owned()) };
        let loss = |sequence| Loss { sequence, leaf: [7; 32], places: vec![0, 4] };
        let gone: Vec<Loss> = (1..=9_000).map(loss).collect();
        let events = told(Uuid::from_u128(5), &gone, "0123456789abcdef", &by);
        let ranges: Vec<_> = events.iter().filter_map(|event| event.target.clone()?.id).collect();
        assert_eq!(ranges, ["1-4000", "4001-8000", "8001-9000"]);
        let last = serde_json::to_value(&events[2]).unwrap();
        assert_eq!((&last["details"]["values"], &last["details"]["count"]), (&2_000.into(), &1_000.into()));
        assert_eq!(last["details"]["events"][0], serde_json::json!([8_001, 2]));
        assert_eq!(last["details"]["person"], "0123456789abcdef");
        assert_eq!(last["details"]["installation"], Uuid::from_u128(5).to_string());
        assert_eq!(
            (&last["details"]["confirmedBy"], &last["details"]["approvedBy"]),
            (&"token:ops".into(), &"token:dpo".into())
        );
        assert_eq!(told(Uuid::nil(), &[], "0123456789abcdef", &by), []);
        let alone = told(Uuid::nil(), &gone[..1], "0123456789abcdef", &By { second: None, ..by.clone() });
        assert_eq!(alone[0].details.get("approvedBy"), None);
        let again = told_again(Uuid::nil(), &gone[..1], "0123456789abcdef", &by);
        assert_eq!(
            (again[0].details.get("again"), alone[0].details.get("again")),
            (Some(&json!(true)), None)
        );
    }
}
