//! Where a GraphQL request keeps its query: the body (JSON, a list of such, a form, the text itself), or
//! the address. A server may take it from either, so both are looked at.

use http::header::CONTENT_TYPE;

use super::super::{JSON, document, inside, name_in, nothing};
use crate::capture::{self, Document, Forced, Format, form, json};
use crate::exchange::{Capture, Request};
use crate::value::{Map, Value};

/// One operation that is asked for.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// Its place in a list of operations.
    pub(super) index: Option<usize>,
    pub(super) query: Option<String>,
    /// What stands in place of a query that the application knows.
    pub(super) hash: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Map,
    /// Why it may be read otherwise.
    pub(super) doubt: Option<String>,
}

/// All of one request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) asks: Vec<Ask>,
    /// Operations beyond the limit.
    pub(super) cut: usize,
    /// The body in which they were looked for.
    pub(super) body: Document,
}

pub(super) fn of(request: &Request, body: &Capture, bytes_max: usize) -> Asked {
    let is_query = request.headers.get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().get(..GRAPHQL.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(GRAPHQL))
    });
    let forced = if is_query { Forced { format: Format::Text, ..JSON } } else { JSON };
    let body = capture::decode(body, &request.headers, Some(forced), bytes_max);
    let body = uploaded(body);
    let (mut asks, mut cut) = (Vec::new(), 0);
    match &body.value {
        Some(Value::Object(_)) => asks.extend(one(&body, None)),
        Some(Value::Array(items)) => {
            cut = items.len().saturating_sub(ASKS_MAX);
            for index in 0..items.len().min(ASKS_MAX) {
                let item = inside(&body, &[&index.to_string()]);
                asks.extend(item.and_then(|item| one(&item, Some(index))));
            }
        }
        Some(Value::String(text)) => asks.push(Ask { query: Some(text.to_string()), ..Ask::default() }),
        Some(Value::Null | Value::Bool(_) | Value::Number(_)) | None => {}
    }
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    if let Some(mut own) = in_address(query) {
        if let Some(first) = asks.first_mut() {
            let detail = "both the address and the body hold a query";
            first.doubt.get_or_insert_with(|| detail.to_owned());
            own.doubt.get_or_insert_with(|| detail.to_owned());
            if own.variables.is_empty() {
                own.variables.clone_from(&first.variables);
            }
        }
        asks.push(own);
    }
    Asked { asks, cut, body }
}

/// A form with files has the operations as the text of one field (the multipart request specification for
/// GraphQL).
fn uploaded(body: Document) -> Document {
    let operations = body.value.as_ref().and_then(|form| form.get("operations")?.as_str());
    let Some(Ok(reading)) = operations.map(json::parse) else { return body };
    let mut doubts = reading.doubts;
    doubts.extend(body.doubts.into_iter().filter(|doubt| doubt.path.is_empty()));
    Document { doubts, notes: body.notes, ..document(reading.value) }
}

fn in_address(query: &str) -> Option<Ask> {
    let form = form::parse(query);
    ["query", "extensions"].iter().any(|name| form.members.contains_key(name)).then_some(())?;
    let document = Document { doubts: form.doubts, ..nothing() };
    one(&Document { value: Some(Value::Object(form.members)), ..document }, None)
}

/// The operation of an object; `None` where there is nothing of one in it.
fn one(whole: &Document, index: Option<usize>) -> Option<Ask> {
    let value = whole.value.as_ref()?;
    let members = value.as_object()?;
    if members.is_empty() {
        return None;
    }
    let at = |name: &str| members.get(name_in(value, name)?);
    let text =
        |name: &str| at(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let is_exact = ["query", "variables", "operationName"]
        .iter()
        .all(|name| name_in(value, name).is_none_or(|own| own == *name));
    let doubt = whole.doubts.first().map(|doubt| match doubt.path.is_empty() {
        true => doubt.detail.clone().unwrap_or_default(),
        false => format!("{} can be read in two ways", doubt.path.join(".")),
    });
    Some(Ask {
        index,
        query: text("query"),
        hash: hash(at("extensions"))
            .or_else(|| ["id", "documentId", "queryId", "doc_id"].iter().find_map(|id| text(id))),
        operation_name: text("operationName"),
        variables: object(at("variables")),
        doubt: doubt.or_else(|| (!is_exact).then(|| "a name in other letters".to_owned())),
    })
}

/// `extensions.persistedQuery.sha256Hash`.
fn hash(extensions: Option<&Value>) -> Option<String> {
    let extensions = Value::Object(object(extensions));
    Some(extensions.get("persistedQuery")?.get("sha256Hash")?.as_str()?.to_owned())
}

/// An object, or the text of one, as forms and addresses hold it.
fn object(value: Option<&Value>) -> Map {
    match value {
        Some(Value::Object(members)) => members.clone(),
        Some(Value::String(text)) => match json::parse(text).map(|reading| reading.value) {
            Ok(Value::Object(members)) => members,
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))
            | Err(_) => Map::new(),
        },
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => Map::new(),
    }
}

const GRAPHQL: &[u8] = b"application/graphql";
/// Operations of one list; each is parsed.
const ASKS_MAX: usize = 200;
