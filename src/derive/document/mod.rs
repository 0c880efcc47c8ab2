//! The exchange document: what rules see of an exchange, redacted before anything is evaluated on it.

pub(super) mod credential;
pub(super) mod formats;
pub(super) mod sight;
pub(super) mod target;
pub(super) mod withheld;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use self::credential::Credential;
use self::sight::{Side, Sight};
use crate::capture::{self, Doubtful, Forced};
use crate::event::{Note, NoteCode};
use crate::exchange::{Capture, Certificate, Client, Ending, Exchange, Request, Response, Stream};
use crate::rules::expr::Doubt;
use crate::rules::model::Pack;
use crate::rules::redact::{Key, Redactor};
use crate::value::{Map, Value};

/// The parts of the document that all candidates share.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) request: Value,
    pub(super) client: Value,
    pub(super) credential: Value,
    pub(super) response: Option<Value>,
    /// What cannot be relied on.
    pub(super) doubts: Vec<Doubt>,
    /// What every event of the exchange tells.
    pub(super) notes: Vec<Note>,
    /// The credential, for actors.
    pub(super) shown: Credential,
    /// Where it came from, if it is a call out of an envelope.
    pub(super) call: Option<CallFacts>,
}

/// What events tell of a call out of an envelope.
#[derive(Clone, Debug)]
pub(super) struct CallFacts {
    pub(super) operation: Option<String>,
    pub(super) part: Option<u32>,
    /// The request's, as it came.
    pub(super) method: String,
    /// Likewise.
    pub(super) target: String,
}

/// How an exchange is read for a set of candidates.
pub(super) struct Reading<'a> {
    /// With what packs and rules of all candidates call a secret, because all their events show one exchange.
    pub(super) redactor: Redactor<'a>,
    /// What each of them looks at.
    pub(super) sights: Vec<&'a Sight>,
    pub(super) key: &'a Key,
    pub(super) decoded_bytes_max: usize,
    /// What a rule pack says about the bodies at this path.
    pub(super) forced: Option<Forced<'a>>,
    /// The packs that say it of other paths too, for the answers to reads.
    pub(super) formats: Vec<&'a Pack>,
}

impl Reading<'_> {
    /// `headers`, as far as a candidate looks at them.
    pub(super) fn headers(&self, side: Side, headers: &HeaderMap) -> Value {
        sight::seen(&self.sights, side, &self.redactor, headers)
    }
}

impl Document {
    /// From the head: everything but `request.body` and the answer.
    pub(super) fn head(reading: &Reading<'_>, request: &Request, client: &Client) -> Document {
        let redactor = &reading.redactor;
        let (path, query) = split_target(&request.target);
        let mut doubts = Vec::new();
        let form = capture::form::parse(query);
        push_doubts(&mut doubts, &["request", "query"], form.doubts, redactor);
        let mut query = Value::Object(form.members);
        redactor.value(&["request", "query"], &mut query);
        let shown = Credential::of(&request.headers, reading.key);
        let mut credential = shown.document();
        if let Some(claims) = credential.get_mut("claims") {
            redactor.value(&["credential", "claims"], claims);
        }
        let document = Map::from([
            // Met in any case (THREATS E14), so a condition on it must not depend on the case either.
            ("method", Value::from(request.method.to_ascii_uppercase())),
            ("path", redactor.text(&clean_path(path)).into()),
            ("target", redactor.text(&request.target).into()),
            ("scheme", request.scheme.into()),
            ("host", request.host.to_lowercase().into()),
            ("query", query),
            ("headers", reading.headers(Side::Request, &request.headers)),
            ("cookies", cookie_names(&request.headers, &http::header::COOKIE)),
        ]);
        let mut members = Map::new();
        members.insert("ip", client.ip.to_string().into());
        members.insert("trusted", client.is_trusted.into());
        if let Some(port) = client.port {
            members.insert("port", port.into());
        }
        if let Some(certificate) = &client.certificate {
            members.insert("certificate", shown_certificate(certificate));
        }
        let cut = shown.is_cut.then(|| Note::with(NoteCode::FieldCut, "credential.claims.act"));
        let notes = doubts.iter().map(|doubt| Note::with(doubt.code, doubt.path.join(".")));
        let notes = notes.chain(cut).collect();
        push_doubts(&mut doubts, &["request", "query"], form.others, redactor);
        let client = Value::Object(members);
        Document {
            request: document.into(),
            client,
            credential,
            response: None,
            doubts,
            notes,
            shown,
            call: None,
        }
    }

    /// Adds `request.body`.
    pub(super) fn add_request_body(&mut self, reading: &Reading<'_>, headers: &HeaderMap, body: &Capture) {
        let decoded = capture::decode(body, headers, reading.forced, reading.decoded_bytes_max);
        self.add_decoded_body(reading, decoded);
    }

    /// The same with a body that is a document already.
    pub(super) fn add_decoded_body(&mut self, reading: &Reading<'_>, mut decoded: capture::Document) {
        self.notes.append(&mut decoded.notes);
        let doubts = std::mem::take(&mut decoded.doubts);
        push_doubts(&mut self.doubts, &["request", "body"], doubts, &reading.redactor);
        put_body(&mut self.request, &reading.redactor, "request", decoded);
    }

    /// Adds `request.operation` and `request.part`.
    pub(super) fn add_call(&mut self, reading: &Reading<'_>, call: CallFacts) {
        if let Some(members) = self.request.as_object_mut() {
            let operation = call.operation.as_ref().map(|name| reading.redactor.text(name).into());
            members.extend(operation.map(|name| ("operation".to_owned(), name)));
            members.extend(call.part.map(|part| ("part".to_owned(), part.into())));
        }
        self.call = Some(call);
    }

    /// Adds `response`, and what its absence means.
    pub(super) fn add_response(&mut self, reading: &Reading<'_>, exchange: &Exchange) {
        let decoded = exchange.response.as_ref().map(|response| {
            let Response { headers, body, .. } = response;
            capture::decode(body, headers, reading.forced, reading.decoded_bytes_max)
        });
        self.add_answer(reading, exchange, decoded);
    }

    /// Adds the answer to a call, whose body is a document already; where there is none, the notes that the
    /// envelope's answer gives.
    pub(super) fn add_reply(
        &mut self,
        reading: &Reading<'_>,
        inner: &Exchange,
        body: Option<capture::Document>,
        silence: &[Note],
    ) {
        self.notes.extend(silence.iter().cloned().map(of_response));
        self.add_answer(reading, inner, body);
    }

    fn add_answer(&mut self, reading: &Reading<'_>, exchange: &Exchange, body: Option<capture::Document>) {
        match exchange.response.as_ref().zip(body) {
            Some((response, body)) => {
                let withheld = withheld::why(&exchange.request, response, &body);
                let (document, notes, doubts) = response_parts(reading, response, body);
                self.response = Some(document);
                self.notes.extend(notes);
                self.doubts.extend(doubts);
                if let Some(why) = withheld {
                    self.doubts.push(Doubt {
                        path: vec!["response".to_owned(), "body".to_owned()],
                        code: NoteCode::AnswerWithheld,
                        detail: Some(why.clone()),
                    });
                    self.notes.push(Note::with(NoteCode::AnswerWithheld, why));
                }
            }
            None if is_undecided(exchange.ending) => self.doubts.push(Doubt {
                path: vec!["response".to_owned()],
                code: NoteCode::ResponseMissing,
                detail: Some("no answer came".to_owned()),
            }),
            None => {}
        }
        self.notes.extend(ending_note(exchange));
    }

    /// Redacts what `redact` paths find, once all parts are there.
    pub(super) fn redact_paths(&mut self, redactor: &Redactor<'_>) {
        if !redactor.has_paths() {
            return;
        }
        let mut whole = Map::new();
        whole.insert("request".to_owned(), self.request.take());
        if let Some(response) = self.response.take() {
            whole.insert("response".to_owned(), response);
        }
        let mut whole = Value::Object(whole);
        redactor.paths(&mut whole);
        self.request = whole["request"].take();
        let (target, query) = (self.request.get("target").and_then(Value::as_str), self.request.get("query"));
        if let (Some(target), Some(query)) = (target, query) {
            let target = target::without_secrets(target, query).into_owned();
            self.request["target"] = Value::String(target.into());
        }
        self.response = whole.get_mut("response").map(Value::take);
    }
}

/// `$.client.certificate`.
fn shown_certificate(certificate: &Certificate) -> Value {
    let mut shown = Value::of(certificate).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.insert("id", certificate.id().into());
    }
    shown
}

/// True when the application may have acted without our seeing its answer.
fn is_undecided(ending: Ending) -> bool {
    match ending {
        Ending::Complete | Ending::ClientGone | Ending::UpstreamGone | Ending::UpstreamTimeout => true,
        Ending::UpstreamUnreachable | Ending::Refused | Ending::Denied => false,
    }
}

fn ending_note(exchange: &Exchange) -> Option<Note> {
    let code = match (exchange.ending, &exchange.response) {
        (Ending::Complete, Some(_)) => return None,
        (Ending::ClientGone, _) => NoteCode::ClientGone,
        (Ending::UpstreamGone | Ending::UpstreamTimeout, Some(_)) => NoteCode::ResponseCut,
        (Ending::UpstreamUnreachable, _) => {
            return Some(Note::with(NoteCode::ResponseMissing, "the application was not reached"));
        }
        (Ending::Refused, _) => {
            return Some(Note::with(NoteCode::ResponseMissing, "the request was refused"));
        }
        (Ending::Denied, _) => {
            return Some(Note::with(NoteCode::ResponseMissing, "a rule refuses such requests"));
        }
        (Ending::Complete | Ending::UpstreamGone | Ending::UpstreamTimeout, None) => {
            NoteCode::ResponseMissing
        }
    };
    Some(Note::plain(code))
}

fn response_parts(
    reading: &Reading<'_>,
    response: &Response,
    mut decoded: capture::Document,
) -> (Value, Vec<Note>, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let found = std::mem::take(&mut decoded.doubts);
    push_doubts(&mut doubts, &["response", "body"], found, &reading.redactor);
    let notes = decoded.notes.iter().map(|note| of_response(note.clone())).collect();
    // What looks like a whole document may be a number from the midst of one.
    decoded.value = decoded.value.filter(|_| !withheld::is_part(response.status));
    let mut document = Value::from(Map::from([
        ("status", Value::from(response.status)),
        ("headers", reading.headers(Side::Response, &response.headers)),
        ("cookies", cookie_names(&response.headers, &http::header::SET_COOKIE)),
    ]));
    put_body(&mut document, &reading.redactor, "response", decoded);
    if let (Some(stream), Some(members)) = (response.stream, document.as_object_mut()) {
        members.insert("stream", stream_part(stream));
    }
    (document, notes, doubts)
}

fn stream_part(stream: Stream) -> Value {
    let members = match stream {
        Stream::Opened => vec![("state", Value::from("opened"))],
        Stream::Closed { bytes_in, bytes_out, duration_ms } => vec![
            ("state", Value::from("closed")),
            ("bytesIn", bytes_in.into()),
            ("bytesOut", bytes_out.into()),
            ("durationMs", duration_ms.into()),
        ],
    };
    Value::Object(members.into_iter().collect())
}

fn of_response(note: Note) -> Note {
    match note.detail {
        Some(detail) => Note::with(note.code, format!("response: {detail}")),
        None => Note::with(note.code, "response"),
    }
}

fn put_body(part: &mut Value, redactor: &Redactor<'_>, root: &str, decoded: capture::Document) {
    let Some(members) = part.as_object_mut() else { return };
    members.insert("format", decoded.format.into());
    members.insert("bodyState", decoded.state.as_str().into());
    if let Some(mut body) = decoded.value {
        redactor.value(&[root, "body"], &mut body);
        members.insert("body", body);
    }
}

/// Doubts of a body or query, by their place in the document; the values they tell are redacted by name.
fn push_doubts(doubts: &mut Vec<Doubt>, place: &[&str], found: Vec<Doubtful>, redactor: &Redactor<'_>) {
    for doubtful in found {
        let name = doubtful.path.last().cloned().unwrap_or_default();
        let values: Vec<String> = doubtful
            .values
            .into_iter()
            .map(|mut value| {
                redactor.named(&name, &mut value);
                value.to_string()
            })
            .collect();
        let detail = match (doubtful.detail, values.is_empty()) {
            (Some(detail), false) => Some(format!("{detail}: {}", values.join(", "))),
            (detail, _) => detail,
        };
        let path = place.iter().map(|name| (*name).to_owned()).chain(doubtful.path).collect();
        doubts.push(Doubt { path, code: doubtful.code, detail });
    }
}

/// `[{name}]`; a cookie's value is never in the document.
fn cookie_names(headers: &HeaderMap, header: &HeaderName) -> Value {
    let lines: Vec<_> =
        headers.get_all(header).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let is_request = header == http::header::COOKIE;
    let pieces = lines.iter().flat_map(|line| line.split(';').take(if is_request { COOKIES_MAX } else { 1 }));
    let names = pieces.map(|piece| piece.split('=').next().unwrap_or_default().trim());
    names.filter(|name| !name.is_empty()).take(COOKIES_MAX).map(|name| Map::from([("name", name)])).collect()
}

/// Path and query of a request target.
pub(super) fn split_target(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// Decoded once, without dot segments, empty ones and the last slash.
pub(super) fn clean_path(path: &str) -> String {
    // Where the segments kept so far begin: one that holds an escaped slash is taken back as a whole.
    let mut begins: Vec<usize> = Vec::new();
    let mut clean = String::with_capacity(path.len() + 1);
    for segment in path.split('/') {
        match percent_decode_str(segment).decode_utf8_lossy().as_ref() {
            "" | "." => {}
            ".." => clean.truncate(begins.pop().unwrap_or(0)),
            plain => {
                begins.push(clean.len());
                clean.push('/');
                clean.push_str(plain);
            }
        }
    }
    if clean.is_empty() {
        clean.push('/');
    }
    clean
}

const COOKIES_MAX: usize = 200;
