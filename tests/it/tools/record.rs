//! `earwitness record` as it is run: a HAR that is whole at any moment, and holds no secret.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use super::replay::run;
use crate::process::request;

const CANARY: &str = "canary0123456789abcdef";

/// An application that answers with a body for each path, and sets a cookie.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap_or(0);
                    }
                    if first.is_empty() {
                        first = line;
                    }
                }
                let _ = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink());
                let (kind, body) = match first.split(' ').nth(1).unwrap_or_default() {
                    "/xml" => (
                        "application/xml",
                        format!("<a><password>{CANARY}</password><b t='x'>ok &amp; fine</b></a>"),
                    ),
                    "/page" => ("text/html", format!("<input name=csrf value={CANARY}>")),
                    "/broken" => ("application/json", format!("{{\"password\": \"{CANARY}")),
                    _ => (
                        "application/json",
                        format!("{{\"title\": \"Fitting\", \"accessToken\": \"{CANARY}\"}}"),
                    ),
                };
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nset-cookie: session={CANARY}; Path=/\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    address
}

/// A running `earwitness record`, and where clients connect.
fn start(folder: &Path, more: &[&str]) -> (Child, SocketAddr) {
    let upstream = format!("http://{}", upstream());
    let arguments = ["record", "--listen", "127.0.0.1:0", "--upstream", &upstream, "--out", "traffic.har"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_earwitness"))
        .args(arguments)
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.split("http://").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
    (child, address)
}

fn stop(mut child: Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// THREATS O06, P05
#[test]
fn a_canary_in_every_place_is_nowhere_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (child, address) = start(folder.path(), &[]);
    // {"sub":"u1","email":"ben@x.org"}; only the signature lets anybody in.
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImVtYWlsIjoiYmVuQHgub3JnIn0.{CANARY}");
    let bearer = format!(
        "authorization: Bearer {CANARY}\r\nx-api-key: {CANARY}\r\ncookie: session={CANARY}; lang=en\r\n"
    );
    // anna:canary0123456789abcdef
    let basic = "authorization: Basic YW5uYTpjYW5hcnkwMTIzNDU2Nzg5YWJjZGVm\r\n";
    let json = "content-type: application/json\r\n";
    for (line, headers, body) in [
        (format!("GET /a?token={CANARY}&b=1"), bearer, String::new()),
        (
            "POST /a".to_owned(),
            format!("{json}authorization: Bearer {jwt}\r\n"),
            format!("{{\"user\":\"ben\",\"password\":\"{CANARY}\"}}"),
        ),
        (
            "POST /form".to_owned(),
            format!("content-type: application/x-www-form-urlencoded\r\n{basic}"),
            format!("a=1&a=2&password={CANARY}"),
        ),
        (
            "PUT /xml".to_owned(),
            "content-type: application/xml\r\n".to_owned(),
            format!("<x password='{CANARY}'><secret><![CDATA[{CANARY}]]></secret></x>"),
        ),
        (
            "PUT /ics".to_owned(),
            "content-type: text/calendar\r\n".to_owned(),
            format!(
                "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nPASSWORD:{CANARY}\r\nURL:https://x/?token=\r\n {CANARY}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            ),
        ),
        (
            "POST /page".to_owned(),
            "content-type: text/plain\r\n".to_owned(),
            format!("my password is {CANARY}"),
        ),
        ("POST /broken".to_owned(), json.to_owned(), format!("{{\"password\": \"{CANARY}")),
        (
            "POST /multipart".to_owned(),
            "content-type: multipart/form-data; boundary=b\r\n".to_owned(),
            format!("--b\r\ncontent-disposition: form-data; name=password\r\n\r\n{CANARY}\r\n--b--\r\n"),
        ),
    ] {
        let (status, _) = request(address, &format!("{line} HTTP/1.1"), &headers, &body).unwrap();
        assert_eq!(status, 200, "{line}");
    }
    stop(child);
    let text = fs::read_to_string(folder.path().join("traffic.har")).unwrap();
    for hidden in [CANARY, "Y2FuYXJ5MDEyMzQ1Njc4OWFiY2RlZ", "YW5uYTpjYW5h", "canary0123"] {
        assert!(!text.contains(hidden), "{hidden}\n{text}");
    }
    let har: Value = serde_json::from_str(&text).unwrap();
    // Each is written when it is over, which for two quick ones may be in either order.
    let mut entries = har["log"]["entries"].as_array().unwrap().clone();
    entries
        .sort_by_key(|entry| entry["startedDateTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    assert_eq!(entries.len(), 8, "{text}");
    let sent = |index: usize| entries[index]["request"]["postData"]["text"].as_str().unwrap_or_default();
    assert_eq!(sent(1), "{\"password\":\"[redacted]\",\"user\":\"ben\"}");
    assert_eq!(sent(2), "a=1&a=2&password=%5Bredacted%5D");
    assert!(sent(3).starts_with("<x password=\"[redacted]\"><secret>"), "{text}");
    assert!(sent(4).contains("UID:1\r\nPASSWORD:[redacted"), "{text}");
    for index in [5, 6, 7] {
        assert!(entries[index]["request"]["postData"].is_null(), "{text}");
        assert_eq!(entries[index]["_earwitness"]["requestBody"]["hash"].as_str().unwrap().len(), 12);
    }
    let answer = entries[3]["response"]["content"]["text"].as_str().unwrap();
    assert_eq!(answer, "<a><password>[redacted]</password><b t=\"x\">ok &amp; fine</b></a>");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(folder.path().join("traffic.har")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn who_acted_can_still_be_told_from_a_recording_and_a_killed_recorder_leaves_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = start(folder.path(), &[]);
    let basic =
        "authorization: Basic YW5uYTpjYW5hcnkwMTIzNDU2Nzg5YWJjZGVm\r\ncontent-type: application/json\r\n";
    for line in ["GET /bookings/7 HTTP/1.1", "POST /bookings/7/cancel HTTP/1.1"] {
        request(address, line, basic, "").unwrap();
    }
    // The writer is a thread of its own: what it has not written yet is waited for.
    let path = folder.path().join("traffic.har");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while fs::read_to_string(&path).unwrap().matches("startedDateTime").count() < 2 {
        assert!(std::time::Instant::now() < deadline);
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    serde_json::from_str::<Value>(&fs::read_to_string(&path).unwrap()).unwrap();
    let rules = "version: 1\nresources: { booking: { read: \"GET /bookings/{id}\", name: title } }\n\
        actors: [{ name: basic, actor: { type: user, id: $.credential.user } }]\n\
        rules: [{ id: cancelled, match: \"POST /bookings/{id}/cancel\", before: booking, action: CANCELLED, \
          message: \"{{ before.title }} cancelled\" }]\n";
    fs::write(folder.path().join("own.yaml"), rules).unwrap();
    let (code, told, log) = run(folder.path(), &["replay", "traffic.har", "--rules", "own.yaml"]);
    assert_eq!(code, Some(0), "{log}");
    assert!(told.contains("Fitting cancelled\n") && told.contains("CANCELLED by anna"), "{told}");
}

#[test]
fn a_recording_ends_by_itself_and_never_writes_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _) = start(folder.path(), &["--for", "1s"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = fs::read_to_string(folder.path().join("traffic.har")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["log"]["entries"], Value::Array(Vec::new()));
    let arguments = ["record", "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:9", "--out"];
    let record = |more: &[&str]| run(folder.path(), &[&arguments[..], more].concat());
    let (code, _, log) = record(&["traffic.har"]);
    assert!(code == Some(1) && log.contains("traffic.har cannot be made"), "{log}");
    let (code, _, log) = record(&["other.har", "--for", "soon"]);
    assert!(code == Some(2) && log.contains("write it as 90s, 15m or 2h"), "{log}");
}
