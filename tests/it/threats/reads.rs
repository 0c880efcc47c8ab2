//! Reads of ours that have effects in the application.

use std::sync::Arc;

use earwitness::event::BeforeState;
use parking_lot::Mutex;

use super::{Recorded, request};
use crate::rig::{App, value_of};

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
