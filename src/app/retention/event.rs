//! What retention tells: a purge before it happens, a pass that asks first, a disk that is filling. Pure.

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::own::{self, Own};
use crate::event::{Event, Outcome, Target};
use crate::store::{Gone, Leaving, PURGED, Prepared};
use crate::value::{Map, Value, json};

/// Of what is about to leave one partition.
pub(super) fn purged(
    id: Uuid,
    time: Timestamp,
    leaving: &Leaving,
    prepared: &Prepared,
    by: &Confirmed,
) -> Event {
    let Leaving { first, last, events, policies, .. } = leaving;
    let names: Vec<&str> = policies.keys().map(String::as_str).collect();
    let text = format!("{events} of the events {first} to {last} are removed, as {} says", names.join(", "));
    let own = Own {
        id,
        time,
        rule: "retention",
        action: PURGED,
        title: "Events are removed",
        text,
        result: Outcome::Success,
    };
    let policies = policies.iter().map(|(name, count)| (name.clone(), json!(count)));
    let policies = Value::Object(policies.collect::<Map>());
    let log = json!(prepared.log.to_string());
    let details = [("installation", log), ("count", json!(events)), ("policies", policies)];
    let confirmed = match by {
        Confirmed::By(who) => Some(("confirmedBy".to_owned(), json!(who))),
        Confirmed::ByNobody => None,
    };
    let earlier: Vec<_> = prepared.earlier.iter().map(Gone::to_json).collect();
    let earlier = (!earlier.is_empty()).then(|| ("earlier".to_owned(), json!(earlier)));
    // First, last, how many are gone, and which: what `verify` compares.
    let gone = Value::of(&prepared.gone.to_json());
    let gone = gone.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let target =
        Target { r#type: "events".to_owned(), id: Some(format!("{first}-{last}")), ..Target::default() };
    Event {
        target: Some(target),
        details: details
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(gone.into_iter().map(|(name, value)| (name.to_string(), value)))
            .chain(earlier)
            .chain(confirmed)
            .collect(),
        ..own::event(own)
    }
}

/// Who let it go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// The configuration lets it go.
    ByNobody,
    /// Somebody who was asked, by what the audit listener knows him.
    By(String),
}

/// Of a pass that has removed nothing, because somebody must look first.
pub(super) fn stopped(id: Uuid, time: Timestamp, why: &str, events: u64) -> Event {
    let own = Own {
        id,
        time,
        rule: "retention",
        action: "RETENTION_STOPPED",
        title: "Nothing is removed until somebody confirms it",
        text: format!("Nothing was removed, and {events} events would have been: {why}"),
        result: Outcome::Failure,
    };
    Event { details: [("events".to_owned(), json!(events))].into(), ..own::event(own) }
}

/// Of a disk of which little is left.
pub(super) fn disk_filling(id: Uuid, time: Timestamp, used_percent: u64, free_bytes: u64) -> Event {
    let own = Own {
        id,
        time,
        rule: "disk",
        action: "DISK_FILLING",
        title: "The disk is filling",
        text: format!("{used_percent} % of the disk of the log are used, {free_bytes} bytes are left"),
        result: Outcome::Failure,
    };
    let details = [("usedPercent", json!(used_percent)), ("freeBytes", json!(free_bytes))];
    Event {
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..own::event(own)
    }
}
