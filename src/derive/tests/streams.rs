//! WebSockets and event streams: what is recorded when they open, and when they close.

use super::*;
use crate::exchange::Stream;

const CLOSED: Stream = Stream::Closed { bytes_in: 3, bytes_out: 70_000, duration_ms: 1_500 };

fn check(rule: &str, opened: &[&str], closed: &[&str]) {
    for (stream, expected) in [(Stream::Opened, opened), (CLOSED, closed)] {
        let mut played =
            play(&format!("rules: [{{ id: r, match: GET /ws, {rule} }}]"), "GET /ws", "").says(101, "");
        let response = played.exchange.response.as_mut().unwrap();
        response.stream = Some(stream);
        let messages: Vec<String> = played.run().events.into_iter().map(|event| event.message.text).collect();
        assert_eq!(messages, expected, "{rule} {stream:?}");
    }
}

#[test]
fn a_rule_records_the_opening_unless_it_looks_at_the_stream() {
    check("action: A, message: plain", &["plain"], &[]);
    check("action: A, message: x, when: { $.response.stream.state: closed }", &[], &["x"]);
    check("action: A, message: x, when: { $.response.stream.state: opened }", &["x"], &[]);
    check("action: A, message: 'it {{ response.stream.state }}'", &["it opened"], &["it closed"]);
    check(
        "events: [{ action: OPENED, message: begun, when: { $.response.stream.state: opened } }, \
         { action: CLOSED, message: '{{ response.stream.bytesIn }} {{ response.stream.bytesOut }} \
         {{ response.stream.durationMs }}', when: { $.response.stream.state: closed } }], otherwise: { action: C }",
        &["begun"],
        &["3 70000 1500"],
    );
}

#[test]
fn what_watches_streams_is_planned_so() {
    for (when, expected) in
        [("{ $.response.stream.state: closed }", true), ("{ $.response.status: 101 }", false)]
    {
        let rules = format!("rules: [{{ id: r, match: GET /ws, action: A, when: {when} }}]");
        assert_eq!(play(&rules, "GET /ws", "").plan().watches_streams, expected, "{when}");
    }
}
