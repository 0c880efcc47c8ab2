//! Reads of ours that have effects in the application, or that it answers as badly as it can.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use earwitness::config::Config;
use earwitness::event::{BeforeState, NoteCode, Unread};
use parking_lot::{Condvar, Mutex};

use super::{Recorded, has, request};
use crate::rig::{App, PATIENCE, Wire, eventually, value_of};

const RULES: &str = r#"version: 1
resources: { booking: { read: { request: "GET /v2/bookings/{uid}", timeout_ms: 10000 }, id: uid } }
rules:
  - { id: patched, match: "PATCH /v2/bookings/{uid}", action: PATCHED, before: booking, target: { type: booking, id: $.path.uid } }
"#;

/// What an honest answer to the read says.
const BOOKING: &str = r#"{"uid":"b1"}"#;

/// Lets a read take as long as its rule says, whatever else this machine does.
fn patient(config: &mut Config) {
    config.limits.before_ms = 60_000;
}

/// A session whose id changes with every answer. An id counts from its answer on; once it is used, all others end.
struct Rotating {
    current: u32,
    offered: Vec<u32>,
}

impl Rotating {
    /// The id that the answer to a request with this one sets; `None` when nobody is signed in by it.
    fn rotate(&mut self, shown: u32) -> Option<u32> {
        if self.offered.contains(&shown) {
            self.current = shown;
            self.offered.clear();
        } else if shown != self.current {
            return None;
        }
        let fresh = self.current + u32::try_from(self.offered.len()).unwrap() + 1;
        self.offered.push(fresh);
        Some(fresh)
    }
}

/// An application with one such session, whose first id is 1.
fn rotating() -> App {
    let session = Arc::new(Mutex::new(Rotating { current: 1, offered: Vec::new() }));
    App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            let shown =
                value_of(&request, "cookie").and_then(|cookie| cookie.strip_prefix("session=")?.parse().ok());
            let answer = match shown.and_then(|shown| session.lock().rotate(shown)) {
                Some(fresh) => {
                    format!(
                        "HTTP/1.1 200 OK\r\nSet-Cookie: session={fresh}\r\nContent-Length: 12\r\n\r\n{BOOKING}"
                    )
                }
                None => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            if !wire.try_send(answer) {
                return;
            }
        }
    })
}

// THREATS B07
#[test]
fn a_session_that_rotates_outlives_our_reads_whose_cookies_reach_nobody() {
    let app = rotating();
    let recorded = Recorded::before(app.address, RULES, patient, |auditor| Arc::new(auditor));
    let mut cookie = "session=1".to_owned();
    for number in 0..5 {
        let id = format!("r{number}");
        let sent = request("PATCH /v2/bookings/b1", &id, &[&format!("Cookie: {cookie}")], "{}");
        let answer = recorded.rig.exchange(sent);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{number}: {answer}");
        // What the client gets is what its own request was answered with: not what the read was.
        cookie = value_of(&answer, "set-cookie").unwrap().to_owned();
        assert_eq!(answer.to_lowercase().matches("set-cookie").count(), 1, "{answer}");
        assert_eq!(recorded.event_of(&id).before.state, BeforeState::Read);
    }
    assert_eq!(app.requests().len(), 10, "each was read beforehand");
    assert_eq!(recorded.rig.metric("earwitness_reads_cookies_dropped_total"), 5);
}

// THREATS B06
#[test]
fn things_beyond_those_that_are_read_for_one_request_say_so_and_are_counted() {
    let rules = r#"version: 1
resources: { booking: { read: "GET /v2/bookings/{uid}" } }
rules:
  - { id: cancelled, match: POST /v2/cancel, for_each: $.request.body, before: { read: booking, with: { uid: $.item } }, action: CANCELLED }
"#;
    let app = App::scripted(|wire| {
        while wire.next_request().is_some() {
            if !wire.try_send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") {
                return;
            }
        }
    });
    let recorded = Recorded::before(app.address, rules, |_| {}, |auditor| Arc::new(auditor));
    let unread = |id: &str, count: usize| {
        let body = format!("{:?}", (0..count).map(|number| format!("b{number}")).collect::<Vec<_>>());
        let sent = request("POST /v2/cancel", id, &["Content-Type: application/json"], &body);
        assert!(recorded.rig.exchange(sent).starts_with("HTTP/1.1 200 "));
        eventually("all are recorded", || recorded.events_of(id).len() == count);
        recorded.events_of(id).iter().filter(|event| event.before.why == Some(Unread::TooMany)).count()
    };
    let hits = || {
        let hit = "earwitness_limits_hit_total{limit=\"exchange_reads\"}";
        recorded.metrics.render().lines().find_map(|line| line.strip_prefix(hit)?.trim().parse::<u32>().ok())
    };
    assert_eq!((unread("r1", 20), hits()), (0, None));
    assert_eq!((unread("r2", 25), hits()), (5, Some(1)));
    assert_eq!(app.requests().len(), 2 + 20 + 20);
}

/// How an application answers a read.
enum Reply {
    /// So.
    Saying(Vec<u8>),
    /// So, and it closes the connection.
    Closing(Vec<u8>),
    /// With the first part; with the second when it has got the request itself.
    Holding(&'static str, &'static str),
    /// With blanks, one after the other, until it has got the request itself.
    Dripping,
    /// Without an end.
    Endless,
}

impl Reply {
    /// Whether the connection goes on.
    fn say(&self, wire: &mut Wire, forwarded: &Forwarded) -> bool {
        match self {
            Reply::Saying(bytes) => return wire.try_send(bytes),
            Reply::Closing(bytes) => drop(wire.try_send(bytes)),
            Reply::Holding(first, second) => {
                wire.send(first);
                assert!(forwarded.wait(PATIENCE), "the request waits for the read");
                wire.try_send(second);
            }
            Reply::Dripping => {
                wire.send(json(99_999, ""));
                while !forwarded.wait(PATIENCE / 1_000) && wire.try_send(" ") {}
                assert!(forwarded.wait(PATIENCE), "the request waits for the read");
            }
            Reply::Endless => {
                wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                while wire.try_send(format!("400\r\n{}\r\n", "[".repeat(0x400))) {}
            }
        }
        false
    }
}

/// Whether the request itself has come.
#[derive(Default)]
struct Forwarded {
    has_come: Mutex<bool>,
    comes: Condvar,
}

impl Forwarded {
    fn tell(&self) {
        *self.has_come.lock() = true;
        self.comes.notify_all();
    }

    fn wait(&self, at_most: Duration) -> bool {
        let mut has_come = self.has_come.lock();
        self.comes.wait_while_for(&mut has_come, |has_come| !*has_come, at_most);
        *has_come
    }
}

fn answering(reply: Reply) -> App {
    let forwarded = Forwarded::default();
    App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            if !request.starts_with("GET ") {
                forwarded.tell();
                wire.send(json(BOOKING.len(), BOOKING));
            } else if !reply.say(wire, &forwarded) {
                return;
            }
        }
    })
}

fn json(length: usize, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn whole(body: &str) -> Reply {
    Reply::Saying(json(body.len(), body).into_bytes())
}

fn plain(status: &str) -> Reply {
    Reply::Saying(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

/// More blanks before the thing than are unpacked.
fn bomb() -> Reply {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(format!("{}{BOOKING}", " ".repeat(9 << 20)).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let head = json(packed.len(), "").replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
    Reply::Saying([head.into_bytes(), packed].concat())
}

// THREATS B04, B08: where the application holds its answer until it has the request, a proxy that waited for longer than
// the read may take would get nowhere.
#[test]
fn however_badly_a_read_is_answered_the_request_goes_on_and_the_event_says_why() {
    use Unread::{AnotherThing, NotAllowed, NotInAnswer, Refused, Status, Timeout, TooLarge};
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>b1</html>";
    let elsewhere = "302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/";
    let cases = [
        ("never", Reply::Holding("", ""), Timeout, None),
        ("slowly", Reply::Holding("", page), Timeout, None),
        ("half a head", Reply::Holding("HTTP/1.1 200 OK\r\nContent-", ""), Timeout, None),
        ("half a body", Reply::Holding("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{", ""), Timeout, None),
        ("letter by letter", Reply::Dripping, Timeout, None),
        ("closed", Reply::Closing(Vec::new()), Refused, None),
        ("closed in the head", Reply::Closing(b"HTTP/1.1 200".to_vec()), Refused, None),
        ("closed in the body", Reply::Closing(json(99, BOOKING).into_bytes()), Refused, None),
        ("garbage", Reply::Closing(b"\0\x01\xff[[[[{\r\n\r\n".to_vec()), Refused, None),
        (
            "two lengths",
            Reply::Closing(json(12, BOOKING).replace("Type: application/json", "Length: 2").into()),
            Refused,
            None,
        ),
        ("an upgrade", plain("101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade"), Refused, None),
        ("a bad status", plain("99 Low"), Refused, None),
        ("huge", whole(&format!("{}{BOOKING}", " ".repeat(20_000))), TooLarge, None),
        ("without an end", Reply::Endless, TooLarge, None),
        ("a bomb", bomb(), NotInAnswer, None),
        ("deep", whole(&"[".repeat(4_000)), NotInAnswer, None),
        ("nothing", plain("200 OK"), NotInAnswer, None),
        ("a page", Reply::Saying(page.as_bytes().to_vec()), AnotherThing, None),
        ("another thing", whole(r#"{"uid":"b2"}"#), AnotherThing, None),
        ("elsewhere", plain(elsewhere), Status, Some(302)),
        ("broken", plain("500 Oops"), Status, Some(500)),
        ("beyond", plain("799 Odd"), Status, Some(799)),
        ("refused", plain("403 Forbidden"), NotAllowed, Some(403)),
    ];
    for (how, reply, why, status) in cases {
        let app = answering(reply);
        let change = |config: &mut Config| {
            config.limits.capture_bytes_max = 16 << 10;
            patient(config);
        };
        // Only what never comes runs out of time.
        let rules = if why == Timeout { RULES.replace("10000", "300") } else { RULES.to_owned() };
        let recorded = Recorded::before(app.address, &rules, change, |auditor| Arc::new(auditor));
        let answer = recorded.rig.exchange(request("PATCH /v2/bookings/b1", "r1", &[], "{}"));
        assert!(answer.ends_with(BOOKING), "{how}: {answer}");
        let event = recorded.event_of("r1");
        let before = &event.before;
        assert_eq!(
            (before.state, before.why, before.status),
            (BeforeState::Unavailable, Some(why), status),
            "{how}"
        );
        assert!(has(&event, NoteCode::BeforeUnavailable), "{how}");
        let seen = app.requests();
        assert_eq!(seen.iter().filter(|request| request.starts_with("PATCH ")).count(), 1, "{how}: {seen:?}");
    }
}
