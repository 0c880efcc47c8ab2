//! As a service: what systemd is told and gives, how it stops, and that a restart loses nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Instant;

use super::{Process, command, configure, eventually, request, simple_upstream, url};
use crate::rig::{App, PATIENCE, Wire, value_of};

const RULES: &str = "version: 1\nrules:\n  - { id: note.added, match: 'POST /notes/{id}', action: NOTE_ADDED, \
    target: { type: note, id: $.path.id } }\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), RULES).unwrap();
    folder
}

/// The program with this listener as its third descriptor, as a service manager would start it.
fn activated(folder: &std::path::Path, listener: &TcpListener) -> Command {
    let plain = command(folder);
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec 3<&0 </dev/null; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args())
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "proxy")
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    command
}

#[test]
fn a_restart_on_a_socket_that_is_held_open_loses_no_request_and_no_record() {
    let folder = folder();
    configure(folder.path(), &url(simple_upstream()), "rules", "watch: false\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let line = format!("POST /notes/c{client}-{number} HTTP/1.1");
                    let (status, body) = request(address, &line, "", "").unwrap();
                    assert_eq!(status, 200, "{line}: {body}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut process = Process::run(activated(folder.path(), &listener), folder.path());
    assert_eq!(process.proxy, address);
    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        eventually("forty more requests", || answered.load(Ordering::Relaxed) >= before + 40);
        assert_eq!(process.terminate(), Some(0));
        process = Process::run(activated(folder.path(), &listener), folder.path());
    }
    let before = answered.load(Ordering::Relaxed);
    eventually("forty more requests", || answered.load(Ordering::Relaxed) >= before + 40);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(process.events().len(), answered.load(Ordering::Relaxed));
}

#[test]
fn what_is_in_flight_is_finished_and_who_is_idle_is_let_go() {
    let folder = folder();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let app = App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            if request.starts_with("POST /notes/slow") {
                held.lock().unwrap().recv().unwrap();
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    configure(folder.path(), &url(app.address), "rules", "watch: false\n");
    let process = Process::run(command(folder.path()), folder.path());
    let mut idle = Wire::connect(process.proxy);
    idle.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(idle.read_message().ends_with("ok"));
    let mut busy = Wire::connect(process.proxy);
    busy.send("POST /notes/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    eventually("the application has it", || app.requests().len() == 2);
    process.signal("TERM");
    assert_eq!(idle.read_to_end(), "");
    eventually("nobody is accepted", || TcpStream::connect(process.proxy).is_err());
    release.send(()).unwrap();
    let answer = busy.read_message();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(value_of(&answer, "connection"), Some("close"));
    assert_eq!(process.wait(), Some(0));
    let process = Process::run(command(folder.path()), folder.path());
    assert_eq!(process.events().len(), 1);
}

#[test]
fn a_load_balancer_is_told_before_anybody_is_turned_away() {
    let folder = folder();
    let more = "watch: false\nlimits: { drain_ms: 600000 }\n";
    configure(folder.path(), &url(simple_upstream()), "rules", more);
    let process = Process::run(command(folder.path()), folder.path());
    let ready = || request(process.audit, "GET /readyz HTTP/1.1", "", "").unwrap();
    assert_eq!(ready().0, 200);
    process.signal("TERM");
    eventually("it says so", || ready().0 == 503);
    assert!(ready().1.contains("\"status\":\"stopping\""), "{}", ready().1);
    assert_eq!(request(process.proxy, "POST /notes/1 HTTP/1.1", "", "").unwrap().0, 200);
    // A second one ends it at once.
    assert_eq!(process.terminate(), Some(1));
}

#[test]
fn the_service_manager_is_told_how_it_is() {
    let folder = folder();
    configure(folder.path(), &url(simple_upstream()), "rules", "watch: false\n");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = command(folder.path());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "60000000");
    let process = Process::run(command, folder.path());
    let wait_for = |what: &str| {
        let (mut space, deadline) = ([0; 1_024], Instant::now() + PATIENCE);
        loop {
            assert!(Instant::now() < deadline, "never heard of: {what}");
            let length = manager.recv(&mut space).unwrap_or_else(|error| panic!("{what}: {error}"));
            let text = String::from_utf8_lossy(&space[..length]).into_owned();
            if text.contains(what) {
                return text;
            }
        }
    };
    assert!(wait_for("READY=1").contains("STATUS=1 rules, version "));
    wait_for("WATCHDOG=1");
    process.signal("HUP");
    assert!(wait_for("RELOADING=1").contains("MONOTONIC_USEC="));
    wait_for("READY=1");
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), "version: 2").unwrap();
    process.signal("HUP");
    wait_for("newer ones were refused since");
    process.signal("TERM");
    wait_for("STOPPING=1");
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn a_check_starts_nothing_and_tells_what_would_run() {
    let folder = folder();
    configure(folder.path(), &url(simple_upstream()), "rules", "");
    let check = || {
        let output = command(folder.path()).arg("--check").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = check();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("1 rules in 1 packs, version "), "{text}");
    assert!(!folder.path().join("data").exists() && !folder.path().join("data.key").exists());
    let failing = ", tests: [{ name: t, request: { line: POST /notes/1 }, expect: [{ action: OTHER }] }] }\n";
    let rules = RULES.trim_end().strip_suffix(" }").unwrap().to_owned() + failing;
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), rules).unwrap();
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("error[T01]"), "{text}");
}

/// A client that is accepted just before the end, and speaks just after it began.
#[test]
fn a_request_on_a_connection_that_was_accepted_in_the_last_moment_is_answered() {
    let folder = folder();
    configure(folder.path(), &url(simple_upstream()), "rules", "watch: false\n");
    for _ in 0..5 {
        let process = Process::run(command(folder.path()), folder.path());
        let accepted = |process: &Process| process.metric("earwitness_connections");
        let mut client = TcpStream::connect(process.proxy).unwrap();
        eventually("it is accepted", || accepted(&process) == 1);
        process.signal("TERM");
        client.write_all(b"POST /notes/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(process.wait(), Some(0));
    }
}
