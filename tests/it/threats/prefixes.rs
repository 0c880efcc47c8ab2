//! Answers before the request's body has ended: the application may have acted on what it had by then.

use earwitness::event::{Certainty, Event, NoteCode, Outcome};

use super::{Recorded, request};
use crate::rig::{App, Wire, eventually};

const RULES: &str = r#"version: 1
defaults: { target: { type: booking, id: $.path.uid } }
rules:
  - { id: cancelled, match: "POST /v2/bookings/{uid}/cancel", action: CANCELLED, reason: $.request.body.reason }
  - { id: refunded, match: "POST /v2/bookings/{uid}/cancel", when: { $.request.body.refund: true }, action: REFUNDED }
"#;

const LINE: &str = "POST /v2/bookings/b1/cancel";
const CLOSED: &str = "Content-Length: 2\r\nConnection: close\r\n\r\n{}";

/// Sends `sent` before an application that answers `answer` when it has read `awaited` bytes behind the head, and
/// closes; the answer, and the two events.
fn told(sent: &str, awaited: usize, answer: &str) -> (String, Vec<Event>) {
    let answer = answer.to_owned();
    let app = App::scripted(move |wire| {
        wire.read_head();
        assert_eq!(wire.read_bytes(awaited).len(), awaited);
        wire.send(&answer);
    });
    let recorded = Recorded::before(app.address, RULES, |_| {}, |auditor| std::sync::Arc::new(auditor));
    let mut client: Wire = recorded.rig.connect();
    client.send(sent);
    let answered = client.read_head().unwrap_or_default();
    eventually("both rules have recorded", || recorded.events_of("r").len() == 2);
    let mut events = recorded.events_of("r");
    events.sort_by_key(|event| event.action != "CANCELLED");
    (answered, events)
}

/// What the note of the cut body says.
fn detail(event: &Event) -> &str {
    let note = event.notes.iter().find(|note| note.code == NoteCode::BodyCut);
    note.and_then(|note| note.detail.as_deref()).unwrap_or_default()
}

// THREATS E36
#[test]
fn an_application_that_acts_on_a_part_of_a_body_is_recorded_with_how_much_it_had() {
    let body = format!(r#"{{"reason":"ill","refund":true,"more":"{}"}}"#, "x".repeat(60));
    assert_eq!(body.len(), 100);
    let whole = request(LINE, "r", &["Content-Type: application/json"], &body);
    let nine_tenths = &whole[..whole.len() - 10];
    let only_head = &whole[..whole.len() - 100];
    let waiting = only_head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let chunked = request(LINE, "r", &["Transfer-Encoding: chunked"], "") + "20\r\n" + &body[..32] + "\r\n";
    let cases = [
        (
            nine_tenths,
            90,
            "HTTP/1.1 200 OK\r\n",
            Outcome::Success,
            "90 bytes of 90 that passed, 100 announced",
        ),
        (
            nine_tenths,
            90,
            "HTTP/1.1 409 Conflict\r\n",
            Outcome::Failure,
            "90 bytes of 90 that passed, 100 announced",
        ),
        (only_head, 0, "HTTP/1.1 200 OK\r\n", Outcome::Success, "0 bytes of 0 that passed, 100 announced"),
        (
            only_head,
            0,
            "HTTP/1.1 413 Too Large\r\n",
            Outcome::Failure,
            "0 bytes of 0 that passed, 100 announced",
        ),
        (&waiting, 0, "HTTP/1.1 200 OK\r\n", Outcome::Success, "0 bytes of 0 that passed, 100 announced"),
        (
            &waiting,
            0,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
            Outcome::Success,
            "0 bytes of 0 that passed, 100 announced",
        ),
        (&chunked, 38, "HTTP/1.1 200 OK\r\n", Outcome::Success, "32 bytes of 32"),
    ];
    for (sent, awaited, head, result, told_as) in cases {
        let (answered, events) = told(sent, awaited, &format!("{head}{CLOSED}"));
        let status = head.lines().last().unwrap_or_default();
        assert!(answered.contains(status) || answered.contains("100 Continue"), "{status}: {answered}");
        for event in &events {
            assert_eq!((event.result, detail(event)), (result, told_as), "{status}: {event:#?}");
            assert_eq!(event.target.as_ref().and_then(|target| target.id.as_deref()), Some("b1"));
            assert_eq!(event.reason, None, "nothing of half a body is taken");
        }
        let certainties: Vec<_> = events.iter().map(|event| event.r#match.certainty).collect();
        assert_eq!(certainties, [Certainty::Certain, Certainty::Doubtful], "{status}");
    }
}
