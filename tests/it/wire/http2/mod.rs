//! HTTP/2 from clients: how it is chosen, what the application gets, and everything that can go wrong.

mod abuse;
mod heads;
mod peer;
mod streams;

use std::io::Write as _;

use self::peer::{Raw, connect, run};
use super::script::OK;
use crate::authority::{ANY_TLS, Authority, Secure};
use crate::rig::{App, Rig, Wire};

const GET: &str = "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn a_client_that_begins_with_the_preface_is_spoken_to_in_http_2_however_it_is_cut() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    let get = [(":method", "GET"), (":authority", "x"), (":path", "/a?b=c"), (":scheme", "http")];
    let start = [peer::START, &peer::request(1, &get)].concat();
    for size in [1, 5, 23, 24, 25, start.len()] {
        let mut raw = Raw::silent(rig.address);
        for piece in start.chunks(size) {
            raw.socket.write_all(piece).unwrap();
        }
        assert_eq!(raw.status_of(1), Some(200), "in pieces of {size}");
    }
    let requests = app.requests();
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|request| request.starts_with("GET /a?b=c HTTP/1.1\r\nHost: x\r\n")));
}

#[test]
fn http_1_is_spoken_with_everybody_else_however_it_is_cut() {
    let app = App::answering(OK);
    let rig = Rig::before(app.address);
    for method in ["POST", "PATCH", "PROPFIND", "PRI", "P"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for size in [1, 2, 3, request.len()] {
            let mut wire = rig.connect();
            for piece in request.as_bytes().chunks(size) {
                wire.send(piece);
            }
            assert!(wire.read_to_end().ends_with("ok"), "{method} in pieces of {size}");
        }
    }
    // Not quite the preface.
    let mut wire = rig.connect();
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
    assert!(wire.read_to_end().starts_with("HTTP/1.1 400 "));
}

// THREATS D03
#[test]
fn a_client_that_never_says_which_protocol_it_speaks_is_ended() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.idle_ms = 60;
        config.limits.head_ms = 30;
    });
    for (start, end) in [("", ""), ("PRI * HT", "HTTP/1.1 408 ")] {
        let mut wire = Wire::connect(rig.address);
        wire.send(start);
        assert!(wire.read_to_end().starts_with(end), "{start}");
    }
}

#[test]
fn over_tls_the_protocol_is_agreed_on_before() {
    let app = App::answering(OK);
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let settings = authority.issue(|_| {}).settings(folder.path());
    let rig = Rig::with(app.address, |config| config.tls = Some(settings));
    let offered = |names: &[&str]| {
        let mut client = authority.client(&ANY_TLS);
        client.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        client
    };
    for names in [&["http/1.1"][..], &[]] {
        let answer = Secure::connect(rig.address, offered(names)).exchange(GET).unwrap();
        assert!(answer.ends_with("ok"), "{names:?} {answer}");
    }
    for names in [&["h2"][..], &["http/1.1", "h2"]] {
        let client = offered(names);
        let answer = run(async {
            let mut peer = peer::connect_securely(rig.address, client).await;
            peer.get("https://localhost/a").await
        });
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{names:?}");
    }
    assert!(Secure::connect(rig.address, offered(&["spdy/3"])).exchange(GET).is_err());
    assert!(app.requests().iter().all(|request| request.contains("X-Forwarded-Proto: https\r\n")));
}

#[test]
fn a_body_reaches_the_application_with_its_length_or_in_chunks() {
    let app = App::echoing();
    let rig = Rig::before(app.address);
    run(async {
        let mut peer = connect(rig.address).await;
        let sized = [("content-length", "5")];
        let echoed = peer.send("POST", "http://x/a", &sized, &["he", "llo"], &[]).await.body;
        assert!(echoed.contains("Content-Length: 5\r\n") && echoed.ends_with("\r\n\r\nhello"), "{echoed}");
        for method in ["POST", "GET", "DELETE"] {
            let echoed = peer.send(method, "http://x/a", &[], &["he", "llo"], &[]).await.body;
            assert!(echoed.contains("Transfer-Encoding: chunked\r\n"), "{echoed}");
            assert!(echoed.ends_with("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), "{echoed}");
        }
    });
}

#[test]
fn an_idle_client_is_told_to_go_and_the_connection_ends() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| {
        config.limits.idle_ms = 100;
        // So often the clock looks while something is under way.
        config.limits.head_ms = 50;
    });
    run(async {
        let mut peer = connect(rig.address).await;
        assert_eq!(peer.get("http://x/a").await.status, 200);
        peer.ended().await;
    });
    assert_eq!(rig.metric("earwitness_limits_hit_total{limit=\"idle_ms\"}"), 1);
    let mut raw = Raw::connect(rig.address);
    assert!(raw.frames_to_end().iter().any(|frame| frame.kind == peer::GOAWAY));
}

#[test]
fn the_last_request_of_a_connection_is_answered_and_then_the_client_is_told_to_go() {
    let app = App::answering(OK);
    let rig = Rig::with(app.address, |config| config.limits.connection_requests_max = 2);
    run(async {
        let mut peer = connect(rig.address).await;
        assert_eq!(peer.get("http://x/a").await.status, 200);
        assert_eq!(peer.get("http://x/b").await.status, 200);
        peer.ended().await;
    });
}
