//! Finding events in a log: pages in both orders and both ways, searches, counts, and the index behind them.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Process, notes, request, simple_upstream};

/// A log of thirty notes, each with a text.
fn log() -> (tempfile::TempDir, Process) {
    let folder = notes();
    let process = Process::start(folder.path(), simple_upstream());
    for n in 0..30 {
        let body =
            json!({ "text": format!("{} note number {n}", if n % 3 == 0 { "Blue" } else { "Green" }) });
        let line = format!("POST /notes/n{n} HTTP/1.1");
        let added = request(process.proxy, &line, "content-type: application/json\r\n", &body.to_string());
        assert_eq!(added.unwrap().0, 200);
    }
    (folder, process)
}

fn ask(process: &Process, target: &str) -> (u16, Value) {
    let (status, body) = request(process.audit, &format!("GET {target} HTTP/1.1"), "", "").unwrap();
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn ids(page: &Value) -> Vec<String> {
    let events = page["data"].as_array().unwrap();
    events.iter().map(|event| event["target"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_are_turned_on_and_back_in_both_orders() {
    let (_folder, process) = log();
    for order in ["newest", "oldest"] {
        let base = format!("/audit/v1/events?targetType=note&limit=7&order={order}");
        let (mut pages, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let target = cursor.as_str().map_or(base.clone(), |cursor| format!("{base}&cursor={cursor}"));
            let (status, page) = ask(&process, &target);
            assert_eq!(status, 200, "{page}");
            assert_eq!(page["pagination"]["previousCursor"].is_null(), pages.is_empty(), "{order}");
            cursor = page["pagination"]["nextCursor"].clone();
            pages.push(page);
            if cursor.is_null() {
                break;
            }
        }
        let all: Vec<String> = pages.iter().flat_map(ids).collect();
        let mut expected: Vec<String> = (0..30).map(|n| format!("n{n}")).collect();
        if order == "newest" {
            expected.reverse();
        }
        assert_eq!((pages.len(), all), (5, expected), "{order}");
        // And back again: the same pages, but for the first, which may be reached with a page that begins earlier.
        let mut back = pages.pop().unwrap();
        while let Some(page) = pages.pop() {
            let cursor = back["pagination"]["previousCursor"].as_str().unwrap().to_owned();
            let (status, before) = ask(&process, &format!("{base}&cursor={cursor}"));
            assert_eq!((status, ids(&before)), (200, ids(&page)), "{order}");
            assert!(before["pagination"]["nextCursor"].is_string(), "{order}");
            back = before;
        }
        assert_eq!(back["pagination"]["previousCursor"], Value::Null, "{order}");
        let other = if order == "newest" { "oldest" } else { "newest" };
        let cursor = back["pagination"]["nextCursor"].as_str().unwrap();
        let (status, _) =
            ask(&process, &format!("/audit/v1/events?targetType=note&order={other}&cursor={cursor}"));
        assert_eq!(status, 400, "a cursor is of one order");
    }
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn a_search_takes_words_prefixes_phrases_fields_and_what_must_not_be() {
    let (_folder, process) = log();
    let check = |q: &str, expected: usize| {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
        let (status, page) = ask(&process, &format!("/audit/v1/events?targetType=note&limit=100&{query}"));
        assert_eq!((status, ids(&page).len()), (200, expected), "{q}");
    };
    check("blue note", 10);
    check("blu* -\"number 3\"", 9);
    check("\"blue note number\"", 10);
    check("\"note blue\"", 0);
    check("action:NOTE_ADDED -details:blue", 20);
    check("targetId:n7", 1);
    check("n1*", 11);
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn events_are_counted_by_value_and_over_time() {
    let (_folder, process) = log();
    let (status, facets) =
        ask(&process, "/audit/v1/facets?q=blue&targetType=note&facet=action&facet=rule&limit=1");
    assert_eq!(status, 200, "{facets}");
    let expected = json!({
        "data": { "action": [{ "value": "NOTE_ADDED", "count": 10 }], "rule": [{ "value": "notes/note.added", "count": 10 }] },
        "total": { "count": 10, "atLeast": false }, "isCut": false,
    });
    assert_eq!(facets, expected);
    // A facet is counted under all filters but its own.
    let (_, others) = ask(&process, "/audit/v1/facets?action=NOTE_ADDED&facet=action");
    let values = others["data"]["action"].as_array().unwrap();
    assert!(values.iter().any(|value| value["value"] == "RECORDING_STARTED"), "{others}");
    assert_eq!(others["total"]["count"], 30);
    let (_, histogram) =
        ask(&process, "/audit/v1/histogram?targetType=note&interval=month&zone=Europe/Berlin");
    let pieces = histogram["data"].as_array().unwrap();
    assert_eq!(pieces.iter().map(|piece| piece["count"].as_u64().unwrap()).sum::<u64>(), 30, "{histogram}");
    assert_eq!((&histogram["interval"], &histogram["isCut"]), (&json!("month"), &json!(false)));
    for (nonsense, parameter) in [
        ("facets?facet=colour", "facet"),
        ("facets?facet=targetId", "facet"),
        ("facets?limit=101", "limit"),
        ("facets?cursor=x", "cursor"),
        ("facets?q=%22open", "q"),
        ("histogram", "interval"),
        ("histogram?interval=fortnight", "interval"),
        ("histogram?interval=day&interval=week", "interval"),
        ("histogram?interval=day&zone=Atlantis", "zone"),
        ("histogram?interval=day&limit=3", "limit"),
    ] {
        let (status, problem) = ask(&process, &format!("/audit/v1/{nonsense}"));
        assert_eq!((status, &problem["parameter"]), (400, &json!(parameter)), "{nonsense} {problem}");
        assert!(problem["accepts"].as_str().is_some_and(|accepts| !accepts.is_empty()), "{nonsense}");
    }
    assert_eq!(process.terminate(), Some(0));
}

/// Bookings that get a new identifier when they are moved.
const BOOKINGS: &str = "version: 1
rules:
  - id: moved
    match: POST /bookings/{id}/move
    action: MOVED
    target: { type: booking, id: $.path.id }
    links: [{ rel: rescheduled-to, type: booking, id: $.request.body.to }]
    changes: { start: { before: $.request.body.was, after: $.request.body.start } }
  - { id: noted, match: 'POST /bookings/{id}/note', action: NOTED, target: { type: booking, id: $.path.id } }
";

#[test]
fn a_things_history_follows_it_to_its_new_identifiers_and_tells_what_it_was_like() {
    let folder = notes();
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), BOOKINGS).unwrap();
    let process = Process::start(folder.path(), simple_upstream());
    let send = |path: &str, body: Value| {
        let line = format!("POST /bookings/{path} HTTP/1.1");
        let sent = request(process.proxy, &line, "content-type: application/json\r\n", &body.to_string());
        assert_eq!(sent.unwrap().0, 200);
    };
    send("a/note", json!({}));
    send("a/move", json!({ "to": "b", "was": "10:00", "start": "11:00" }));
    send("z/note", json!({}));
    send("b/move", json!({ "to": "c", "was": "11:00", "start": "12:00" }));
    send("c/note", json!({}));
    for id in ["a", "b", "c"] {
        let base = format!("/audit/v1/targets/booking/{id}/history?limit=2");
        let (mut all, mut target) = (Vec::new(), base.clone());
        loop {
            let (status, page) = ask(&process, &target);
            assert_eq!(status, 200, "{page}");
            all.extend(ids(&page));
            let Some(cursor) = page["pagination"]["nextCursor"].as_str() else { break };
            target = format!("{base}&cursor={cursor}");
        }
        assert_eq!(all, ["a", "a", "b", "c"], "{id}");
    }
    let (_, page) = ask(&process, "/audit/v1/targets/booking/b/history?order=newest&action=MOVED");
    assert_eq!(ids(&page), ["b", "a"]);
    // The same as a file.
    let file = |query: &str| {
        let target = format!("/audit/v1/export?format=csv&columns=target.id&facts=no&{query}");
        let (status, text) = request(process.audit, &format!("GET {target} HTTP/1.1"), "", "").unwrap();
        assert_eq!(status, 200, "{text}");
        text.split("\r\n").skip(1).map(|cell| cell.replace('"', "")).collect::<Vec<_>>().join(" ")
    };
    for id in ["a", "b", "c"] {
        assert_eq!(file(&format!("history=booking/{id}")), "c b a a ", "{id}");
    }
    assert_eq!(file("history=booking/b&action=MOVED"), "b a ");
    assert_eq!(file("history=note/b"), "");
    // It goes on after a page of the history.
    let (_, first) = ask(&process, "/audit/v1/targets/booking/b/history?order=newest&limit=1");
    let cursor = first["pagination"]["nextCursor"].as_str().unwrap();
    assert_eq!(file(&format!("history=booking/b&cursor={cursor}")), "b a a ");
    let times: Vec<String> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["time"].as_str().unwrap().to_owned())
        .collect();
    let state = |at: &str| ask(&process, &format!("/audit/v1/targets/booking/c/state?at={at}")).1;
    for (at, value, from) in
        [("2026-01-01", "10:00", "before"), (&times[1], "11:00", "after"), ("2200-01-01", "12:00", "after")]
    {
        let state = state(at);
        assert_eq!(state["fields"]["start"]["value"], value, "{at} {state}");
        assert_eq!(
            (&state["fields"]["start"]["from"], &state["isCut"]),
            (&json!(from), &json!(false)),
            "{state}"
        );
    }
    assert_eq!(state("2200-01-01")["lastEvent"]["action"], "NOTED");
    for (nonsense, parameter) in
        [("state", "at"), ("state?at=then", "at"), ("state?a=1", "a"), ("history?limit=0", "limit")]
    {
        let (status, problem) = ask(&process, &format!("/audit/v1/targets/booking/c/{nonsense}"));
        assert_eq!((status, &problem["parameter"]), (400, &json!(parameter)), "{problem}");
    }
    let (status, nothing) = ask(&process, "/audit/v1/targets/booking/nobody/history");
    assert_eq!((status, ids(&nothing).len()), (200, 0));
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn the_index_is_made_anew_of_a_log_that_nobody_uses() {
    let (folder, process) = log();
    let run = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.current_dir(folder).args(["reindex", "--config", "earwitness.yaml"]).output().unwrap()
    };
    let refused = run(folder.path());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("in use by process"), "{told}");
    assert_eq!(process.terminate(), Some(0));
    let made = run(folder.path());
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success() && told.ends_with("events indexed\n"), "{told}{made:?}");
    let process = Process::start(folder.path(), simple_upstream());
    let (_, page) = ask(&process, "/audit/v1/events?q=blue&targetType=note&limit=100");
    assert_eq!(ids(&page).len(), 10);
    assert_eq!(process.terminate(), Some(0));
}
