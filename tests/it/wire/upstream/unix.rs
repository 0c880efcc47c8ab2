//! An application that listens on a Unix socket.

use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use super::{next_head, upstream};
use crate::rig::Rig;

/// Answers every request with its own head.
fn listen(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                while let Some(head) = next_head(&mut socket) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
                    if socket.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

fn before(path: &Path) -> Rig {
    let url = format!("unix:{}", path.display());
    Rig::with("127.0.0.1:9".parse().unwrap(), |config| config.upstream = upstream(&url, &[]))
}

#[test]
fn a_socket_is_spoken_to_like_a_port_and_may_appear_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let rig = before(&path);
    assert!(rig.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 502 "));
    assert_eq!(rig.metric("earwitness_upstream_connections_total{outcome=\"refused\"}"), 1);
    listen(&path);
    let mut client = rig.connect();
    for _ in 0..3 {
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.read_message();
        assert!(answer.contains("\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n"), "{answer}");
    }
    assert_eq!(rig.metric("earwitness_upstream_connections_total{outcome=\"opened\"}"), 1);
}

#[test]
fn a_request_without_a_host_gets_one_that_names_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    listen(&path);
    let answer = before(&path).exchange("GET /a HTTP/1.0\r\n\r\n");
    assert!(answer.contains("\r\nHost: localhost\r\n"), "{answer}");
}
