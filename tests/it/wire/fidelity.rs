//! What arrives as it was sent: names of headers, answers without a body, old clients and applications, and
//! bodies of any length, at the pace of the slower side.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use super::script::{self, Script};
use crate::rig::{App, PATIENCE, Rig, value_of};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Passing, and audited.
fn rigs(app: &App) -> [Rig; 2] {
    [Rig::before(app.address), script::rig(app, Script { concerns: "/", ..Script::default() }).0]
}

#[test]
fn names_of_headers_arrive_as_they_were_written() {
    let app = App::answering(
        "HTTP/1.1 200 OK\r\nContent-type: text/plain\r\nX-sUm: 1\r\nx-SUM: 2\r\nWWW-Authenticate: x\r\n\
         eTaG: a\r\ncontent-LENGTH: 2\r\n\r\nok",
    );
    for rig in rigs(&app) {
        let request =
            "GET /a HTTP/1.1\r\nHOST: x\r\nuser-Agent: me\r\nSOAPAction: y\r\nX-a: 1\r\nx-A: 2\r\n\r\n";
        let answer = rig.exchange(request);
        for line in [
            "Content-type: text/plain",
            "X-sUm: 1\r\nx-SUM: 2",
            "WWW-Authenticate: x",
            "eTaG: a",
            "content-LENGTH: 2",
        ] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
        }
    }
    for request in app.requests() {
        for line in ["HOST: x", "user-Agent: me", "SOAPAction: y", "X-a: 1\r\nx-A: 2"] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}: {request}");
        }
        // What is set here is written as people write it.
        for name in ["X-Forwarded-For: ", "X-Forwarded-Proto: ", "X-Request-Id: ", "Forwarded: "] {
            assert!(request.contains(&format!("\r\n{name}")), "{name}: {request}");
        }
    }
}

#[test]
fn heads_of_answers_without_a_body_keep_what_they_tell() {
    let cases = [
        ("HEAD", "200 OK\r\nContent-Length: 77\r\nETag: \"a\"", &["content-length", "etag"][..]),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"a\"", &["etag"]),
        ("HEAD", "404 Not Found\r\nContent-Length: 9", &["content-length"]),
        (
            "GET",
            "304 Not Modified\r\nContent-Length: 1234\r\nETag: \"a\"\r\nVary: x",
            &["content-length", "etag", "vary"],
        ),
        ("GET", "304 Not Modified\r\nETag: \"a\"", &["etag"]),
        ("PUT", "204 No Content\r\nETag: \"a\"", &["etag"]),
        ("PUT", "205 Reset Content\r\nContent-Length: 0\r\nX: y", &["x", "content-length"]),
    ];
    for (method, head, kept) in cases {
        let head = format!("HTTP/1.1 {head}\r\n\r\n");
        let app = App::answering(head.clone());
        for rig in rigs(&app) {
            let mut client = rig.connect();
            for _ in 0..2 {
                client.send(format!("{method} /a HTTP/1.1\r\nHost: x\r\n\r\n"));
                let answer = client.read_head().unwrap();
                assert_eq!(answer.split("\r\n").next(), head.split("\r\n").next());
                for name in kept {
                    assert_eq!(value_of(&answer, name), value_of(&head, name), "{method} {head} {answer}");
                }
                assert_eq!(value_of(&answer, "content-length").is_some(), kept.contains(&"content-length"));
            }
        }
        assert_eq!(app.connections(), 2, "{head}");
    }
}

#[test]
fn an_application_of_http_1_0_ends_its_answers_as_it_likes() {
    for (answer, is_kept) in [
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\nuntil the end", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 13\r\n\r\nuntil the end", true),
    ] {
        let app = App::scripted(move |wire| {
            while wire.next_request().is_some() && wire.try_send(answer) {
                if !is_kept {
                    wire.socket.shutdown(Shutdown::Both).unwrap();
                    return;
                }
            }
        });
        for rig in rigs(&app) {
            let mut client = rig.connect();
            for _ in 0..2 {
                client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
                let answer = client.read_message();
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                assert!(answer.contains("until the end"), "{answer}");
            }
        }
        assert_eq!(app.connections(), if is_kept { 2 } else { 4 }, "{answer}");
    }
}

#[test]
fn a_client_of_http_1_0_keeps_its_connection_where_it_asks_for_that() {
    let app = App::answering(OK);
    for rig in rigs(&app) {
        let mut client = rig.connect();
        for _ in 0..2 {
            client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            let answer = client.read_message();
            assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("ok"), "{answer}");
            assert!(value_of(&answer, "connection").unwrap().eq_ignore_ascii_case("keep-alive"), "{answer}");
        }
        client.send("GET /a HTTP/1.0\r\n\r\n");
        assert!(client.read_to_end().ends_with("ok"));
    }
}

#[test]
fn an_application_that_refuses_before_the_body_is_heard_before_the_body() {
    for status in ["417 Expectation Failed", "401 Unauthorized", "413 Payload Too Large"] {
        let app = App::scripted(move |wire| {
            wire.read_head().unwrap();
            wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"));
            // Until we hang up, so that nothing that was sent is lost in a reset.
            wire.read_to_end();
        });
        for rig in rigs(&app) {
            let mut client = rig.connect();
            client.send(
                "PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n",
            );
            let mut answer = client.read_message();
            if answer.starts_with("HTTP/1.1 100 ") {
                answer = client.read_message();
            }
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        }
    }
}

// THREATS D06
#[test]
fn interim_answers_reach_clients_of_http_1_1_in_their_place_and_no_others() {
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n";
    let sent = format!("HTTP/1.1 100 Continue\r\n\r\n{hint}Connection: close\r\n\r\n");
    let work = "HTTP/1.1 102 Processing\r\n\r\n";
    for (before, after) in
        [(sent.clone(), String::new()), (String::new(), sent.clone()), (sent, work.repeat(6))]
    {
        let expected = [&before, &after].iter().filter(|part| part.contains("103")).count();
        let works = after.matches("102").count();
        let app = App::scripted(move |wire| {
            while wire.next_request().is_some() {
                wire.send(&before);
                wire.send([&after, OK].concat());
            }
        });
        for rig in rigs(&app) {
            let mut client = rig.connect();
            for _ in 0..2 {
                client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
                for _ in 0..expected {
                    assert_eq!(client.read_head().unwrap(), format!("{hint}\r\n"));
                }
                for _ in 0..works {
                    assert_eq!(client.read_head().unwrap(), work);
                }
                let answer = client.read_message();
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok"), "{answer}");
            }
            let mut old = rig.connect();
            old.send("GET /a HTTP/1.0\r\n\r\n");
            assert!(old.read_to_end().starts_with("HTTP/1.0 200 OK\r\n"));
        }
    }
}

#[test]
fn an_interim_answer_arrives_while_the_answer_is_still_to_come() {
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let app = App::scripted(move |wire| {
        wire.next_request();
        wire.send("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n");
        wait.lock().recv_timeout(PATIENCE).unwrap();
        wire.send(OK);
    });
    for rig in rigs(&app) {
        let mut client = rig.connect();
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.read_head().unwrap(), "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n");
        go_on.send(()).unwrap();
        assert!(client.read_message().ends_with("ok"));
    }
}

#[test]
fn an_interim_answer_does_not_break_into_the_answer_before_it() {
    let long = "x".repeat(8 << 20);
    let body = long.clone();
    let app = App::scripted(move |wire| {
        wire.next_request();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        wire.next_request();
        wire.send(["HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", OK].concat());
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2));
    assert!(client.read_message().ends_with(&long));
    assert_eq!(client.read_head().unwrap(), "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n");
    assert!(client.read_message().ends_with("ok"));
}

const LONG: u64 = 256 << 20;
/// What the sockets of three processes and the proxy may hold together; a proxy that collects bodies holds all.
const IN_FLIGHT_MAX: u64 = 64 << 20;

/// Sends it all; tells by `stalled` once, when nothing is taken any more, how much has gone out.
fn pour(socket: &mut TcpStream, stalled: &mpsc::Sender<u64>) {
    let part = [b'x'; 64 << 10];
    let (mut sent, mut has_told) = (0, false);
    socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while sent < LONG {
        match socket.write(&part[..part.len().min(usize::try_from(LONG - sent).unwrap())]) {
            Ok(count) => sent += count as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if !has_told {
                    has_told = true;
                    socket.set_write_timeout(Some(PATIENCE)).unwrap();
                    stalled.send(sent).unwrap();
                } else {
                    panic!("{sent} bytes, and no more is taken");
                }
            }
            Err(error) => panic!("{error} after {sent} bytes"),
        }
    }
}

/// Takes it all.
fn drain(socket: &mut TcpStream, taken: &AtomicU64) {
    let mut space = vec![0; 256 << 10];
    while taken.load(Ordering::SeqCst) < LONG {
        let count = socket.read(&mut space).unwrap();
        assert!(count > 0, "it ends after {taken:?} bytes");
        taken.fetch_add(count as u64, Ordering::SeqCst);
    }
}

#[test]
fn a_long_request_body_waits_for_a_slow_application() {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    let app = App::scripted(move |wire| {
        let head = wire.read_head().unwrap();
        assert_eq!(value_of(&head, "content-length"), Some(LONG.to_string().as_str()));
        let in_flight: u64 = told.lock().recv_timeout(PATIENCE).unwrap();
        assert!(in_flight < IN_FLIGHT_MAX, "{in_flight} bytes were taken for an application that took none");
        counted.store(wire.buffered() as u64, Ordering::SeqCst);
        drain(&mut wire.socket, &counted);
        wire.send(OK);
    });
    for rig in rigs(&app) {
        let mut client = rig.connect();
        client.send(format!("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: {LONG}\r\n\r\n"));
        pour(&mut client.socket, &tell);
        assert!(client.read_message().ends_with("ok"));
        assert_eq!(taken.load(Ordering::SeqCst), LONG);
    }
}

#[test]
fn a_long_answer_waits_for_a_slow_client() {
    let (tell, told) = mpsc::channel();
    let app = App::scripted(move |wire| {
        wire.next_request().unwrap();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n"));
        pour(&mut wire.socket, &tell);
    });
    for rig in rigs(&app) {
        let mut client = rig.connect();
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let in_flight = told.recv_timeout(PATIENCE).unwrap();
        assert!(in_flight < IN_FLIGHT_MAX, "{in_flight} bytes were taken for a client that took none");
        client.read_head().unwrap();
        let taken = AtomicU64::new(client.buffered() as u64);
        drain(&mut client.socket, &taken);
    }
}
