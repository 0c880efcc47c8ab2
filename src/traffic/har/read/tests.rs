//! What is made of HARs of all kinds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const BODY_BYTES_MAX: usize = 64;

fn har(entries: Value) -> String {
    json!({ "log": { "version": "1.2", "creator": { "name": "x" }, "pages": [], "entries": entries } })
        .to_string()
}

fn one(entry: Value) -> Exchange {
    let mut traffic = read(&har(json!([entry])), BODY_BYTES_MAX).unwrap();
    traffic.entries.remove(0).exchange
}

#[test]
fn an_entry_becomes_the_exchange_that_the_proxy_would_have_seen() {
    let exchange = one(json!({
        "startedDateTime": "2026-01-02T10:00:00.500+01:00", "time": 12.7, "cache": {}, "timings": {},
        "request": {
            "method": "POST", "url": "https://me@Booking.example:8443/a/b?x=1#part", "httpVersion": "h2",
            "headers": [{ "name": ":authority", "value": "no" }, { "name": "X-A", "value": "1" }],
            "postData": { "mimeType": "application/json", "text": "{\"a\":1}" }
        },
        "response": {
            "status": 201,
            "headers": [
                { "name": "set-cookie", "value": "a=1\nb=2" }, { "name": "Content-Encoding", "value": "gzip" }
            ],
            "content": { "size": 2, "mimeType": "text/plain", "text": "aGk=", "encoding": "base64" }
        }
    }));
    let Exchange { request, response, .. } = &exchange;
    assert_eq!(exchange.received_at.to_string(), "2026-01-02T09:00:00.5Z");
    assert_eq!((exchange.duration_ms, exchange.ending), (12, Ending::Complete));
    assert_eq!((request.scheme, request.host.as_str()), ("https", "Booking.example:8443"));
    assert_eq!(request.target, "/a/b?x=1");
    assert_eq!(request.headers["host"], "Booking.example:8443");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(&request.body.bytes[..], b"{\"a\":1}");
    let response = response.as_ref().unwrap();
    assert_eq!((response.status, &response.body.bytes[..]), (201, &b"hi"[..]));
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    assert!(!response.headers.contains_key("content-encoding"), "the body is not coded any more");
}

#[test]
fn what_a_tool_leaves_out_is_not_made_up() {
    let state = |entry: Value| one(entry).request.body.state;
    let get = |more: Value| {
        let mut entry = json!({ "request": { "method": "GET", "url": "http://x" } });
        entry["request"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    assert_eq!(state(get(json!({}))), CaptureState::Empty);
    assert_eq!(state(get(json!({ "bodySize": 7 }))), CaptureState::Skipped);
    assert_eq!(state(get(json!({ "bodySize": -1, "postData": null }))), CaptureState::Empty);
    assert_eq!(state(get(json!({ "postData": { "text": "x".repeat(65) } }))), CaptureState::Cut);
    let form = json!({ "mimeType": "application/x-www-form-urlencoded", "params": [{ "name": "a b", "value": "&" }] });
    assert_eq!(&one(get(json!({ "postData": form }))).request.body.bytes[..], b"a+b=%26");
    let unanswered = one(json!({
        "request": { "method": "GET", "url": "http://x" }, "response": { "status": 0, "content": {} }
    }));
    assert!(unanswered.response.is_none() && unanswered.ending == Ending::UpstreamGone);
    assert_eq!(unanswered.request.target, "/");
}

#[test]
fn what_is_no_http_exchange_keeps_its_number_and_is_counted() {
    let request = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let entries = json!([request("data:text/plain,x"), request("wss://x/y"), request("http://x/y")]);
    let traffic = read(&har(entries), BODY_BYTES_MAX).unwrap();
    assert_eq!((traffic.skipped, traffic.entries.len(), traffic.entries[0].number), (2, 1, 3));
}

#[test]
fn a_cut_file_gives_the_entries_before_the_cut() {
    let request = json!({ "request": { "method": "GET", "url": "http://x/y" } });
    let whole = har(json!([request, request, request]));
    let begun = whole.find("[{").unwrap();
    for end in begun + 1..whole.len() {
        let traffic = read(&whole[..end], BODY_BYTES_MAX).unwrap();
        assert!(traffic.is_cut, "{end}");
        let closed = whole[..end].matches("}}").count();
        assert!(traffic.entries.len() >= closed.min(3), "{end}: {}", traffic.entries.len());
    }
    assert!(!read(&whole, BODY_BYTES_MAX).unwrap().is_cut);
}

#[test]
fn exchanges_stand_in_the_order_in_which_they_began_if_all_tell_it() {
    let check = |times: [Option<&str>; 3], order: [usize; 3]| {
        let entries = times.map(|time| {
            let mut entry =
                json!({ "request": { "method": "GET", "url": "http://x" }, "response": { "status": 200 } });
            if let Some(time) = time {
                entry["startedDateTime"] = json!(format!("2026-01-02T{time}Z"));
            }
            entry
        });
        let traffic = read(&har(json!(entries)), BODY_BYTES_MAX).unwrap();
        assert_eq!(traffic.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), order, "{times:?}");
    };
    check([Some("10:00:02"), Some("10:00:00.5"), Some("10:00:01")], [2, 3, 1]);
    check([Some("10:00:02"), None, Some("10:00:01")], [1, 2, 3]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let entry = |entry: Value| har(json!([entry]));
    let check = |text: &str, told: &str| {
        assert_eq!(read(text, BODY_BYTES_MAX).unwrap_err().to_string(), told, "{text}");
    };
    check("", "line 1, column 0: EOF while parsing a value");
    check("{}", "it has no `log.entries`: it is no HAR");
    check("[]", "line 1, column 2: a list where an object with `log` belongs");
    check("{\"log\": 1}", "line 1, column 9: invalid type: integer `1`, expected an object with `entries`");
    check("{\"log\": {\"entries\": {}}}", "line 1, column 22: `entries` is an object, not a list");
    check("{\"log\":\n {\"entries\": [\n  {}]}}", "line 3, column 4: in entry 1: missing field `request`");
    let get = |member: &str, value: Value| {
        let mut entry =
            json!({ "request": { "method": "GET", "url": "http://x" }, "response": { "status": 200 } });
        let place = entry.pointer_mut(member.rsplit_once('/').unwrap().0).unwrap();
        place[member.rsplit_once('/').unwrap().1] = value;
        entry
    };
    for (member, value, told) in [
        ("/startedDateTime", json!("noon"), "entry 1: `noon` is no time: write it as RFC 3339 does"),
        ("/request/method", json!("GE T"), "entry 1: `GE T` is no method"),
        ("/request/url", json!("http://a\u{7}/"), "entry 1: `a\u{7}` is no host"),
        ("/response/status", json!(20000), "entry 1: 20000 is no status"),
        (
            "/request/headers",
            json!([{ "name": "a b", "value": "" }]),
            "entry 1: `a b` is no name of a header",
        ),
        (
            "/request/headers",
            json!([{ "name": "a", "value": "\u{7}" }]),
            "entry 1: the header `a` is no text",
        ),
        (
            "/request/postData",
            json!({ "text": "%", "encoding": "base64" }),
            "entry 1: a body says that it is base64 and is not",
        ),
    ] {
        check(&entry(get(member, value)), told);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", at in 0usize..400) {
        let _ = read(&text, BODY_BYTES_MAX);
        let whole = har(json!([{
            "startedDateTime": "2026-01-02T10:00:00Z", "time": 1e300,
            "request": { "method": "POST", "url": "http://x/y", "postData": { "text": "a" } },
            "response": { "status": 200, "content": { "text": "b" } }
        }]));
        // Something else in the middle of a good file.
        let at = (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let _ = read(&format!("{}{text}{}", &whole[..at], &whole[at..]), BODY_BYTES_MAX);
    }
}
