//! Reads of ours that have effects in the application.

use std::sync::Arc;

use earwitness::event::{BeforeState, Unread};
use parking_lot::Mutex;

use super::{Recorded, request};
use crate::rig::{App, eventually, value_of};

const RULES: &str = r#"version: 1
resources: { booking: { read: "GET /v2/bookings/{uid}" } }
rules:
  - { id: patched, match: "PATCH /v2/bookings/{uid}", action: PATCHED, before: booking, target: { type: booking, id: $.path.uid } }
"#;

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
                    format!("HTTP/1.1 200 OK\r\nSet-Cookie: session={fresh}\r\nContent-Length: 2\r\n\r\n{{}}")
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
    let recorded = Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(auditor));
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
