//! Streams from beginning to end: many at once, trailers, bodies that do not keep their word, clients that
//! reset what they asked for, a stop.

use std::sync::mpsc;
use std::time::Duration;

use earwitness::exchange::Ending;
use http::HeaderValue;

use super::peer::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Raw, block, connect, frame, request, run,
};
use crate::rig::{App, PATIENCE, Rig, eventually, value_of};
use crate::wire::script::{OK, Script, rig};

const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a")];

#[test]
fn a_hundred_streams_of_one_connection_are_a_hundred_records() {
    let app = App::echoing();
    let (rig, script) = rig(&app, Script::default());
    run(async {
        let mut peer = connect(rig.address).await;
        let mut answers = Vec::new();
        for number in 0..100 {
            let uri = format!("http://x/{number}");
            answers.push(peer.begin("POST", &uri, &[], &["hello"], &[]).await);
        }
        for (number, answer) in answers.into_iter().enumerate() {
            let answer = answer.await.unwrap();
            assert!(answer.body.starts_with(&format!("POST /{number} HTTP/1.1\r\n")), "{answer:?}");
        }
    });
    eventually("all are recorded", || script.seen.lock().len() == 100);
    let mut targets: Vec<_> =
        script.exchanges().into_iter().map(|exchange| exchange.request.target).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 100);
}

#[test]
fn trailers_pass_both_ways() {
    let app = App::scripted(|wire| {
        while wire.next_request().is_some() {
            wire.send(
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTrailer: grpc-status\r\n\
                 Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n",
            );
        }
    });
    let (rig, script) = rig(&app, Script::default());
    run(async {
        let mut peer = connect(rig.address).await;
        let headers = [("te", "trailers"), ("trailer", "checksum")];
        // One that a rule concerns, and one that none does.
        for method in ["POST", "PUT"] {
            let answer = peer.send(method, "http://x/a", &headers, &["hello"], &[("checksum", "7")]).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
            assert_eq!(answer.headers["content-type"], "application/grpc");
            assert_eq!(answer.trailers.unwrap().get("grpc-status"), Some(&HeaderValue::from_static("0")));
        }
    });
    for request in app.requests() {
        assert_eq!(value_of(&request, "te"), Some("trailers"));
        assert!(request.ends_with("5\r\nhello\r\n0\r\nChecksum: 7\r\n\r\n"), "{request}");
    }
    assert_eq!(script.only().ending, Ending::Complete);
}

#[test]
fn a_body_that_is_not_as_long_as_it_says_is_no_request() {
    let app = App::answering(OK);
    let (rig, script) = rig(&app, Script::default());
    for (length, body) in [("3", "hello"), ("9", "hello")] {
        let mut raw = Raw::connect(rig.address);
        let head = [&POST[..], &[("content-length", length)]].concat();
        raw.send(&frame(HEADERS, END_HEADERS, 1, &block(&head)));
        raw.send(&frame(DATA, END_STREAM, 1, body.as_bytes()));
        assert!(!matches!(raw.status_of(1), Some(200)), "{length}");
    }
    assert!(app.requests().iter().all(|request| !request.ends_with("hello")), "{:?}", app.requests());
    assert!(script.exchanges().iter().all(|exchange| exchange.ending != Ending::Complete));
}

/// An application that says when a request came, and when its connection was closed before the answer.
fn waiting() -> (App, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel();
    let app = App::scripted(move |wire| {
        if wire.next_request().is_some() {
            tell.send("came").unwrap();
            wire.read_to_end();
            tell.send("closed").unwrap();
        }
    });
    (app, told)
}

// THREATS D01, E41
#[test]
fn a_reset_stream_frees_the_application_and_is_recorded_where_a_rule_concerns_it() {
    for (method, is_recorded) in [("GET", false), ("POST", true)] {
        let (app, told) = waiting();
        let script = std::sync::Arc::new(Script::default());
        let rig = Rig::audited(app.address, std::sync::Arc::clone(&script) as _, |config| {
            config.limits.abandoned_ms = 50;
        });
        let mut raw = Raw::connect(rig.address);
        let head = [&[(":method", method)], &POST[1..]].concat();
        raw.send(&request(1, &head));
        assert_eq!(told.recv_timeout(PATIENCE), Ok("came"));
        raw.send(&frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()));
        assert_eq!(told.recv_timeout(PATIENCE), Ok("closed"), "{method}");
        if is_recorded {
            assert_eq!(script.only().ending, Ending::ClientGone);
        }
        // The connection goes on.
        raw.send(&request(3, &head));
        assert_eq!(told.recv_timeout(PATIENCE), Ok("came"));
    }
}

#[test]
fn a_stop_lets_streams_finish_and_begins_none() {
    let (came, has_come) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = parking_lot::Mutex::new(may_go);
    let app = App::scripted(move |wire| {
        if wire.next_request().is_some() {
            came.send(()).unwrap();
            may_go.lock().recv_timeout(PATIENCE).unwrap();
            wire.send(OK);
        }
    });
    let rig = Rig::before(app.address);
    let address = rig.address;
    run(async {
        let mut peer = connect(address).await;
        let answer = peer.begin("GET", "http://x/a", &[], &[], &[]).await;
        tokio::task::yield_now().await;
        let stopping = tokio::task::spawn_blocking(move || {
            has_come.recv_timeout(PATIENCE).unwrap();
            rig.stop();
        });
        // GOAWAY has come when no stream can be begun any more.
        let mut streams = peer.streams.clone();
        while std::future::poll_fn(|context| streams.poll_ready(context)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        go.send(()).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        peer.ended().await;
        stopping.await.unwrap();
    });
    eventually("nobody listens", || std::net::TcpStream::connect(address).is_err());
}
