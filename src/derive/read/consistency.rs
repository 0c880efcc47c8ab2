//! Whether a thing that was read beforehand is what the action met.
//!
//! Between the read and the action somebody else may have changed it, also behind our back. Only the
//! application knows, and it says so where request and read carry what RFC 9110 section 13 calls validators:
//! a request that was let through on a condition which the read thing meets was applied to that thing.

use http::HeaderMap;
use http::header::{ETAG, IF_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED};

use crate::event::Consistency;
use crate::exchange::Exchange;

/// What an answer says about which version of the thing it shows.
#[derive(Clone, Debug, Default)]
pub(in crate::derive) struct Validators {
    entity_tag: Option<String>,
    last_modified: Option<String>,
}

impl Validators {
    /// Those of an answer's head.
    pub(in crate::derive) fn of(head: &HeaderMap) -> Validators {
        let text = |name| Some(head.get(name)?.to_str().ok()?.trim().to_owned());
        Validators { entity_tag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    /// Compares them with the conditions under which the application did what was asked.
    pub(in crate::derive) fn against(&self, exchange: &Exchange) -> Consistency {
        let is_done = exchange.response.as_ref().is_some_and(|answer| (200..300).contains(&answer.status));
        if !is_done {
            return Consistency::Unknown;
        }
        let asked = &exchange.request.headers;
        if let (Some(own), Some(tags)) = (&self.entity_tag, entity_tags(asked)) {
            // A weak tag never satisfies If-Match (RFC 9110 section 8.8.3.2), so that it says nothing.
            return match own.starts_with("W/") || tags.contains(&"*") {
                true => Consistency::Unknown,
                false if tags.contains(&own.as_str()) => only(tags.len()),
                false => Consistency::Stale,
            };
        }
        let since = asked.get(IF_UNMODIFIED_SINCE).and_then(|value| value.to_str().ok());
        match (&self.last_modified, since) {
            // The same second: two changes within it would look alike, but one of them was let through.
            (Some(own), Some(since)) if own == since.trim() => Consistency::Confirmed,
            (Some(_), Some(_)) | (None, _) | (_, None) => Consistency::Unknown,
        }
    }
}

/// With several tags, any of them may have been the one that was met.
fn only(tags: usize) -> Consistency {
    if tags == 1 { Consistency::Confirmed } else { Consistency::Unknown }
}

/// The tags of If-Match, if there are any.
fn entity_tags(head: &HeaderMap) -> Option<Vec<&str>> {
    let lines = head.get_all(IF_MATCH).iter().filter_map(|line| line.to_str().ok());
    let tags: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use uuid::Uuid;

    use super::*;
    use crate::exchange::{Capture, Client, Ending, Request, Response};

    fn head(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    fn check(
        read: &[(&'static str, &'static str)],
        asked: &[(&'static str, &'static str)],
        status: u16,
        expected: Consistency,
    ) {
        let ip = "192.0.2.1".parse().unwrap();
        let exchange = Exchange {
            id: Uuid::nil(),
            received_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            client: Client { ip, port: None, peer: ip, is_trusted: false, certificate: None },
            request: Request {
                method: "PUT".to_owned(),
                target: "/x".to_owned(),
                scheme: "http",
                host: "x".to_owned(),
                id: "r".to_owned(),
                trace_id: None,
                headers: head(asked),
                body: Capture::default(),
            },
            response: Some(Response {
                status,
                headers: HeaderMap::new(),
                body: Capture::default(),
                stream: None,
            }),
            ending: Ending::Complete,
            duration_ms: 1,
        };
        let found = Validators::of(&head(read)).against(&exchange);
        assert_eq!(found, expected, "{read:?} {asked:?} {status}");
    }

    /// THREATS E48
    #[test]
    fn a_condition_that_the_application_let_through_tells_whether_the_read_was_the_latest() {
        use Consistency::{Confirmed, Stale, Unknown};
        check(&[("etag", "\"a\"")], &[("if-match", "\"a\"")], 204, Confirmed);
        check(&[("etag", "\"a\"")], &[("if-match", "\"b\"")], 204, Stale);
        check(&[("etag", "\"a\"")], &[("if-match", "\"b\"")], 412, Unknown);
        check(&[("etag", "\"a\"")], &[("if-match", "\"a\", \"b\"")], 204, Unknown);
        check(&[("etag", "\"a\"")], &[("if-match", "*")], 204, Unknown);
        check(&[("etag", "W/\"a\"")], &[("if-match", "W/\"a\"")], 204, Unknown);
        check(&[("etag", "\"a\"")], &[], 204, Unknown);
        check(&[], &[("if-match", "\"a\"")], 204, Unknown);
        let then = "Sun, 22 Nov 2026 10:00:00 GMT";
        check(&[("last-modified", then)], &[("if-unmodified-since", then)], 200, Confirmed);
        let later = "Sun, 22 Nov 2026 10:00:01 GMT";
        check(&[("last-modified", then)], &[("if-unmodified-since", later)], 200, Unknown);
    }
}
