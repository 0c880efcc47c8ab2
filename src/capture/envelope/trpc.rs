//! tRPC over HTTP: `/api/trpc/a,b?batch=1` with `{"0": …, "1": …}`, as its resolver reads it
//! (`packages/server/src/unstable-core-do-not-import/http/contentType.ts`).
//!
//! The procedures stand in the last segment of the path, so which rules are met is known from the head. The
//! path alone decides how many calls there are: a procedure without an input is called too.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::{Answer, CALLS_MAX, Call, JSON, Opened, Reply, document, inside, nothing};
use crate::capture::{self, BodyState, Document, json, superjson};
use crate::event::{Note, NoteCode};
use crate::exchange::{Capture, Request};
use crate::value::Value;

pub(super) fn open(request: &Request, body: Option<&Capture>, bytes_max: usize) -> Opened {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = path.trim_end_matches('/');
    let (front, last) = path.split_at(list_at(path));
    let procedures = split(last);
    let query = Query::of(query);
    let input = input(request, &query, body, bytes_max);
    let is_batch = query.batch.first().is_some_and(|value| is_on(value));
    let doubt = mismatch(&query, &procedures, is_batch, input.as_ref());
    let whole =
        input.as_ref().filter(|_| !is_batch).map(|input| Arc::new(told(input.clone(), doubt.as_deref())));
    let mut opened = Opened::default();
    for (index, raw) in procedures.iter().enumerate() {
        let name = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        if index >= CALLS_MAX {
            opened.rest.add(NoteCode::BatchCut, format!("{} procedures", procedures.len()), Some(&name));
            continue;
        }
        let body = match is_batch {
            true => input.as_ref().map(|input| {
                let own = inside(input, &[&index.to_string()]).unwrap_or_else(|| absent(input));
                Arc::new(told(own, doubt.as_deref()))
            }),
            false => whole.clone(),
        };
        let key = if is_batch { Value::from(index) } else { Value::Null };
        let mut call = Call::new(request, Some(name), body, key);
        call.request.target = format!("{front}{raw}{}", query.others);
        opened.calls.push(call);
    }
    opened
}

/// Where the list of procedures begins: behind the last separator, and behind an encoded one in front of the
/// first comma, which some applications take for one too (THREATS E02).
fn list_at(path: &str) -> usize {
    let start = path.rfind(['/', '\\']).map_or(0, |slash| slash + 1);
    let first = split(&path[start..]).first().map_or("", |first| first).to_ascii_lowercase();
    let encoded = ["%2f", "%5c"].iter().filter_map(|slash| first.rfind(slash)).max();
    start + encoded.map_or(0, |slash| slash + 3)
}

/// The procedures, as they are spelled: commas separate, encoded ones too.
fn split(segment: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = segment.as_bytes();
    while at < bytes.len() {
        let length = match &bytes[at..] {
            [b',', ..] => 1,
            [b'%', b'2', b'c' | b'C', ..] => 3,
            _ => 0,
        };
        if length > 0 {
            names.push(&segment[start..at]);
            start = at + length;
        }
        at += length.max(1);
    }
    names.push(&segment[start..]);
    names
}

/// What the query says to tRPC.
struct Query {
    batch: Vec<String>,
    input: Vec<String>,
    /// The rest, as it came, with its question mark.
    others: String,
}

impl Query {
    fn of(query: &str) -> Query {
        let mut own = Query { batch: Vec::new(), input: Vec::new(), others: String::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match form_urlencoded::parse(pair.as_bytes()).next() {
                Some((name, value)) if name == "batch" => own.batch.push(value.into_owned()),
                Some((name, value)) if name == "input" => own.input.push(value.into_owned()),
                Some(_) | None => {
                    own.others.push(if own.others.is_empty() { '?' } else { '&' });
                    own.others.push_str(pair);
                }
            }
        }
        own
    }
}

fn is_on(batch: &str) -> bool {
    !matches!(batch, "" | "0" | "false")
}

/// The input of all procedures: the query's in a GET, else the body; `None` while the body is not there.
fn input(request: &Request, query: &Query, body: Option<&Capture>, bytes_max: usize) -> Option<Document> {
    let is_read = ["GET", "HEAD"].iter().any(|method| request.method.eq_ignore_ascii_case(method));
    if !is_read {
        return body.map(|body| capture::decode(body, &request.headers, Some(JSON), bytes_max));
    }
    let Some(first) = query.input.first() else { return Some(nothing()) };
    let read = match json::parse(first) {
        Ok(reading) => {
            let notes = reading.doubts.iter().map(|doubt| Note::with(doubt.code, doubt.path.join(".")));
            let notes = notes.take(NOTES_MAX).collect();
            Document { notes, doubts: reading.doubts, ..document(reading.value) }
        }
        Err(_) => {
            let unread = Document { state: BodyState::Unreadable, value: None, ..document(Value::Null) };
            unread.doubted(NoteCode::BodyUnparsed, "`input` is no JSON")
        }
    };
    let is_one = query.input.iter().all(|other| other == first);
    Some(if is_one { read } else { read.doubted(NoteCode::BodyAmbiguous, "`input` is given twice") })
}

/// In what path, query and body do not agree (THREATS E37): another reader may count the calls, or deal
/// out the inputs, otherwise.
fn mismatch(query: &Query, procedures: &[&str], is_batch: bool, input: Option<&Document>) -> Option<String> {
    if query.batch.iter().any(|value| value != "1") || query.batch.len() > 1 {
        return Some("`batch` can be read in two ways".to_owned());
    }
    if !is_batch {
        return (procedures.len() > 1).then(|| "several procedures without `batch`".to_owned());
    }
    let is_taken = |name: &str| name.parse::<usize>().is_ok_and(|index| index < procedures.len());
    match input?.value.as_ref()? {
        Value::Object(members) => {
            let odd = members.keys().find(|name| !is_taken(name))?;
            Some(format!("no procedure for the input `{}`", odd.chars().take(40).collect::<String>()))
        }
        Value::Array(elements) if elements.len() <= procedures.len() => None,
        Value::Array(_) => Some("more inputs than procedures".to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Some("a batch without an input by index".to_owned())
        }
    }
}

/// The input of a procedure that has none: empty, but as unreadable as the body it is missing in.
fn absent(input: &Document) -> Document {
    match input.state {
        BodyState::Complete | BodyState::Empty => nothing(),
        BodyState::Truncated | BodyState::Unreadable => input.clone(),
    }
}

/// An input as its procedure gets it.
fn told(own: Document, doubt: Option<&str>) -> Document {
    let own = unwrapped(own);
    match doubt {
        Some(detail) => own.doubted(NoteCode::BodyAmbiguous, detail),
        None => own,
    }
}

/// Without superjson's wrapping, tRPC's usual transformer.
fn unwrapped(mut document: Document) -> Document {
    let Some(value) = document.value.take() else { return document };
    let doubts = std::mem::take(&mut document.doubts);
    let superjson::Unwrapped { value, doubts } = superjson::unwrap_doubted(value, doubts);
    match value {
        Some(value) => Document { value: Some(value), doubts, ..document },
        None => Document { doubts, notes: document.notes, ..nothing() },
    }
}

pub(super) fn reply(call: &Call, answer: &Answer<'_>) -> Option<Reply> {
    let Some(index) = call.key.as_u64() else {
        // Alone: the status is the call's own, whatever the body looks like.
        let item = item(&answer.body);
        let status = item.as_ref().and_then(|(_, status)| *status).filter(|_| answer.status < 400);
        let body = item.map_or_else(|| answer.body.clone(), |(body, _)| body);
        return Some(answer.reply(status.unwrap_or(answer.status), body));
    };
    let item = match &answer.body.value {
        Some(Value::Array(_)) => inside(&answer.body, &[&index.to_string()]).as_ref().and_then(item),
        // An error of the whole batch.
        Some(Value::Object(members)) if members.contains_key("error") => item(&answer.body),
        Some(_) | None => None,
    };
    match item {
        Some((body, error)) => Some(answer.reply(error.unwrap_or(200), body)),
        None => answer.shared(),
    }
}

/// What one item of an answer says, and the status of an error.
fn item(item: &Document) -> Option<(Document, Option<u16>)> {
    if let Some(error) = inside(item, &["error"]) {
        let error = unwrapped(error);
        let status = error.value.as_ref().and_then(|error| error.get("data")?.get("httpStatus")?.as_u64());
        let status = status.and_then(|status| u16::try_from(status).ok());
        return Some((error, Some(status.filter(|status| (100..600).contains(status)).unwrap_or(500))));
    }
    inside(item, &["result"])?;
    Some((inside(item, &["result", "data"]).map_or_else(nothing, unwrapped), None))
}

const NOTES_MAX: usize = 20;
