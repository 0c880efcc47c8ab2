//! Exports over the audit listener of a running process.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::reading::{CONFIG, add_notes, done, installation, run};
use super::{Process, notes, request, simple_upstream};

/// The head of an answer, and its body's bytes as they came.
fn raw(process: &Process, target: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(process.audit).unwrap();
    write!(stream, "GET {target} HTTP/1.0\r\nhost: {}\r\n\r\n", process.audit).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

#[test]
fn every_format_comes_over_a_socket_with_all_events_and_a_name() {
    let folder = notes();
    let process = Process::start(folder.path(), simple_upstream());
    for n in 0..3 {
        let body = format!("{{\"text\":\"x;=note {n}\"}}");
        let line = format!("POST /notes/n{n} HTTP/1.1");
        assert_eq!(
            request(process.proxy, &line, "content-type: application/json\r\n", &body).unwrap().0,
            200
        );
    }
    let export = |format: &str| {
        let (head, body) = raw(&process, &format!("/audit/v1/export?format={format}&action=NOTE_ADDED"));
        assert!(head.starts_with("HTTP/1.0 200") && head.contains("nosniff"), "{head}");
        assert!(head.contains("attachment; filename=\"earwitness-20"), "{head}");
        body
    };
    let lines = |format: &str| -> Vec<Value> {
        let body = String::from_utf8(export(format)).unwrap();
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let events = lines("ndjson");
    assert_eq!((events.len(), &events[4]["count"]), (5, &Value::from(3)));
    assert_eq!(events[0]["filter"], serde_json::json!({ "action": ["NOTE_ADDED"] }));
    let json: Value = serde_json::from_slice(&export("json")).unwrap();
    assert_eq!(json["data"].as_array().unwrap()[..], events[1..4]);
    // THREATS X01
    let sheet = String::from_utf8(export("csv&columns=details.text,target.id")).unwrap();
    let rows: Vec<&str> = sheet.lines().collect();
    assert_eq!((rows.len(), rows[1]), (5, "\"x;'=note 2\",\"n2\""));
    assert_eq!(lines("cloudevents")[2]["data"], events[3]);
    assert_eq!(lines("ocsf")[2]["unmapped"]["earwitness"], events[3]);
    let table = export("parquet");
    assert!(table.starts_with(b"PAR1") && table.ends_with(b"PAR1"), "{} bytes", table.len());
    let book = export("xlsx");
    assert!(book.starts_with(b"PK\x03\x04") && book.ends_with(&[0, 0]), "{} bytes", book.len());
    let (status, refused) =
        request(process.audit, "GET /audit/v1/export?format=doc HTTP/1.1", "", "").unwrap();
    assert!(status == 400 && refused.contains("ndjson, json, csv, xlsx, parquet"), "{refused}");
}

#[test]
fn one_event_is_exported_by_its_id_from_the_process_that_writes_the_log_and_from_its_data_directory() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    add_notes(process.proxy, 3);
    let events = process.events();
    let id = events.iter().find(|event| event["target"]["id"] == "n1").unwrap()["id"].as_str().unwrap();
    let (_, served) = raw(&process, &format!("/audit/v1/export?id={id}"));
    let served = String::from_utf8(served).unwrap();
    let event = served.lines().nth(1).unwrap();
    assert!(event.contains("=note 1"), "{served}");
    let check = |at: &[&str]| {
        let file = done(folder, &[&["export", "--id", id][..], at].concat());
        let lines: Vec<&str> = file.lines().collect();
        let told = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        assert_eq!((lines.len(), lines[1]), (3, event));
        assert_eq!(told(lines[0])["filter"], serde_json::json!({ "id": [id] }));
        assert_eq!(told(lines[2])["count"], 1);
    };
    check(&CONFIG);
    let refused = |arguments: &[&str], expected: &str| {
        let output = run(folder, &[&["export"][..], arguments, &CONFIG].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(expected), "{told}");
    };
    refused(&["--id", id, "--action", "NOTE_ADDED"], "cannot be used with");
    refused(&["--id", id, "--cursor", "abc"], "cannot be used with");
    refused(&["--id", "n1"], "invalid value 'n1'");
    refused(&["--id", "00000000-0000-0000-0000-00000000000f"], "No event has this id");
    assert_eq!(process.terminate(), Some(0));
    check(&CONFIG);
    check(&["--data-dir", "data"]);
}

#[test]
fn what_was_exported_is_imported_into_another_log_once_and_as_it_was() {
    let old = notes();
    let process = Process::start(old.path(), simple_upstream());
    let add = |process: &Process, n: usize| {
        let line = format!("POST /notes/n{n} HTTP/1.1");
        let body = format!("{{\"text\":\"note {n}\"}}");
        assert_eq!(
            request(process.proxy, &line, "content-type: application/json\r\n", &body).unwrap().0,
            200
        );
    };
    (0..620).for_each(|n| add(&process, n));
    let (_, file) = raw(&process, "/audit/v1/export");
    let before = process.all_events();
    process.kill();
    let new = notes();
    let process = Process::start(new.path(), simple_upstream());
    add(&process, 1_000);
    let path = new.path().join("old.ndjson");
    std::fs::write(&path, &file).unwrap();
    let import = |path: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_earwitness"));
        let output = command
            .current_dir(new.path())
            .args(["import", "--config", "earwitness.yaml"])
            .arg(path)
            .output();
        let output = output.unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    };
    let (is_done, told) = import(&path);
    assert!(!is_done && told.contains("stop it first"), "{told}");
    assert_eq!(process.terminate(), Some(0));
    // Not whole, and changed: nothing of it is recorded.
    let text = String::from_utf8(file).unwrap();
    let cut = new.path().join("cut.ndjson");
    std::fs::write(&cut, &text[..text.trim_end().rfind('\n').unwrap()]).unwrap();
    let (is_done, told) = import(&cut);
    assert!(!is_done && told.contains("has no end"), "{told}");
    std::fs::write(&cut, text.replacen("note 7", "note 8", 1)).unwrap();
    let (is_done, told) = import(&cut);
    assert!(!is_done && told.contains("is not as it was recorded"), "{told}");
    let (is_done, told) = import(&path);
    assert!(is_done && told.contains(&format!("{} events imported; 0 were there", before.len())), "{told}");
    let (is_done, told) = import(&path);
    assert!(is_done && told.contains(&format!("0 events imported; {} were there", before.len())), "{told}");
    let process = Process::start(new.path(), simple_upstream());
    let after = process.all_events();
    let begun = after.iter().position(|event| event["action"] == "IMPORT_BEGUN").unwrap();
    let bare = |event: &Value| {
        let mut event = event.clone();
        for member in ["sequence", "leaf", "salt"] {
            event.as_object_mut().unwrap().remove(member);
        }
        event
    };
    let imported: Vec<Value> = after[begun + 1..=begun + before.len()].iter().map(bare).collect();
    assert_eq!(imported, before.iter().map(bare).collect::<Vec<_>>());
    let ended = &after[begun + before.len() + 1];
    assert_eq!(
        (&ended["action"], &ended["details"]["imported"]),
        (&Value::from("IMPORT_ENDED"), &Value::from(before.len()))
    );
    assert_eq!(ended["details"]["log"]["id"], before[before.len() - 1]["id"]);
}
