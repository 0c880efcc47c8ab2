//! The audit record: plain data, and its stored form.
//!
//! An [`Event`] is what a person reads later, so it carries everything that was known and says what was
//! not. Its JSON form (camelCase) is at once the stored form, hashed byte for byte, and what the query
//! endpoint returns: one shape to learn. It is a promise: members are only added, and [`FORMAT`] rises
//! when the meaning of one changes. This module never looks at a clock, a file or a socket.

mod note;
mod sentence;

pub use note::{Note, NoteCode};
pub use sentence::{Part, Sentence};

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, Value>,
}

/// A person or program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// `user guest attendee system app unknown`.
    pub r#type: String,
    /// Stable identifier in the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Role at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Organization at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Team at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Keyed hash of the credential that was presented: equal credentials have equal hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// How sure it is that this is who acted.
    pub assurance: Assurance,
    /// What the assurance rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// How sure it is who acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assurance {
    /// Nothing says who it was.
    #[default]
    None,
    /// Several candidates.
    Ambiguous,
    /// Somebody says so; nobody checked.
    Claimed,
    /// The application was asked whose credential this is.
    LookedUp,
    /// Checked by us, or the application accepted this very credential in this exchange.
    Verified,
}

/// What an actor's assurance rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// The application was asked.
    Application,
    /// A signature was checked.
    Signature,
    /// A client certificate.
    Certificate,
    /// A header from a trusted peer.
    Peer,
    /// A credential that the application did not refuse.
    Accepted,
    /// The body or an unchecked header says so.
    Claimed,
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
        [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Unknown]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// One field's value before and after. A missing member is missing; null is a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `start`, `start.dateTime`, `attendees[a@x.org].responseStatus`.
    pub field: String,
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

/// Where `before` values come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeforeFacts {
    /// Whether and how the thing was read.
    pub state: BeforeState,
    /// Why there is none, in a word: `timeout`, `refused`, `too_large`, `status 500`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether and how the thing was read before the action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BeforeState {
    /// The rule does not ask for it.
    #[default]
    None,
    /// Read from the application just before.
    Read,
    /// The last snapshot seen.
    Remembered,
    /// The application says there is no such thing (404, 410).
    Absent,
    /// Asked for and not to be had.
    Unavailable,
}

impl BeforeState {
    /// The word used in rules and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            BeforeState::None => "none",
            BeforeState::Read => "read",
            BeforeState::Remembered => "remembered",
            BeforeState::Absent => "absent",
            BeforeState::Unavailable => "unavailable",
        }
    }
}

/// Who may see an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Its organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

impl Scope {
    /// True when neither organization nor team is known.
    pub fn is_empty(&self) -> bool {
        self.organization.is_none() && self.team.is_none()
    }
}

/// From where a request came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientFacts {
    /// The client's address, behind trusted proxies.
    pub ip: IpAddr,
    /// The address of the socket's other end, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// The request that carried an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFacts {
    /// The `X-Request-Id` that the application saw.
    pub id: String,
    /// The trace id of `traceparent`, if one was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The method as received.
    pub method: String,
    /// Scheme, host and target, redacted.
    pub url: String,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseFacts {
    /// HTTP status code.
    pub status: u16,
    /// From the request's head to the answer's end, in milliseconds.
    pub duration_ms: u64,
}

/// The rule that made an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFacts {
    /// `calcom/booking.rescheduled`.
    pub id: String,
    /// SHA-256 (hex) of the pack's canonical form.
    pub version: String,
}

/// How sure it is that the rule was meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchFacts {
    /// `certain`, or `doubtful` when a condition could neither be met nor excluded.
    pub certainty: Certainty,
    /// Which form of the request the rule's line met.
    pub by: MatchedBy,
    /// Why there is doubt, one reason each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Whether a match is beyond doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    /// Every condition was met.
    Certain,
    /// One could neither be met nor excluded.
    Doubtful,
}

/// Which form of a request met a rule's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchedBy {
    /// The path as received.
    Raw,
    /// The path loosened: decoded, dot segments and parameters removed, case folded (form A).
    Normalised,
    /// As `Normalised`, with encoded slashes as separators (form B).
    Split,
    /// A path that a trusted peer put into a header.
    Override,
    /// The `Destination` of a MOVE or COPY.
    Destination,
}
