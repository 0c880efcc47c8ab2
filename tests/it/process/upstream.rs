//! The application behind TLS, as an operator configures it.

use super::{Process, get, request};
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
