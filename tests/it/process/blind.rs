//! Blind spots end to end: through the real program, its query endpoint and its command.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::Value;

use super::{Process, get, request};

const RULES: &str = "version: 1\naliases: [/v8]\nexclude: [POST /api/ping]\nblind_spots: [\"GET /api/jobs/{name}/run\", GET /api/move]\nrules:\n\
    - { id: moved, match: POST /api/move, when: { $.request.body.start: { exists: true } }, action: MOVED }\n";

/// An application that has no `/nothing…`, leads elsewhere from `/do…`, and takes all else.
fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(|stream| answer(&stream)));
    address
}

fn answer(stream: &TcpStream) {
    let (mut reader, mut line, mut length) = (BufReader::new(stream), String::new(), 0);
    reader.read_line(&mut line).unwrap();
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
    let status = match &target {
        target if target.starts_with("/nothing") => "404 Not Found",
        target if target.starts_with("/do") => "302 Found\r\nlocation: /",
        _ => "200 OK",
    };
    let mut writer = stream;
    write!(writer, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
}

fn rows(process: &Process, query: &str) -> Vec<String> {
    let page = get(process.audit, &format!("/audit/v1/blind-spots{query}"));
    assert_eq!(page["pagination"]["hasMore"], false);
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("method"), text("path"), row["unmatched"], row["unrecorded"])
    };
    page["data"].as_array().unwrap().iter().map(row).collect()
}

// THREATS E07, E12, E14, E15
#[test]
fn what_no_rule_records_is_told_within_one_request_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::write(folder.path().join("rules/rules.yaml"), RULES).unwrap();
    let upstream = application();
    let process = Process::start(folder.path(), upstream);
    let send = |line: &str, body: &str| {
        let headers = "content-type: application/json\r\ncookie: hush=hush\r\n";
        request(process.proxy, &format!("{line} HTTP/1.1"), headers, body).unwrap();
    };
    send("POST /v9/api/move?token=hush&why=x", r#"{"start":1}"#);
    assert_eq!(rows(&process, ""), ["POST /v9/api/move 1 0"]);
    send("POST /v8/api/move", r#"{"start":1}"#);
    send("GET /api/jobs", "");
    send("POST /api/ping", "");
    send("GET /x?delete=1", "");
    (0..50).for_each(|number| send(&format!("POST /nothing{}", "x".repeat(number)), ""));
    assert_eq!(rows(&process, ""), ["POST /v9/api/move 1 0"]);
    send("post /api/bookings/17/cancel", "");
    send("FROB /api/bookings/18", "");
    send("GET /do?delete=1", "");
    send("POST /api/move", "{}");
    send("POST /api/bookings/19/cancel", "");
    assert_eq!(
        rows(&process, ""),
        [
            "POST /api/bookings/{id}/cancel 2 0",
            "FROB /api/bookings/{id} 1 0",
            "POST /api/move 0 1",
            "POST /v9/api/move 1 0",
            "GET /do 1 0",
        ]
    );
    // These the operator has listed.
    send("GET /api/jobs/nightly/run", "");
    send("HEAD /v8/API/move", "");
    let all = rows(&process, "");
    assert!(all.contains(&"GET /api/jobs/nightly/run 1 0".to_owned()), "{all:?}");
    assert!(all.contains(&"HEAD /v8/API/move 1 0".to_owned()), "{all:?}");
    assert_eq!(rows(&process, "?path=/api/&method=frob"), ["FROB /api/bookings/{id} 1 0"]);
    assert_eq!(rows(&process, "?since=2100-01-01"), [""; 0]);
    let (_, metrics) = request(process.audit, "GET /metrics HTTP/1.1", "", "").unwrap();
    assert!(metrics.contains("earwitness_blind_spots 7\n"), "{metrics}");
    assert!(metrics.contains("earwitness_blind_requests_total 58\n"), "{metrics}");
    let page = get(process.audit, "/audit/v1/blind-spots");
    assert_eq!(page["unlearned"]["4xx"], 50);
    assert!(!page.to_string().contains("hush\""), "{page}");
    let moved = page["data"].as_array().unwrap().iter().find(|row| row["path"] == "/v9/api/move").unwrap();
    assert_eq!(moved["sample"]["query"][1], "why");

    let told = |arguments: &[&str]| {
        let url = format!("http://{}", process.audit);
        let output = Command::new(env!("CARGO_BIN_EXE_earwitness"))
            .args(["blindspots", "--url", &url])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = told(&[]);
    assert!(text.starts_with("   1  POST /api/bookings/{id}/cancel\n      2 unmatched, 0 matched"), "{text}");
    assert!(text.ends_with("7 blind spots; 50 requests that fit none of them\n"), "{text}");
    let json: Value = serde_json::from_str(&told(&["--format", "json"])).unwrap();
    assert_eq!(json["data"], page["data"]);

    assert_eq!(process.terminate(), Some(0));
    let process = Process::start(folder.path(), upstream);
    assert_eq!(rows(&process, "").len(), 7);
}

// THREATS E73
#[test]
fn a_rule_that_has_gone_silent_is_told_wherever_somebody_looks() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::write(folder.path().join("rules/rules.yaml"), RULES).unwrap();
    let upstream = application();
    let process = Process::start(folder.path(), upstream);
    let send = |process: &Process, line: &str| {
        let headers = "content-type: application/json\r\n";
        request(process.proxy, &format!("{line} HTTP/1.1"), headers, r#"{"start":1}"#).unwrap();
    };
    send(&process, "POST /api/move");
    let readiness = get(process.audit, "/readyz");
    assert!(readiness.get("troubles").is_none(), "{readiness}");
    assert_eq!(process.terminate(), Some(0));

    // That the rule has fired every minute of a day, and last three days ago.
    let path = folder.path().join("data/rule-pulses.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let pulse = kept["pulses"]["rules/moved"].as_object_mut().unwrap();
    let last: jiff::Timestamp = pulse["last"].as_str().unwrap().parse().unwrap();
    let days_ago = |days: i64| Value::from((last - jiff::SignedDuration::from_hours(24 * days)).to_string());
    pulse.insert("first".to_owned(), days_ago(4));
    ["last", "since"].into_iter().for_each(|name| drop(pulse.insert(name.to_owned(), days_ago(3))));
    pulse.insert("gaps".to_owned(), 1_440.into());
    pulse.insert("usual_s".to_owned(), 60.0.into());
    fs::write(&path, kept.to_string()).unwrap();

    // The application was updated meanwhile.
    let process = Process::start(folder.path(), upstream);
    assert!(get(process.audit, "/readyz").get("troubles").is_none(), "nobody has worked yet");
    (0..50).for_each(|_| send(&process, "POST /api/v3/move"));
    let readiness = get(process.audit, "/readyz");
    let told = readiness["troubles"][0].as_str().unwrap();
    assert!(
        readiness["status"] == "ready" && told.starts_with("the rule rules/moved has not fired"),
        "{readiness}"
    );
    let (_, metrics) = request(process.audit, "GET /metrics HTTP/1.1", "", "").unwrap();
    assert!(metrics.contains("earwitness_rules_silent 1\n"), "{metrics}");
    let page = get(process.audit, "/audit/v1/blind-spots");
    assert_eq!(page["silent"][0]["rule"], "rules/moved", "{page}");
    assert_eq!(page["silent"][0]["requestsSince"], 50, "{page}");
    assert_eq!(page["silent"][0]["like"], serde_json::json!([{ "method": "POST", "path": "/api/v3/move" }]));
    let output = Command::new(env!("CARGO_BIN_EXE_earwitness"))
        .args(["blindspots", "--url", &format!("http://{}", process.audit)])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("SILENT  rules/moved\n") && text.contains("now perhaps POST /api/v3/move\n"),
        "{text}"
    );
    send(&process, "POST /api/move");
    assert_eq!(get(process.audit, "/audit/v1/blind-spots")["silent"], serde_json::json!([]));
}
