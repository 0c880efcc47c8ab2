//! The commands that read a log, copy it and check it, beside the process that writes it and without one.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Process, notes, request, simple_upstream};

/// An installation whose audit listener is at a fixed address, so that its configuration says where.
pub(super) fn installation() -> (tempfile::TempDir, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (notes(), format!("admin: {{ listen: \"{free}\" }}\n"))
}

pub(super) fn add_notes(proxy: SocketAddr, count: usize) {
    for n in 0..count {
        let body = format!("{{\"text\":\"=note {n}\"}}");
        let added = request(
            proxy,
            &format!("POST /notes/n{n} HTTP/1.1"),
            "content-type: application/json\r\n",
            &body,
        );
        assert_eq!(added.unwrap().0, 200);
    }
}

pub(super) fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// What a command prints when it succeeds.
pub(super) fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{told}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

pub(super) const CONFIG: [&str; 2] = ["--config", "earwitness.yaml"];

#[test]
fn a_log_is_read_alike_from_the_process_that_writes_it_and_from_its_data_directory() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 130);
    let ask = |arguments: &[&str]| done(folder, &[arguments, &CONFIG].concat());
    let newest = ["query", "--target-type", "note", "--limit", "3", "--format", "json"];
    let all = "export --action NOTE_ADDED --format csv --columns target.id,details.text --facts no";
    let all: Vec<&str> = all.split(' ').collect();
    let running = (ask(&newest), ask(&all), ask(&["query", "--target-id", "n7"]));
    assert!(ask(&["verify"]).contains("all as they were recorded, none missing"));
    assert_eq!(process.terminate(), Some(0));
    assert_eq!(running, (ask(&newest), ask(&all), ask(&["query", "--target-id", "n7"])));
    assert!(ask(&["verify"]).contains("all as they were recorded, none missing"));
    let (newest, sheet, one) = running;
    let events: Vec<Value> = newest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = events.iter().map(|event| event["target"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["n129", "n128", "n127"]);
    let rows: Vec<&str> = sheet.lines().collect();
    assert_eq!(
        (rows.len(), rows[0], rows[130]),
        (131, "\"target.id\",\"details.text\"", "\"n0\",\"'=note 0\"")
    );
    assert!(one.contains("NOTE_ADDED") && one.contains("note n7"), "{one}");
}

#[test]
fn nonsense_is_refused_with_the_words_of_the_endpoint() {
    let (folder, admin) = installation();
    let folder = folder.path();
    Process::start_as(folder, simple_upstream(), "rules", &admin).terminate();
    let refused = run(folder, &["query", "--result", "perhaps", "--config", "earwitness.yaml"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("result is none of the four results"), "{told}");
    let none = run(folder, &["query", "--data-dir", "nowhere"]);
    let told = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(!none.status.success() && told.contains("there is no data directory nowhere"), "{told}");
}

#[test]
fn an_export_that_was_changed_does_not_verify() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 5);
    done(folder, &["export", "--config", "earwitness.yaml", "--out", "events.ndjson"]);
    drop(process);
    assert!(done(folder, &["verify", "--file", "events.ndjson"]).contains("none missing"));
    let text = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
    // THREATS X03
    let cut = text.lines().collect::<Vec<_>>();
    std::fs::write(folder.join("cut.ndjson"), cut[..cut.len() - 1].join("\n")).unwrap();
    let checked = run(folder, &["verify", "--file", "cut.ndjson"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(told.contains("the export has no end") && checked.status.code() == Some(1), "{told}");
    std::fs::write(folder.join("changed.ndjson"), text.replacen("=note 3", "=note 4", 1)).unwrap();
    let checked = run(folder, &["verify", "--file", "changed.ndjson"]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(1));
    assert!(told.contains("is not as it was recorded") && told.contains("NOT as they were"), "{told}");
    // A file that is there is not written over.
    let again = run(folder, &["export", "--config", "earwitness.yaml", "--out", "events.ndjson"]);
    assert!(!again.status.success());
}

#[test]
fn a_backup_of_a_running_log_is_restored_with_every_event_that_was_answered_before() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 40);
    let told = done(folder, &["backup", "copy", "--config", "earwitness.yaml"]);
    assert!(told.contains("events in copy, checked"), "{told}");
    // It went on meanwhile, and goes on.
    add_notes(process.proxy, 3);
    assert_eq!(process.events().iter().filter(|event| event["action"] == "NOTE_ADDED").count(), 43);
    assert_eq!(process.terminate(), Some(0));
    let told = done(folder, &["restore", "copy", "again", "--without-erasures"]);
    assert!(told.contains("events in again, as they were on"), "{told}");
    let notes = done(
        folder,
        &["query", "--data-dir", "again", "--action", "NOTE_ADDED", "--format", "json", "--limit", "100"],
    );
    assert_eq!(notes.lines().count(), 40);
    // Neither takes a folder that holds something.
    for arguments in [
        ["restore", "copy", "again", "--without-erasures"].as_slice(),
        &["backup", "copy", "--data-dir", "again"],
    ] {
        let output = run(folder, arguments);
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"), "{output:?}");
    }
    // A plain copy of the directory opens, too.
    std::fs::create_dir(folder.join("by-hand")).unwrap();
    assert!(
        Command::new("cp").args(["-r", "data/.", "by-hand"]).current_dir(folder).status().unwrap().success()
    );
    assert!(done(folder, &["verify", "--data-dir", "by-hand"]).contains("none missing"));
}

#[test]
fn a_backup_that_was_changed_is_not_restored() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 5);
    done(folder, &["backup", "copy", "--config", "earwitness.yaml"]);
    drop(process);
    // Without the store alone, its journal would still hold all of it.
    std::fs::remove_dir_all(folder.join("copy/store")).unwrap();
    for segment in std::fs::read_dir(folder.join("copy/journal")).unwrap() {
        let segment = std::fs::OpenOptions::new().write(true).open(segment.unwrap().path()).unwrap();
        segment.set_len(segment.metadata().unwrap().len() / 2).unwrap();
    }
    let output = run(folder, &["restore", "copy", "again", "--without-erasures"]);
    assert!(!output.status.success(), "{output:?}");
    std::fs::remove_file(folder.join("copy/backup.json")).unwrap();
    let output = run(folder, &["restore", "copy", "other", "--without-erasures"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is no whole backup"), "{output:?}");
}

// THREATS E71
#[test]
fn the_doctor_finds_an_application_that_answers_beside_the_proxy() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let process = Process::start_before(folder, &format!("http://127.0.0.1:{port}"), "rules", &admin);
    let find = |arguments: &[&str]| {
        let output = run(
            folder,
            &[&["doctor", "--config", "earwitness.yaml", "--format", "json"], arguments].concat(),
        );
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let of = |what: &str, state: &str| {
            findings.iter().filter(|one| one["what"] == what && one["state"] == state).count()
        };
        (output.status.code(), of("application", "bad"), of("process", "ok"), of("rules", "ok"))
    };
    // An address that is given is tried, whatever this machine has besides loopback.
    let (code, bad, is_running, _) = find(&["--try", &format!("127.0.0.2:{port}")]);
    assert!(bad >= 1, "nothing found");
    assert_eq!((code, is_running), (Some(1), 1));
    drop(open);
    let (code, bad, is_running, _) = find(&["--try", &format!("127.0.0.2:{port}")]);
    assert_eq!((code, bad, is_running), (Some(0), 0, 1));
    assert_eq!(process.terminate(), Some(0));
    assert_eq!(find(&[]).2, 0);
}

#[test]
fn who_only_reads_makes_no_key() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 2);
    process.kill();
    let (key, away) = (folder.join("data.key"), folder.join("away.key"));
    std::fs::rename(&key, &away).unwrap();
    let query = ["query", "--action", "NOTE_ADDED", "--format", "json", "--config", "earwitness.yaml"];
    assert_eq!(done(folder, &query).lines().count(), 2);
    assert!(!key.exists());
    std::fs::rename(&away, &key).unwrap();
    assert_eq!(done(folder, &query).lines().count(), 2);
}
