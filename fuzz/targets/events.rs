//! Whole exchanges through rules: envelopes opened, conditions, changes, sentences, redaction. Whatever comes,
//! planning and deriving end, and every event can be stored.
//!
//! The input: method, target, content type and status, a line each; then the request's body and the answer's,
//! with a zero byte between them.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use earwitness::config::Limits;
use earwitness::derive::{Answer, Answers, Engine};
use earwitness::event::Event;
use earwitness::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response};
use earwitness::rules::model::RuleSet;
use earwitness::rules::redact::Key;
use earwitness::rules::router::HeadView;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let rules = RuleSet::from_texts("fuzz", &[("pack.yaml", RULES)]);
    let rules = rules.unwrap_or_else(|problems| panic!("{}", problems.render())).rules;
    Engine::new(Arc::new(rules), Key::new([7; 32]), &Limits::default())
});

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(5, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, target, kind) = (line(), line(), line());
    let status: u16 = line().parse().unwrap_or(200);
    let mut bodies = parts.next().unwrap_or_default().splitn(2, |byte| *byte == 0);
    let mut body = || capture(bodies.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert("content-type", kind);
    }
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let exchange = Exchange {
        id: Uuid::nil(),
        received_at: Timestamp::UNIX_EPOCH,
        client: Client { ip, port: None, peer: ip, is_trusted: false, certificate: None },
        request: Request {
            method,
            target,
            scheme: "http",
            host: "app.example".to_owned(),
            id: "id".to_owned(),
            trace_id: None,
            headers: headers.clone(),
            body: body(),
        },
        response: Some(Response { status, headers: headers.clone(), body: body(), stream: None }),
        ending: Ending::Complete,
        duration_ms: 1,
    };
    let request = &exchange.request;
    let candidates = ENGINE.rules().candidates(&HeadView {
        method: &request.method,
        target: &request.target,
        host: &request.host,
        headers: &request.headers,
        is_trusted: false,
    });
    let plan = ENGINE.plan(candidates, request, &exchange.client);
    let answers: Answers = plan
        .reads
        .iter()
        .map(|read| {
            let body = exchange.response.as_ref().expect("made above").body.clone();
            (read.key.clone(), Answer::Answered { status: 200, headers: headers.clone(), body })
        })
        .collect();
    let derived = ENGINE.derive(plan, &exchange, &answers, &mut Uuid::now_v7);
    for event in &derived.events {
        let stored = serde_json::to_vec(event).expect("an event is storable");
        let read: Event = serde_json::from_slice(&stored).expect("a stored event can be read");
        assert_eq!(*event, read);
    }
});

fn capture(bytes: &[u8]) -> Capture {
    let state = if bytes.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    Capture {
        bytes: Bytes::copy_from_slice(bytes),
        seen_bytes: bytes.len() as u64,
        state,
        dropped_trailers: Vec::new(),
    }
}

const RULES: &str = r#"version: 1
formats:
  - { at: "GET|POST /trpc/{router}/{procedures}", as: trpc }
  - { at: POST /graphql, as: graphql }
  - { at: POST /rpc, as: json-rpc }
  - { at: POST /batch, as: http-batch }
  - { at: POST /soap, as: soap }
resources:
  booking:
    read: GET /bookings/{id}
    id: $.id
    fields: { guests: { label: Guests, key: email } }
rules:
  - id: changed
    match: "PUT|PATCH /bookings/{id}"
    before: booking
    after: $.response.body
    action: CHANGED
    target: { type: booking, id: $.path.id }
    changes: [title, guests]
    message: "Changed {{ before.title }} to {{ after.title | default('nothing') }}"
  - id: created
    match: POST /bookings
    for_each: $.request.body.items
    action: CREATED
    target: { type: booking, id: $.item.id }
    details: { all: $.request.body, first: { first: "$.request.body..id" } }
  - { id: called, match: "POST /trpc/bookings/create", action: CALLED, details: { input: $.request.body } }
  - { id: mutated, match: { request: POST /graphql, operation: cancel }, action: CANCELLED, details: { arguments: $.request.body.arguments } }
  - { id: asked, match: { request: POST /rpc, operation: cancel }, action: CANCELLED, details: { params: $.request.body } }
  - { id: saved, match: { request: POST /soap, operation: Save }, action: SAVED, details: { body: $.request.body } }
"#;
