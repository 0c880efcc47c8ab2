//! WebSockets: two sockets joined, and nothing else that calls itself an upgrade.

use std::net::Shutdown;
use std::sync::Arc;

use earwitness::event::Outcome;
use earwitness::exchange::{Ending, Exchange, Stream};
use earwitness::proxy::Audit;

use super::script::{self, Script};
use crate::rig::{App, Rig, Wire, eventually, value_of};
use crate::threats::Recorded;

const ASK: &str = "GET /ws?x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
Sec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
Sec-WebSocket-Accept: x\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An application that agrees, then sends back what comes until nothing does, then says bye.
fn echoing() -> App {
    App::scripted(|wire| {
        wire.next_request();
        wire.send([AGREED, "hello"].concat());
        loop {
            let byte = wire.read_bytes(1);
            if byte.is_empty() {
                break;
            }
            wire.send(byte);
        }
        wire.send("bye");
    })
}

fn opened(rig: &Rig, early: &str) -> Wire {
    let mut client = rig.connect();
    client.send([ASK, early].concat());
    let head = client.read_head().unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert_eq!(value_of(&head, "upgrade"), Some("websocket"), "{head}");
    assert!(value_of(&head, "connection").unwrap().eq_ignore_ascii_case("upgrade"), "{head}");
    assert_eq!(value_of(&head, "sec-websocket-accept"), Some("x"), "{head}");
    assert_eq!(client.read_bytes(5), "hello");
    client
}

#[test]
fn a_websocket_is_two_sockets_joined_each_of_which_ends_by_itself() {
    let app = echoing();
    let rig = Rig::before(app.address);
    // Early bytes may look like anything.
    for early in ["", "\u{1}\u{5}early", "GET /#x HTTP/1.1\r\n\r\n", "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut client = opened(&rig, early);
        assert_eq!(client.read_bytes(early.len()), early);
        for message in ["\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\0"] {
            client.send(message);
            assert_eq!(client.read_bytes(message.len()), message);
        }
        assert_eq!(rig.metric("earwitness_connections"), 1);
        client.socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read_to_end(), "bye");
        eventually("its place is free again", || rig.metric("earwitness_connections") == 0);
    }
    let request = &app.requests()[0];
    assert_eq!(value_of(request, "upgrade"), Some("WebSocket"), "{request}");
    assert_eq!(value_of(request, "connection"), Some("Upgrade"), "{request}");
    assert_eq!(value_of(request, "sec-websocket-key"), Some("a2V5"), "{request}");
}

#[test]
fn much_goes_through_a_websocket_in_both_directions() {
    let app = echoing();
    let rig = Rig::before(app.address);
    let mut client = opened(&rig, "");
    let many = "0123456789abcdef".repeat(10_000);
    let sent = many.clone();
    let mut socket = client.socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut socket, sent.as_bytes()).unwrap());
    assert!(client.read_bytes(many.len()) == many);
    sender.join().unwrap();
}

// THREATS E32
#[test]
fn what_the_client_sends_before_the_101_reaches_the_application_behind_it_only() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.socket.set_nonblocking(true).unwrap();
        let early = wire.socket.peek(&mut [0; 1]);
        assert!(early.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
        wire.socket.set_nonblocking(false).unwrap();
        wire.send(AGREED);
        let seen = wire.read_bytes(5);
        wire.send(seen);
    });
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    client.send([ASK, "early"].concat());
    client.read_head().unwrap();
    assert_eq!(client.read_bytes(5), "early");
}

// THREATS E32
#[test]
fn no_other_upgrade_is_asked_of_the_application() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let cases = [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Upgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n",
    ];
    for lines in cases {
        let body = if lines.contains("Length") { "x" } else { "" };
        let answer = rig.exchange(format!("GET /a HTTP/1.1\r\nHost: x\r\n{lines}\r\n{body}"));
        assert!(answer.ends_with("ok"), "{lines}: {answer}");
    }
    assert_eq!(app.requests().len(), cases.len());
    for request in app.requests() {
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(value_of(&request, name), None, "{request}");
        }
    }
}

// THREATS E32, D06
#[test]
fn a_101_that_nobody_asked_for_is_a_502_and_nothing_behind_it_goes_on() {
    let cases = [
        (ASK, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        (ASK, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n"),
        (ASK, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        (ASK, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket, h2c\r\nConnection: upgrade\r\n\r\n"),
        ("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", AGREED),
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", AGREED),
        ("GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", AGREED),
    ];
    for (request, answer) in cases {
        let app = App::answering(answer);
        for rig in [Rig::before(app.address), script::rig(&app, Script::default()).0] {
            let mut client = rig.connect();
            client.send([request, "POST /hidden HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"].concat());
            let received = client.read_to_end();
            assert!(received.starts_with("HTTP/1.1 502 "), "{answer}: {received}");
            assert_eq!(received.matches("HTTP/1.1 ").count(), 1, "{received}");
        }
        assert!(app.requests().iter().all(|seen| !seen.contains("/hidden")), "{answer}");
    }
}

// THREATS E32
#[test]
fn behind_an_upgrade_that_is_not_granted_requests_go_on_and_pass_the_gate() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let mut client = rig.connect();
    for next in ["GET /b HTTP/1.1\r\nHost: x\r\n\r\n", ASK, "GET /#c HTTP/1.1\r\nHost: x\r\n\r\n"] {
        client.send([ASK, next].concat());
        for expected in ["200", if next.contains('#') { "400" } else { "200" }] {
            let answer = client.read_message();
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{next}: {answer}");
        }
    }
    assert_eq!(client.read_to_end(), "");
    assert_eq!(app.requests().len(), 5);
}

#[test]
fn an_upgrade_without_a_rule_is_a_blind_spot_and_one_with_a_rule_is_recorded_at_its_opening() {
    let app = echoing();
    let (rig, script) = script::rig(&app, Script::default());
    opened(&rig, "");
    eventually("it is counted", || script.missed.lock().as_slice() == ["GET /ws?x 101"]);

    let (rig, script) = script::rig(&app, Script { concerns: "/ws", ..Script::default() });
    let _client = opened(&rig, "");
    assert_eq!(script.only().response.unwrap().status, 101);
    assert_eq!(script.missed.lock().len(), 0);
}

/// Both records of a stream: how it opened, and what is told of its end.
fn both_ends(script: &Script) -> (Exchange, Exchange) {
    eventually("both ends are recorded", || script.seen.lock().len() == 2);
    let mut all = script.exchanges();
    let (closed, opened) = (all.remove(1), all.remove(0));
    assert_eq!(opened.response.as_ref().unwrap().stream, Some(Stream::Opened));
    assert_eq!((opened.id, opened.received_at), (closed.id, closed.received_at));
    (opened, closed)
}

fn counts(closed: &Exchange) -> (u64, u64) {
    match closed.response.as_ref().unwrap().stream {
        Some(Stream::Closed { bytes_in, bytes_out, .. }) => (bytes_in, bytes_out),
        Some(Stream::Opened) | None => panic!("{closed:?}"),
    }
}

#[test]
fn a_websocket_that_a_rule_watches_is_recorded_when_it_opens_and_with_its_bytes_when_it_closes() {
    let app = echoing();
    let watching =
        || Script { concerns: "/ws", watches_streams: true, is_durable: true, ..Script::default() };
    let (rig, script) = script::rig(&app, watching());
    let mut client = opened(&rig, "early");
    assert_eq!(script.exchanges().len(), 1);
    client.send("and more");
    assert_eq!(client.read_bytes(13), "earlyand more");
    client.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read_to_end(), "bye");
    let (_, closed) = both_ends(&script);
    assert_eq!((counts(&closed), closed.response.unwrap().status), ((13, 21), 101));

    // Cut by a stop, it is recorded all the same.
    let script = Arc::new(watching());
    let rig = Rig::audited(app.address, Arc::clone(&script) as Arc<dyn Audit>, |config| {
        config.limits.shutdown_ms = 50;
    });
    let mut client = opened(&rig, "");
    client.send("x");
    assert_eq!(client.read_bytes(1), "x");
    rig.stop();
    assert_eq!(counts(&both_ends(&script).1), (1, 6));
}

#[test]
fn an_event_stream_that_a_rule_watches_is_recorded_at_both_ends() {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (rest, ending) in [("0\r\n\r\n", Ending::Complete), ("", Ending::UpstreamGone)] {
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send([HEAD, "6\r\ndata: \r\n3\r\nx\n\n\r\n", rest].concat());
            wire.socket.shutdown(Shutdown::Both).unwrap();
        });
        let (rig, script) = script::rig(&app, Script { watches_streams: true, ..Script::default() });
        let mut client = rig.connect();
        client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        client.read_head().unwrap();
        client.read_bytes("6\r\ndata: \r\n3\r\nx\n\n\r\n".len() + rest.len());
        if ending == Ending::UpstreamGone {
            // Who leaves a stream first ends it as one does.
            assert_eq!(client.read_to_end(), "");
        }
        drop(client);
        let (opened, closed) = both_ends(&script);
        assert_eq!((counts(&closed), closed.ending), ((5, 9), ending));
        assert_eq!(
            (&*opened.request.body.bytes, &*closed.request.body.bytes),
            (&b"hello"[..], &b"hello"[..])
        );
    }
}

#[test]
fn a_stop_gives_a_websocket_its_time_and_then_cuts_it() {
    let app = echoing();
    let rig = Rig::with(app.address, |config| config.limits.shutdown_ms = 50);
    let mut client = opened(&rig, "");
    rig.stop();
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn a_client_that_leaves_closes_the_applications_side_too() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.send([AGREED, "hello"].concat());
        wire.read_to_end();
    });
    let rig = Rig::before(app.address);
    drop(opened(&rig, ""));
    eventually("its place is free again", || rig.metric("earwitness_connections") == 0);
}

// THREATS E32
#[test]
fn a_websocket_that_a_rule_refuses_is_a_403_and_a_record_however_its_path_is_written() {
    const RULES: &str =
        "version: 1\nrules:\n  - { id: chat, match: GET /ws, action: CHAT, websocket: refuse }\n";
    let app = App::answering(OK);
    let recorded = Recorded::before(app.address, RULES, |_| {}, |auditor| Arc::new(auditor));
    for (id, path) in [("a", "/ws?x"), ("b", "//ws"), ("c", "/%77s"), ("d", "/a/../WS/")] {
        let ask = ASK.replace("/ws?x", path).replace("Host", &format!("X-Request-Id: {id}\r\nHost"));
        let answer = recorded.rig.exchange(ask);
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{path}: {answer}");
        let event = recorded.event_of(id);
        assert_eq!((event.action.as_str(), event.result), ("CHAT", Outcome::Denied), "{path}");
    }
    assert_eq!(app.connections(), 0);
    let plain = recorded.rig.exchange("GET /ws HTTP/1.1\r\nHost: x\r\nX-Request-Id: e\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 200 "), "{plain}");
    assert_eq!(recorded.event_of("e").result, Outcome::Success);
}
