//! The history of an event type or a booking, in the shape of Cal.com's `GET /v2/event-types/{eventTypeId}/history`, so that
//! what reads that reads this.
//!
//! Action, type and source are the words of the rule pack, which are Cal.com's. The cursor is Cal.com's too: the time and
//! the id of the last entry, so that nobody's own cursor breaks; it opens nothing that its holder does not see anyway.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::event::{Actor, Assurance, Change, Event, Outcome};
use crate::store::{Filter, Found, Order, Query};
use crate::value::Value;

use super::super::access::Caller;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::State;
use super::super::log::events::shown;
use super::super::log::parameters::once;
use super::query;

/// Whose history, as Cal.com's routes and answers name it.
#[derive(Clone, Copy)]
struct Thing {
    /// The type of target in the rule pack.
    target: &'static str,
    /// The member of the answer that repeats the identifier.
    member: &'static str,
    /// What Cal.com calls a record that was updated.
    updated: &'static str,
}

/// `GET /v2/event-types/{eventTypeId}/history`.
pub(in crate::api) async fn event_type(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let thing = Thing { target: "eventType", member: "eventTypeId", updated: "RECORD_MODIFIED" };
    history(&state, &caller, thing, id, query.as_deref().unwrap_or("")).await
}

/// `GET /v2/bookings/{bookingUid}/history`.
pub(in crate::api) async fn booking(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let thing = Thing { target: "booking", member: "bookingUid", updated: "RECORD_UPDATED" };
    history(&state, &caller, thing, id, query.as_deref().unwrap_or("")).await
}

async fn history(
    state: &State,
    caller: &Caller,
    thing: Thing,
    id: Result<Path<String>, PathRejection>,
    text: &str,
) -> Result<Response, Problem> {
    // An address that is no text names nothing, and nothing has no history.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let (mut limit, mut cursor) = (None, None);
    query::read(text, PARAMETERS, |name, value| match name {
        "limit" => once(&mut limit, query::number(value, 1, LIMIT_MAX)?),
        _ => once(&mut cursor, Cursor::open(value).ok_or_else(|| CURSOR_FAULT.to_owned())?),
    })
    .map_err(Problem::parameters)?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let filter = Filter {
        target_type: vec![thing.target.to_owned()],
        target_id: vec![id.clone()],
        visible: caller.sees(),
        ..Filter::default()
    };
    let found = state
        .ask(move |reader, time_max| {
            let below = match cursor {
                None => None,
                Some(Cursor { id, .. }) => match reader.get(id)? {
                    Some(last) if filter.matches(&last.event) => Some(last.sealed.sequence),
                    Some(_) | None => return Ok(None),
                },
            };
            reader
                .query(&Query { filter, order: Order::Newest, after: below, limit: limit + 1, time_max })
                .map(Some)
        })
        .await?;
    let Some(page) = found else {
        let (parameter, detail) = ("cursor".to_owned(), CURSOR_FAULT.to_owned());
        return Err(Problem::parameters(vec![Wrong { parameter, detail, accepts: CURSOR.to_owned() }]));
    };
    if page.is_cut && page.events.is_empty() {
        return Err(super::super::listener::state::busy());
    }
    let has_more = page.events.len() > limit || page.next.is_some();
    let entries = &page.events[..limit.min(page.events.len())];
    let next = entries.last().filter(|_| has_more).map(|last| Cursor::of(&last.event).seal());
    // A number in the address is a number in the answer, as there.
    let id = id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number));
    let logs: Vec<Entry> = entries.iter().map(|found| Entry::of(found, thing)).collect();
    let body = json!({
        "status": "success",
        "data": { thing.member: id, "auditLogs": logs },
        "pagination": { "nextCursor": next, "hasMore": has_more },
    });
    Ok(shown(entries.len(), axum::Json(body).into_response()))
}

/// Cal.com's cursor, before base64url without padding: `{"createdAt":"2026-01-01T00:00:00.000Z","id":"018f…"}`.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    #[serde(rename = "createdAt")]
    created_at: String,
    id: Uuid,
}

impl Cursor {
    fn of(event: &Event) -> Cursor {
        Cursor { created_at: time(event.time), id: event.id }
    }

    fn seal(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("two texts are JSON"))
    }

    fn open(text: &str) -> Option<Cursor> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// An entry of `auditLogs`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'e> {
    id: Uuid,
    action: &'e str,
    r#type: &'e str,
    timestamp: String,
    source: &'e str,
    actor: Person<'e>,
    impersonated_by: Option<Display<'e>>,
    action_display_title: &'e str,
    display_fields: Vec<serde_json::Value>,
    display_json: Map<String, serde_json::Value>,
    has_error: bool,
}

#[derive(Serialize)]
struct Person<'e> {
    r#type: &'static str,
    #[serde(flatten)]
    display: Display<'e>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Display<'e> {
    display_name: &'e str,
    display_email: Option<&'e str>,
    display_avatar: Option<&'e str>,
}

impl<'e> Entry<'e> {
    fn of(found: &'e Found, thing: Thing) -> Entry<'e> {
        let event = &found.event;
        let kind = event.r#type.as_deref().unwrap_or(thing.updated);
        // Who works in another's name is who impersonates him; we name the one who acts first, they the other.
        let (actor, impersonator) = match &event.on_behalf_of {
            Some(principal) => (principal, Some(&event.actor)),
            None => (&event.actor, None),
        };
        Entry {
            id: event.id,
            action: &event.action,
            r#type: if kind == "RECORD_UPDATED" { thing.updated } else { kind },
            timestamp: time(event.time),
            source: event.source.as_deref().unwrap_or("UNKNOWN"),
            actor: Person { r#type: kind_of(actor), display: Display::of(actor) },
            impersonated_by: impersonator.map(Display::of),
            action_display_title: &event.message.text,
            display_fields: event.changes.iter().map(field).collect(),
            display_json: document(event),
            has_error: match event.result {
                Outcome::Failure | Outcome::Denied => true,
                Outcome::Success | Outcome::Unknown => false,
            },
        }
    }
}

impl<'e> Display<'e> {
    fn of(actor: &'e Actor) -> Display<'e> {
        let name = actor.name.as_deref().or(actor.email.as_deref()).or(actor.id.as_deref());
        let nobody = if actor.r#type == "system" { "Cal.com" } else { "Unknown" };
        Display {
            display_name: name.unwrap_or(nobody),
            display_email: actor.email.as_deref(),
            display_avatar: None,
        }
    }
}

/// Cal.com's word for an actor. That shape says nothing of how sure it is, so who only calls himself a user is a guest.
fn kind_of(actor: &Actor) -> &'static str {
    match (actor.r#type.as_str(), actor.assurance) {
        ("user", Assurance::Verified | Assurance::LookedUp) => "USER",
        ("user" | "guest", _) => "GUEST",
        ("attendee", _) => "ATTENDEE",
        ("system", _) => "SYSTEM",
        ("app", _) => "APP",
        (_, _) => "UNKNOWN",
    }
}

fn field(change: &Change) -> serde_json::Value {
    let value = change.after.as_ref().map(|value| match value {
        Value::String(text) => text.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    });
    let label = change.label.as_deref().unwrap_or(&change.field);
    json!({ "label": label, "fieldValue": { "type": "rawValue", "value": value } })
}

/// Each field's value before and after, as Cal.com keeps them.
fn document(event: &Event) -> Map<String, serde_json::Value> {
    let of_change =
        |change: &Change| (change.field.clone(), json!({ "old": change.before, "new": change.after }));
    let texts = [("reason", &event.reason), ("error", &event.error)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
    event.changes.iter().map(of_change).chain(texts).collect()
}

/// With milliseconds, as JavaScript writes a time.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Every parameter and what it takes.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] =
    &[("limit", "a whole number from 1 to 50, once"), ("cursor", CURSOR)];
const CURSOR: &str = "`pagination.nextCursor` of the page before, once";
const CURSOR_FAULT: &str = "names no entry of this history";
const LIMIT_MAX: usize = 50;
const LIMIT_DEFAULT: usize = 25;
