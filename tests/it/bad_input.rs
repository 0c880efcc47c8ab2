//! Input that is not what it says: bodies pass byte for byte and leave an event that says what is missing;
//! configurations and rules that are wrong start nothing and are told all at once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use earwitness::config::Config;
use earwitness::event::{Certainty, Event, NoteCode, Outcome};

use crate::gullible::{Gullible, Habits};
use crate::rig::{App, PATIENCE, eventually};
use crate::threats::{Recorded, has};

const RULES: &str = r#"version: 1
rules:
  - id: cancelled
    match: POST /v2/bookings/{bookingUid}/cancel
    action: CANCELLED
    target: { type: booking, id: $.path.bookingUid }
    reason: $.request.body.reason
    details: { answer: $.response.body, state: $.request.bodyState }
  - id: refunded
    match: POST /v2/bookings/{bookingUid}/cancel
    when: { $.request.body.refund: true }
    action: REFUNDED
    target: { type: booking, id: $.path.bookingUid }
"#;

fn recorded(upstream: SocketAddr, change: impl FnOnce(&mut Config)) -> Recorded {
    Recorded::before(upstream, RULES, change, |auditor| Arc::new(auditor))
}

/// A request's bytes; the connection ends with its answer.
fn head(id: &str, headers: &str) -> String {
    format!(
        "POST /v2/bookings/b1/cancel HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {id}\r\n{headers}"
    )
}

/// Sends bytes and reads all that comes back, as bytes.
fn exchanged(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The events of a request, once there are so many.
fn events(recorded: &Recorded, id: &str, count: usize) -> Vec<Event> {
    eventually("the events are recorded", || recorded.events_of(id).len() >= count);
    let events = recorded.events_of(id);
    assert_eq!(events.len(), count, "{events:#?}");
    events
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every byte value, so that nothing is text.
fn noise() -> Vec<u8> {
    (0..=255).cycle().take(3_000).collect()
}

const JSON: &str = "Content-Type: application/json\r\n";

/// What a body is, its headers, its bytes, and the note that must tell of it.
fn odd_bodies() -> Vec<(&'static str, String, Vec<u8>, NoteCode)> {
    let body = br#"{"reason":"ill"}"#.to_vec();
    vec![
        ("no JSON at all", JSON.to_owned(), noise(), NoteCode::BodyUnparsed),
        ("JSON that breaks off", JSON.to_owned(), br#"{"reason":"il"#.to_vec(), NoteCode::BodyUnparsed),
        ("a form said to be JSON", JSON.to_owned(), b"reason=ill".to_vec(), NoteCode::BodyAmbiguous),
        ("no calendar", "Content-Type: text/calendar\r\n".to_owned(), noise(), NoteCode::BodyUnparsed),
        ("a picture", "Content-Type: image/png\r\n".to_owned(), noise(), NoteCode::BodyUnparsed),
        ("an unknown coding", format!("{JSON}Content-Encoding: x-own\r\n"), noise(), NoteCode::CodingUnknown),
        ("no gzip", format!("{JSON}Content-Encoding: gzip\r\n"), body.clone(), NoteCode::CodingUnknown),
        (
            "half a gzip",
            format!("{JSON}Content-Encoding: gzip\r\n"),
            gzip(&noise())[..200].to_vec(),
            NoteCode::BodyCut,
        ),
        ("too large", JSON.to_owned(), vec![b' '; 70_000], NoteCode::BodyCut),
        (
            "too large once decoded",
            format!("{JSON}Content-Encoding: gzip\r\n"),
            gzip(&vec![b' '; 9 << 20]),
            NoteCode::BodyCut,
        ),
    ]
}

#[test]
fn a_request_body_that_is_not_what_it_says_passes_untouched_and_is_noted() {
    let app = Gullible::with(Habits::STRICT);
    let recorded = recorded(app.address, |config| config.limits.capture_bytes_max = 64 << 10);
    for (index, (what, headers, body, code)) in odd_bodies().into_iter().enumerate() {
        let id = format!("r{index}");
        let mut request = head(&id, &format!("{headers}Content-Length: {}\r\n\r\n", body.len())).into_bytes();
        request.extend_from_slice(&body);
        assert!(exchanged(recorded.rig.address, &request).starts_with(b"HTTP/1.1 200 "), "{what}");
        assert!(app.seen().pop().unwrap().body == body, "{what}: bytes were changed");
        // What could not be read leaves the rule that looks into it in doubt, never out.
        let events = events(&recorded, &id, 2);
        assert_eq!(events[0].r#match.certainty, Certainty::Certain, "{what}");
        assert_eq!(events[1].r#match.certainty, Certainty::Doubtful, "{what}");
        for event in &events {
            assert!(has(event, code), "{what}: {event:#?}");
            assert_eq!(event.result, Outcome::Success, "{what}");
            assert_eq!(event.target.as_ref().unwrap().id.as_deref(), Some("b1"), "{what}");
        }
    }
}

#[test]
fn an_answer_that_is_not_what_it_says_passes_untouched_and_is_noted() {
    for (index, (what, headers, body, code)) in odd_bodies().into_iter().enumerate() {
        let mut response =
            format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        response.extend_from_slice(&body);
        let app = App::answering(response);
        let recorded = recorded(app.address, |config| config.limits.capture_bytes_max = 64 << 10);
        let id = format!("r{index}");
        let answer = exchanged(recorded.rig.address, head(&id, "\r\n").as_bytes());
        assert!(answer.ends_with(&[b"\r\n\r\n", &body[..]].concat()), "{what}: bytes were changed");
        let event = events(&recorded, &id, 1).remove(0);
        let is_told = |note: &earwitness::event::Note| {
            note.code == code && note.detail.as_ref().is_some_and(|detail| detail.starts_with("response"))
        };
        assert!(event.notes.iter().any(is_told), "{what}: {:#?}", event.notes);
        assert_eq!((event.result, event.r#match.certainty), (Outcome::Success, Certainty::Certain), "{what}");
    }
}

#[test]
fn a_body_in_chunks_is_recorded_as_one_without() {
    let app = Gullible::with(Habits::STRICT);
    let recorded = recorded(app.address, |_| {});
    let request = head(
        "r",
        &format!("{JSON}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"rea\r\nb\r\nson\":\"ill\"}}\r\n0\r\n\r\n"),
    );
    assert!(exchanged(recorded.rig.address, request.as_bytes()).starts_with(b"HTTP/1.1 200 "));
    assert_eq!(app.seen()[0].body, br#"{"reason":"ill"}"#);
    let event = events(&recorded, "r", 1).remove(0);
    assert_eq!((event.reason.as_deref(), event.notes), (Some("ill"), Vec::new()));
}

#[test]
fn a_client_that_leaves_in_its_body_leaves_an_event_that_says_so() {
    let app = App::scripted(|wire| {
        wire.read_head();
        wire.read_to_end();
    });
    let recorded = recorded(app.address, |config| config.limits.abandoned_ms = 50);
    let mut stream = TcpStream::connect(recorded.rig.address).unwrap();
    stream
        .write_all(head("r", &format!("{JSON}Content-Length: 100\r\n\r\n{{\"reason\":")).as_bytes())
        .unwrap();
    eventually("the application has the head", || app.connections() == 1);
    drop(stream);
    let events = events(&recorded, "r", 2);
    for event in &events {
        assert!(has(event, NoteCode::BodyCut) && event.response.is_none(), "{event:#?}");
        assert!(event.result != Outcome::Success, "{event:#?}");
    }
}

#[test]
fn an_application_that_leaves_in_its_answer_leaves_an_event_that_says_so() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"half\":",
        );
        wire.socket.shutdown(Shutdown::Both).unwrap();
    });
    let recorded = recorded(app.address, |_| {});
    let mut client = recorded.rig.connect();
    client.send(head("r", "\r\n"));
    assert!(client.read_to_end().len() < 400);
    let event = events(&recorded, "r", 1).remove(0);
    assert!(has(&event, NoteCode::ResponseCut) && has(&event, NoteCode::BodyCut), "{event:#?}");
    assert_eq!(event.response.unwrap().status, 200);
}

// THREATS D08
#[test]
fn an_application_that_never_answers_leaves_an_event_of_unknown_result() {
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.socket.shutdown(Shutdown::Both).unwrap();
    });
    let recorded = recorded(app.address, |_| {});
    assert!(exchanged(recorded.rig.address, head("r", "\r\n").as_bytes()).starts_with(b"HTTP/1.1 502 "));
    let event = events(&recorded, "r", 1).remove(0);
    assert!(has(&event, NoteCode::ResponseMissing), "{event:#?}");
    assert_eq!((event.result, event.response), (Outcome::Unknown, None));
    assert_eq!(app.requests().len(), 1, "it is not asked again");
}

/// Runs the program in a folder; its exit code and what it told.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_earwitness")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_bad_configuration_starts_nothing_and_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = "listen: localhost\nupstream: ftp://app\nadmin: { listen: \"0.0.0.0:1\" }\nrules: gone\nlisen: x\nlimits: { before_ms: 0 }\n";
    std::fs::write(folder.path().join("bad.yaml"), config).unwrap();
    let (code, out, told) = run(folder.path(), &["serve", "--config", "bad.yaml"]);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{told}");
    for place in
        ["bad.yaml:1:9", "bad.yaml:2:11", "bad.yaml:3:", "bad.yaml:4:8", "bad.yaml:5:1", "bad.yaml:6:"]
    {
        assert!(told.contains(place), "{place}: {told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
    let (code, _, told) = run(folder.path(), &["serve", "--config", "missing.yaml"]);
    assert_eq!(code, Some(2), "{told}");
    std::fs::write(folder.path().join("bad.yaml"), "listen: [\n").unwrap();
    let (code, _, told) = run(folder.path(), &["serve", "--config", "bad.yaml"]);
    assert!(code == Some(2) && told.contains("bad.yaml:"), "{told}");
}

#[test]
fn bad_rules_start_nothing_and_are_told_at_once_in_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let config = "listen: 127.0.0.1:0\nupstream: http://127.0.0.1:9\nadmin: { listen: \"127.0.0.1:0\" }\nrules: rules\n";
    std::fs::write(folder.path().join("earwitness.yaml"), config).unwrap();
    std::fs::create_dir_all(folder.path().join("rules/office")).unwrap();
    let one = "version: 1\nrules:\n  - id: a\n    match: POST a\n    action: $.requst.body\n  - id: a\n    match: GET /x\n";
    let two = "version: 1\nrules:\n  - id: b\n    match: POST /b\n    acton: B\n    when: { $.request.body.x: { matches: '(' } }\n";
    std::fs::write(folder.path().join("rules/office/one.yaml"), one).unwrap();
    std::fs::write(folder.path().join("rules/office/two.yaml"), two).unwrap();
    let (code, out, told) = run(folder.path(), &["serve", "--config", "earwitness.yaml"]);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{told}");
    let places = ["one.yaml:4:17", "one.yaml:5:15", "one.yaml:6:9", "two.yaml:5:5", "two.yaml:6:42"];
    for place in places {
        assert!(told.contains(place), "{place}: {told}");
    }
    let (code, _, checked) = run(folder.path(), &["check", "rules"]);
    assert!(code == Some(2) && places.iter().all(|place| checked.contains(place)), "{checked}");
    assert!(!folder.path().join("data").exists(), "nothing was made");
}
