//! What an audited exchange costs beyond its forwarding: planning its reads and deriving its event, with the
//! Cal.com rules on a rescheduled booking (two bodies, a snapshot before, an identity, two changes, a
//! sentence); and what the worst inputs cost.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use divan::{Bencher, black_box};
use earwitness::capture::decode;
use earwitness::config::Limits;
use earwitness::derive::{Answer, Answers, Engine, Plan, Purpose};
use earwitness::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response};
use earwitness::rules::model::RuleSet;
use earwitness::rules::redact::Key;
use earwitness::rules::router::HeadView;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

fn main() {
    divan::main();
}

#[divan::bench]
fn plan_with_reads(bencher: Bencher) {
    let stage = Stage::new();
    bencher.bench(|| black_box(&stage).plan());
}

#[divan::bench]
fn derive_a_typical_event(bencher: Bencher) {
    let stage = Stage::new();
    stage.derive(bencher);
}

#[divan::bench]
fn serialise_a_typical_event(bencher: Bencher) {
    let stage = Stage::new();
    let derived = stage.engine.derive(stage.plan(), &stage.exchange, &stage.answers, &mut Uuid::now_v7);
    let events = derived.events;
    bencher.bench(|| serde_json::to_vec(black_box(&events[0])));
}

/// A permitted but dear path on the worst body: it is read, and the path runs out of fuel (THREATS E67, E68).
#[divan::bench]
fn derive_by_a_dear_path(bencher: Bencher) {
    let rules = RuleSet::from_texts("bench", &[("pack.yaml", DEAR)]).expect("the rule is sound").rules;
    let engine = Engine::new(Arc::new(rules), Key::new([1; 32]), &Limits::default());
    let worst = format!("[{}{{}}]", r#"{"b":[0,0,0,0]},"#.repeat(20_000));
    let mut stage = Stage { engine, exchange: exchange(), answers: Answers::new() };
    stage.exchange.request.body = capture(worst.leak());
    stage.derive(bencher);
}

/// A calendar object of a billion recurrences, dense ones, is read (THREATS E28).
#[divan::bench]
fn read_a_dense_recurrence(bencher: Bencher) {
    let calendar =
        HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("text/calendar"))]);
    let body = capture(DENSE);
    bencher.bench(|| {
        let document = decode(black_box(&body), &calendar, None, 1 << 20);
        assert!(document.value.is_some());
        document
    });
}

const DEAR: &str = r#"version: 1
rules:
  - { id: a, match: "POST /v2/bookings/{id}/reschedule", when: { "$.request.body..a": { exists: true } }, action: A }
"#;
const DENSE: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\n\
    RRULE:FREQ=SECONDLY;COUNT=1000000000;BYSECOND=0,1,2,3;BYMINUTE=0,1,2;BYHOUR=0,1,2\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

struct Stage {
    engine: Engine,
    exchange: Exchange,
    answers: Answers,
}

impl Stage {
    fn new() -> Stage {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules/calcom");
        let rules = RuleSet::load(&[folder]).expect("the pack is sound").rules;
        let engine = Engine::new(Arc::new(rules), Key::new([1; 32]), &Limits::default());
        let exchange = exchange();
        let mut stage = Stage { engine, exchange, answers: Answers::new() };
        let answer = |purpose| match purpose {
            Purpose::Identity => ME,
            Purpose::Before | Purpose::After => BEFORE,
        };
        stage.answers = stage
            .plan()
            .reads
            .iter()
            .map(|read| {
                let answered =
                    Answer::Answered { status: 200, headers: headers(), body: capture(answer(read.purpose)) };
                (read.key.clone(), answered)
            })
            .collect();
        stage
    }

    /// Measures deriving the one event.
    fn derive(&self, bencher: Bencher) {
        bencher.with_inputs(|| self.plan()).bench_values(|plan| {
            let derived =
                self.engine.derive(plan, black_box(&self.exchange), &self.answers, &mut Uuid::now_v7);
            assert_eq!(derived.events.len(), 1);
            derived
        });
    }

    fn plan(&self) -> Plan {
        let request = &self.exchange.request;
        let candidates = self.engine.rules().candidates(&head(request));
        self.engine.plan(candidates, request, &self.exchange.client)
    }
}

fn exchange() -> Exchange {
    let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let mut headers = headers();
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer cal_live_0123456789abcdef0123456789abcdef"),
    );
    headers.insert("user-agent", HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"));
    headers.insert("cal-api-version", HeaderValue::from_static("2024-08-13"));
    Exchange {
        id: Uuid::now_v7(),
        received_at: Timestamp::now(),
        client: Client { ip, port: Some(40_000), peer: ip, is_trusted: false, certificate: None },
        request: Request {
            method: "POST".to_owned(),
            target: "/v2/bookings/bk_7f3a9/reschedule".to_owned(),
            scheme: "http",
            host: "cal.example".to_owned(),
            id: "0198c0de".to_owned(),
            trace_id: None,
            headers,
            body: capture(
                r#"{"start":"2026-01-15T10:00:00Z","reschedulingReason":"ill","rescheduledBy":"a@x.org"}"#,
            ),
        },
        response: Some(Response {
            status: 201,
            headers: self::headers(),
            body: capture(AFTER),
            stream: None,
        }),
        ending: Ending::Complete,
        duration_ms: 12,
    }
}

fn head(request: &Request) -> HeadView<'_> {
    HeadView {
        method: &request.method,
        target: &request.target,
        host: &request.host,
        headers: &request.headers,
        is_trusted: false,
    }
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn capture(text: &'static str) -> Capture {
    Capture {
        bytes: Bytes::from_static(text.as_bytes()),
        seen_bytes: text.len() as u64,
        state: CaptureState::Complete,
        ..Capture::default()
    }
}

const ME: &str = r#"{"status":"success","data":{"id":7,"email":"ada@x.org","username":"ada","name":"Ada","organizationId":3}}"#;
const BEFORE: &str = r#"{"status":"success","data":{"id":91,"uid":"bk_7f3a9","title":"Intro between Ada and Bob","status":"accepted","start":"2026-01-10T10:00:00Z","end":"2026-01-10T10:30:00Z","duration":30,"eventTypeId":12,"hosts":[{"id":7,"name":"Ada","email":"ada@x.org","username":"ada","timeZone":"Europe/Zurich"}],"attendees":[{"name":"Bob","email":"bob@x.org","timeZone":"Europe/Zurich","language":"en","absent":false}],"location":"https://meet.x.org/1","absentHost":false,"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}"#;
const AFTER: &str = r#"{"status":"success","data":{"id":92,"uid":"bk_8c11d","title":"Intro between Ada and Bob","status":"accepted","start":"2026-01-15T10:00:00Z","end":"2026-01-15T10:30:00Z","duration":30,"eventTypeId":12,"hosts":[{"id":7,"name":"Ada","email":"ada@x.org","username":"ada","timeZone":"Europe/Zurich"}],"attendees":[{"name":"Bob","email":"bob@x.org","timeZone":"Europe/Zurich","language":"en","absent":false}],"location":"https://meet.x.org/1","absentHost":false,"rescheduledFromUid":"bk_7f3a9","reschedulingReason":"ill","createdAt":"2026-01-12T00:00:00Z","updatedAt":"2026-01-12T00:00:00Z"}}"#;
