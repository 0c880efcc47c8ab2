//! Events for the tests of store and recorder.

use std::sync::Arc;

use uuid::Uuid;

use super::{Head, Sealed};
use crate::event::{
    Actor, BeforeFacts, Certainty, Change, ClientFacts, Event, FORMAT, Link, MatchFacts, MatchedBy, Outcome,
    RequestFacts, RuleFacts, Scope, Sentence, Target,
};
use crate::value::json;

/// The n-th event: each a minute after the one before, so that 1,440 fill a day. Its id is a UUIDv7 of
/// that time.
pub(crate) fn event(n: u64) -> Event {
    let ms = BEGIN_MS + n as i64 * 60_000;
    Event {
        format: FORMAT,
        id: id(n),
        time: jiff::Timestamp::from_millisecond(ms).unwrap(),
        exchange_id: Uuid::from_u128(n.into()),
        action: "RESCHEDULED".to_owned(),
        r#type: Some("RECORD_UPDATED".to_owned()),
        category: Some("DATA".to_owned()),
        title: "Booking moved".to_owned(),
        message: Sentence::plain(format!("moved number {n}")),
        actor: Actor {
            r#type: "user".to_owned(),
            id: Some(format!("u{}", n % 7)),
            name: Some("Jördis Nowak".to_owned()),
            email: Some("Jordis@example.org".to_owned()),
            ..Actor::default()
        },
        on_behalf_of: Some(Actor { name: Some("Boss".to_owned()), ..Actor::default() }),
        target: Some(Target {
            r#type: "booking".to_owned(),
            id: Some(format!("b-{n}")),
            requested_id: Some(format!("asked-{n}")),
            name: Some("Review".to_owned()),
        }),
        links: vec![Link { rel: "to".to_owned(), r#type: "booking".to_owned(), id: format!("link-{n}") }],
        source: Some("API_V2".to_owned()),
        api_kind: None,
        result: if n.is_multiple_of(3) { Outcome::Denied } else { Outcome::Success },
        attempted: false,
        error: Some("no_room".to_owned()),
        reason: Some("Illness".to_owned()),
        changes: vec![Change {
            field: "start".to_owned(),
            pointer: Some("/start".to_owned()),
            label: Some("Beginning".to_owned()),
            before: Some(json!("10:00")),
            after: Some(json!({"at": ["11:30", 4711]})),
        }],
        before: BeforeFacts::default(),
        details: [("room".to_owned(), json!("Blue Salon"))].into(),
        scope: Scope::default(),
        client: ClientFacts { ip: "10.1.2.3".parse().unwrap(), peer: None, user_agent: None },
        request: RequestFacts {
            id: format!("r{n}"),
            trace_id: None,
            method: "POST".to_owned(),
            url: "http://app/v2/bookings".to_owned(),
            destination: None,
            operation: None,
            part: None,
        },
        response: None,
        rule: RuleFacts { id: "calcom/booking".to_owned(), version: "0".to_owned() },
        r#match: MatchFacts { certainty: Certainty::Certain, by: MatchedBy::Raw, reasons: Vec::new() },
        notes: Vec::new(),
        tags: Vec::new(),
        raw: [("body.x".to_owned(), json!(["Kept"]))].into(),
    }
}

/// The id of the n-th event.
pub(crate) fn id(n: u64) -> Uuid {
    let ms = BEGIN_MS as u128 + u128::from(n) * 60_000;
    Uuid::from_u128(ms << 80 | 7 << 76 | 2 << 62 | u128::from(n))
}

/// The events of these numbers, sealed behind `head`.
pub(crate) fn sealed(head: Head, numbers: impl IntoIterator<Item = u64>) -> Vec<Sealed> {
    let mut head = head;
    let seal = |n| {
        let entry = Sealed::after(head, [n as u8; 16], Arc::from(serde_json::to_vec(&event(n)).unwrap()));
        head = entry.head();
        entry
    };
    numbers.into_iter().map(seal).collect()
}

/// 2026-11-22T00:00:00Z.
pub(crate) const BEGIN_MS: i64 = 1_795_305_600_000;
