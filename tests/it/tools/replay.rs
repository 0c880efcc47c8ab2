//! `earwitness replay` and `backtest` as they are run: recorded traffic in, events and differences out.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const RULES: &str = r#"version: 1
resources:
  booking: { read: "GET /bookings/{id}", select: $.answer.body, type: booking, name: title }
rules:
  - id: moved
    match: POST /bookings/{id}/move
    before: booking
    after: { merged: { start: $.request.body.start } }
    action: MOVED
    message: "{{ before.title }} moved to {{ request.body.start }}"
  - id: seen
    mode: shadow
    match: GET /bookings/{id}
    action: SEEN
"#;

pub(super) fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_earwitness")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn entry(method: &str, url: &str, user: &str, sent: Option<Value>, status: u16, received: &Value) -> Value {
    let cookie = json!({ "name": "Cookie", "value": format!("session={user}") });
    let mut request = json!({ "method": method, "url": url, "headers": [cookie] });
    if let Some(sent) = sent {
        request["postData"] = json!({ "mimeType": "application/json", "text": sent.to_string() });
    }
    let content = json!({ "mimeType": "application/json", "text": received.to_string() });
    json!({
        "startedDateTime": "2026-03-04T05:06:07Z", "time": 5, "request": request,
        "response": { "status": status, "headers": [], "content": content }
    })
}

/// Ben looks at the booking and moves it; Ida, who never looked, moves it again; something else is deleted.
fn traffic() -> String {
    let url = "http://app.example/bookings/7";
    let booking = json!({ "title": "Fitting\u{1b}[2J", "start": "09:00" });
    let moved = format!("{url}/move");
    let entries = json!([
        entry("GET", url, "ben", None, 200, &booking),
        entry("POST", &moved, "ben", Some(json!({ "start": "11:00" })), 200, &json!({})),
        entry("POST", &moved, "ida", Some(json!({ "start": "12:00" })), 200, &json!({})),
        entry("DELETE", "http://app.example/rooms/1", "ida", None, 204, &json!(null)),
    ]);
    json!({ "log": { "entries": entries } }).to_string()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.yaml"), RULES).unwrap();
    fs::write(folder.path().join("traffic.har"), traffic()).unwrap();
    folder
}

#[test]
fn a_recording_answers_what_rules_ask_and_only_to_who_asked_it() {
    let folder = folder();
    let arguments = ["replay", "traffic.har", "--rules", "own.yaml", "--format", "json"];
    let (code, told, log) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [seen, ben, ida, counts] = &lines[..] else { panic!("{told}") };
    assert_eq!((&seen["entry"], &seen["shadow"]), (&json!(1), &json!(true)), "{told}");
    let change = &ben["event"]["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&json!("09:00"), &json!("11:00")), "{told}");
    assert_eq!(ben["event"]["before"]["state"], "read", "{told}");
    assert_eq!(ben["event"]["target"]["id"], "7", "{told}");
    // Ida's cookie is another one: Ben's answer is not hers.
    assert_eq!(ida["event"]["before"], json!({ "state": "unavailable", "why": "not_asked" }), "{told}");
    let expected = json!({
        "exchanges": 4, "matched": 3, "recorded": 2, "events": 2, "shadowed": 1, "blind": 1
    });
    assert_eq!(counts["counts"], expected);
    let (_, again, _) = run(folder.path(), &arguments);
    assert_eq!(again, told, "two runs differ");
}

/// THREATS E70
#[test]
fn what_the_traffic_says_cannot_move_the_cursor() {
    let folder = folder();
    let (code, told, log) = run(folder.path(), &["replay", "traffic.har", "--rules", "own.yaml"]);
    assert_eq!(code, Some(0), "{log}");
    for part in [
        "entry 1, GET /bookings/7 → 200, by own/seen (shadow: not recorded)\n",
        "entry 2, POST /bookings/7/move → 200, by own/moved\n",
        "success  Fitting [2J moved to 11:00\n",
        "booking 7 “Fitting\\u{1b}[2J”\n",
        "start: 09:00 → 11:00\n",
        "4 exchanges: 3 matched a rule, 2 recorded (2 events), 1 events in shadow mode, \
         1 that may change something matched no rule\n",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "{told}");
}

#[test]
fn a_cut_file_is_used_as_far_as_it_goes_and_a_wrong_one_is_refused() {
    let folder = folder();
    let whole = traffic();
    let cut = &whole[..whole.len() - 80];
    fs::write(folder.path().join("cut.har"), cut).unwrap();
    let (code, told, log) = run(folder.path(), &["replay", "cut.har", "--rules", "own.yaml"]);
    assert!(code == Some(0) && told.contains("3 exchanges: 3 matched"), "{told}");
    assert_eq!(log, "cut.har ends in the middle: the 3 exchanges before are used\n");
    let wrong = whole.replacen("\"method\":\"DELETE\"", "\"method\":\"DEL ETE\u{202e}\"", 1);
    for (content, told) in [
        (wrong.as_str(), "entry 4: `DEL ETE\\u{202e}` is no method"),
        ("{\"log\":{}}", "it has no `log.entries`: it is no HAR"),
        ("hello", "cannot be read as a dump of `curl -v`"),
    ] {
        fs::write(folder.path().join("wrong.har"), content).unwrap();
        let (code, out, log) = run(folder.path(), &["replay", "wrong.har", "--rules", "own.yaml"]);
        assert!(code == Some(1) && out.is_empty() && log.contains(told), "{log}");
    }
    let (code, _, log) = run(folder.path(), &["replay", "none.har", "--rules", "own.yaml"]);
    assert!(code == Some(1) && log.contains("none.har cannot be read"), "{log}");
    fs::write(folder.path().join("wrong.yaml"), "version: 1\nrulez: []\n").unwrap();
    let (code, _, log) = run(folder.path(), &["replay", "traffic.har", "--rules", "wrong.yaml"]);
    assert!(code == Some(2) && log.contains("rulez"), "{log}");
}

#[test]
fn a_backtest_tells_what_appears_vanishes_and_changes_and_fails_when_anything_does() {
    let folder = folder();
    for (name, rules) in [
        ("old", RULES.to_owned()),
        ("reworded", RULES.replace("moved to", "is now at")),
        ("less", RULES.replace("POST /bookings/{id}/move", "POST /bookings/{id}/moved")),
        ("more", format!("{RULES}  - {{ id: gone, match: 'DELETE /rooms/{{id}}', action: GONE }}\n")),
        ("commented", RULES.replace("version: 1", "version: 1 # the first")),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("own.yaml"), rules).unwrap();
    }
    let check = |new: &str, code: i32, parts: &[&str]| {
        let new = format!("{new}/own.yaml");
        let (exit, told, log) = run(folder.path(), &["backtest", "old/own.yaml", &new, "traffic.har"]);
        assert_eq!(exit, Some(code), "{told}{log}");
        for part in parts {
            assert!(told.contains(part), "{part}\n---\n{told}");
        }
        told
    };
    check("commented", 0, &["own/moved: 2 the same, 0 appeared, 0 vanished, 0 changed\nno event differs\n"]);
    check(
        "reworded",
        1,
        &[
            "entry 2, POST /bookings/7/move → 200\n  ~ own/moved\n",
            "message.text: \"Fitting [2J moved to 11:00\" → \"Fitting [2J is now at 11:00\"\n",
            "own/moved: 1 the same, 0 appeared, 0 vanished, 1 changed\nthe rules do not record the same\n",
        ],
    );
    check("less", 1, &["  - own/moved: MOVED success: ", "0 appeared, 2 vanished"]);
    let told = check("more", 1, &["entry 4, DELETE /rooms/1 → 204\n  + own/gone: GONE success: GONE\n"]);
    assert!(!told.contains('\u{1b}'), "{told}");
    let arguments = ["backtest", "old/own.yaml", "reworded/own.yaml", "traffic.har", "--format", "json"];
    let (code, told, _) = run(folder.path(), &arguments);
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (Some(1), 2), "{told}");
    assert_eq!((&lines[0]["entry"], &lines[0]["difference"]), (&json!(2), &json!("changed")), "{told}");
    assert_eq!(lines[1]["rules"]["own/moved"]["changed"], 1, "{told}");
}

#[test]
fn the_calls_of_a_recorded_batch_meet_the_rules_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "version: 1\nformats: [{ at: 'POST /trpc/{router}/{procedures}', as: trpc }]\nrules:\n\
        - { id: confirmed, match: POST /trpc/bookings/confirm, action: CONFIRMED, \
            target: { type: booking, id: $.request.body.uid } }\n";
    fs::write(folder.path().join("own.yaml"), rules).unwrap();
    let url = "http://app.example/trpc/bookings/confirm,confirm?batch=1";
    let sent = json!({ "0": { "uid": "a" }, "1": { "uid": "b" } });
    let answer = json!([{ "result": { "data": {} } }, { "error": { "data": { "httpStatus": 403 } } }]);
    let other = "http://app.example/trpc/bookings/list?batch=1";
    let entries = json!([
        entry("POST", url, "ben", Some(sent), 207, &answer),
        entry("POST", other, "ben", Some(json!({ "0": {} })), 200, &json!([{ "result": { "data": {} } }])),
    ]);
    let har = json!({ "log": { "entries": entries } }).to_string();
    fs::write(folder.path().join("traffic.har"), har).unwrap();
    let arguments = ["replay", "traffic.har", "--rules", "own.yaml", "--format", "json"];
    let (code, told, log) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second, counts] = &lines[..] else { panic!("{told}") };
    let seen = |line: &Value| {
        (line["event"]["target"]["id"].clone(), line["event"]["result"].clone(), line["entry"].clone())
    };
    assert_eq!(seen(first), (json!("a"), json!("success"), json!(1)), "{told}");
    assert_eq!(seen(second), (json!("b"), json!("denied"), json!(1)), "{told}");
    assert_eq!((&counts["counts"]["matched"], &counts["counts"]["blind"]), (&json!(1), &json!(1)), "{told}");
}

#[test]
fn logins_in_the_recording_tell_whose_sessions_come_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "version: 1\n\
        actors: [{ name: logins, learned: true }]\nrules:\n\
        - id: logged_in\n  match: POST /login\n  action: LOGGED_IN\n  \
          session: { starts: { cookie: session } }\n  \
          actor: { type: user, id: $.request.body.user }\n\
        - { id: moved, match: \"POST /bookings/{id}/move\", action: MOVED }\n";
    fs::write(folder.path().join("own.yaml"), rules).unwrap();
    let url = "http://app.example/bookings/7/move";
    let mut login =
        entry("POST", "http://app.example/login", "none", Some(json!({ "user": "ben" })), 200, &json!({}));
    login["request"]["headers"] = json!([]);
    login["response"]["headers"] = json!([{ "name": "Set-Cookie", "value": "session=s1; Path=/" }]);
    let mut other = entry("POST", url, "s1", Some(json!({})), 200, &json!({}));
    other["startedDateTime"] = json!("2026-03-04T17:06:08Z");
    let entries = json!([
        login,
        entry("POST", url, "s1", Some(json!({})), 200, &json!({})),
        entry("POST", url, "s2", Some(json!({})), 200, &json!({})),
        other,
    ]);
    fs::write(folder.path().join("traffic.har"), json!({ "log": { "entries": entries } }).to_string())
        .unwrap();
    let arguments = ["replay", "traffic.har", "--rules", "own.yaml", "--format", "json"];
    let (code, told, log) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actors: Vec<&Value> = lines[1..4].iter().map(|line| &line["event"]["actor"]["id"]).collect();
    // Another session, and the same one when twelve hours are over, are nobody's.
    assert_eq!(actors, [&json!("ben"), &Value::Null, &Value::Null], "{told}");
}
