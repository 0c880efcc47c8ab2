//! Attacks that HTTP/2 makes possible (THREATS D01, D03): each ends the connection, costs the application
//! little, and leaves others alone. Counted, never timed.

use std::io::Read as _;

use super::peer::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, RST_STREAM, Raw, SETTINGS, block,
    frame, request,
};
use crate::rig::{App, Rig, eventually};
use crate::wire::script::OK;

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/a")];

/// Sends all that can be sent until the other end closes, which it must.
fn flood(raw: &mut Raw, mut next: impl FnMut(u32) -> Vec<u8>) {
    let mut sink = raw.socket.try_clone().unwrap();
    // Somebody must read, or both ends wait for each other.
    let reading = std::thread::spawn(move || {
        let mut space = [0; 4096];
        while sink.read(&mut space).is_ok_and(|count| count > 0) {}
    });
    let is_ended = (0..1_000_000).any(|number| !raw.send(&next(number)));
    assert!(is_ended, "a million of them were taken");
    reading.join().unwrap();
}

fn check_service(rig: &Rig) {
    eventually("the connection is closed", || rig.metric("earwitness_connections ") == 0);
    let mut raw = Raw::connect(rig.address);
    raw.send(&request(1, &GET));
    assert_eq!(raw.status_of(1), Some(200));
}

#[test]
fn rapid_resets_end_the_connection_before_they_cost_the_application_much() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let mut raw = Raw::connect(rig.address);
    let head = block(&GET);
    flood(&mut raw, |number| {
        let stream = 2 * number + 1;
        let begin = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
        [begin, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    check_service(&rig);
    assert!(app.requests().len() <= 1_001, "{}", app.requests().len());
}

#[test]
fn streams_past_the_limit_are_refused() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.read_to_end();
    });
    let rig = Rig::with(app.address, |config| config.limits.streams_max = 10);
    let mut raw = Raw::connect(rig.address);
    let head = block(&GET);
    for number in 0..20 {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &head));
    }
    let mut refused = 0;
    while refused < 10 {
        refused += usize::from(raw.next_frame().unwrap().kind == RST_STREAM);
    }
    eventually("the others came", || app.requests().len() == 10);
}

#[test]
fn floods_of_frames_that_carry_nothing_end_the_connection() {
    let app = App::scripted(|wire| {
        wire.read_head();
        wire.try_send(OK);
        wire.read_to_end();
    });
    let rig = Rig::before(app.address);
    let mut raw = Raw::connect(rig.address);
    flood(&mut raw, |_| frame(PING, 0, 0, b"12345678").repeat(100));
    eventually("it is counted", || rig.metric("earwitness_limits_hit_total{limit=\"light_frames\"}") == 1);
    let mut raw = Raw::connect(rig.address);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&GET)));
    flood(&mut raw, |_| frame(DATA, 0, 1, b"").repeat(100));
    check_service(&rig);
}

#[test]
fn a_head_without_an_end_ends_the_connection() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| config.limits.head_ms = 30);
    // In masses.
    let mut raw = Raw::connect(rig.address);
    raw.send(&frame(HEADERS, END_STREAM, 1, &block(&GET)));
    flood(&mut raw, |_| frame(CONTINUATION, 0, 1, &block(&[("a", "b")])).repeat(100));
    // And slowly.
    let mut raw = Raw::connect(rig.address);
    raw.send(&frame(HEADERS, END_STREAM, 1, &block(&GET)));
    raw.frames_to_end();
    eventually("it is counted", || rig.metric("earwitness_limits_hit_total{limit=\"head_ms\"}") >= 1);
    check_service(&rig);
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn a_stream_whose_answer_nobody_takes_is_ended_and_the_others_go_on() {
    const LARGE: usize = 1 << 20;
    let app = App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n{}", "x".repeat(LARGE));
            if !wire.try_send(if request.starts_with("GET /large ") { large } else { OK.to_owned() }) {
                return;
            }
        }
    });
    let rig = Rig::with(app.address, |config| {
        config.limits.client_stall_ms = 100;
        config.limits.client_stall_bytes_min = 1 << 20;
    });
    let mut raw = Raw::connect(rig.address);
    // SETTINGS_INITIAL_WINDOW_SIZE: ten bytes of each answer have room.
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 10]));
    let large = [GET[0], GET[1], GET[2], (":path", "/large")];
    raw.send(&request(1, &large));
    let is_end = |found: &Frame| found.kind == RST_STREAM && found.stream == 1;
    while !is_end(&raw.next_frame().expect("the connection goes on")) {}
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"client_stall_ms\"}"), 1);
    eventually("its place is free", || rig.metric("earwitness_requests_in_flight") == 0);
    raw.send(&request(3, &GET));
    assert_eq!(raw.status_of(3), Some(200));
}

#[test]
fn a_stream_whose_body_does_not_come_is_a_408_and_the_others_go_on() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.upstream_ms = 30;
        config.limits.client_stall_ms = 30;
    });
    let mut raw = Raw::connect(rig.address);
    raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&GET)));
    assert_eq!(raw.status_of(1), Some(408));
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"client_stall_ms\"}"), 1);
    // (On a busy machine the application is now and then too late, too.)
    let is_answered = |stream: u32| {
        raw.send(&request(stream, &GET));
        raw.status_of(stream) == Some(200)
    };
    assert!((3..100).step_by(2).any(is_answered));
}
