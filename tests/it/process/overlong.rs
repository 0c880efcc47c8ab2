//! Input that is longer than anybody meant it to be, in each place that a rule reads: it is forwarded, and its record is
//! kept, found and exported like any other.

use std::process::Command;

use serde_json::{Value, json};

use super::{Process, eventually, get, request, simple_upstream};

const RULES: &str = r#"version: 1
rules:
  - id: booking.moved
    match: POST /bookings/{id}
    action: MOVED
    message: "{{ request.body.title }} was moved for {{ request.query.scope }}"
    target: { type: booking, id: $.path.id, name: $.request.body.title }
    reason: $.request.body.reason
    details:
      mark: $.request.query.mark
      scope: $.request.query.scope
      agent: $.request.headers['user-agent']
      own: $.request.headers['x-own']
      body: $.request.body
"#;
const LIMITS: &str = "limits: { head_bytes_max: 1048576, headers_max: 1024 }\n";
const LONG_BYTES: usize = 900_000;
/// A longer target is refused with 414, and not forwarded.
const TARGET_BYTES: usize = 60_000;
/// Those that are text.
const FORMATS: [&str; 5] = ["ndjson", "json", "csv&columns=details.mark", "cloudevents", "ocsf"];

/// A request: the identifier in its path, what its query has besides, its headers, its body.
type Case = (String, String, String, String);

/// Each place in turn, and all at once.
fn cases() -> Vec<Case> {
    let long = "scope ".repeat(LONG_BYTES / 6);
    let part = "x".repeat(LONG_BYTES / 9);
    let body = |body: Value| body.to_string();
    let plain = || body(json!({ "title": "Review", "reason": "ill" }));
    let line = |name: &str, value: &str| format!("{name}: {value}\r\n");
    let case = |id: &str, query: String, headers: String, body: String| (id.to_owned(), query, headers, body);
    let many: String = (0..900).map(|n| line(&format!("x-{n}"), &"y".repeat(1_000))).collect();
    vec![
        case(&"b".repeat(TARGET_BYTES), String::new(), String::new(), plain()),
        case("b", format!("&scope={}", "openid%20".repeat(TARGET_BYTES / 9)), String::new(), plain()),
        case("b", "&scope=openid".repeat(TARGET_BYTES / 13), String::new(), plain()),
        case("b", String::new(), line("user-agent", &long), plain()),
        case("b", String::new(), line("x-own", &long), plain()),
        case("b", String::new(), line("cookie", &"a=b; ".repeat(LONG_BYTES / 5)), plain()),
        case(
            "b",
            String::new(),
            line("authorization", &format!("Bearer {}", long.replace(' ', ""))),
            plain(),
        ),
        case("b", String::new(), line("x-forwarded-for", &"1.1.1.1, ".repeat(LONG_BYTES / 9)), plain()),
        case("b", String::new(), line("x-request-id", &long), plain()),
        case("b", String::new(), many.clone(), plain()),
        case("b", String::new(), String::new(), body(json!({ "title": long }))),
        case("b", String::new(), String::new(), body(json!({ "reason": long }))),
        case("b", String::new(), String::new(), body(json!({ "other": vec!["ä"; LONG_BYTES / 6] }))),
        case("b", String::new(), String::new(), format!("{{\"{long}\":1}}")),
        case(
            &part[..TARGET_BYTES / 2],
            format!("&scope={}", &part[..TARGET_BYTES / 3]),
            [
                line("user-agent", &part),
                line("x-own", &part),
                line("cookie", &part),
                many[..400_000].to_owned(),
            ]
            .concat()
                + "\r\n",
            body(
                json!({ "title": &long[..LONG_BYTES / 3], "reason": &long[..LONG_BYTES / 3], "other": &part }),
            ),
        ),
    ]
}

/// What tells a request from the others.
fn mark(number: usize) -> String {
    format!("mark{number:02}")
}

/// All events of the rule.
fn moved(process: &Process, filter: &str) -> Vec<Value> {
    let page = get(process.audit, &format!("/audit/v1/events?limit=100&action=MOVED{filter}"));
    page["data"].as_array().unwrap().clone()
}

// THREATS E42
#[test]
fn however_long_any_input_is_its_record_is_kept_found_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/office")).unwrap();
    std::fs::write(folder.path().join("rules/office/pack.yaml"), RULES).unwrap();
    let process = Process::start_as(folder.path(), simple_upstream(), "rules", LIMITS);
    let cases = cases();
    for (number, (id, query, headers, body)) in cases.iter().enumerate() {
        let line = format!("POST /bookings/{id}?mark={}{query} HTTP/1.1", mark(number));
        let headers = format!("content-type: application/json\r\n{headers}");
        let (status, answer) = request(process.proxy, &line, &headers, body).unwrap();
        assert_eq!(status, 200, "{number}: {answer}");
        assert_eq!(moved(&process, "").len(), number + 1, "recorded when it is answered: {number}");
    }
    // At the end everything is moved to the store, where it is indexed.
    assert_eq!(process.terminate(), Some(0));
    let process = Process::start_as(folder.path(), simple_upstream(), "rules", LIMITS);
    eventually("all is indexed", || process.metric("earwitness_unindexed_events") == 0);
    let events = moved(&process, "&targetType=booking");
    assert_eq!(events.len(), cases.len());
    for (number, event) in (0..cases.len()).rev().zip(&events) {
        assert_eq!(event["details"]["mark"], mark(number));
        assert!(event["request"]["url"].as_str().unwrap().contains("/bookings/"), "{number}");
        assert!(event.to_string().len() < 256 << 10, "{number}");
        assert_eq!(moved(&process, &format!("&q={}", mark(number))), std::slice::from_ref(event), "{number}");
    }
    for format in FORMATS {
        let line = format!("GET /audit/v1/export?format={format}&action=MOVED HTTP/1.1");
        let (status, export) = request(process.audit, &line, "", "").unwrap();
        assert_eq!(status, 200, "{format}: {export}");
        for number in 0..cases.len() {
            assert!(export.contains(&mark(number)), "{format}: {number}");
        }
    }
    assert_eq!(process.terminate(), Some(0));
    let mut verify = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    assert!(
        verify
            .args(["verify", "--data-dir", "data"])
            .current_dir(folder.path())
            .output()
            .unwrap()
            .status
            .success()
    );
}
