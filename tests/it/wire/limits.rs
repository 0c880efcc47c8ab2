//! Ceilings on what a client may take and how slow it may be. What is cut off is counted by its limit's
//! name, and the next client is served as before.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Barrier};

use earwitness::exchange::Ending;
use earwitness::proxy::Audit;
use tokio::sync::Semaphore;

use super::script::{self, POST, Script};
use crate::rig::{App, Rig, eventually, value_of};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn hits(rig: &Rig, limit: &str) -> u64 {
    rig.metric(&format!("earwitness_limits_hit_total{{limit=\"{limit}\"}}"))
}

#[test]
fn a_body_past_its_limit_is_refused_with_413_however_it_is_framed() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| config.limits.request_body_bytes_max = 10);
    let announced = rig.exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    assert_eq!(value_of(&announced, "connection"), Some("close"));
    assert_eq!(app.connections(), 0);
    let chunks = "6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n";
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = rig.exchange(format!("{head}{chunks}"));
    assert!(chunked.starts_with("HTTP/1.1 413 "), "{chunked}");
    assert_eq!(app.requests().len(), 0, "no complete request arrived");
    assert_eq!(hits(&rig, "request_body_bytes_max"), 2);
    let whole = rig.exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
    assert!(whole.starts_with("HTTP/1.1 200 "), "{whole}");
}

#[test]
fn a_connection_is_closed_after_its_last_request() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| config.limits.connection_requests_max = 3);
    let mut client = rig.connect();
    for left in (0..3).rev() {
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.read_message();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(value_of(&answer, "connection"), (left == 0).then_some("close"), "{answer}");
    }
    assert_eq!(client.read_to_end(), "");
}

// THREATS D03
#[test]
fn a_client_that_stops_in_its_body_is_cut_off() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.client_stall_ms = 100;
        config.limits.client_stall_bytes_min = 50;
    });
    let mut client = rig.connect();
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n123");
    assert_eq!(client.read_to_end(), "");
    assert_eq!(hits(&rig, "client_stall_ms"), 1);
    assert!(rig.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

// THREATS D03
#[test]
fn a_client_that_does_not_take_its_answer_is_cut_off() {
    const LENGTH: usize = 64 << 20;
    let app = App::scripted(|wire| {
        wire.next_request();
        let _ = write!(wire.socket, "HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        let part = vec![b'x'; 1 << 20];
        while wire.socket.write_all(&part).is_ok() {}
    });
    let rig = Rig::with(app.address, |config| config.limits.client_stall_ms = 100);
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    eventually("the client to be given up", || hits(&rig, "client_stall_ms") == 1);
    client.socket.shutdown(Shutdown::Write).unwrap();
    let mut taken = Vec::new();
    // What was under way arrives, or the connection is reset.
    let _ = client.socket.read_to_end(&mut taken);
    assert!(taken.len() < LENGTH, "{} bytes", taken.len());
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const IN_FLIGHT: &str = "earwitness_requests_in_flight";

// THREATS D03
#[test]
fn more_requests_than_may_be_under_way_are_told_at_once_to_come_back() {
    let end = Arc::new(Barrier::new(2));
    let wait = Arc::clone(&end);
    let app = App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            if request.starts_with("GET /slow ") {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
                wait.wait();
                wire.send("k");
            } else {
                wire.send(OK);
            }
        }
    });
    let rig = Rig::with(app.address, |config| config.limits.requests_max = 1);
    let (mut slow, mut client) = (rig.connect(), rig.connect());
    slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    slow.read_head().unwrap();
    for turned_away in 1..=2 {
        client.send(GET);
        let answer = client.read_message();
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert_eq!((value_of(&answer, "retry-after"), value_of(&answer, "connection")), (Some("1"), None));
        assert_eq!((hits(&rig, "requests_max"), rig.metric(IN_FLIGHT)), (turned_away, 1));
    }
    assert_eq!(app.requests().len(), 1);
    end.wait();
    assert_eq!(slow.read_bytes(2), "ok");
    eventually("the place is free again", || rig.metric(IN_FLIGHT) == 0);
    client.send(GET);
    assert!(client.read_message().starts_with("HTTP/1.1 200 "));
}

// THREATS D03
#[test]
fn a_request_keeps_its_place_until_it_is_recorded() {
    let gate = Arc::new(Semaphore::new(0));
    let (rig, _script) =
        script::rig(&App::answering(OK), Script { gate: Some(Arc::clone(&gate)), ..Script::default() });
    assert!(rig.exchange(POST).starts_with("HTTP/1.1 200 "));
    assert_eq!(rig.metric(IN_FLIGHT), 1);
    gate.add_permits(1);
    eventually("the place is free again", || rig.metric(IN_FLIGHT) == 0);
}

// THREATS D03
#[test]
fn an_answer_that_stands_still_breaks_off_but_an_event_stream_may_be_silent() {
    const EVENT: &str = "8\r\ndata: 1\n\r\n";
    let end = Arc::new(Barrier::new(2));
    let wait = Arc::clone(&end);
    let app = App::scripted(move |wire| {
        let Some(request) = wire.next_request() else { return };
        if request.starts_with("GET /events ") {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            wire.send(head);
            wait.wait();
            wire.send(EVENT);
        } else {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        }
        wire.read_to_end();
    });
    let script = Arc::new(Script::default());
    let rig = Rig::audited(app.address, Arc::clone(&script) as Arc<dyn Audit>, |config| {
        config.limits.upstream_body_ms = 50;
    });
    let mut stream = rig.connect();
    stream.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.read_head().unwrap();
    // One that no rule concerns, and one that a rule does.
    for (count, request) in [(1, GET), (2, POST)] {
        let answer = rig.exchange(request);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhalf"), "{answer}");
        assert_eq!(hits(&rig, "upstream_body_ms"), count);
    }
    assert_eq!(script.only().ending, Ending::UpstreamGone);
    end.wait();
    assert_eq!(stream.read_bytes(EVENT.len()), EVENT);
    eventually("an open stream keeps no place", || rig.metric(IN_FLIGHT) == 0);
}
