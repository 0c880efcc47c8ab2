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
    /// The `Destination` of a MOVE or COPY, redacted: the other end of what was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
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
