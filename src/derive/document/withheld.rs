//! Answers that show less than was done, because the client wanted it so: `Prefer: return=minimal`, a range, a mask
//! of fields, a page instead of a document (THREATS E29). What such an answer does not show proves nothing: whether
//! there is an event must not depend on it.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};

use super::split_target;
use crate::capture::{self, BodyState};
use crate::exchange::{CaptureState, Request, Response};
use crate::rules::router::is_mutating;
use crate::value::Value;

/// What the client has asked for, where the answer may be the less for it. `body` is the answer's, as it was read.
pub(in crate::derive) fn why(
    request: &Request,
    response: &Response,
    body: &capture::Document,
) -> Option<String> {
    match response.status {
        206 | 226 => return Some(format!("a part of the answer was asked for ({})", response.status)),
        304 => return Some("only what has changed was asked for (304)".to_owned()),
        200..=299 => {}
        _ => return None,
    }
    let is_minimal = |name: &str, headers: &HeaderMap| mentions(headers, name, "return=minimal");
    if is_minimal("preference-applied", &response.headers)
        || (is_bodiless(response) && is_minimal("prefer", &request.headers))
    {
        return Some("`Prefer: return=minimal`".to_owned());
    }
    mask(request).or_else(|| wants_page(request, body).then(|| "`Accept` asks for a page".to_owned()))
}

/// True when nothing of it but its status is to be taken for what was done.
pub(in crate::derive) fn is_part(status: u16) -> bool {
    matches!(status, 206 | 226)
}

/// The parameter or header by which clients choose the members of an answer: Google's `fields`, OData's `$select`,
/// JSON:API's `fields[…]`, and the headers of gRPC gateways and Flask-RESTX.
fn mask(request: &Request) -> Option<String> {
    let (_, query) = split_target(&request.target);
    let is_mask =
        |name: &str| matches!(name, "fields" | "$fields" | "$select") || name.starts_with("fields[");
    let names = form_urlencoded::parse(query.as_bytes()).take(PARAMETERS_MAX);
    let in_query = names.map(|(name, _)| name).find(|name| is_mask(name));
    let of_query = in_query.map(|name| format!("`{name:.32}` in the query chooses fields"));
    let headers = [MASK, X_FIELDS];
    let in_head = || headers.iter().find(|name| request.headers.contains_key(*name));
    of_query.or_else(|| in_head().map(|name| format!("`{name}` chooses fields")))
}

/// A page in answer to what no page sends. (Of a form's answer, a page may be the usual one.)
fn wants_page(request: &Request, body: &capture::Document) -> bool {
    let is_document = matches!(body.value, Some(Value::Object(_) | Value::Array(_)));
    let is_form = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
    body.state == BodyState::Complete
        && !is_document
        && is_mutating(&request.method)
        && mentions(&request.headers, ACCEPT.as_str(), "text/html")
        && request.headers.contains_key(CONTENT_TYPE)
        && !is_form.iter().any(|form| mentions(&request.headers, CONTENT_TYPE.as_str(), form))
}

fn is_bodiless(response: &Response) -> bool {
    let body = &response.body;
    body.state == CaptureState::Empty || (body.state == CaptureState::Complete && body.bytes.is_empty())
}

/// Whether a header holds a word, in any case and with any blanks.
fn mentions(headers: &HeaderMap, name: &str, word: &str) -> bool {
    headers.get_all(name).iter().any(|line| {
        let line: Vec<u8> = line.as_bytes().iter().filter(|byte| !b" \t\"".contains(byte)).copied().collect();
        line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    })
}

const MASK: HeaderName = HeaderName::from_static("x-goog-fieldmask");
const X_FIELDS: HeaderName = HeaderName::from_static("x-fields");
/// More of them nobody sends who wants an answer.
const PARAMETERS_MAX: usize = 1_000;
