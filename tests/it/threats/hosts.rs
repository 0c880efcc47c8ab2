//! Requests that disagree with themselves about whom they are for, in raw bytes.

use earwitness::event::NoteCode;

use super::{World, has, request};
use crate::gullible::Habits;

const PATH: &str = "/v2/bookings/1/cancel";

// THREATS E09
#[test]
fn a_request_that_names_no_host_or_two_reaches_nobody() {
    let line = format!("POST {PATH} HTTP/1.1");
    let absolute = |authority: &str| format!("POST http://{authority}{PATH} HTTP/1.1");
    let cases = [
        (line.clone(), ""),
        (line.clone(), "Host: a\r\nHost: b\r\n"),
        (line.clone(), "Host: a\r\nHost: a\r\n"),
        (line.clone(), "Host: a\r\nhOST: a\r\n"),
        (line.clone(), "Host: a, b\r\n"),
        (line.clone(), "Host: a b\r\n"),
        (line.clone(), "Host: u@a\r\n"),
        (line.clone(), "Host: a/b\r\n"),
        (line.clone(), "Host: a?b\r\n"),
        (line.clone(), "Host: a#b\r\n"),
        (line.clone(), "Host: a\\b\r\n"),
        (line.clone(), "Host: \"a\"\r\n"),
        (line.clone(), "Host: a\x01\r\n"),
        (line.clone(), "Host : a\r\n"),
        (line.clone(), " Host: a\r\n"),
        (line.clone(), "Host: a\r\n b\r\n"),
        (absolute("a"), "Host: b\r\n"),
        (absolute("a:81"), "Host: a\r\n"),
        (absolute("u@a"), "Host: a\r\n"),
        (absolute("u:p@a"), "Host: u:p@a\r\n"),
        (absolute(""), "Host: a\r\n"),
        (absolute("a"), ""),
        (format!("POST ftp://a{PATH} HTTP/1.1"), "Host: a\r\n"),
        (format!("POST a{PATH} HTTP/1.1"), "Host: a\r\n"),
    ];
    let world = World::new(Habits::STRICT);
    for (line, headers) in cases {
        let answer = world.rig.exchange(format!("{line}\r\n{headers}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line} {headers:?}: {answer}");
    }
    assert!(world.app.seen().is_empty() && world.events().is_empty());
}

// THREATS E09
#[test]
fn a_host_in_another_spelling_meets_its_rules_and_one_that_nobody_names_is_recorded_with_a_note() {
    let rules = format!("{}hosts: [app.example, '*.app.example']\n", super::RULES);
    let world = World::with(Habits::STRICT, &rules, |_| {});
    let cases = [
        ("app.example", false),
        ("APP.example", false),
        ("app.example.", false),
        ("app.example:443", false),
        ("App.Example.:80", false),
        ("a.app.example:8080", false),
        ("other.example", true),
        ("app.example.evil", true),
        ("127.0.0.1", true),
        ("[::1]:80", true),
    ];
    for (index, (host, is_unknown)) in cases.iter().enumerate() {
        let id = format!("r{index}");
        let sent = request(&format!("POST {PATH}"), &id, &[], "")
            .replace("Host: app.example", &format!("Host: {host}"));
        assert!(world.rig.exchange(sent).contains(" 200 "), "{host}");
        assert_eq!(has(&world.event_of(&id), NoteCode::HostUnknown), *is_unknown, "{host}");
    }
    let sent = format!(
        "POST http://APP.example:80{PATH} HTTP/1.1\r\nHost: app.example.\r\nX-Request-Id: absolute\r\n\r\n"
    );
    assert!(world.rig.exchange(sent).contains(" 200 "));
    assert!(!has(&world.event_of("absolute"), NoteCode::HostUnknown));
    world.assert_all_is_told();
}
