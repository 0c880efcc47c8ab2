//! What `events` and `packs` have in common: bytes as an exchange, and the whole way of an exchange through rules.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use earwitness::derive::{Answer, Answers, Engine, ReadRequest};
use earwitness::event::Event;
use earwitness::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response};
use earwitness::rules::router::HeadView;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

/// Method, target, content type and status, a line each; then the request's body and the answer's, with a zero byte
/// between them.
pub fn exchange(data: &[u8]) -> Exchange {
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
    Exchange {
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
        response: Some(Response { status, headers, body: body(), stream: None }),
        ending: Ending::Complete,
        duration_ms: 1,
    }
}

/// Plans, asks (the application answers everything as it answered the request), and derives.
///
/// # Panics
/// When an event cannot be stored, or is another when it is read again.
pub fn play(engine: &Engine, exchange: &Exchange) {
    let (request, client) = (&exchange.request, &exchange.client);
    let candidates = engine.rules().candidates(&HeadView {
        method: &request.method,
        target: &request.target,
        host: &request.host,
        headers: &request.headers,
        is_trusted: false,
    });
    let mut plan = engine.plan(candidates, request, client);
    if plan.needs_body {
        plan = engine.plan_with_body(plan, request, client, &request.body);
    }
    let mut answers = Answers::default();
    plan.reads.iter().for_each(|read| ask(read, exchange, &mut answers));
    engine.reads_after(&plan, exchange, &answers).iter().for_each(|read| ask(read, exchange, &mut answers));
    let derived = engine.derive(plan, exchange, &answers, &mut Uuid::now_v7);
    for event in &derived.events {
        let stored = serde_json::to_vec(event).expect("an event is storable");
        let read: Event = serde_json::from_slice(&stored).expect("a stored event can be read");
        assert_eq!(*event, read);
    }
}

fn ask(read: &ReadRequest, exchange: &Exchange, answers: &mut Answers) {
    let Some(response) = &exchange.response else { return };
    let (headers, body) = (response.headers.clone(), response.body.clone());
    answers.insert(read.key.clone(), Answer::Answered { status: 200, headers, body });
}

fn capture(bytes: &[u8]) -> Capture {
    let state = if bytes.is_empty() { CaptureState::Empty } else { CaptureState::Complete };
    Capture {
        bytes: Bytes::copy_from_slice(bytes),
        seen_bytes: bytes.len() as u64,
        state,
        dropped_trailers: Vec::new(),
    }
}
