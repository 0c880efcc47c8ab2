//! Endings: the application down, slow or gone, the client gone, limits, shutdown.

use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use crate::rig::{App, PATIENCE, Rig, eventually, value_of};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn an_application_that_is_down_is_a_502_with_the_request_id() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rig = Rig::before(address);
    let answer = rig.exchange("GET /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: me\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
    assert!(
        answer.ends_with("502 Bad Gateway: the application could not be reached.\nRequest id: me\n"),
        "{answer}"
    );
    assert_eq!(value_of(&answer, "cache-control"), Some("no-store"));
    assert_eq!(rig.metric("earwitness_requests_total{kind=\"failed\"}"), 1);
}

#[test]
fn an_application_that_is_slow_is_a_504() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.read_to_end();
    });
    let rig = Rig::with(app.address, |config| config.limits.upstream_ms = 50);
    let answer = rig.exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    assert!(answer.contains("504 Gateway Timeout: the application did not answer in time.\n"), "{answer}");
}

#[test]
fn an_application_that_leaves_in_its_head_is_a_502_and_later_a_broken_answer() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let head = response.len() - 10;
    for cut in [0, 1, 10, 20, head - 1, head, head + 1, head + 9] {
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send(&response[..cut]);
            wire.socket.shutdown(Shutdown::Both).unwrap();
        });
        let rig = Rig::before(app.address);
        let mut client = rig.connect();
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.read_message();
        if cut < head {
            assert!(answer.starts_with("HTTP/1.1 502 "), "cut at {cut}: {answer}");
            assert!(answer.contains("closed the connection without an answer"), "{answer}");
        } else if !answer.is_empty() {
            // (What came at once with the break may be lost with it.)
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "cut at {cut}: {answer}");
            assert!(
                response[head..cut].ends_with(answer.split_once("\r\n\r\n").unwrap().1),
                "cut at {cut}: {answer}"
            );
            assert_eq!(client.read_to_end(), "", "the connection ends too");
        }
    }
}

#[test]
fn a_client_that_leaves_takes_only_its_own_request_with_it() {
    let request = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789";
    for cut in [0, 1, 10, 30, request.len() - 10, request.len() - 1, request.len()] {
        let app = App::answering(OK);
        let rig = Rig::before(app.address);
        let mut client = rig.connect();
        client.send(&request[..cut]);
        drop(client);
        eventually("the connection is closed", || rig.metric("earwitness_connections ") == 0);
        assert!(rig.exchange("GET /next HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("ok"), "cut at {cut}");
        let whole = app.requests().iter().filter(|request| request.ends_with("0123456789")).count();
        assert!(whole <= usize::from(cut == request.len()), "cut at {cut}");
    }
}

#[test]
fn an_answer_before_the_body_ends_reaches_the_client() {
    let app = App::scripted(|wire| {
        wire.read_head();
        wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        wire.read_to_end();
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx");
    assert!(client.read_head().unwrap().starts_with("HTTP/1.1 413 "));
}

#[test]
fn more_connections_than_the_limit_are_turned_away() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| config.limits.connections_max = 2);
    let mut first = rig.connect();
    let second = rig.connect();
    eventually("two are open", || rig.metric("earwitness_connections ") == 2);
    assert!(rig.connect().read_to_end().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    drop(second);
    eventually("one is open", || rig.metric("earwitness_connections ") == 1);
    assert!(rig.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("ok"));
    first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(first.read_message().ends_with("ok"));
}

#[test]
fn idle_connections_and_slow_heads_are_ended() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.idle_ms = 60;
        config.limits.head_ms = 30;
    });
    assert_eq!(rig.connect().read_to_end(), "");
    let mut slow = rig.connect();
    slow.send("GET / HTTP/1.1\r\nHo");
    assert!(slow.read_to_end().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"idle_ms\"}"), 1);
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"head_ms\"}"), 1);
}

#[test]
fn a_stop_lets_what_is_in_flight_finish_and_takes_nothing_new() {
    let (came, has_come) = mpsc::channel();
    let app = App::scripted(move |wire| {
        wire.next_request();
        came.send(()).unwrap();
        std::thread::park_timeout(Duration::from_millis(100));
        wire.send(OK);
    });
    let rig = Rig::before(app.address);
    let address = rig.address;
    let mut idle = rig.connect();
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    has_come.recv_timeout(PATIENCE).unwrap();
    let stopping = std::thread::spawn(move || rig.stop());
    assert_eq!(idle.read_to_end(), "");
    assert!(client.read_message().ends_with("ok"));
    assert_eq!(client.read_to_end(), "");
    stopping.join().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}
