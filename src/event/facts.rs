//! The circumstances of an event: client, request, answer, rule, and how sure the match and the values
//! before are.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Where `before` values come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeforeFacts {
    /// Whether and how the thing was read.
    pub state: BeforeState,
    /// Why there is none, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Unread>,
    /// The status code that the application answered with, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How old the remembered form is, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// Whether what was read is what the action met; missing where nothing was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// Another request that changes the thing went through this proxy at the same time: what each of them
    /// overwrote is uncertain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub concurrent: bool,
}

/// Why a thing could not be read beforehand: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Refused,
    /// The answer was larger than the limit.
    TooLarge,
    /// There was no address to ask: a part of it was missing, secret, or no plain segment, or it stands in
    /// a body that was not held.
    NotAsked,
    /// The application answered 401 or 403.
    NotAllowed,
    /// The application answered with another status.
    Status,
    /// The answer does not hold the thing where the rule says that it is.
    NotInAnswer,
    /// The answer is about a thing with another identifier than the one asked for.
    AnotherThing,
    /// Not asked: too many reads were under way (`limits.reads_max`).
    Overloaded,
    /// Not asked: the client caused too many reads (`limits.client_reads_max`), or too many that were refused.
    OverBudget,
    /// Not asked: the application did not answer of late, or answered 429 or 503 and asked for patience.
    Paused,
    /// Not asked: the application answered 401 to this credential a moment ago.
    NotAccepted,
    /// Nothing was ever seen of the thing.
    NotRemembered,
    /// Not asked: the exchange wanted more reads than are made for one.
    TooMany,
}

impl Unread {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Unread::Timeout => "timeout",
            Unread::Refused => "refused",
            Unread::TooLarge => "too_large",
            Unread::NotAsked => "not_asked",
            Unread::NotAllowed => "not_allowed",
            Unread::Status => "status",
            Unread::NotInAnswer => "not_in_answer",
            Unread::AnotherThing => "another_thing",
            Unread::Overloaded => "overloaded",
            Unread::OverBudget => "over_budget",
            Unread::Paused => "paused",
            Unread::NotAccepted => "not_accepted",
            Unread::NotRemembered => "not_remembered",
            Unread::TooMany => "too_many",
        }
    }
}

/// Whether what was read beforehand is what the action met. Entity tags and times of change tell it, where
/// request and answer carry them (RFC 9110 section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// The application checked that the thing had not changed since.
    Confirmed,
    /// The thing had changed between the read and the action.
    Stale,
    /// Nothing tells.
    Unknown,
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
    /// The trace id of the `traceparent` that the application saw. The client may have chosen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The method as received.
    pub method: String,
    /// Scheme, host and target, redacted.
    pub url: String,
    /// The `Destination` of a MOVE or COPY, redacted: the other end of what was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Which call it was, of a request that can carry several: a procedure, a method, a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Its place among the calls of the request, from 0, where there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
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
    /// The path as received, in another spelling that the pack declares (`aliases`).
    Alias,
    /// The path loosened: decoded, dot segments and parameters removed, case folded (form A).
    Normalised,
    /// As `Normalised`, with encoded slashes as separators (form B).
    Split,
    /// A path that a trusted peer put into a header.
    Override,
    /// The `Destination` of a MOVE or COPY.
    Destination,
}
