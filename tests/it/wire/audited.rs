//! The way of an audited request, with a scripted audit in the place of rules and log: copies, holding,
//! reads, and a record of every exchange whoever leaves.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use earwitness::exchange::{CaptureState, Ending};
use earwitness::proxy::Audit;
use parking_lot::Mutex;

use super::script::{OK, POST, Script, rig};
use crate::rig::{App, PATIENCE, Rig, Wire, eventually, value_of};

#[test]
fn an_exchange_is_kept_as_it_came_over_the_wire() {
    let app = App::scripted(|wire| {
        while wire.next_request().is_some() {
            wire.send("HTTP/1.1 201 Created\r\nKeep-Alive: timeout=9\r\nX: y\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (rig, script) = rig(&app, Script::default());
    assert!(rig.exchange(POST).ends_with("ok"));
    assert!(rig.exchange("GET /unconcerned HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("ok"));
    let exchange = script.only();
    let request = &exchange.request;
    assert_eq!(
        (request.method.as_str(), request.target.as_str(), request.host.as_str()),
        ("POST", "/a?b=c", "x")
    );
    assert_eq!((&request.body.bytes[..], request.body.state), (&b"hello"[..], CaptureState::Complete));
    assert!(!request.headers.contains_key("x-forwarded-for"), "the client sent none");
    assert_eq!(value_of(&app.requests()[0], "x-request-id"), Some(request.id.as_str()));
    let response = exchange.response.unwrap();
    assert_eq!(
        (response.status, &response.body.bytes[..], response.body.state),
        (201, &b"ok"[..], CaptureState::Complete)
    );
    assert!(response.headers.contains_key("keep-alive"), "as the application sent it");
    assert_eq!(exchange.ending, Ending::Complete);
    assert_eq!(exchange.client.ip.to_string(), "127.0.0.1");
    assert_eq!(rig.metric("earwitness_requests_total{kind=\"audited\"}"), 1);
    assert_eq!(rig.metric("earwitness_requests_total{kind=\"passed\"}"), 1);
    assert_eq!(app.connections(), 1, "audited answers give their connection back");
}

#[test]
fn the_end_of_a_durable_answer_waits_for_the_record_and_its_head_and_start_do_not() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "first", "!", "first", "!"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "5\r\nfirst\r\n",
            "0\r\n\r\n",
            "5\r\nfirst\r\n",
            "0\r\n\r\n",
        ),
    ];
    for (head, first, last, shown, held) in cases {
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send(head);
            wire.send(first);
            wire.send(last);
            wire.next_request();
        });
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let (rig, script) =
            rig(&app, Script { is_durable: true, gate: Some(Arc::clone(&gate)), ..Script::default() });
        let mut client = rig.connect();
        client.send(POST);
        assert!(client.read_head().unwrap().contains(" 200 OK"));
        script.only();
        if head.contains("chunked") {
            assert_eq!(client.read_bytes(shown.len()), shown);
        }
        assert!(!ends_within(&mut client, Duration::from_millis(50)), "the end came before the record");
        gate.add_permits(1);
        let rest = client.read_bytes(if head.contains("chunked") { held.len() } else { 6 });
        assert!(rest.ends_with(held), "{rest}");
    }
}

/// Whether the rest of a body (its last byte) arrives in that time; what was read stays in the buffer.
fn ends_within(client: &mut Wire, limit: Duration) -> bool {
    client.socket.set_read_timeout(Some(limit)).unwrap();
    let mut space = [0; 64];
    let count = client.socket.peek(&mut space).unwrap_or(0);
    client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    space[..count].ends_with(b"!") || space[..count].ends_with(b"0\r\n\r\n")
}

#[test]
fn an_empty_durable_answer_waits_with_its_head() {
    let app = App::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (rig, script) =
        rig(&app, Script { is_durable: true, gate: Some(Arc::clone(&gate)), ..Script::default() });
    let mut client = rig.connect();
    client.send(POST);
    script.only();
    client.socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.socket.peek(&mut [0]).is_err(), "the head came before the record");
    client.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    gate.add_permits(1);
    assert!(client.read_head().unwrap().contains(" 204 "));
}

#[test]
fn a_record_that_does_not_come_holds_the_answer_only_so_long() {
    let app = App::answering(OK);
    let script = Arc::new(Script {
        is_durable: true,
        gate: Some(Arc::new(tokio::sync::Semaphore::new(0))),
        ..Script::default()
    });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| config.limits.record_ms = 50);
    assert!(rig.exchange(POST).ends_with("ok"));
}

#[test]
fn a_buffered_answer_does_not_wait_for_the_record() {
    let app = App::answering(OK);
    let (rig, script) =
        rig(&app, Script { gate: Some(Arc::new(tokio::sync::Semaphore::new(0))), ..Script::default() });
    assert!(rig.exchange(POST).ends_with("ok"));
    script.only();
}

#[test]
fn a_body_past_the_copys_limit_passes_whole_unheld_and_is_cut_in_the_copy() {
    let app = App::echoing();
    let script = Arc::new(Script {
        is_durable: true,
        gate: Some(Arc::new(tokio::sync::Semaphore::new(0))),
        ..Script::default()
    });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| {
        config.limits.capture_bytes_max = 100_000;
        config.limits.capture_total_bytes_max = 150_000;
    });
    let body = "0123456789".repeat(100_000);
    let answer =
        rig.exchange(format!("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert!(answer.ends_with(&body));
    let exchange = script.only();
    let copies = [exchange.request.body, exchange.response.unwrap().body];
    for copy in &copies {
        assert_eq!(copy.state, CaptureState::Cut);
        assert!(copy.seen_bytes > copy.bytes.len() as u64);
    }
    assert_eq!(copies[0].bytes.len(), 100_000);
    assert!(copies[1].bytes.len() <= 100_000 && copies[1].bytes.len() >= 16 << 10);
    assert_eq!(rig.metric("earwitness_capture_truncations_total{side=\"request\"}"), 1);
    assert_eq!(rig.metric("earwitness_capture_truncations_total{side=\"response\"}"), 1);
}

#[test]
fn an_event_stream_is_recorded_at_its_head_and_streams_on() {
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let app = App::scripted(move |wire| {
        wire.next_request();
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        wait.lock().recv_timeout(PATIENCE).unwrap();
        wire.send("4\r\nlast\r\n0\r\n\r\n");
    });
    let (rig, script) = rig(&app, Script { is_durable: true, ..Script::default() });
    let mut client = rig.connect();
    client.send(POST);
    assert!(client.read_head().unwrap().contains("event-stream"));
    assert_eq!(script.only().response.unwrap().body.state, CaptureState::Skipped);
    go_on.send(()).unwrap();
    assert_eq!(client.read_bytes(14), "4\r\nlast\r\n0\r\n\r\n");
}

// THREATS E41
#[test]
fn a_client_that_leaves_while_it_sends_is_recorded_wherever_it_stops() {
    let head = POST.len() - 5;
    for cut in [head, head + 1, head + 4] {
        let app = App::answering(OK);
        let (rig, script) = rig(&app, Script::default());
        let mut client = rig.connect();
        client.send(&POST[..cut]);
        eventually("the request is under way", || app.connections() == 1);
        drop(client);
        let exchange = script.only();
        assert_eq!(exchange.ending, Ending::ClientGone, "cut at {cut}");
        assert_eq!(exchange.request.body.state, CaptureState::Broken);
        assert_eq!(exchange.request.body.seen_bytes, (cut - head) as u64);
        assert!(exchange.response.is_none());
    }
}

// THREATS E41
#[test]
fn a_client_that_leaves_before_or_in_the_answer_is_recorded_with_the_whole_answer() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    for cut in [0, 5, response.len() - 4, response.len() - 2] {
        let (go_on, wait) = mpsc::channel();
        let wait = Mutex::new(wait);
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send(&response[..cut]);
            wait.lock().recv_timeout(PATIENCE).unwrap();
            wire.send(&response[cut..]);
            wire.next_request();
        });
        let (rig, script) = rig(&app, Script { is_durable: true, ..Script::default() });
        let mut client = rig.connect();
        client.send(POST);
        eventually("the application has the request", || app.requests().len() == 1);
        if cut >= response.len() - 4 {
            client.read_head();
        }
        drop(client);
        eventually("the client is gone", || rig.metric("earwitness_connections ") == 0);
        go_on.send(()).unwrap();
        let exchange = script.only();
        assert_eq!(exchange.ending, Ending::ClientGone, "cut at {cut}");
        let response = exchange.response.unwrap();
        assert_eq!((&response.body.bytes[..], response.body.state), (&b"body"[..], CaptureState::Complete));
    }
}

#[test]
fn an_answer_that_nobody_waits_for_is_read_only_so_long() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo"] {
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send(head);
            wire.read_to_end();
        });
        let script = Arc::new(Script::default());
        let audit = Arc::clone(&script) as Arc<dyn Audit>;
        let rig = Rig::audited(app.address, audit, |config| config.limits.abandoned_ms = 50);
        let mut client = rig.connect();
        client.send(POST);
        eventually("the application has the request", || app.requests().len() == 1);
        drop(client);
        let exchange = script.only();
        assert_eq!(exchange.ending, Ending::ClientGone);
        assert_eq!(
            exchange.response.map(|response| response.body.state),
            (!head.is_empty()).then_some(CaptureState::Broken)
        );
    }
}

#[test]
fn an_application_that_fails_is_recorded_too() {
    let cases: [(&str, Ending, &str); 4] = [
        ("", Ending::UpstreamGone, " 502 "),
        ("HTTP/1.1 2", Ending::UpstreamGone, " 502 "),
        // THREATS D06
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nbod",
            Ending::UpstreamGone,
            " 502 ",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo", Ending::UpstreamGone, " 200 "),
    ];
    for (sent, ending, shown) in cases {
        let app = App::scripted(move |wire| {
            wire.next_request();
            wire.send(sent);
            wire.socket.shutdown(Shutdown::Both).unwrap();
        });
        let (rig, script) = rig(&app, Script { is_durable: true, ..Script::default() });
        assert!(rig.exchange(POST).contains(shown));
        let exchange = script.only();
        assert_eq!(exchange.ending, ending);
        let body = exchange.response.map(|response| (response.body.state, response.body.bytes.len()));
        assert_eq!(body, (shown == " 200 ").then_some((CaptureState::Broken, 2)));
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let script = Arc::new(Script::default());
    let rig = Rig::audited(nobody, Arc::clone(&script) as Arc<dyn Audit>, |_| {});
    assert!(rig.exchange(POST).contains(" 502 "));
    assert_eq!(script.only().ending, Ending::UpstreamUnreachable);
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.read_to_end();
    });
    let script = Arc::new(Script::default());
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| config.limits.upstream_ms = 50);
    assert!(rig.exchange(POST).contains(" 504 "));
    assert_eq!(script.only().ending, Ending::UpstreamTimeout);
}

// THREATS D12
#[test]
fn a_panic_while_deriving_ends_nothing_but_that_record() {
    let app = App::answering(OK);
    let (rig, _script) = rig(&app, Script { panics: true, is_durable: true, ..Script::default() });
    for _ in 0..2 {
        assert!(rig.exchange(POST).ends_with("ok"));
    }
    assert_eq!(rig.metric("earwitness_drops_total{reason=\"derive\"}"), 2);
}

// THREATS D12
#[test]
fn a_panic_while_planning_reads_loses_neither_the_request_nor_its_record() {
    let app = App::answering(OK);
    let script = Script { reading_panics: true, needs_body: true, is_durable: true, ..Script::default() };
    let (rig, script) = rig(&app, script);
    assert!(rig.exchange(POST).ends_with("ok"));
    assert_eq!(script.only().ending, Ending::Complete);
}

#[test]
fn a_stop_waits_for_records_that_no_connection_owns() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.read_to_end();
    });
    let script = Arc::new(Script::default());
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| config.limits.shutdown_ms = 50);
    let mut left = rig.connect();
    left.send(POST);
    let mut waiting = rig.connect();
    waiting.send(POST);
    eventually("the application has both", || app.requests().len() == 2);
    drop(left);
    rig.stop();
    assert_eq!(script.exchanges().len(), 2);
    assert!(script.exchanges().iter().all(|exchange| exchange.ending == Ending::ClientGone));
}

#[test]
fn an_application_that_stops_taking_the_body_is_not_waited_for_for_ever() {
    let (answered, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let app = App::scripted(move |wire| {
        wire.read_head();
        // Until the other end is dropped.
        let _ = wait.lock().recv_timeout(PATIENCE);
    });
    let rig = Rig::with(app.address, |config| config.limits.upstream_ms = 100);
    let mut client = rig.connect();
    let length = 64 << 20;
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"));
    let mut writer = client.socket.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 16];
        while std::io::Write::write_all(&mut writer, &piece).is_ok() {}
    });
    assert!(client.read_head().is_some_and(|head| head.contains(" 504 ")));
    // The proxy, which takes no more of the body, may have closed it already.
    let _ = client.socket.shutdown(Shutdown::Both);
    sending.join().unwrap();
    drop(answered);
}
