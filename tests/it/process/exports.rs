//! Exports over the audit listener of a running process.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

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
    let book = export("xlsx");
    assert!(book.starts_with(b"PK\x03\x04") && book.ends_with(&[0, 0]), "{} bytes", book.len());
    let (status, refused) =
        request(process.audit, "GET /audit/v1/export?format=doc HTTP/1.1", "", "").unwrap();
    assert!(status == 400 && refused.contains("ndjson, json, csv"), "{refused}");
}
