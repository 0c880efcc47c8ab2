//! `earwitness explain` as it is run: why an exchange is recorded as it is, or is not.

use std::fs;

use serde_json::Value;

use super::replay::run;

const RULES: &str = r#"version: 1
defaults: { source: API }
resources:
  booking: { read: "GET /bookings/{id}", select: $.answer.body, type: booking, name: title }
actors:
  - { name: basic, actor: { type: user, id: $.credential.user } }
rules:
  - id: moved
    match: POST /bookings/{id}/move
    when: [{ $.request.body.start: { exists: true } }, { $.request.query.start: { exists: true } }]
    before: booking
    action: MOVED
    details: { to: $.request.body.start, password: $.request.body.password }
    events:
      - { when: { $.response.status: 200 }, message: "moved to {{ request.body.start }}" }
    otherwise: { action: NOT_MOVED }
  - { id: cancelled, match: "POST /bookings/{id}/move", when: { $.request.query.cancel: yes }, action: CANCELLED }
  - { id: gone, match: "DELETE /bookings/{id}/move", action: GONE }
  - { id: seen, match: "GET /bookings/{id}/move", action: SEEN }
"#;

const DUMP: &str = "> POST /bookings/7/move?token=canary0123456789abcdef HTTP/1.1\n> Host: app.example\n\
    > Authorization: Basic YW5uYTpjYW5hcnkwMTIzNDU2Nzg5YWJjZGVm\n> Content-Type: application/json\n>\n\
    {\"start\": \"11:00\\u001b[2J\", \"password\": \"canary0123456789abcdef\"}\n\
    < HTTP/1.1 200 OK\n< Content-Type: application/json\n<\n{\"ok\": true}\n* Connection #0 to host left intact\n";

/// THREATS E70, O06
#[test]
fn each_step_from_the_request_line_to_the_event_is_told_without_secrets_or_escapes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), RULES).unwrap();
    fs::write(folder.path().join("dump"), DUMP).unwrap();
    let (code, told, log) = run(folder.path(), &["explain", "dump", "--rules", "own.yaml"]);
    assert_eq!(code, Some(0), "{log}");
    for part in [
        "entry 1, POST /bookings/7/move → 200\n",
        "  met: own/moved (POST /bookings/{id}/move)\n",
        "  met: own/cancelled (POST /bookings/{id}/move), dropped by the head\n",
        "  met: own/gone (DELETE /bookings/{id}/move), if the body names the method DELETE\n",
        "the body does not name the method that the rule wants\n",
        "  not met: own/seen (GET /bookings/{id}/move): it wants the method GET\n",
        "  asked (before): GET /bookings/7 → unavailable: nobody asked this in the recording\n",
        "  rule own/moved (own.yaml:8)\n    who: by the way `basic`\n",
        "when any of → yes\n",
        "$.request.body.start: {\"exists\":true} → yes, sees \"11:00\\u001b[2J\"\n",
        "$.request.query.start: {\"exists\":true} → no, sees nothing\n",
        "when of the entry $.response.status: 200 → yes, sees 200\n",
        "source = \"API\"  from \"API\" (defaults, own.yaml:2)\n",
        "action = \"MOVED\"  from \"MOVED\" (rule, own.yaml:12)\n",
        "(entry, own.yaml:15)\n",
        "target.id: by default, the last part of the address that is read",
        "details.password = \"[redacted]\"  from $.request.body.password (rule, own.yaml:13)\n",
        "  rule own/cancelled (own.yaml:17)\n    `when` cannot hold, by the request alone\n",
        "$.request.query.cancel: \"yes\" → no, sees nothing\n",
        "\"action\": \"MOVED\"",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
    let arguments = ["explain", "dump", "--rules", "own.yaml", "--format", "json", "--entry", "1"];
    let (code, lines, _) = run(folder.path(), &arguments);
    let explained: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(explained["candidates"][1]["droppedBy"], "head", "{lines}");
    assert_eq!(explained["events"][0]["action"], "MOVED", "{lines}");
    for text in [&told, &lines] {
        assert!(!text.contains("canary") && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn what_no_rule_meets_and_what_is_not_there_are_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), RULES).unwrap();
    fs::write(folder.path().join("dump"), DUMP.replace("/move", "/moved").replace("POST", "PATCH")).unwrap();
    let (code, told, _) = run(folder.path(), &["explain", "dump", "--rules", "own.yaml", "--url", "/moved"]);
    assert_eq!(code, Some(0));
    assert!(
        told.contains("no rule's line meets this request") && told.contains("nothing is recorded"),
        "{told}"
    );
    let (code, _, log) = run(folder.path(), &["explain", "dump", "--rules", "own.yaml", "--entry", "2"]);
    assert!(code == Some(1) && log.contains("no exchange of the file is meant: it has 1"), "{log}");
}

/// A body that curl did not print puts the conditions on it into doubt; the event is there all the same.
#[test]
fn doubt_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), RULES).unwrap();
    let body = "{\"start\": \"11:00\\u001b[2J\", \"password\": \"canary0123456789abcdef\"}\n";
    let dump = DUMP.replace(body, "").replace("> Content-Type", "> Content-Length: 7\n> Content-Type");
    fs::write(folder.path().join("dump"), dump).unwrap();
    let (code, told, _) = run(folder.path(), &["explain", "dump", "--rules", "own.yaml"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("$.request.body.start: {\"exists\":true} → doubt"), "{told}");
    assert!(
        told.contains("because $.request.body.start looks at request.body: body-cut (no copy was made)"),
        "{told}"
    );
    assert!(told.contains("\"certainty\": \"doubtful\""), "{told}");
}
