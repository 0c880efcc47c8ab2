//! One request as blind spots see it: names and sizes, and not one value.

use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::segment::behind_id;

/// A request with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// As received.
    pub method: &'a str,
    /// Path and query as received.
    pub target: &'a str,
    /// The answer's status.
    pub status: u16,
    /// What became of it.
    pub answered: Answered,
    /// Who asked.
    pub client: IpAddr,
    /// When.
    pub at: Timestamp,
    /// What is kept of it, should its template be new.
    pub sample: Option<&'a Sample>,
}

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// No rule looked at it.
    Unmatched,
    /// Rules did, and none recorded it.
    Unrecorded,
}

/// What is kept of one request of a template, to know it by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sample {
    /// Names in the query; `{}` where a name looks like a value.
    pub query: Vec<String>,
    /// Names of headers.
    pub headers: Vec<String>,
    /// What the body says it is, without parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How long it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
}

impl Sample {
    /// Of a request's head.
    pub fn of(target: &str, headers: &HeaderMap) -> Sample {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let kind = text(CONTENT_TYPE).and_then(|kind| kind.split(';').next()).map(str::trim);
        Sample {
            query: names(target).take(NAMES_MAX).map(|name| shown(&name)).collect(),
            headers: headers.keys().take(NAMES_MAX).map(|name| shown(name.as_str())).collect(),
            content_type: kind.filter(|kind| kind.len() <= NAME_BYTES_MAX).map(str::to_owned),
            body_bytes: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        }
    }

    /// Within the limits, whatever a file said.
    pub(super) fn is_small(&self) -> bool {
        let all = || self.query.iter().chain(&self.headers).chain(&self.content_type);
        all().count() <= 2 * NAMES_MAX + 1 && all().all(|name| name.len() <= NAME_BYTES_MAX)
    }
}

/// True when a GET or HEAD has probably changed something (THREATS E15): its answer sets a session, or it
/// names a deed in its query and its answer leads elsewhere. What goes through a WebSocket, nobody sees (E32).
pub fn is_telling(target: &str, status: StatusCode, headers: &HeaderMap) -> bool {
    let sets_session = || {
        let cookies = headers.get_all(SET_COOKIE).iter().take(COOKIES_MAX);
        cookies.filter_map(|cookie| cookie.to_str().ok()?.split('=').next()).any(|name| {
            let name = name.to_ascii_lowercase();
            SESSIONS.iter().any(|part| name.contains(part))
        })
    };
    let names_a_deed =
        || names(target).take(NAMES_MAX).any(|name| DEEDS.iter().any(|deed| name.eq_ignore_ascii_case(deed)));
    status == StatusCode::SWITCHING_PROTOCOLS
        || (headers.contains_key(SET_COOKIE) && sets_session())
        || (status.is_redirection() && names_a_deed())
}

fn names(target: &str) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name)
}

fn shown(name: &str) -> String {
    let is_name = name.len() <= NAME_BYTES_MAX
        && name.split(['[', ']', '.']).all(|part| behind_id(part).is_none() || part.is_empty());
    if is_name { name.to_owned() } else { "{}".to_owned() }
}

const NAMES_MAX: usize = 40;
const NAME_BYTES_MAX: usize = 60;
const COOKIES_MAX: usize = 16;
/// What names of session cookies hold.
const SESSIONS: [&str; 6] = ["sess", "sid", "auth", "token", "jwt", "login"];
/// Names in a query by which a GET asks for a deed.
const DEEDS: [&str; 27] = [
    "accept",
    "action",
    "add",
    "approve",
    "book",
    "cancel",
    "cmd",
    "command",
    "confirm",
    "create",
    "decline",
    "delete",
    "disable",
    "do",
    "edit",
    "enable",
    "logout",
    "move",
    "op",
    "operation",
    "reject",
    "remove",
    "reset",
    "save",
    "task",
    "unsubscribe",
    "update",
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    // THREATS E15
    #[test]
    fn a_get_that_logs_in_or_does_something_and_leads_elsewhere_is_told_from_one_that_reads() {
        let check = |target: &str, status: u16, cookie: Option<&str>, expected: bool| {
            let mut headers = HeaderMap::new();
            if let Some(cookie) = cookie {
                headers.insert(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_telling(target, status, &headers), expected, "{target} {status} {cookie:?}");
        };
        check("/item?delete=1", 302, None, true);
        check("/item?a=b&Action=Remove", 303, None, true);
        check("/item?delete=1", 200, None, false);
        check("/old?page=2", 301, None, false);
        check("/login", 200, Some("PHPSESSID=x; Path=/"), true);
        check("/", 200, Some("theme=dark"), false);
        check("/", 304, None, false);
        check("/socket", 101, None, true);
    }

    #[test]
    fn a_sample_holds_names_and_sizes_and_no_value() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer hush"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("12"));
        let sample = Sample::of("/a/ada@x.org?name=ada&4f0c9a7be1=x&filter[state]=open", &headers);
        let told = serde_json::to_string(&sample).unwrap();
        assert_eq!(
            told,
            r#"{"query":["name","{}","filter[state]"],"headers":["authorization","content-type","content-length"],"contentType":"application/json","bodyBytes":12}"#
        );
        assert!(sample.is_small());
    }
}
