//! A disk that takes nothing, and a process that dies between a request and its record: what happened meanwhile is
//! told afterwards.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Process, configure, eventually, request, url};
use crate::rig::App;

const RULES: &str = "version: 1
rules:
  - { id: strict, match: \"POST /strict/{id}\", action: STRICT, on_failure: refuse, target: { type: note, id: $.path.id } }
  - { id: usual, match: \"POST /usual/{id}\", action: USUAL, target: { type: note, id: $.path.id } }
  - { id: loose, match: \"POST /loose/{id}\", action: LOOSE, guarantee: buffered, target: { type: note, id: $.path.id } }
";

fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), RULES).unwrap();
    folder
}

fn post(process: &Process, path: &str) -> Option<u16> {
    request(process.proxy, &format!("POST {path} HTTP/1.1"), "", "").ok().map(|(status, _)| status)
}

fn ok() -> App {
    App::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

fn only<'e>(events: &'e [Value], action: &str) -> &'e Value {
    let found: Vec<&Value> = events.iter().filter(|event| event["action"] == action).collect();
    assert_eq!(found.len(), 1, "{action}: {events:#?}");
    found[0]
}

// THREATS E74
#[test]
fn what_was_under_way_when_the_process_was_killed_is_told_as_unknown() {
    let folder = installation();
    let app = App::scripted(|wire| {
        wire.next_request();
        wire.read_to_end();
    });
    let process = Process::start_as(folder.path(), app.address, "rules", "watch: false\n");
    let proxy = process.proxy;
    let clients: Vec<_> = ["/usual/1?token=s3cret", "/loose/2"]
        .map(|path| {
            std::thread::spawn(move || request(proxy, &format!("POST {path} HTTP/1.1"), "", "").is_err())
        })
        .into();
    eventually("the application has both", || app.requests().len() == 2);
    process.kill();
    for client in clients {
        assert!(client.join().unwrap());
    }
    // The second start has nothing to add.
    for _ in 0..2 {
        let process = Process::start_as(folder.path(), app.address, "rules", "watch: false\n");
        let events = process.all_events();
        let unknown = only(&events, "USUAL");
        assert_eq!((&unknown["result"], &unknown["target"]["id"]), (&json!("unknown"), &json!("1")));
        assert_eq!(unknown["notes"], json!([{ "code": "recovered" }]));
        assert!(unknown["request"]["url"].as_str().unwrap().ends_with("/usual/1?token=[redacted]"));
        // Nobody promised to know of it.
        assert!(!events.iter().any(|event| event["action"] == "LOOSE"));
        let starts: Vec<&Value> =
            events.iter().filter(|event| event["action"] == "RECORDING_STARTED").collect();
        assert_eq!(starts[1]["details"]["ended"], "killed");
        assert_eq!(starts[1]["details"]["recovered"], 1);
        assert!(
            starts[1]["message"]["text"].as_str().unwrap().contains("not recording from"),
            "{}",
            starts[1]
        );
        assert_eq!(process.terminate(), Some(0));
    }
}

/// A process that writes past a limit on the size of files is told so, and not killed.
fn run(folder: &Path) -> Process {
    let mut command = Command::new("sh");
    let config = folder.join("earwitness.yaml");
    command.args([
        "-c",
        "trap '' XFSZ; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_earwitness"),
        "serve",
        "--config",
    ]);
    command.arg(config);
    Process::run(command, folder)
}

/// From now on files may have this length.
fn file_bytes_max(process: &Process, bytes: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &process.id().to_string(), &format!("--fsize={bytes}:")])
        .status();
    assert!(status.unwrap().success());
}

// THREATS E44, E45
#[test]
fn while_the_disk_takes_nothing_requests_are_refused_or_told_afterwards() {
    let folder = installation();
    let app = ok();
    configure(folder.path(), &url(app.address), "rules", "watch: false\n");
    let process = run(folder.path());
    assert_eq!(post(&process, "/strict/1"), Some(200));
    file_bytes_max(&process, "1");
    assert_eq!(post(&process, "/strict/2"), Some(503));
    assert_eq!(post(&process, "/usual/3"), Some(200));
    assert_eq!(post(&process, "/loose/4"), Some(200));
    let seen: Vec<String> = app.requests();
    assert!(!seen.iter().any(|request| request.contains("/strict/2")), "{seen:?}");
    eventually("three events are missing", || process.metric("earwitness_gap_events") == 3);
    let (status, told) = request(process.audit, "GET /readyz HTTP/1.1", "", "").unwrap();
    assert_eq!(status, 503);
    assert!(told.contains("3 events since"), "{told}");

    file_bytes_max(&process, "unlimited");
    // By itself.
    eventually("the gap is told", || process.events().len() == 2);
    let gap = &process.events()[1];
    assert_eq!((&gap["action"], &gap["details"]["count"]), (&json!("RECORDING_GAP"), &json!(3)));
    let missed = gap["details"]["missed"].as_array().unwrap();
    let told = |target: &str| {
        let found = missed.iter().find(|one| one["target"] == target).unwrap();
        (found["action"].as_str().unwrap(), found["result"].as_str().unwrap())
    };
    assert_eq!(told("2"), ("STRICT", "failure"));
    assert_eq!(told("3"), ("USUAL", "success"));
    assert_eq!(told("4"), ("LOOSE", "success"));
    eventually("it is ready", || {
        request(process.audit, "GET /readyz HTTP/1.1", "", "").is_ok_and(|(status, _)| status == 200)
    });
    assert_eq!(post(&process, "/strict/5"), Some(200));
    process.kill();
    let process = run(folder.path());
    let results: Vec<String> =
        process.events().iter().map(|event| format!("{} {}", event["action"], event["result"])).collect();
    assert_eq!(results, [r#""STRICT" "success""#, r#""RECORDING_GAP" "failure""#, r#""STRICT" "success""#]);
    assert_eq!(process.terminate(), Some(0));
    let process = run(folder.path());
    let starts = process.all_events();
    let last = starts.iter().rfind(|event| event["action"] == "RECORDING_STARTED").unwrap();
    assert_eq!(last["details"]["ended"], "stopped");
}
