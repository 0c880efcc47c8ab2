//! Input made to break the recorder: each piece is forwarded and makes one event, and the next request works.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use earwitness::derive::{Answers, Plan, ReadRequest};
use earwitness::event::{Event, NoteCode};
use earwitness::exchange::{Capture, Client, Exchange, Request};
use earwitness::proxy::{Audit, Auditor, Recording};
use earwitness::record::Urgency;
use earwitness::rules::router::{Candidate, HeadView};
use uuid::Uuid;

use super::{RULES, Recorded, World, has, request};
use crate::gullible::{Gullible, Habits};

const LINE: &str = "POST /v2/bookings/b1/cancel";

/// Bytes with the headers that describe them.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let json = "Content-Type: application/json";
    let text = |kind: &'static str, what: &'static str, body: &str| (what, kind, body.as_bytes().to_vec());
    let coded = |what: &'static str, kind: &'static str, body: Vec<u8>| (what, kind, body);
    let zeros = vec![b'0'; 64 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut twice = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    twice.write_all(&gzip).unwrap();
    let calendar = |inside: &str| {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n{inside}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    };
    vec![
        text(json, "deep arrays", &"[".repeat(200_000)),
        text(json, "deep objects", &r#"{"a":"#.repeat(100_000)),
        text(json, "closed depth", &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))),
        text(json, "a number beyond doubles", r#"{"reason":"x","n":1e400,"m":-1e999999999}"#),
        text(json, "a long number", &format!(r#"{{"n":{}}}"#, "9".repeat(100_000))),
        text(json, "a lone surrogate", r#"{"reason":"x\ud800","\udfff":1}"#),
        text(json, "not a number", r#"{"reason":NaN,"a":Infinity}"#),
        text(json, "a byte order mark", "\u{feff}{\"reason\":\"x\"}"),
        text(json, "one key often", &format!("{{{}\"a\":1}}", r#""a":1,"#.repeat(50_000))),
        text(
            json,
            "many keys",
            &format!("{{{}\"z\":1}}", (0..50_000).map(|n| format!("\"k{n}\":1,")).collect::<String>()),
        ),
        text(json, "a key of no length", r#"{"":{"":{"":""}}}"#),
        text(json, "a bare word", "undefined"),
        text(json, "only blanks", "   \n  "),
        text(json, "a NUL", "\0"),
        ("invalid UTF-8", json, b"{\"reason\":\"\xff\xfe\xc0\xaf\"}".to_vec()),
        ("UTF-16", json, "{\"reason\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a type that is no text", "Content-Type: \u{fffd}\u{1}", b"{}".to_vec()),
        text("Content-Type: application/json; charset=utf-7", "another charset", "+AHs-+AH0-"),
        text("Content-Type: application/json\r\nContent-Type: text/calendar", "two types", "{}"),
        text("Content-Type: application/x-www-form-urlencoded", "many fields", &"a=1&".repeat(50_000)),
        text("Content-Type: application/x-www-form-urlencoded", "no sense", "&&=&%&%zz=%f&;;==[]=[&[]"),
        text(
            "Content-Type: text/calendar",
            "half a calendar",
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;TZID=:",
        ),
        text("Content-Type: text/calendar", "nested components", &"BEGIN:VEVENT\r\n".repeat(20_000)),
        text(
            "Content-Type: text/calendar",
            "a bomb of dates",
            &calendar(
                "DTSTART:20260101T000000Z\r\nRRULE:FREQ=SECONDLY;COUNT=1000000000;BYSECOND=0,1,2;BYMINUTE=0,1",
            ),
        ),
        text(
            "Content-Type: text/calendar",
            "an endless line",
            &calendar(&format!("SUMMARY:{}", "x\r\n ".repeat(50_000))),
        ),
        text(
            "Content-Type: text/calendar",
            "dates that are none",
            &calendar("DTSTART:99999999T999999Z\r\nDTEND:-1\r\nDURATION:P999999999999W"),
        ),
        text("Content-Type: application/xml", "entities", "<!DOCTYPE a [<!ENTITY a \"&a;&a;\">]><a>&a;</a>"),
        text("Content-Type: multipart/form-data", "no boundary", "--\r\n\r\n--"),
        coded("a bomb of gzip", "Content-Type: application/json\r\nContent-Encoding: gzip", gzip),
        coded("a bomb in a bomb", "Content-Encoding: gzip, gzip", twice.finish().unwrap()),
        coded("a bomb of zstd", "Content-Encoding: zstd", zstd::encode_all(&zeros[..], 1).unwrap()),
        text("Content-Encoding: gzip", "a coding that is not there", "{}"),
        text("Content-Encoding: br", "no brotli", &"\u{1b}\u{7f}".repeat(500)),
        text("Content-Encoding: br, gzip, zstd, deflate, br", "a pile of codings", "{}"),
        text("Content-Encoding: x-own", "a coding of its own", "{}"),
    ]
}

// THREATS D12
#[test]
fn every_hostile_body_is_one_event_and_the_next_request_works() {
    let world = World::new(Habits::STRICT);
    for (index, (what, headers, body)) in bodies().into_iter().enumerate() {
        let id = format!("r{index}");
        let mut head = format!(
            "{LINE} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\nContent-Length: {}\r\n{headers}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        let is_refused = headers.contains('\u{1}');
        head.extend_from_slice(&body);
        let answer = world.rig.exchange(head);
        if is_refused {
            assert!(answer.contains(" 400 "), "{what}: {answer}");
            continue;
        }
        assert!(answer.contains(" 200 "), "{what}: {answer}");
        assert!(world.app.seen().pop().unwrap().body == body, "{what}: bytes were changed");
        let event = world.event_of(&id);
        assert!(!has(&event, NoteCode::EventMinimal), "{what}: {event:#?}");
    }
    world.assert_all_is_told();
    world.rig.exchange(request(LINE, "last", &["Content-Type: application/json"], r#"{"reason":"ill"}"#));
    assert_eq!(world.event_of("last").reason.as_deref(), Some("ill"));
}

// THREATS D12
#[test]
fn every_hostile_head_is_one_event_or_a_refusal_and_the_next_request_works() {
    let long = "x".repeat(50_000);
    let huge = "x".repeat(1 << 20);
    let taken = [
        format!("User-Agent: {long}"),
        format!("Cookie: {}", "a=b; ".repeat(10_000)),
        "Authorization: Basic !!!!".to_owned(),
        "Authorization: Basic //79/A==".to_owned(),
        "Authorization: Bearer a.b.c".to_owned(),
        "Authorization: Bearer eyJhbGciOiJub25lIn0.bm90IGpzb24.".to_owned(),
        format!("Authorization: Bearer eyJhbGciOiJub25lIn0.{long}."),
        format!("X-Forwarded-For: {}", "1.1.1.1, ".repeat(5_000)),
        "traceparent: 00-zz-\u{fffd}".to_owned(),
        (0..90).map(|n| format!("X-{n}: {n}")).collect::<Vec<_>>().join("\r\n"),
        "X-HTTP-Method-Override: \u{fffd},,,,DELETE,,".to_owned(),
        format!("Destination: {long}"),
        "Content-Encoding: ,,,,\r\nContent-Type: ;;;;=".to_owned(),
    ];
    let refused = [
        format!("User-Agent: {huge}"),
        (0..1_000).map(|n| format!("X-{n}: {n}")).collect::<Vec<_>>().join("\r\n"),
    ];
    let world = World::new(Habits::STRICT);
    for (index, header) in taken.iter().enumerate() {
        let id = format!("r{index}");
        let answer = world.rig.exchange(request(LINE, &id, &[header], "{}"));
        assert!(answer.contains(" 200 "), "{header:.60}: {answer}");
        world.event_of(&id);
    }
    for header in &refused {
        let mut client = world.rig.connect();
        client.try_send(request(LINE, "refused", &[header], ""));
        let answer = client.read_message();
        assert!(answer.contains(" 431 ") || answer.is_empty(), "{header:.60}: {answer}");
    }
    let target = format!("{LINE}?{}", "a=b&".repeat(15_000));
    assert!(world.rig.exchange(request(&target, "query", &[], "")).contains(" 200 "));
    world.event_of("query");
    assert_eq!(world.app.deeds().len(), taken.len() + 1);
    world.assert_all_is_told();
    world.rig.exchange(request(LINE, "last", &[], ""));
    world.event_of("last");
}

/// The real audit, except that the maker of ids fails while it is told to.
struct Poisoned {
    auditor: Auditor,
    fails: Arc<AtomicBool>,
}

impl Audit for Poisoned {
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        self.auditor.candidates(head)
    }

    fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan {
        self.auditor.plan(candidates, request, client)
    }

    fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan {
        self.auditor.plan_with_body(plan, request, client, body)
    }

    fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest> {
        self.auditor.reads_after(plan, exchange, answers)
    }

    fn derive(
        &self,
        plan: Plan,
        exchange: &Exchange,
        answers: &Answers,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Vec<Event> {
        let mut failing = || {
            assert!(!self.fails.swap(false, Ordering::SeqCst), "poison");
            ids()
        };
        self.auditor.derive(plan, exchange, answers, &mut failing)
    }

    fn record(&self, events: Vec<Event>, closes: Option<Uuid>, urgency: Urgency) -> Recording {
        self.auditor.record(events, closes, urgency)
    }
}

// THREATS D12, E43
#[test]
fn a_panic_inside_a_derivation_leaves_the_least_event_and_the_service_goes_on() {
    let fails = Arc::new(AtomicBool::new(false));
    let app = Gullible::with(Habits::STRICT);
    let poison = Arc::clone(&fails);
    let alarms = |events: Vec<Event>| {
        let of_rule = |event: &&Event| {
            event.target.as_ref().is_some_and(|rule| rule.id.as_deref() == Some("office/cancelled"))
        };
        events.iter().filter(|event| event.action == "RULE_FAILING").filter(of_rule).count()
    };
    let recorded =
        Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(Poisoned { auditor, fails: poison }));
    for round in 0..4 {
        fails.store(true, Ordering::SeqCst);
        let sick = format!("sick{round}");
        assert!(recorded.rig.exchange(request(LINE, &sick, &[], "")).contains(" 200 "));
        let event = recorded.event_of(&sick);
        assert!(has(&event, NoteCode::EventMinimal), "{event:#?}");
        assert_eq!((event.rule.id.as_str(), event.response.unwrap().status), ("office/cancelled", 200));
        assert!(event.request.url.ends_with("/v2/bookings/b1/cancel"));
        let well = format!("well{round}");
        assert!(recorded.rig.exchange(request(LINE, &well, &[], "")).contains(" 200 "));
        assert_eq!(recorded.event_of(&well).action, "CANCELLED");
        // The rule stays on, and somebody is called.
        assert_eq!(alarms(recorded.events()), usize::from(round >= 2));
    }
    assert_eq!(app.deeds().len(), 8);
}
