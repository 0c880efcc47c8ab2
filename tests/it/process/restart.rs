//! What was answered is recorded, whatever happens to the process afterwards.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Process, eventually, get, notes as installation, request, simple_upstream};

fn add_note(proxy: SocketAddr, id: &str) -> bool {
    let headers = "content-type: application/json\r\n";
    let body = format!("{{\"text\":\"note {id}\"}}");
    matches!(request(proxy, &format!("POST /notes/{id} HTTP/1.1"), headers, &body), Ok((200, answer)) if answer.contains("ok"))
}

#[test]
fn an_answered_action_is_visible_at_once() {
    let folder = installation();
    let process = Process::start(folder.path(), simple_upstream());
    for n in 0..20 {
        assert!(add_note(process.proxy, &format!("n{n}")));
        let page = get(process.audit, &format!("/audit/v1/events?targetId=n{n}"));
        assert_eq!(page["data"][0]["action"], "NOTE_ADDED", "{page}");
        assert_eq!(page["data"][0]["details"]["text"], format!("note n{n}"));
    }
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn a_tail_tells_what_is_recorded_and_ends_when_the_process_stops() {
    let folder = installation();
    let process = Process::start(folder.path(), simple_upstream());
    let mut tail = TcpStream::connect(process.audit).unwrap();
    tail.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let line = "GET /audit/v1/tail?action=NOTE_ADDED HTTP/1.1";
    write!(tail, "{line}\r\nhost: {}\r\nconnection: close\r\n\r\n", process.audit).unwrap();
    let mut text = String::new();
    let mut until = |sign: &str| {
        let mut bytes = [0; 4_096];
        while !text.contains(sign) {
            let count = tail.read(&mut bytes).unwrap();
            assert!(count > 0, "it ended before {sign}: {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    until("retry: ");
    for n in 0..3 {
        assert!(add_note(process.proxy, &format!("n{n}")));
        until(&format!("\"id\":\"n{n}\""));
    }
    assert_eq!(process.terminate(), Some(0));
    until("\r\n0\r\n\r\n");
}

#[test]
fn a_kill_at_any_moment_loses_no_answered_action_and_the_next_start_succeeds() {
    let folder = installation();
    let upstream = simple_upstream();
    let answered = Arc::new(Mutex::new(Vec::new()));
    for round in 0..5 {
        let process = Process::start(folder.path(), upstream);
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (stop, answered, proxy) = (Arc::clone(&stop), Arc::clone(&answered), process.proxy);
                thread::spawn(move || {
                    for n in 0.. {
                        let id = format!("r{round}-c{client}-{n}");
                        if stop.load(Ordering::Relaxed) || !add_note(proxy, &id) {
                            return;
                        }
                        answered.lock().unwrap().push(id);
                    }
                })
            })
            .collect();
        let before = answered.lock().unwrap().len();
        eventually("forty more actions", || answered.lock().unwrap().len() >= before + 40 + round * 7);
        process.kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    }
    let process = Process::start(folder.path(), upstream);
    let events = process.all_events();
    let recorded: std::collections::HashSet<_> =
        events.iter().filter_map(|event| event["target"]["id"].as_str()).collect();
    for id in answered.lock().unwrap().iter() {
        assert!(recorded.contains(id.as_str()), "{id} was answered and is not recorded");
    }
    assert_dense(&events);
}

/// Sequences are dense from 1, and each event brings what its leaf is checked with.
fn assert_dense(events: &[serde_json::Value]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], index as u64 + 1);
        let lengths = ["leaf", "salt"].map(|name| event[name].as_str().map(str::len));
        assert_eq!(lengths, [Some(64), Some(32)], "at {}", event["sequence"]);
    }
}

#[test]
fn a_second_process_on_the_same_data_is_refused_with_a_sentence() {
    let folder = installation();
    let upstream = simple_upstream();
    let _first = Process::start(folder.path(), upstream);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_earwitness"))
        .args(["serve", "--config"])
        .arg(folder.path().join("earwitness.yaml"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{text}");
    assert!(text.contains("another process") || text.contains("process "), "{text}");
}

#[test]
fn a_log_of_its_own_that_cannot_be_written_keeps_it_from_nothing() {
    let folder = installation();
    let upstream = simple_upstream();
    super::configure(folder.path(), &super::url(upstream), "rules", "");
    let mut command = super::command(folder.path());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    command.args(["--log", "trace"]).stdout(std::process::Stdio::piped()).stderr(full);
    let process = Process::listening(command.spawn().unwrap(), folder.path());
    assert!((0..20).all(|n| add_note(process.proxy, &format!("n{n}"))));
    assert_eq!(process.events().iter().filter(|event| event["action"] == "NOTE_ADDED").count(), 20);
    assert_eq!(process.terminate(), Some(0));
}
