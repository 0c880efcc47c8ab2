//! Answers to what rules ask, out of the recorded traffic itself: nobody is asked again.
//!
//! What a rule wants to know before a request is the last earlier answer to the same question by the same
//! credential; what it wants to know afterwards, the first later one. What nobody asked in the recording
//! stays unknown, and the event says so, as it does when an application does not answer.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::derive::{Answer, Purpose, ReadRequest};
use crate::exchange::Request;
use crate::traffic::Entry;

/// The number of the entry that answers a question of entry `index`, and its answer.
pub(in crate::cli) fn find(entries: &[Entry], index: usize, read: &ReadRequest) -> Option<(usize, Answer)> {
    // A service credential is in the configuration, not in the recording: its answers are nobody else's.
    if read.credentials.is_some() {
        return None;
    }
    let answers = |entry: &&Entry| entry.exchange.response.is_some() && asks(read, &entry.exchange.request);
    let found = match read.purpose {
        Purpose::Before | Purpose::Identity => entries.get(..index)?.iter().rev().find(answers),
        Purpose::After => entries.get(index + 1..)?.iter().find(answers),
    }?;
    let response = found.exchange.response.clone()?;
    let answer = Answer::Answered { status: response.status, headers: response.headers, body: response.body };
    Some((found.number, answer))
}

/// Whether a request of the recording is this very question.
fn asks(read: &ReadRequest, request: &Request) -> bool {
    let decoded = |target: &str| percent_decode_str(target).decode_utf8_lossy().into_owned();
    request.method.eq_ignore_ascii_case(read.method.as_str())
        && (request.target == read.target || decoded(&request.target) == decoded(&read.target))
        && request.body.bytes == read.body
        && is_same_caller(&read.headers, &request.headers)
}

/// Whether both show the same credentials. In a redacted file equal tokens have equal hashes; what has no
/// hash (`[redacted]` alone) could be anybody's, except for Basic, where the user's name still stands.
fn is_same_caller(asked: &[(HeaderName, HeaderValue)], recorded: &HeaderMap) -> bool {
    [AUTHORIZATION, COOKIE].iter().all(|name| {
        let asked: Vec<&[u8]> =
            asked.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_bytes()).collect();
        let recorded: Vec<&[u8]> = recorded.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        asked == recorded && asked.iter().all(|line| tells_who(line))
    })
}

fn tells_who(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    !text.contains("[redacted]") || text.contains("[redacted:")
}
