//! The application as an operator configures it, and nobody in its place.

use std::net::TcpListener;

use serde_json::Value;

use super::{Process, command, configure, get, request, url};
use crate::rig::App;
use crate::wire::upstream::{Authority, TlsApp, server};

const RULES: &str = "version: 1
rules:
  - { id: note.added, match: \"POST /notes/{id}\", action: NOTE_ADDED, target: { type: note, id: $.path.id } }
";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

// THREATS D11
#[test]
fn tls_to_the_application_is_verified_or_said_not_to_be() {
    let (authority, other) = (Authority::new(), Authority::new());
    let app = TlsApp::answering(server(authority.certify("localhost", |_| {}), None), OK);
    let cases = [
        (format!("{{ ca: {} }}", authority.ca()), 200, 0),
        ("{ insecure: true }".to_owned(), 200, 1),
        (format!("{{ ca: {} }}", other.ca()), 502, 0),
    ];
    for (tls, status, unverified) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("rules/notes.yaml"), RULES).unwrap();
        let more = format!("upstream_tls: {tls}\n");
        let process = Process::start_before(folder.path(), &app.url(), "rules", &more);
        let (found, _) = request(process.proxy, "POST /notes/1 HTTP/1.1", "", "").unwrap();
        assert_eq!(found, status, "{tls}");
        let events = get(process.audit, "/audit/v1/events");
        let result = if status == 200 { "success" } else { "failure" };
        assert_eq!(
            (&events["data"][0]["action"], &events["data"][0]["result"]),
            (&"NOTE_ADDED".into(), &result.into())
        );
        let (_, metrics) = request(process.audit, "GET /metrics HTTP/1.1", "", "").unwrap();
        assert!(metrics.contains(&format!("\nearwitness_upstream_unverified {unverified}\n")), "{metrics}");
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.contains("upstream_tls.insecure"), unverified == 1, "{log}");
        assert_eq!(process.terminate(), Some(0));
    }
}

const READ: &str = "version: 1
resources: { note: { read: { request: 'GET /notes/{id}', timeout_ms: 10000 } } }
actors: [{ name: somebody, ask: { request: GET /me, timeout_ms: 10000 }, actor: { type: user, id: $.answer.body.id } }]
rules: [{ id: note.changed, match: 'PUT /notes/{id}', before: note, after: read, action: NOTE_CHANGED }]
";

// THREATS B04
#[test]
fn neither_the_environment_nor_a_redirect_leads_a_read_elsewhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let there = url(elsewhere.local_addr().unwrap());
    let location = there.clone();
    let app = App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            let moved = |to: &str| format!("302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            let head = match request.split(" HTTP/").next().unwrap() {
                "GET /notes/there" | "GET /me" => moved(&location),
                "GET /notes/metadata" => moved("http://169.254.169.254/latest/meta-data/"),
                _ => "200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
            };
            wire.send(format!("HTTP/1.1 {head}"));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("rules/notes.yaml"), READ).unwrap();
    configure(folder.path(), &url(app.address), "rules", "limits: { before_ms: 10000 }\n");
    let mut command = command(folder.path());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, &there).env(name.to_lowercase(), &there);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let process = Process::run(command, folder.path());
    let cases = [
        ("here", "read", Value::Null, Value::Null),
        ("there", "unavailable", "status".into(), 302.into()),
        ("metadata", "unavailable", "status".into(), 302.into()),
    ];
    for (id, state, why, status) in cases {
        let line = format!("PUT /notes/{id} HTTP/1.1");
        let (answered, _) = request(process.proxy, &line, "authorization: Bearer x\r\n", "").unwrap();
        assert_eq!(answered, 200, "{id}");
        let event = process.events().pop().unwrap();
        let before = &event["before"];
        assert_eq!(
            (&before["state"], &before["why"], &before["status"]),
            (&state.into(), &why, &status),
            "{id}"
        );
        assert_eq!(event["actor"]["id"], Value::Null, "{event}");
    }
    assert_eq!(process.terminate(), Some(0));
    let reads = app.requests().iter().filter(|request| request.starts_with("GET ")).count();
    assert!(reads >= 7, "{reads}: before and after each, and whose credential it is");
    assert!(elsewhere.accept().is_err(), "somebody was asked who is not the application");
}
