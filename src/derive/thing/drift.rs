//! A thing that is not as it was left: somebody changed it in a way that nobody saw, in the database, by a job, by
//! a route without a rule (THREATS E76).
//!
//! What a rule reads before an action is compared with what was remembered of the thing. A false alarm would teach
//! people to look away, so only a sure sight counts: read just now and whole, by somebody who may see it, with
//! nobody else at work on the thing; and of both forms only what both of them have, since not everybody is shown
//! every member.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Before, Situation, changes};
use crate::derive::case::Case;
use crate::derive::engine::Engine;
use crate::derive::events::{limits, text};
use crate::event::{
    Actor, BeforeFacts, BeforeState, Certainty, Change, ClientFacts, Event, Note, NoteCode, Outcome, Scope,
    Sentence,
};
use crate::rules::model::{Mode, Resource};
use crate::value::{Map, Value};

/// A thing as it was read before an action.
#[derive(Debug)]
pub struct Sighting {
    /// Under which it is remembered.
    pub key: String,
    /// As it was read, redacted.
    pub value: Value,
    /// When the request came for which it was read.
    pub seen_at: Timestamp,
    pack: usize,
    resource: usize,
    /// Of the action: it says which thing it is, who may see it, and which request and rule noticed.
    event: Box<Event>,
}

/// The sight of a thing that an action gives, where it is sure enough and the resource asks for it.
pub(in crate::derive) fn sighting(
    case: &Case<'_>,
    before: &Before<'_>,
    situation: &Situation<'_>,
    event: &Event,
) -> Option<Sighting> {
    let resource = case.resource().filter(|resource| resource.tells_drift)?;
    let is_sure = before.facts.state == BeforeState::Read && !before.is_doubtful && !before.facts.concurrent;
    let value = situation.before.filter(|value| is_sure && value.is_object())?;
    let organization = resource.organization_field.as_deref();
    let organization = organization.and_then(|field| changes::at(value, field)).and_then(text);
    let mut event = Box::new(event.clone());
    if organization.is_some() {
        event.scope = Scope { organization, ..Scope::default() };
    }
    (case.rule.mode == Mode::Record).then(|| {
        Some(Sighting {
            key: before.snapshot_key.clone()?,
            value: value.clone(),
            seen_at: event.time,
            pack: case.candidate.pack,
            resource: case.rule.before.as_ref()?.resource,
            event,
        })
    })?
}

impl Engine {
    /// The event that tells how a thing differs from what was known of it, if it does.
    pub fn drift(
        &self,
        sighting: &Sighting,
        known: &Value,
        age_ms: u64,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Option<Event> {
        let resource = self.rules().packs.get(sighting.pack)?.resources.get(sighting.resource)?;
        let (old, new) = shared(known, &sighting.value);
        let differing = changes::compare(&old, &new, Some(resource));
        let changes: Vec<Change> = differing.atoms.into_iter().map(|atom| change(atom, resource)).collect();
        (!changes.is_empty()).then(|| limits::fit(event(sighting, changes, age_ms, ids())))
    }
}

fn event(sighting: &Sighting, changes: Vec<Change>, age_ms: u64, id: Uuid) -> Event {
    let noticed = &sighting.event;
    let age = SignedDuration::from_millis(i64::try_from(age_ms).unwrap_or(i64::MAX));
    let since = noticed.time.checked_sub(age).unwrap_or(Timestamp::MIN);
    let window = format!("between {since} and {}", noticed.time);
    let title = "Changed by something that was not seen";
    Event {
        id,
        action: ACTION.to_owned(),
        r#type: None,
        category: None,
        title: title.to_owned(),
        message: Sentence::plain(format!("{title}, {window}")),
        // Whoever noticed it did something else.
        actor: Actor { r#type: "unknown".to_owned(), ..Actor::default() },
        on_behalf_of: None,
        links: Vec::new(),
        source: None,
        api_kind: None,
        result: Outcome::Unknown,
        attempted: false,
        error: None,
        reason: None,
        changes,
        before: BeforeFacts {
            state: BeforeState::Remembered,
            age_ms: Some(age_ms),
            ..BeforeFacts::default()
        },
        details: Map::from([
            ("lastSeenAt", Value::from(since.to_string())),
            ("noticedAt", Value::from(noticed.time.to_string())),
        ]),
        client: ClientFacts { ip: NOBODY, peer: None, user_agent: None },
        response: None,
        r#match: crate::event::MatchFacts {
            certainty: Certainty::Certain,
            by: noticed.r#match.by,
            reasons: Vec::new(),
        },
        notes: vec![Note::with(NoteCode::ChangedUnseen, window)],
        tags: Vec::new(),
        raw: Map::new(),
        ..(**noticed).clone()
    }
}

fn change(atom: changes::Atom, resource: &Resource) -> Change {
    let field = resource.fields.iter().find(|field| field.name == atom.field);
    Change {
        label: field.and_then(|field| field.label.clone()),
        field: atom.name,
        pointer: Some(atom.pointer),
        before: atom.before,
        after: atom.after,
    }
}

/// What both have, at every depth; lists are taken as they are. As deep as documents go.
fn shared(old: &Value, new: &Value) -> (Value, Value) {
    let (Value::Object(olds), Value::Object(news)) = (old, new) else { return (old.clone(), new.clone()) };
    let (mut left, mut right) = (Map::new(), Map::new());
    for (name, old) in olds.iter() {
        if let Some(new) = news.get(name.as_str()) {
            let (old, new) = shared(old, new);
            left.insert(name.clone(), old);
            right.insert(name.clone(), new);
        }
    }
    (Value::Object(left), Value::Object(right))
}

/// What such an event is called, in every pack.
const ACTION: &str = "CHANGED_UNSEEN";
/// It came from no client that is known.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
