//! Ceilings on what a client may take and how slow it may be. What is cut off is counted by its limit's
//! name, and the next client is served as before.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

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
