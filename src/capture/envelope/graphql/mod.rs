//! GraphQL over HTTP: one call for each root field of a mutation, under the field's real name.
//!
//! The name of an operation is its author's choice and aliases hide nothing (THREATS E38): what is done is
//! what the fields say, so the query is parsed (GraphQL specification, sections 2 and 6.3.2). Queries and
//! subscriptions change nothing and make no calls. A query that only the application knows, by its hash,
//! is left over with that hash.

mod ask;
mod fields;

use self::ask::Ask;
use super::{Answer, CALLS_MAX, Call, Opened, Reply, document, inside, unread};
use crate::event::NoteCode;
use crate::exchange::{Capture, Request};
use crate::value::{Map, Value, json};

pub(super) fn open(request: &Request, body: &Capture, bytes_max: usize) -> Opened {
    let asked = ask::of(request, body, bytes_max);
    let mut opened = Opened::default();
    if asked.asks.is_empty() {
        opened.rest = unread(&asked.body);
    }
    for ask in &asked.asks {
        open_one(request, ask, &mut opened);
    }
    if asked.cut > 0 {
        let all = asked.asks.len() + asked.cut;
        opened.rest.add(NoteCode::BatchCut, format!("{all} operations"), None);
        opened.rest.count += asked.cut - 1;
    }
    opened
}

fn open_one(request: &Request, ask: &Ask, opened: &mut Opened) {
    let Some(query) = &ask.query else {
        let name = ask.hash.as_deref().or(ask.operation_name.as_deref());
        opened.rest.add(NoteCode::BodyUnparsed, "the query is known to the application alone", name);
        return;
    };
    let Ok(mut found) = fields::of(query, ask) else {
        for name in fields::names(query) {
            opened.rest.add(NoteCode::BodyUnparsed, NO_GRAPHQL, Some(&name));
        }
        if opened.rest.is_empty() {
            opened.rest.add(NoteCode::BodyUnparsed, NO_GRAPHQL, ask.operation_name.as_deref());
        }
        return;
    };
    if let Some(detail) = &ask.doubt {
        found.doubt.get_or_insert_with(|| detail.clone());
    }
    let total = opened.calls.len() + found.fields.len();
    for field in found.fields {
        if opened.calls.len() >= CALLS_MAX {
            opened.rest.add(NoteCode::BatchCut, format!("{total} fields"), Some(&field.name));
            continue;
        }
        let mut body = Map::new();
        body.insert("arguments", Value::Object(field.arguments));
        body.extend(field.alias.map(|alias| ("alias".to_owned(), alias.into())));
        body.extend(field.operation.map(|name| ("operationName".to_owned(), name.into())));
        let mut body = document(Value::Object(body));
        for detail in found.doubt.iter().chain(&field.doubt) {
            body = body.doubted(NoteCode::BodyAmbiguous, detail);
        }
        if field.is_cut {
            body = body.doubted(NoteCode::BodyCut, "arguments larger than the limit");
        }
        let key = json!([ask.index, field.key]);
        opened.calls.push(Call::new(request, Some(field.name), Some(body.into()), key));
    }
}

pub(super) fn reply(call: &Call, answer: &Answer<'_>) -> Option<Reply> {
    let field = call.key.get(1)?.as_str()?;
    let index = call.key.get(0).and_then(Value::as_u64).map(|index| index.to_string());
    let way: Vec<&str> = index.iter().map(String::as_str).collect();
    let Some(Value::Object(item)) = at(answer.body.value.as_ref(), &way) else { return answer.shared() };
    let data = item.get("data").and_then(|data| data.get(field));
    let errors: Vec<&Value> = item.get("errors").and_then(Value::as_array).into_iter().flatten().collect();
    let concern =
        |error: &&Value| path_of(error).is_none_or(|path| path.first().is_some_and(|at| at == field));
    let errors: Vec<&Value> = errors.into_iter().filter(concern).take(ERRORS_MAX).collect();
    if data.is_none() && errors.is_empty() {
        return answer.shared();
    }
    // An error further down comes after the field itself was done (section 6.4.4): it may even be asked for,
    // by naming a member that the caller may not read, so that a deed looks like a failure.
    let own = errors.iter().find(|error| path_of(error).is_none_or(|path| path.len() == 1));
    let is_done = data.is_some_and(|data| !data.is_null());
    let status = match own.filter(|_| !is_done) {
        Some(error) => status_of(error, answer.status),
        None => answer.status,
    };
    let mut body = Map::new();
    body.extend(data.map(|data| ("data".to_owned(), data.clone())));
    if !errors.is_empty() {
        body.insert("errors", errors.into_iter().cloned().collect());
    }
    let mut document = document(Value::Object(body));
    let place: Vec<&str> = way.into_iter().chain(["data", field]).collect();
    let doubts = inside(&answer.body, &place).map(|data| data.doubts).unwrap_or_default();
    document.doubts.extend(doubts.into_iter().map(|mut doubt| {
        doubt.path.insert(0, "data".to_owned());
        doubt
    }));
    Some(answer.reply(status, document))
}

fn at<'v>(value: Option<&'v Value>, way: &[&str]) -> Option<&'v Value> {
    way.iter().try_fold(value?, |value, step| value.get(step.parse::<usize>().ok()?))
}

fn path_of(error: &Value) -> Option<&Vec<Value>> {
    error.get("path")?.as_array().filter(|path| !path.is_empty())
}

/// The status that the call alone would have got; the application's own where it gave one.
fn status_of(error: &Value, outer: u16) -> u16 {
    match error.get("extensions").and_then(|extensions| extensions.get("code")?.as_str()) {
        Some("UNAUTHENTICATED") => 401,
        Some("FORBIDDEN") => 403,
        Some(_) | None if outer >= 400 => outer,
        Some(_) | None => 400,
    }
}

const NO_GRAPHQL: &str = "the query cannot be read as GraphQL";
/// Errors of one call that are looked at.
const ERRORS_MAX: usize = 20;
