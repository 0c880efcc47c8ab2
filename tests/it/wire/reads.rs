//! Reads of the application on a request's behalf, and the bodies that are held for them.

use std::net::Shutdown;
use std::sync::Arc;

use earwitness::config::{Credential, Secret};
use earwitness::derive::{Answer, Meanwhile, Purpose, ReadFailure, Write};
use earwitness::exchange::CaptureState;
use earwitness::proxy::Audit;

use crate::rig::{App, Rig, eventually, value_of};

use super::script::{OK, POST, Script, rig};

#[test]
fn reads_are_asked_before_the_request_and_after_the_answer_and_their_cookies_are_dropped() {
    let app = App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let body = request.split(' ').nth(1).unwrap().to_owned();
            let head =
                format!("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n", body.len());
            wire.send(head + &body);
        }
    });
    let reads = vec![("/before", Purpose::Before, 5_000), ("/after", Purpose::After, 5_000)];
    let (rig, script) = rig(&app, Script { reads, is_durable: true, ..Script::default() });
    let answer = rig.exchange(POST);
    assert!(answer.ends_with("/a?b=c") && answer.contains("Set-Cookie: a=b"), "{answer}");
    for key in ["/before", "/after"] {
        match script.answer(key) {
            Answer::Answered { status, headers, body } => {
                assert_eq!((status, &body.bytes[..]), (200, key.as_bytes()));
                assert!(!headers.contains_key("set-cookie"));
            }
            other => panic!("{other:?}"),
        }
    }
    let seen = app.requests();
    let order: Vec<_> = seen.iter().map(|request| request.split(' ').nth(1).unwrap()).collect();
    assert_eq!(order, ["/before", "/a?b=c", "/after"]);
    let read = &seen[0];
    assert_eq!(value_of(read, "authorization"), Some("Basic eA=="));
    assert_eq!(value_of(read, "host"), Some("x"));
    assert_eq!(value_of(read, "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(value_of(read, "content-length"), None);
}

#[test]
fn a_read_that_fails_says_why_and_the_request_goes_on() {
    let app = App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            match request.split(' ').nth(1).unwrap() {
                "/slow" => {
                    wire.read_to_end();
                }
                "/broken" => wire.socket.shutdown(Shutdown::Both).unwrap(),
                "/large" => {
                    wire.try_send(format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{}",
                        "x".repeat(9999)
                    ));
                }
                "/moved" => {
                    wire.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
                }
                _ => wire.send(OK),
            }
        }
    });
    let reads =
        ["/slow", "/broken", "/large", "/moved", "//evil#x"].map(|target| (target, Purpose::Before, 100));
    let script = Arc::new(Script { reads: reads.to_vec(), ..Script::default() });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| config.limits.capture_bytes_max = 1000);
    assert!(rig.exchange(POST).ends_with("ok"));
    let failure = |key| match script.answer(key) {
        Answer::Failed(failure) => Ok(failure),
        Answer::Answered { status, .. } => Err(status),
        other @ (Answer::Remembered { .. } | Answer::Logins(_)) => panic!("{other:?}"),
    };
    assert_eq!(failure("/slow"), Ok(ReadFailure::Timeout));
    assert_eq!(failure("/broken"), Ok(ReadFailure::Refused));
    assert_eq!(failure("/large"), Ok(ReadFailure::TooLarge));
    assert_eq!(failure("/moved"), Err(302));
    assert_eq!(failure("//evil#x"), Ok(ReadFailure::NotAsked));
    assert!(
        !app.requests().iter().any(|request| request.contains("/elsewhere")),
        "redirects are not followed"
    );
}

#[test]
fn who_somebody_is_is_asked_once_and_remembered() {
    let app = App::scripted(|wire| while wire.next_request().is_some() && wire.try_send(OK) {});
    let reads = vec![("/me", Purpose::Identity, 5_000)];
    let (rig, script) = rig(&app, Script { reads, ..Script::default() });
    let mut clients: Vec<_> = (0..8).map(|_| rig.connect()).collect();
    for _ in 0..2 {
        clients.iter_mut().for_each(|client| client.send(POST));
        clients.iter_mut().for_each(|client| assert!(client.read_message().ends_with("ok")));
    }
    eventually("all are recorded", || script.exchanges().len() == 16);
    assert_eq!(app.requests().iter().filter(|request| request.starts_with("GET /me ")).count(), 1);
}

#[test]
fn a_held_body_arrives_as_it_came_and_a_large_one_is_not_held_to_its_end() {
    let chunked =
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned();
    let empty = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_owned();
    let large =
        format!("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{}", "z".repeat(100_000));
    let cases = [
        (POST.to_owned(), "\r\n\r\nhello", CaptureState::Complete),
        (chunked, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CaptureState::Complete),
        (empty, "\r\n\r\n", CaptureState::Empty),
        (large, "zzzz", CaptureState::Broken),
    ];
    for (request, end, state) in cases {
        let app = App::answering(OK);
        let script = Arc::new(Script { needs_body: true, ..Script::default() });
        let audit = Arc::clone(&script) as Arc<dyn Audit>;
        let rig = Rig::audited(app.address, audit, |config| config.limits.held_body_bytes_max = 1000);
        assert!(rig.exchange(&request).ends_with("ok"));
        assert_eq!(script.held.lock()[0].state, state, "{}", &request[..60]);
        assert!(app.requests()[0].ends_with(end), "{}", app.requests()[0]);
        assert_ne!(script.only().request.body.state, CaptureState::Broken);
    }
}

#[test]
fn a_body_that_comes_slowly_is_held_only_so_long() {
    let app = App::answering(OK);
    let script = Arc::new(Script { needs_body: true, ..Script::default() });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| config.limits.held_body_ms = 30);
    let mut client = rig.connect();
    client.send(&POST[..POST.len() - 2]);
    eventually("the request goes on", || app.connections() == 1);
    client.send(&POST[POST.len() - 2..]);
    assert!(client.read_message().ends_with("ok"));
    let held = script.held.lock()[0].clone();
    assert_eq!((&held.bytes[..], held.state), (&b"hel"[..], CaptureState::Broken));
    assert_eq!(&script.only().request.body.bytes[..], b"hello");
}

#[test]
fn requests_that_change_one_thing_take_turns_across_workers() {
    // THREATS E48
    let app = App::scripted(|wire| while wire.next_request().is_some() && wire.try_send(OK) {});
    let write = Write { thing: "booking 7".to_owned(), is_serialized: true };
    let script = Arc::new(Script {
        reads: vec![("/before", Purpose::Before, 5_000)],
        writes: vec![write],
        ..Script::default()
    });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| {
        config.workers = 2;
        config.limits.turn_ms = 60_000;
    });
    let mut clients: Vec<_> = (0..8).map(|_| rig.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(POST));
    clients.iter_mut().for_each(|client| assert!(client.read_message().ends_with("ok")));
    eventually("all are recorded", || script.exchanges().len() == 8);
    for (_, answers) in script.seen.lock().iter() {
        let alone = Meanwhile { had_company: false, missed_turn: false };
        assert_eq!(answers.meanwhile.get("booking 7"), Some(&alone));
    }
    // Between a read and its change nobody else read or changed.
    let order: Vec<String> =
        app.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    for pair in order.chunks(2) {
        assert_eq!(pair, ["/before", "/a?b=c"], "{order:?}");
    }
}

#[test]
fn a_service_credential_is_shown_below_its_paths_only_and_the_callers_own_is_not() {
    // THREATS B05
    let app = App::scripted(|wire| while wire.next_request().is_some() && wire.try_send(OK) {});
    let reads = ["/v2/things", "/v20/things", "/other"].map(|path| (path, Purpose::Before, 5_000));
    let script = Arc::new(Script { reads: reads.to_vec(), credentials: Some("audit"), ..Script::default() });
    let audit = Arc::clone(&script) as Arc<dyn Audit>;
    let rig = Rig::audited(app.address, audit, |config| {
        let secret = Secret::new("s3cret");
        let header = http::HeaderName::from_static("x-api-key");
        config.credentials = vec![Credential::new("audit", &["/v2/"], header, secret)];
    });
    assert!(rig.exchange(POST).ends_with("ok"));
    assert!(matches!(script.answer("/v2/things"), Answer::Answered { status: 200, .. }));
    for elsewhere in ["/v20/things", "/other"] {
        assert!(matches!(script.answer(elsewhere), Answer::Failed(ReadFailure::NotAsked)), "{elsewhere}");
    }
    let seen = app.requests();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(
        (value_of(&seen[0], "x-api-key"), value_of(&seen[0], "authorization")),
        (Some("s3cret"), None)
    );
    assert_eq!(value_of(&seen[1], "x-api-key"), None);
}
