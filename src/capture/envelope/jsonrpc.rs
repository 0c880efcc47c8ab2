//! JSON-RPC 2.0 (and 1.0) over HTTP: one object, or a list of them (section 6 of the specification).
//!
//! A notification, which has no `id` and gets no answer, is a call like any other (THREATS E39).

use std::collections::HashMap;
use std::sync::Arc;

use super::{Answer, CALLS_MAX, Call, JSON, Opened, Reply, inside, name_in, nothing, unread};
use crate::capture::{self, Document};
use crate::event::NoteCode;
use crate::exchange::{Capture, Request};
use crate::value::Value;

pub(super) fn open(request: &Request, body: &Capture, bytes_max: usize) -> Opened {
    let whole = capture::decode(body, &request.headers, Some(JSON), bytes_max);
    let mut opened = Opened::default();
    match &whole.value {
        Some(Value::Array(items)) => {
            for index in 0..items.len() {
                let number = index.to_string();
                if index >= CALLS_MAX {
                    let name = items[index].get("method").and_then(Value::as_str);
                    opened.rest.add(NoteCode::BatchCut, format!("{} calls", items.len()), name);
                } else if let Some(item) = inside(&whole, &[&number]) {
                    open_one(request, &item, &mut opened);
                }
            }
        }
        Some(_) => open_one(request, &whole, &mut opened),
        None => opened.rest = unread(&whole),
    }
    opened
}

fn open_one(request: &Request, item: &Document, opened: &mut Opened) {
    let Some(value) = &item.value else { return };
    let at = |name: &str| name_in(value, name).and_then(|own| inside(item, &[own]));
    let method = at("method");
    let name = method.as_ref().and_then(|method| method.value.as_ref()?.as_str());
    let Some(name) = name else {
        opened.rest.add(NoteCode::BodyUnparsed, "no `method`", None);
        return;
    };
    let params = at("params").unwrap_or_else(nothing);
    let is_doubled = method.as_ref().is_some_and(|method| !method.doubts.is_empty());
    let is_exact =
        ["method", "params"].iter().all(|name| name_in(value, name).is_none_or(|own| own == *name));
    let params = match is_doubled || !is_exact {
        true => params.doubted(NoteCode::BodyAmbiguous, "which method is called can be read in two ways"),
        false => params,
    };
    if is_doubled {
        opened.rest.add(NoteCode::DuplicateKey, "`method` can be read in two ways", Some(name));
    }
    let id = at("id").and_then(|id| id.value).unwrap_or(Value::Null);
    opened.calls.push(Call::new(request, Some(name.to_owned()), Some(Arc::new(params)), id));
}

/// Where in a list of answers each id stands.
pub(super) fn places(body: &Document) -> HashMap<String, Option<usize>> {
    let items = body.value.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut places = HashMap::new();
    for (index, id) in items.iter().enumerate().filter_map(|(index, item)| Some((index, item.get("id")?))) {
        places.entry(id.to_string()).and_modify(|place| *place = None).or_insert(Some(index));
    }
    places
}

pub(super) fn reply(call: &Call, calls: &[Call], answer: &Answer<'_>) -> Option<Reply> {
    let is_good = matches!(answer.status, 200..=299);
    if call.key.is_null() && is_good {
        return Some(answer.reply(answer.status, nothing()));
    }
    let item = match &answer.body.value {
        Some(Value::Array(_)) => {
            // An id that several calls bear tells nothing.
            let is_one = calls.iter().filter(|other| other.key == call.key).take(2).count() == 1;
            let place = answer.places.get(&call.key.to_string()).copied().flatten().filter(|_| is_one);
            place.and_then(|index| inside(&answer.body, &[&index.to_string()]))
        }
        Some(Value::Object(_)) => Some(answer.body.clone()),
        Some(_) | None => None,
    };
    let Some(item) = item else { return answer.shared() };
    let error = inside(&item, &["error"]).filter(|error| error.value != Some(Value::Null));
    match (error, inside(&item, &["result"])) {
        (Some(error), _) => Some(answer.reply(status_of(&error, answer.status), error)),
        (None, Some(result)) if is_good => Some(answer.reply(answer.status, result)),
        (None, _) => answer.shared(),
    }
}

/// The status that an error would have had alone; the application's own where it gave one.
fn status_of(error: &Document, outer: u16) -> u16 {
    if outer >= 400 {
        return outer;
    }
    let code = error.value.as_ref().and_then(|error| error.get("code")?.as_i64());
    if code == Some(METHOD_NOT_FOUND) { 404 } else { 400 }
}

/// Section 5.1 of the specification.
const METHOD_NOT_FOUND: i64 = -32_601;
