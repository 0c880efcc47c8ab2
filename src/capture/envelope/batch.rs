//! Batches of whole requests: `multipart/mixed` with a part of `application/http` for each (as Google's
//! APIs take them), answered in kind.
//!
//! Headers of the batch hold for each part unless the part has its own, so each part may act for somebody
//! else: its own credential counts first (THREATS E39). Answers are paired by `Content-ID`, as parts may be
//! answered in any order.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, CALLS_MAX, Call, Opened, Reply, nothing};
use crate::capture::multipart::{self, Part};
use crate::capture::{self, coding};
use crate::event::NoteCode;
use crate::exchange::{Capture, CaptureState, Request};
use crate::value::{Value, json};

/// One answer of a batch.
pub(super) struct PartAnswer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) fn open(request: &Request, body: &Capture, bytes_max: usize) -> Opened {
    let mut opened = Opened::default();
    if body.state == CaptureState::Empty || body.bytes.is_empty() {
        return opened;
    }
    let unpacked = coding::undo(&body.bytes, &request.headers, bytes_max);
    let found = multipart::parts(&unpacked.bytes, &content_type(&request.headers));
    let is_cut = unpacked.is_cut || body.state != CaptureState::Complete;
    let whole = found.parts.len() - usize::from(is_cut && !found.parts.is_empty());
    for part in &found.parts[..whole] {
        open_part(request, part, bytes_max, &mut opened);
    }
    if is_cut {
        opened.rest.add(NoteCode::BodyCut, "the batch goes on behind the copy's end", None);
    } else if found.is_cut {
        opened.rest.add(NoteCode::BatchCut, "more parts than are read", None);
    } else if let Some(doubt) = found.doubts.first() {
        // Another reader may see other parts, so what was told apart may not be all.
        opened.rest.add(NoteCode::BodyAmbiguous, *doubt, None);
    }
    opened
}

fn open_part(request: &Request, part: &Part<'_>, bytes_max: usize, opened: &mut Opened) {
    let encoding = part.header("content-transfer-encoding").unwrap_or("binary").trim().to_ascii_lowercase();
    let message = Some(part.bytes).filter(|_| matches!(encoding.as_str(), "binary" | "8bit" | "7bit"));
    let Some((line, headers, body)) = message.and_then(message_of) else {
        opened.rest.add(NoteCode::BodyUnparsed, "a part that is no request", part.header("content-id"));
        return;
    };
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        opened.rest.add(NoteCode::BodyUnparsed, "a part that is no request", Some(&line));
        return;
    };
    let (host, target) = split(target);
    let operation = format!("{method} {}", target.split('?').next().unwrap_or_default());
    if opened.calls.len() >= CALLS_MAX {
        opened.rest.add(NoteCode::BatchCut, format!("more than {CALLS_MAX} parts"), Some(&operation));
        return;
    }
    let id = part.header("content-id").map(bare_id);
    let mut call = Call::new(request, Some(operation), None, json!([opened.calls.len(), id]));
    call.request.method = method.to_owned();
    call.request.target = target;
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    if let Some(host) = host.or(named) {
        call.request.host = host;
    }
    lay_over(&mut call.request.headers, headers);
    let body = decoded(body, &call.request.headers, bytes_max);
    call.body = Some(body.into());
    opened.calls.push(call);
}

fn decoded(body: &[u8], headers: &HeaderMap, bytes_max: usize) -> capture::Document {
    if body.trim_ascii().is_empty() {
        return nothing();
    }
    let seen_bytes = body.len() as u64;
    let copy = Capture {
        bytes: Bytes::copy_from_slice(body),
        seen_bytes,
        state: CaptureState::Complete,
        ..Capture::default()
    };
    capture::decode(&copy, headers, None, bytes_max)
}

/// The part's headers over those of the batch; what describes the batch's own body is not the part's.
fn lay_over(outer: &mut HeaderMap, own: HeaderMap) {
    let described: Vec<HeaderName> =
        outer.keys().filter(|name| name.as_str().starts_with("content-")).cloned().collect();
    described.iter().for_each(|name| drop(outer.remove(name)));
    if own.contains_key(AUTHORIZATION) || own.contains_key(COOKIE) {
        outer.remove(AUTHORIZATION);
        outer.remove(COOKIE);
    }
    own.keys().for_each(|name| drop(outer.remove(name)));
    for (name, value) in &own {
        outer.append(name, value.clone());
    }
}

/// First line, headers and body of a message. Lenient as to line ends; a header that cannot be one is left
/// out.
fn message_of(bytes: &[u8]) -> Option<(String, HeaderMap, &[u8])> {
    let mut rest = bytes.trim_ascii_start();
    let line = String::from_utf8_lossy(next_line(&mut rest)?).into_owned();
    let mut headers = HeaderMap::new();
    while let Some(line) = next_line(&mut rest).filter(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value), true) = (name, value, headers.len() < HEADERS_MAX) {
            headers.append(name, value);
        }
    }
    Some((line, headers, rest))
}

/// Takes a line, without its end; `None` at the end.
fn next_line<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Host and path of a target, which may be a whole address.
fn split(target: &str) -> (Option<String>, String) {
    let rest = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => rest,
        Some(_) | None if target.starts_with('/') => return (None, target.to_owned()),
        Some(_) | None => return (None, format!("/{target}")),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let path = &rest[end..];
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    (Some(rest[..end].to_owned()), path)
}

fn content_type(headers: &HeaderMap) -> String {
    let line = headers.get(CONTENT_TYPE);
    line.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).unwrap_or_default()
}

/// A `Content-ID` without its brackets.
fn bare_id(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}

/// The parts of an answer, and where each id stands among them; `None` for an id that stands twice.
pub(super) fn answers(
    headers: &HeaderMap,
    body: &Capture,
    bytes_max: usize,
) -> (Vec<PartAnswer>, HashMap<String, Option<usize>>) {
    let unpacked = coding::undo(&body.bytes, headers, bytes_max);
    let found = multipart::parts(&unpacked.bytes, &content_type(headers));
    let (mut parts, mut places) = (Vec::new(), HashMap::new());
    for part in &found.parts {
        let Some((line, headers, body)) = message_of(part.bytes) else { continue };
        let status = line.split_ascii_whitespace().nth(1).and_then(|status| status.parse::<u16>().ok());
        let Some(status) = status.filter(|status| (100..600).contains(status)) else { continue };
        if let Some(id) = part.header("content-id").map(bare_id) {
            let id = id.strip_prefix("response-").map(str::to_owned).unwrap_or(id);
            places.entry(id).and_modify(|place| *place = None).or_insert(Some(parts.len()));
        }
        parts.push(PartAnswer { status, headers, body: Bytes::copy_from_slice(body) });
    }
    (parts, places)
}

pub(super) fn reply(call: &Call, answer: &Answer<'_>, bytes_max: usize) -> Option<Reply> {
    let id = call.key.get(1).and_then(Value::as_str);
    let place = match id {
        Some(id) if !answer.places.is_empty() => answer.places.get(id).copied().flatten(),
        // Without ids the order is all there is.
        Some(_) | None if answer.places.is_empty() => {
            call.key.get(0).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
        }
        Some(_) | None => None,
    };
    let Some(part) = place.and_then(|place| answer.parts.get(place)) else { return answer.shared() };
    let body = decoded(&part.body, &part.headers, bytes_max);
    Some(Reply { status: part.status, headers: part.headers.clone(), body })
}

/// Headers of one part's request.
const HEADERS_MAX: usize = 200;
