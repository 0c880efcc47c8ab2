//! The audit record: plain data, and its stored form.
//!
//! An [`Event`] is what a person reads later, so it carries everything that was known and says what was
//! not. Its JSON form (camelCase) is at once the stored form, hashed byte for byte, and what the query
//! endpoint returns: one shape to learn. It is a promise: members are only added, and [`FORMAT`] rises
//! when the meaning of one changes. This module never looks at a clock, a file or a socket.

mod actor;
mod facts;
mod gap;
pub mod intent;
mod note;
pub mod own;
mod sentence;

pub use actor::{Actor, Assurance, Evidence, Scope};
pub use facts::{
    BeforeFacts, BeforeState, Certainty, ClientFacts, Consistency, MatchFacts, MatchedBy, RequestFacts,
    ResponseFacts, RuleFacts, Unread,
};
pub use gap::{GAP, Gap, Missed};
pub use intent::Intent;
pub use note::{Note, NoteCode};
pub use sentence::{Part, Sentence};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::value::{Map, Value};

/// The version of the stored form written by this build.
pub const FORMAT: u32 = 1;

/// One audit record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Version of the stored form, [`FORMAT`] when written by this build.
    pub format: u32,
    /// UUIDv7, made when the event is derived.
    pub id: Uuid,
    /// When the request arrived.
    pub time: Timestamp,
    /// Joins the events of one request.
    pub exchange_id: Uuid,
    /// The event's name, as the rule says it: `RESCHEDULED`.
    pub action: String,
    /// What kind of record: `RECORD_UPDATED`, `event_change`, `Update`; the rule pack's own vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// `SECURITY`, `ACCESS`, `DATA`; the rule pack's own vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A short heading; the action where the rule says none.
    pub title: String,
    /// The sentence a person reads; the title where the rule says none.
    pub message: Sentence,
    /// Who did it.
    pub actor: Actor,
    /// As whom an impersonator acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Actor>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Other things it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Through which interface: `API_V2`, `WEBAPP`; the rule pack's own vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which kind of programming interface: `caldav`, `api_v3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_kind: Option<String>,
    /// How it ended.
    pub result: Outcome,
    /// True when the action was tried and not done (result `failure` or `denied`) and the changes are what
    /// was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attempted: bool,
    /// The application's error code or text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The reason that the caller gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Field by field, before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Where the `before` values come from, and how sure they are.
    pub before: BeforeFacts,
    /// Everything else that the rule keeps.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map,
    /// Who may see it.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// From where.
    pub client: ClientFacts,
    /// The request that carried it.
    pub request: RequestFacts,
    /// The answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseFacts>,
    /// The rule that made it.
    pub rule: RuleFacts,
    /// How sure it is that the rule was meant.
    pub r#match: MatchFacts,
    /// What is missing or odd, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Labels of the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The parts of the exchange document that the rule asked to keep, redacted, by their path.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub raw: Map,
}

/// What an action was done to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Kind of thing: `booking`.
    pub r#type: String,
    /// Its identifier, as the application says it where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The identifier as the request spelled it, where that differs from `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_id: Option<String>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Another thing that the event concerns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// How it is related: `rescheduled-to`.
    pub rel: String,
    /// Kind of thing.
    pub r#type: String,
    /// Its identifier.
    pub id: String,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Success,
    /// Not done.
    Failure,
    /// Not allowed.
    Denied,
    /// Nobody can say: no answer came, or it does not tell.
    Unknown,
}

impl Outcome {
    /// All four.
    pub const ALL: [Outcome; 4] = [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Unknown];

    /// The word used in rules, JSON and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Denied => "denied",
            Outcome::Unknown => "unknown",
        }
    }

    /// The outcome of that name, if it is one of the four.
    pub fn parse(text: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One field's value before and after. A missing member is missing; null is a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `start`, `start.dateTime`, `attendees[a@x.org].responseStatus`.
    pub field: String,
    /// Where the value is in the thing, as a JSON Pointer (RFC 6901): `/attendees/1/responseStatus`. In the
    /// thing afterwards; of what is gone, in the thing before. Missing for a change that the rule computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What people call the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// Keeps null apart from missing: serde reads both as `None` otherwise.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
