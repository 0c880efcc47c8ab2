//! A secret in every place where one can be, and then a look at everything that Earwitness says of itself.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::{Process, command, configure, request, simple_upstream, url};

const RULES: &str = "version: 1
resources:
  note: { read: { request: 'GET /notes/{id}', credentials: audit } }
actors:
  - { name: somebody, ask: GET /me, actor: { type: user, id: $.answer.body.id } }
rules:
  - id: note.added
    match: POST|DELETE /notes/{id}
    before: note
    action: NOTE_ADDED
    details: { text: $.request.body.text }
";
/// In all of them, so that one search finds every one.
const CANARY: &str = "c4n4ryb1rd";

fn canary(place: &str) -> String {
    format!("{CANARY}{place}0123456789")
}

// THREATS O06
#[test]
fn no_secret_reaches_log_metrics_or_readiness() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
        fs::write(folder.path().join("rules/notes/notes.yaml"), RULES).unwrap();
        fs::write(folder.path().join("audit.token"), canary("credential")).unwrap();
        let more = format!(
            "watch: false\nadmin: {{ listen: '127.0.0.1:0', token: {} }}\n\
             credentials: {{ audit: {{ paths: [/notes], file: audit.token }} }}\n\
             limits: {{ upstream_ms: 200, capture_bytes_max: 1KiB }}\n",
            canary("token")
        );
        configure(folder.path(), &url(simple_upstream()), "rules", &more);
        let mut command = command(folder.path());
        command.args(["--log", "earwitness=trace", "--log-format", format]);
        command.env(canary("VARIABLE"), canary("value"));
        let process = Process::run(command, folder.path());
        play(&process);
        let bearer = format!("authorization: Bearer {}\r\n", canary("token"));
        let wrong = format!("authorization: Bearer {}\r\n", canary("wrong"));
        let mut said = String::new();
        for (line, headers) in [
            ("GET /audit/v1/events HTTP/1.1", &wrong),
            ("GET /metrics HTTP/1.1", &bearer),
            ("GET /readyz HTTP/1.1", &bearer),
            ("POST /audit/v1/reload HTTP/1.1", &bearer),
        ] {
            said.push_str(&request(process.audit, line, headers, "").unwrap().1);
        }
        // A reload that fails tells what is wrong, and shows the configuration for that.
        let path = folder.path().join("earwitness.yaml");
        let broken = fs::read_to_string(&path).unwrap() + &format!("admin_token: {}\n", canary("mistyped"));
        fs::write(&path, broken).unwrap();
        let (status, refused) =
            request(process.audit, "POST /audit/v1/reload HTTP/1.1", &bearer, "").unwrap();
        assert_eq!(status, 422, "{refused}");
        let query = "GET /audit/v1/events?action=RULES_RELOADED HTTP/1.1";
        said.push_str(&refused);
        said.push_str(&request(process.audit, query, &bearer, "").unwrap().1);
        assert_eq!(process.terminate(), Some(0));
        said.push_str(&fs::read_to_string(folder.path().join("log")).unwrap());
        assert!(said.contains("earwitness_requests_total") && said.contains("loaded anew"), "{said}");
        let found: Vec<_> = said.lines().filter(|line| line.contains(CANARY)).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

// THREATS O07
#[test]
fn a_crash_leaves_no_core() {
    let folder = super::notes();
    configure(folder.path(), &url(simple_upstream()), "rules", "");
    let mut command = command(folder.path());
    // Where a core would be written.
    command.current_dir(folder.path());
    let process = Process::run(command, folder.path());
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let of_cores = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(of_cores.split_whitespace().collect::<Vec<_>>(), ["1", "1", "bytes"]);
    process.signal("ABRT");
    assert_eq!(process.wait(), None, "a signal ended it");
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let cores: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("core")).collect();
    assert!(cores.is_empty(), "{cores:?}");
}

/// Requests of many kinds, good and bad, each with a secret wherever one fits.
fn play(process: &Process) {
    let headers = format!(
        "content-type: application/json\r\nauthorization: Bearer {}\r\ncookie: sid={}\r\nx-api-key: {}\r\n",
        canary("bearer"),
        canary("cookie"),
        canary("header")
    );
    let body = format!("{{\"password\":\"{}\",\"text\":\"{}\"}}", canary("password"), canary("body"));
    let long = format!("{{\"text\":\"{}{}\"}}", canary("body"), "x".repeat(4_096));
    let target = |path: &str| format!("{path}?access_token={}", canary("query"));
    for (method, body) in [("GET", ""), ("POST", &*body), ("POST", &*long), ("POST", "{half"), ("DELETE", "")]
    {
        for path in ["/notes/1", &format!("/notes/{}", canary("path")), "/elsewhere", "/notes/%zz"] {
            let line = format!("{method} {} HTTP/1.1", target(path));
            let _ = request(process.proxy, &line, &headers, body);
        }
    }
    for bad in [
        format!("GET /{}#x HTTP/1.1\r\nhost: x\r\n{headers}\r\n", canary("hash")),
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n{headers}\r\n"),
        format!("{} / HTTP/1.1\r\nhost: x\r\n{headers}\r\n", canary("method")),
        format!("POST /notes/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n{headers}\r\n{body}"),
    ] {
        let mut stream = TcpStream::connect(process.proxy).unwrap();
        stream.write_all(bad.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = stream.read_to_string(&mut String::new());
    }
}
