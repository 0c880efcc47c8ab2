//! `earwitness test` and `check` as they are run: the forms in which the outcome is told, what no test
//! reached, what `--update` writes, and rules in shadow mode.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Process, request, simple_upstream};

/// Two rules; the test of one is wrong, the other one records nothing in force.
const RULES: &str = r#"version: 1
defaults:
  result: { first: [{ value: failure, when: { $.response.body.error: { exists: true } } }, success] }
rules:
  # Bookings are moved here.
  - id: moved
    match: POST /bookings/{id}/move
    when: { $.request.body.start: { exists: true } }
    action: MOVED
    target: { type: booking, id: $.path.id }
    message: "Booking {{ path.id }} <moved> to {{ request.body.start }}"
    tests:
      - name: a move is "recorded"
        request: { line: POST /bookings/7/move, body: { start: noon } }
        response: { status: 200 }
        expect:
          - action: MOVED   # always
            target: { id: "8" }
            message: Booking 7 was moved
      - name: an event too many
        request: { line: POST /bookings/7/move, body: {} }
        response: { status: 200 }
        expect:
          - action: MOVED
      - name: what it expects is left open

        request: { line: POST /bookings/9/move, body: { start: "11:00" } }
        response: { status: 200 } # fine

      # The last one.
      - { name: flow, request: { line: POST /bookings/9/move }, response: { status: 500 } }
  - id: seen
    mode: shadow
    match: GET /bookings/{id}
    action: SEEN
    events: [{ when: { $.request.query.full: "1" }, action: SEEN_WHOLE }]
    otherwise: none
tests:
  seen:
    - { name: a look, request: { line: GET /bookings/7?full=1 }, response: { status: 200 }, expect: [{ action: SEEN_WHOLE }] }
"#;

pub(super) fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_earwitness")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), RULES).unwrap();
    folder
}

#[test]
fn what_fails_is_shown_with_its_place_and_where_it_parts() {
    let folder = folder();
    let (code, told, _) = run(folder.path(), &["test", "own.yaml", "--coverage"]);
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "FAILED own/moved: a move is \"recorded\"\n  at own.yaml:13\n",
        "  - event 1.target.id\n      expected \"8\"\n      derived  \"7\"\n",
        "      expected \"Booking 7 was moved\"\n      derived  \"Booking 7 <moved> to noon\"\n                          ^\n",
        "  - 1 events were expected; derived: none\n",
        "it does not say what it expects",
        "shadow own/seen: a look: would have recorded 1 events\n",
        "1 passed, 4 failed\n",
        "own.yaml:32:9 own/seen: no test in which entry 1 (SEEN_WHOLE) does not hold\n",
        "own.yaml:3:21 own/moved: no test in which an alternative of `first` holds\n",
        "tests reach 2 of 2 rules,",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
    assert!(!told.contains("own/moved: no test in which `when`"), "{told}");
    let (_, few, _) = run(folder.path(), &["test", "own.yaml", "--only", "look"]);
    assert!(few.contains("1 passed, 0 failed") && !few.contains("branches"), "{few}");
}

#[test]
fn programs_get_json_and_build_servers_get_junit() {
    let folder = folder();
    let (code, told, _) = run(folder.path(), &["test", "own.yaml", "--format", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, &told["failed"], &told["tests"][0]["line"]),
        (Some(1), &4.into(), &13.into()),
        "{told}"
    );
    assert_eq!(told["tests"][4]["shadowed"], 1, "{told}");
    assert!(told["coverage"]["gaps"][0]["gap"].is_string(), "{told}");
    let (code, xml, _) = run(folder.path(), &["test", "own.yaml", "--format", "junit"]);
    assert_eq!(code, Some(1));
    for part in [
        "<testsuite name=\"own\" tests=\"5\" failures=\"4\">",
        "<testcase classname=\"own/moved\" name=\"a move is &quot;recorded&quot;\" file=\"own.yaml\" line=\"13\">",
        "<failure message=\"event 1.target.id\">",
        "Booking 7 &lt;moved&gt; to noon",
        "<testcase classname=\"own/seen\" name=\"a look\" file=\"own.yaml\" line=\"40\"/>",
        "<testsuite name=\"coverage\"",
    ] {
        assert!(xml.contains(part), "{part}\n---\n{xml}");
    }
}

#[test]
fn update_writes_what_was_derived_and_keeps_the_rest_of_the_file() {
    let folder = folder();
    let (code, _, told) = run(folder.path(), &["test", "own.yaml", "--update"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("wrote what 4 tests expect into 1 files"), "{told}");
    let written = fs::read_to_string(folder.path().join("own.yaml")).unwrap();
    let event = r#"{ action: MOVED, message: "Booking 9 <moved> to 11:00", target: { id: "9" } }"#;
    let expected = RULES
        .replace("id: \"8\"", "id: \"7\"")
        .replace("message: Booking 7 was moved", "message: \"Booking 7 <moved> to noon\"")
        .replace("expect:\n          - action: MOVED\n      - name", "expect:\n          []\n      - name")
        .replace(
            "response: { status: 200 } # fine",
            &format!("response: {{ status: 200 }}\n        expect:\n          - {event} # fine"),
        )
        .replace("response: { status: 500 } }", "response: { status: 500 }, expect: [] }");
    assert_eq!(written, expected);
    let (code, told, _) = run(folder.path(), &["test", "own.yaml"]);
    assert!(code == Some(0) && told.contains("5 passed, 0 failed"), "{told}");
}

#[test]
fn a_rule_of_a_pack_that_the_operator_puts_into_shadow_mode_is_counted_and_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let pack = "version: 1\nrules:\n- { id: a, match: POST /x, action: A }\n- { id: b, match: POST /x, action: B }\n";
    let own = "version: 1\noverrides: { office/b: { mode: shadow } }\n";
    fs::create_dir_all(folder.path().join("rules/office")).unwrap();
    fs::write(folder.path().join("rules/office/x.yaml"), pack).unwrap();
    fs::write(folder.path().join("own.yaml"), own).unwrap();
    let process = Process::start_with(folder.path(), simple_upstream(), "[rules/office, own.yaml]");
    let (status, _) = request(process.proxy, "POST /x HTTP/1.1", "", "").unwrap();
    assert_eq!(status, 200);
    let actions: Vec<Value> = process.events().into_iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["A"]);
    let (_, metrics) = request(process.audit, "GET /metrics HTTP/1.1", "", "").unwrap();
    assert!(metrics.contains("earwitness_rule_shadowed_total{rule=\"office/b\"} 1\n"), "{metrics}");
}

#[test]
fn check_compares_with_a_description_and_prints_what_is_revealed() {
    let folder = folder();
    let path = folder.path().join("own.yaml");
    fs::write(&path, RULES.replacen("rules:", "reveal: [$.response.body.error.code]\nrules:", 1)).unwrap();
    let described = "openapi: 3.1.0\npaths:\n  /bookings/{uid}/move: { post: { summary: x } }\n";
    fs::write(folder.path().join("api.yaml"), described).unwrap();
    let (code, out, told) = run(folder.path(), &["check", "own.yaml", "--openapi", "api.yaml"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(out.contains("own reveals $.response.body.error.code\n2 rules in 1 packs are sound"), "{out}");
    assert!(told.contains("warning[W6]: the description has no `GET /bookings/{id}`"), "{told}");
    assert!(!told.contains("no `POST"), "{told}");
    let (code, out, _) = run(folder.path(), &["check", "own.yaml", "--format", "json", "--strict"]);
    let out: Value = serde_json::from_str(&out).unwrap();
    let members: Vec<&String> = out[0].as_object().unwrap().keys().collect();
    let documented =
        ["code", "column", "cure", "endColumn", "endLine", "file", "line", "message", "severity"];
    assert_eq!((code, members), (Some(2), documented.map(str::to_owned).iter().collect()), "{out}");
    let (code, _, told) = run(folder.path(), &["check", "own.yaml", "--openapi", "none.json"]);
    assert_eq!(code, Some(1), "{told}");
    let (code, out, _) = run(folder.path(), &["schema", "--actions", "own.yaml"]);
    assert_eq!((code, out.as_str()), (Some(0), "MOVED\town/moved\nSEEN_WHOLE\town/seen\n"));
}

#[test]
fn the_client_of_a_test_can_show_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let rules = r#"version: 1
actors: [{ name: certificate, actor: { type: user, id: $.client.certificate.id, name: $.client.certificate.name } }]
rules:
  - id: made
    match: POST /things
    action: MADE
    tests:
      - name: who shows a certificate is the actor
        request: { line: POST /things }
        client: { certificate: { subject: "CN=Ada", issuer: "CN=Our CA", name: Ada } }
        response: { status: 200 }
        expect: [{ actor: { id: CN=Ada; issued by CN=Our CA, name: Ada, assurance: verified } }]
"#;
    fs::write(folder.path().join("pack.yaml"), rules).unwrap();
    let (code, told, problems) = run(folder.path(), &["test", "pack.yaml"]);
    assert_eq!(code, Some(0), "{told}{problems}");
}
