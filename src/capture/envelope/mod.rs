//! Envelopes: one request that carries several calls, opened into requests that look as if each had come
//! alone.
//!
//! A rule is written for the single call, and must neither miss it in a batch nor take a batch for one
//! call; so an envelope is undone before rules look, and they never learn of it. What cannot be told apart
//! (a body that was cut, a query known to the application by its hash alone, the 1,001st part) is not
//! dropped: it is the [`Rest`], which says what is known of it. Bodies are read with the doubts of any
//! body, and where application and reader may count the calls differently, that is one more doubt
//! (THREATS E37). Pure, bounded by [`CALLS_MAX`], and without panic on any bytes.

mod batch;
mod graphql;
mod jsonrpc;
mod soap;
mod trpc;

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;

use super::{BodyState, Document, Doubtful, Forced, Format};
use crate::event::{Note, NoteCode};
use crate::exchange::{Capture, EnvelopeKind, Request, Response};
use crate::value::{Text, Value};

/// An opened envelope.
#[derive(Debug, Default)]
pub struct Opened {
    /// The calls that could be told apart, in the order in which they stand there.
    pub calls: Vec<Call>,
    /// The others.
    pub rest: Rest,
}

/// One call out of an envelope.
#[derive(Debug)]
pub struct Call {
    /// The request as it would have come alone. Its own `body` is empty: see [`Call::body`].
    pub request: Request,
    /// What the envelope calls it: a procedure, a method, a field.
    pub operation: Option<String>,
    /// Its place among the calls of the envelope, from 0; `None` for one that came alone.
    pub part: Option<u32>,
    /// What it sends; `None` while the body that tells it is not there yet. Shared where several calls may
    /// have sent the same: a thousand copies of one large body would be a weapon.
    pub body: Option<Arc<Document>>,
    /// By what its answer is found: an index, an id, an alias.
    key: Value,
}

/// The answer to one call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status code, as the call alone would have got it.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// What it says.
    pub body: Document,
}

/// Calls that are surely or perhaps there and could not be told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// Why; empty when nothing is left over.
    pub reasons: Vec<Note>,
    /// How many calls, where that can be said.
    pub count: usize,
    /// Names and identifiers of them, as far as they are known; bounded.
    pub names: Vec<String>,
}

impl Rest {
    /// True when every call could be told apart.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Adds a call, or calls, that could not be told apart.
    pub fn add(&mut self, code: NoteCode, detail: impl Into<String>, name: Option<&str>) {
        let note = Note::with(code, detail);
        if !self.reasons.contains(&note) && self.reasons.len() < REASONS_MAX {
            self.reasons.push(note);
        }
        self.count += 1;
        if let Some(name) = name.filter(|_| self.names.len() < NAMES_MAX) {
            self.names.push(name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned());
        }
    }
}

/// Opens a request. `body` is `None` while it has not arrived: only calls that the head names are found
/// then, and nothing is left over. `lists` names elements of XML that are lists even alone; `bytes_max` bounds
/// a body after its content codings are undone.
pub fn open(
    kind: EnvelopeKind,
    request: &Request,
    body: Option<&Capture>,
    lists: &[String],
    bytes_max: usize,
) -> Opened {
    let mut opened = match (kind, body) {
        (EnvelopeKind::Trpc, body) => trpc::open(request, body, bytes_max),
        (_, None) => Opened::default(),
        (EnvelopeKind::JsonRpc, Some(body)) => jsonrpc::open(request, body, bytes_max),
        (EnvelopeKind::GraphQl, Some(body)) => graphql::open(request, body, bytes_max),
        (EnvelopeKind::HttpBatch, Some(body)) => batch::open(request, body, bytes_max),
        (EnvelopeKind::Soap, Some(body)) => soap::open(request, body, lists, bytes_max),
    };
    if opened.calls.len() + opened.rest.count > 1 {
        for (index, call) in opened.calls.iter_mut().enumerate() {
            call.part = u32::try_from(index).ok();
        }
    }
    opened
}

/// The answers to the calls of one envelope, made one at a time: calls may share an answer, and a copy for
/// each at once would multiply it.
pub struct Replies<'a> {
    kind: EnvelopeKind,
    calls: &'a [Call],
    answer: Answer<'a>,
    bytes_max: usize,
}

impl<'a> Replies<'a> {
    /// The answers that a response holds to these calls. `lists` and `bytes_max` are those of [`open`].
    pub fn new(
        kind: EnvelopeKind,
        calls: &'a [Call],
        response: &'a Response,
        lists: &[String],
        bytes_max: usize,
    ) -> Replies<'a> {
        let forced = match kind {
            EnvelopeKind::Trpc | EnvelopeKind::JsonRpc | EnvelopeKind::GraphQl => Some(JSON),
            EnvelopeKind::HttpBatch => None,
            EnvelopeKind::Soap => Some(Forced { format: Format::Soap, lists }),
        };
        let (status, headers) = (response.status, &response.headers);
        let body = super::decode(&response.body, headers, forced, bytes_max);
        let (parts, places) = match kind {
            EnvelopeKind::HttpBatch => batch::answers(headers, &response.body, bytes_max),
            EnvelopeKind::JsonRpc => (Vec::new(), jsonrpc::places(&body)),
            EnvelopeKind::Trpc | EnvelopeKind::GraphQl | EnvelopeKind::Soap => Default::default(),
        };
        let answer = Answer { status, headers, body, parts, places };
        Replies { kind, calls, answer, bytes_max }
    }

    /// What is odd about the whole answer.
    pub fn notes(&self) -> &[Note] {
        &self.answer.body.notes
    }

    /// The answer to a call; `None` where the envelope's answer does not tell.
    pub fn to(&self, call: &Call) -> Option<Reply> {
        match self.kind {
            EnvelopeKind::Trpc => trpc::reply(call, &self.answer),
            EnvelopeKind::JsonRpc => jsonrpc::reply(call, self.calls, &self.answer),
            EnvelopeKind::GraphQl => graphql::reply(call, &self.answer),
            EnvelopeKind::HttpBatch => batch::reply(call, &self.answer, self.bytes_max),
            EnvelopeKind::Soap => soap::reply(&self.answer),
        }
    }
}

/// The answer to an envelope.
struct Answer<'a> {
    status: u16,
    headers: &'a HeaderMap,
    body: Document,
    /// Of a batch, the answers that are in it.
    parts: Vec<batch::PartAnswer>,
    /// Where the answer to a call stands, by its id; `None` for an id that stands twice.
    places: HashMap<String, Option<usize>>,
}

impl Answer<'_> {
    /// The answer that all calls share, as when it is an error of the whole; `None` when the whole went
    /// well, for then it says nothing of the single call.
    fn shared(&self) -> Option<Reply> {
        let is_good = matches!(self.status, 200..=299);
        (!is_good).then(|| self.reply(self.status, self.body.clone()))
    }

    fn reply(&self, status: u16, body: Document) -> Reply {
        Reply { status, headers: self.headers.clone(), body }
    }
}

impl Call {
    fn new(request: &Request, operation: Option<String>, body: Option<Arc<Document>>, key: Value) -> Call {
        Call { request: without_body(request), operation, part: None, body, key }
    }
}

/// The outer request's head.
fn without_body(request: &Request) -> Request {
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        scheme: request.scheme,
        host: request.host.clone(),
        id: request.id.clone(),
        trace_id: request.trace_id.clone(),
        headers: request.headers.clone(),
        body: Capture::default(),
    }
}

/// A body that can be read in more than one way, or not at all, as calls that cannot be told apart.
fn unread(body: &Document) -> Rest {
    let mut rest = Rest::default();
    match body.state {
        BodyState::Empty => {}
        BodyState::Complete | BodyState::Truncated | BodyState::Unreadable => {
            let whole = body.doubts.iter().find(|doubt| doubt.path.is_empty());
            let code = whole.map_or(NoteCode::BodyUnparsed, |doubt| doubt.code);
            let detail = whole.and_then(|doubt| doubt.detail.clone());
            rest.add(code, detail.unwrap_or_else(|| "no call in it".to_owned()), None);
        }
    }
    rest
}

/// A document of a value that is known wholly.
fn document(value: Value) -> Document {
    let state = BodyState::Complete;
    let (doubts, notes) = (Vec::new(), Vec::new());
    Document { value: Some(value), format: "json", operation: None, state, doubts, notes }
}

/// No body.
fn nothing() -> Document {
    Document { state: BodyState::Empty, value: None, format: "empty", ..document(Value::Null) }
}

/// The part of a document below a path, with what is in doubt about it; `None` where there is none.
fn inside(whole: &Document, path: &[&str]) -> Option<Document> {
    let mut value = whole.value.as_ref()?;
    for name in path {
        value = match value {
            Value::Object(members) => members.get(name)?,
            Value::Array(elements) => elements.get(name.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(Document { value: Some(value.clone()), doubts: doubts_inside(whole, path), ..whole.clone_frame() })
}

/// The doubts that concern what lies below a path, as seen from there.
fn doubts_inside(whole: &Document, path: &[&str]) -> Vec<Doubtful> {
    let concern = |doubt: &Doubtful| {
        let is_on_the_way = doubt.path.iter().zip(path).all(|(own, name)| own == name);
        let below = doubt.path.get(path.len()..).unwrap_or_default().to_vec();
        is_on_the_way.then(|| Doubtful { path: below, ..doubt.clone() })
    };
    whole.doubts.iter().filter_map(concern).collect()
}

/// The name under which a member stands: its own, else one that differs in case only, as Go and .NET take
/// it (THREATS E19).
fn name_in<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    let members = value.as_object()?;
    let exact = members.get_key_value(name).map(|(name, _)| name.as_str());
    exact.or_else(|| members.keys().map(Text::as_str).find(|own| own.eq_ignore_ascii_case(name)))
}

impl Document {
    /// The same without value and doubts.
    fn clone_frame(&self) -> Document {
        let (format, state, notes) = (self.format, self.state, self.notes.clone());
        Document { format, state, notes, ..nothing() }
    }

    /// Puts the whole in doubt, and says so.
    fn doubted(mut self, code: NoteCode, detail: &str) -> Document {
        self.doubts.push(Doubtful::at(Vec::new(), code, detail));
        self.notes.push(Note::with(code, detail));
        self
    }
}

/// How JSON is read where the content type says little.
const JSON: Forced<'static> = Forced { format: Format::Json, lists: &[] };
/// Calls of one envelope that are told apart.
pub const CALLS_MAX: usize = 1_000;
/// Names of calls that are not.
const NAMES_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 256;
const REASONS_MAX: usize = 10;

#[cfg(test)]
mod tests;
