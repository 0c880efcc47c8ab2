//! Whole exchanges through rules as operators write them: the worked examples of the rule language, and
//! what attackers do to them.

mod attacks;
mod before;
mod envelopes;
mod examples;
mod intents;
mod plans;
mod streams;
mod who;
mod withheld;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::*;
use crate::config::Limits;
use crate::event::{Assurance, Event, NoteCode, Unread};
use crate::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response};
use crate::rules::model::RuleSet;
use crate::rules::redact::Key;
use crate::rules::router::{Candidate, HeadView};
use crate::value::Value;

/// One exchange to be, in the words of a test.
struct Play {
    engine: Engine,
    exchange: Exchange,
    answers: Vec<(String, u16, String)>,
    /// Of every answer.
    answer_headers: HeaderMap,
}

fn play(rules: &str, line: &str, body: &str) -> Play {
    let loaded = RuleSet::from_texts("p", &[("a.yaml", &format!("version: 1\n{rules}"))]);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render()));
    let engine = Engine::new(Arc::new(loaded.rules), Key::new([3; 32]), &Limits::default());
    let (method, target) = line.split_once(' ').unwrap();
    let address = "192.0.2.7".parse().unwrap();
    let request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        scheme: "https",
        host: "x.org".to_owned(),
        id: "r1".to_owned(),
        trace_id: None,
        headers: HeaderMap::new(),
        body: capture(body.as_bytes()),
    };
    let exchange = Exchange {
        id: Uuid::from_u128(1),
        received_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        client: Client { ip: address, port: Some(1), peer: address, is_trusted: false, certificate: None },
        request,
        response: None,
        ending: Ending::Complete,
        duration_ms: 5,
    };
    Play { engine, exchange, answers: Vec::new(), answer_headers: HeaderMap::new() }
}

fn capture(bytes: &[u8]) -> Capture {
    let state = if bytes.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    Capture {
        bytes: Bytes::copy_from_slice(bytes),
        seen_bytes: bytes.len() as u64,
        state,
        ..Capture::default()
    }
}

impl Play {
    fn header(mut self, name: &str, value: &str) -> Play {
        let name = HeaderName::try_from(name).unwrap();
        self.exchange.request.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// From a peer whose headers are believed.
    fn trusted(mut self) -> Play {
        self.exchange.client.is_trusted = true;
        self
    }

    fn answer(mut self, line: &str, status: u16, body: &str) -> Play {
        self.answers.push((line.to_owned(), status, body.to_owned()));
        self
    }

    fn says(mut self, status: u16, body: &str) -> Play {
        let body = capture(body.as_bytes());
        self.exchange.response = Some(Response { status, headers: HeaderMap::new(), body, stream: None });
        self
    }

    fn candidates(&self) -> Vec<Candidate> {
        let request = &self.exchange.request;
        self.engine.rules().candidates(&HeadView {
            method: &request.method,
            target: &request.target,
            host: &request.host,
            headers: &request.headers,
            is_trusted: self.exchange.client.is_trusted,
        })
    }

    /// What is asked before the request goes on.
    fn reads(&self) -> Vec<ReadRequest> {
        self.plan().reads
    }

    fn plan(&self) -> Plan {
        let request = &self.exchange.request;
        let mut plan = self.engine.plan(self.candidates(), request, &self.exchange.client);
        if plan.needs_body {
            plan = self.engine.plan_with_body(plan, request, &self.exchange.client, &request.body);
        }
        plan
    }

    fn run(&self) -> Derived {
        let plan = self.plan();
        let mut answers = Answers::new();
        self.hear(plan.reads.clone(), &mut answers);
        let later = self.engine.reads_after(&plan, &self.exchange, &answers);
        self.hear(later, &mut answers);
        let mut next = 0;
        self.engine.derive(plan, &self.exchange, &answers, &mut || {
            next += 1;
            Uuid::from_u128(next)
        })
    }

    fn hear(&self, reads: Vec<ReadRequest>, answers: &mut Answers) {
        for read in reads {
            let line = format!("{} {}", read.method, read.target);
            let known = self.answers.iter().find(|(known, _, _)| *known == line);
            let answer = match known {
                Some((_, status, body)) => Answer::Answered {
                    status: *status,
                    headers: self.answer_headers.clone(),
                    body: capture(body.as_bytes()),
                },
                None => Answer::Failed(ReadFailure::Timeout),
            };
            answers.insert(read.key, answer);
        }
    }

    fn events(&self) -> Vec<Event> {
        self.run().events
    }

    fn event(&self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }
}

fn changes(event: &Event) -> Value {
    let member = |change: &crate::event::Change| {
        let mut sides = serde_json::to_value(change).unwrap();
        sides.as_object_mut().unwrap().retain(|name, _| name != "field" && name != "pointer");
        (change.field.clone(), sides)
    };
    Value::Object(event.changes.iter().map(member).collect())
}

fn has(event: &Event, code: NoteCode) -> bool {
    event.notes.iter().any(|note| note.code == code)
}

/// An event for the tests of this folder.
pub(super) fn an_event() -> Event {
    play(LOGIN, "POST /login", "{}").says(200, "{}").event()
}

const LOGIN: &str = "rules:
  - { id: login, match: POST /login, actor: { type: user, email: $.request.body.email }, action: LOGIN }
";
const BOOKINGS: &str = r#"
defaults: { authenticated: true }
actors:
  - { name: key, when: { $.credential.kind: bearer }, ask: GET /v2/me, actor: { type: user, id: $.answer.body.id, name: $.answer.body.name, organization: 3 } }
  - { name: basic, when: { $.credential.kind: basic }, actor: { type: user, id: $.credential.user } }
resources:
  booking:
    read: { request: "GET /v2/bookings/{uid}", headers: { cal-api-version: "2024-08-13" } }
    select: $.answer.body.data
    name: title
    ignore: [updatedAt]
    fields: { start: Start, end: End, attendees: { label: Attendees, key: email } }
rules:
  - id: rescheduled
    match: POST /v2/bookings/{uid}/reschedule
    when: { $.request.body.seatUid: { exists: false } }
    before: booking
    after: $.response.body.data
    action: RESCHEDULED
    reason: $.request.body.reason
    links: [{ rel: rescheduled-to, type: booking, id: $.after.uid }]
    changes: [start, end]
    message: { first: ["Moved from {{ before.start | date }} to {{ after.start | date }}", "Moved to {{ request.body.start | date }}"] }
  - id: created
    match: POST /v2/bookings
    for_each: { first: [$.response.body.data, $.request.body] }
    after: $.item
    action: CREATED
    target: { type: booking, id: $.item.uid, name: $.item.title }
    changes: [start, status]
    details: { hosts: { all: "$.item.hosts[*].email" } }
  - id: reassigned
    match: ["POST /v2/bookings/{uid}/reassign", "POST /v2/bookings/{uid}/reassign/{userId}"]
    before: booking
    action: REASSIGNMENT
    changes: { host: { label: Host, before: "$.before.hosts[0].email", after: $.response.body.data.to.email } }
    details: { assignment: { first: [{ value: manual, when: { $.path.userId: { exists: true } } }, roundRobin] } }
  - { id: requested, match: "POST /v2/bookings/{uid}/request-reschedule", before: booking, after: { merged: { status: cancelled } }, action: RESCHEDULE_REQUESTED }
  - { id: cancelled, match: "DELETE /v2/bookings/{uid}", before: booking, action: CANCELLED, changes: [start] }
  - { id: queried, match: "GET /v2/bookings", when: { $.request.query.id: "1" }, action: QUERIED, details: { id: $.request.query.id } }
  - { id: moved, match: "MOVE /cal/{name}.ics", action: MOVED, target: { type: event, id: $.path.name } }
"#;

const GOOGLE: &str = r#"
resources:
  event: { read: GET self, name: summary, ignore: [updated], fields: { summary: Title, attendees: { label: Guests, key: email } } }
rules:
  - id: changed
    match: PATCH|PUT /calendars/{c}/events/{e}
    before: event
    after: $.response.body
    events:
      - { action: delete, when: { changed: status, $.after.status: cancelled } }
      - { action: title, when: { changed: summary }, message: "{{ before.summary }} became {{ after.summary }}" }
      - { action: add_guest, for_each: $.changes.attendees.added, details: { guest: $.item.email } }
      - { action: response, for_each: "$.changes.attendees.changed[?@.before.responseStatus != @.after.responseStatus]", details: { guest: $.item.after.email } }
    otherwise: { action: change }
  - id: object
    match: PUT /{calendar*}/{name}.ics
    before: event
    after: $.request.body
    events:
      - { action: create, when: [{ $.beforeState: absent }, { $.beforeState: unavailable, "$.request.headers['if-none-match']": "*" }] }
      - { action: title, when: { changed: summary } }
    otherwise: { action: change }
"#;
