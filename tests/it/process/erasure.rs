//! Values of a person that are erased: what is shown before, that it is told without naming him, that no file has them
//! any more, and that the log still verifies.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};

use earwitness::event::own::{self, Own};
use earwitness::event::{Actor, Event, Outcome};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::recorded::{TOKEN, events, recorded};
use super::{Process, eventually, request, simple_upstream};

fn of(name: &str) -> Event {
    let (id, time, action) = (Uuid::now_v7(), Timestamp::now(), "NOTE_ADDED");
    let text = format!("{name} Meyer added a note");
    let own = Own { id, time, rule: "x", action, title: action, text, result: Outcome::Success };
    let email = Some(format!("{}@example.org", name.to_lowercase()));
    let (r#type, name) = ("user".to_owned(), Some(format!("{name} Meyer")));
    let mut event = Event { actor: Actor { r#type, email, name, ..Actor::default() }, ..own::event(own) };
    event.rule.id = "notes/x".to_owned();
    event
}

/// An installation whose log holds six events of Anna and three of Bob.
fn installation() -> (tempfile::TempDir, String) {
    recorded(vec![["Anna", "Bob", "Anna"].iter().cycle().take(9).map(|name| of(name)).collect()])
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.current_dir(folder).args(arguments).args(["--config", "earwitness.yaml"]).output().unwrap()
}

fn erase(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[&["erase", "--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// The files below a folder that have these bytes.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if memchr::memmem::find(&std::fs::read(&path).unwrap_or_default(), text.as_bytes()).is_some() {
            found.push(path.display().to_string());
        }
    }
    found
}

fn verified(folder: &Path, expected: &str) {
    let output = run(folder, &["verify"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains(expected), "{told}");
}

// THREATS P01, P09, S07
#[test]
fn what_was_looked_at_is_erased_everywhere_and_the_deeds_stay() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    let anna = ["--subject", "anna@example.org"];
    let seen = erase(folder, &anna);
    let plan = &seen["plan"];
    assert_eq!(
        (&plan["events"], &plan["held"], &plan["also"]),
        (&json!(6), &json!(0), &json!({"Anna Meyer": 6}))
    );
    assert_eq!(plan["fields"], json!({"actor": 12, "client": 6, "message": 12}), "{seen}");
    assert_eq!(seen["last"], Value::Null);

    let other = run(folder, &["erase", anna[0], anna[1], "--confirm", "0123456789abcdef"]);
    assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("409"), "{other:?}");
    assert_eq!(events(&process, "&action=VALUES_ERASED").len(), 0);

    let done = erase(folder, &[anna[0], anna[1], "--confirm", plan["id"].as_str().unwrap()]);
    let last = &done["last"];
    assert_eq!(
        (&done["state"], &last["events"], &last["values"]),
        (&json!("idle"), &json!(6), &json!(30)),
        "{done}"
    );
    eventually("the journal has let go of it", || files_with(folder, "nna@example.org").is_empty());
    assert_eq!(files_with(folder, "Anna Meyer"), Vec::<String>::new());

    let told = events(&process, "&action=VALUES_ERASED");
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["details"]["values"], &told[0]["details"]["person"]), (&json!(30), &last["person"]));
    let person = format!("erased:{}", last["person"].as_str().unwrap());
    let left = events(&process, &format!("&actor={person}"));
    assert_eq!(left.len(), 6, "his deeds are still his");
    assert_eq!((&left[0]["actor"]["email"], &left[0]["client"]["ip"]), (&json!(person), &json!("::")));
    assert_eq!((&left[0]["action"], &left[0]["result"]), (&json!("NOTE_ADDED"), &json!("success")));
    assert!(left[0]["salt"].is_array());
    assert_eq!(events(&process, "&actor=bob@example.org").len(), 3);
    verified(folder, "30 values of 6 events were erased, as events of this log tell");
}

/// A listener before the audit listener: it knows nothing that was recorded after that event, but where it is asked for
/// what tells of removals. So a log looks to whoever began to read it before an erasure, and goes on after it.
fn late_reader(process: &Process, newest: u64) -> std::net::SocketAddr {
    let (listener, audit) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), process.audit);
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let Some(line) = head.lines().next() else { continue };
            let (status, mut body) = request(audit, line, TOKEN, "").unwrap();
            if line.contains("/events?") && !line.contains("action=VALUES_ERASED") {
                body = without_newer(&body, newest);
            }
            let head = format!(
                "HTTP/1.1 {status} OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    address
}

/// A page without the events that are newer than one; the others byte for byte.
fn without_newer(page: &str, newest: u64) -> String {
    #[derive(serde::Deserialize)]
    struct Page<'p> {
        #[serde(borrow)]
        data: Vec<&'p serde_json::value::RawValue>,
        pagination: Value,
    }
    let Page { data, pagination } = serde_json::from_str(page).unwrap();
    let sequence = |event: &str| serde_json::from_str::<Value>(event).unwrap()["sequence"].as_u64();
    let older: Vec<&str> =
        data.iter().map(|event| event.get()).filter(|event| sequence(event) <= Some(newest)).collect();
    format!("{{\"data\":[{}],\"pagination\":{pagination}}}", older.join(","))
}

// THREATS S06
#[test]
fn a_check_that_began_before_an_erasure_hears_of_it() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    let newest = events(&process, "")[0]["sequence"].as_u64().unwrap();
    let anna = ["--subject", "anna@example.org"];
    let seen = erase(folder, &anna);
    erase(folder, &[anna[0], anna[1], "--confirm", seen["plan"]["id"].as_str().unwrap()]);
    let url = format!("http://{}", late_reader(&process, newest));
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    let output = command.args(["verify", "--url", &url]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains(&format!("{newest} events, to {newest}: all as they were recorded")), "{told}");
    assert!(told.contains("30 values of 6 events were erased"), "{told}");
}

#[test]
fn an_erasure_that_waits_stands_in_what_readers_are_told_of_the_state() {
    let (folder, admin) = installation();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::write(folder.join("data/erasure.json"), "{").unwrap();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    let troubles = || {
        let (status, body) = request(process.audit, "GET /readyz HTTP/1.1", TOKEN, "").unwrap();
        assert_eq!(status, 200, "it records: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["troubles"].to_string()
    };
    eventually("it is told", || troubles().contains("an erasure waits"));
}

// THREATS P01
#[test]
fn a_log_that_nobody_holds_is_erased_by_the_command_and_what_was_begun_is_finished_by_a_start() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    assert_eq!(process.terminate(), Some(0));
    let bob = ["--subject", "bob@example.org"];
    let seen = erase(folder, &bob);
    assert_eq!(seen["plan"]["events"], 3, "{seen}");
    let done = erase(folder, &[bob[0], bob[1], "--confirm", seen["plan"]["id"].as_str().unwrap()]);
    assert_eq!((&done["last"]["events"], &done["failed"]), (&json!(3), &Value::Null), "{done}");
    assert_eq!(files_with(folder, "Bob Meyer"), Vec::<String>::new());
    verified(folder, "15 values of 3 events were erased");

    // As if it had been cut off behind its beginning.
    let begun = json!({ "subject": ["anna@example.org"], "by": "ops" });
    std::fs::write(folder.join("data/erasure.json"), begun.to_string()).unwrap();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    eventually("it is gone on with", || !folder.join("data/erasure.json").exists());
    assert_eq!(events(&process, "&actor=anna@example.org").len(), 0);
    assert_eq!(events(&process, "&action=VALUES_ERASED").len(), 2);
    verified(folder, "45 values of 9 events were erased");
}

#[test]
fn only_an_operator_erases_and_only_a_person_who_can_be_sought() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let process = Process::start_as(folder, simple_upstream(), "rules", &admin);
    let post = |headers: &str, body: &str| {
        let head = format!("{headers}content-type: application/json\r\n");
        request(process.audit, "POST /audit/v1/erasure HTTP/1.1", &head, body).unwrap()
    };
    let body = r#"{"subject":["anna@example.org"]}"#;
    assert_eq!(post("", body).0, 401);
    let (status, told) = post(TOKEN, body);
    assert!(status == 200 && told.contains("\"events\":6"), "{told}");
    for body in [
        "",
        "{}",
        "[]",
        r#"{"subject":"a"}"#,
        r#"{"subject":[]}"#,
        r#"{"subject":[" "]}"#,
        r#"{"subject":["a"],"x":1}"#,
    ] {
        assert_eq!(post(TOKEN, body).0, 400, "{body}");
    }
    assert_eq!(post(TOKEN, &format!("{{\"subject\":[\"{}\"]}}", "x".repeat(20_000))).0, 400);
    let (status, _) = request(process.audit, "POST /audit/v1/reload HTTP/1.1", TOKEN, "{}").unwrap();
    assert_eq!(status, 413, "no other address takes a body");
}

// THREATS P02
#[test]
fn what_was_erased_since_a_backup_does_not_come_back_with_it() {
    let (folder, admin) = installation();
    let folder = folder.path();
    let more = format!("{admin}erasure: {{ files: elsewhere }}\n");
    let process = Process::start_as(folder, simple_upstream(), "rules", &more);
    let bob = ["--subject", "bob@example.org"];
    let seen = erase(folder, &bob);
    erase(folder, &[bob[0], bob[1], "--confirm", seen["plan"]["id"].as_str().unwrap()]);
    let output = run(folder, &["backup", "copy"]);
    assert!(output.status.success(), "{output:?}");
    let anna = ["--subject", "anna@example.org"];
    let seen = erase(folder, &anna);
    erase(folder, &[anna[0], anna[1], "--confirm", seen["plan"]["id"].as_str().unwrap()]);
    let person = events(&process, "&action=VALUES_ERASED")[0]["details"]["person"].clone();
    assert_eq!(process.terminate(), Some(0));
    let listed = std::fs::read_to_string(folder.join("elsewhere")).unwrap();
    assert!(listed.lines().count() == 2 && !listed.contains("anna"), "{listed}");
    std::fs::rename(folder.join("data"), folder.join("old")).unwrap();

    let mut alone = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    let output = alone.current_dir(folder).args(["restore", "copy", "data"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("would be there again"), "{told}");
    assert!(!folder.join("data").exists(), "nothing is made");
    let missing = run(folder, &["restore", "copy", "data", "--erasures", "nowhere"]);
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("nowhere"));

    let output = run(folder, &["restore", "copy", "data"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("30 values are erased again"), "{told}{output:?}");
    assert_eq!(files_with(&folder.join("data"), "nna@example.org"), Vec::<String>::new());
    assert_eq!(files_with(&folder.join("data"), "Anna Meyer"), Vec::<String>::new());
    let process = Process::start_as(folder, simple_upstream(), "rules", &more);
    let told = events(&process, "&action=VALUES_ERASED");
    assert_eq!(
        (told.len(), &told[0]["details"]["again"], &told[0]["details"]["person"]),
        (2, &json!(true), &person)
    );
    assert_eq!(told[0]["details"]["confirmedBy"], "admin.token");
    let person = format!("erased:{}", person.as_str().unwrap());
    assert_eq!(events(&process, &format!("&actor={person}")).len(), 6, "his deeds are still his");
    let restored = &events(&process, "&action=LOG_RESTORED")[0];
    assert_eq!(restored["details"]["erasedAgain"], 30, "{restored}");
    verified(folder, "45 values of 9 events were erased, as events of this log tell");
    assert_eq!(process.terminate(), Some(0));

    // The next backup knows of it by itself: the list within goes with the data.
    let within = std::fs::read_to_string(folder.join("data/erasures")).unwrap();
    assert_eq!(within.lines().count(), 2, "{within}");
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    let output = run(folder, &["restore", "copy", "data", "--without-erasures"]);
    assert!(output.status.success(), "{output:?}");
    let process = Process::start_as(folder, simple_upstream(), "rules", &more);
    let restored = &events(&process, "&action=LOG_RESTORED")[0];
    assert_eq!(restored["details"]["erasedAgain"], Value::Null, "{restored}");
    assert_eq!(events(&process, "&actor=anna@example.org").len(), 6, "it was asked for");
}
