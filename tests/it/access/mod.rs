//! Who may see and do what at the audit listener, tried on the program itself: an installation with two organizations,
//! and a token for each kind of reader.

mod approval;
mod links;
mod matrix;
mod people;
mod reads;
mod sessions;
mod tails;
mod tokens;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Process, command, request, simple_upstream};

/// Notes of organizations and teams. To whom an event belongs is never what a request says, so each has its rule.
const NOTES: &str = "version: 1
defaults: { details: { text: $.request.body.text } }
rules:
  - { id: a1, match: 'POST /acme/t1/{id}', action: NOTE_ADDED, target: { type: note, id: $.path.id }, scope: { organization: acme, team: t1 } }
  - { id: a2, match: 'POST /acme/t2/{id}', action: NOTE_ADDED, target: { type: note, id: $.path.id }, scope: { organization: acme, team: t2 } }
  - { id: o9, match: 'POST /other/t9/{id}', action: NOTE_ADDED, target: { type: note, id: $.path.id }, scope: { organization: other, team: t9 } }
  - { id: no, match: 'POST /notes/{id}', action: NOTE_ADDED, target: { type: note, id: $.path.id } }
";

/// The token of the configuration.
pub(super) const HOLDER: &str = "0123456789abcdef0123456789abcdef";

/// A running installation.
pub(super) struct Office {
    pub(super) folder: tempfile::TempDir,
    pub(super) process: Process,
}

impl Office {
    /// With these keys of `admin` beside the usual ones.
    pub(super) fn open(admin: &str) -> Office {
        Office::open_with(&format!("admin: {{ listen: '127.0.0.1:0', {admin} }}\n"))
    }

    /// With this text in the configuration, `admin` among it.
    pub(super) fn open_with(more: &str) -> Office {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
        std::fs::write(folder.path().join("rules/notes/notes.yaml"), NOTES).unwrap();
        let more = format!("watch: false\n{more}");
        let process = Process::start_as(folder.path(), simple_upstream(), "rules", &more);
        Office { folder, process }
    }

    /// The same after a stop and a start.
    pub(super) fn restarted(self) -> Office {
        assert_eq!(self.process.terminate(), Some(0));
        let process = Process::run(command(self.folder.path()), self.folder.path());
        Office { folder: self.folder, process }
    }

    /// Adds a note, at a path that says whose it is.
    pub(super) fn note(&self, whose: &str, id: &str) {
        let body = json!({ "text": format!("marked-{id}") }).to_string();
        let line = format!("POST /{whose}/{id} HTTP/1.1");
        let added = request(self.process.proxy, &line, "content-type: application/json\r\n", &body);
        assert_eq!(added.unwrap().0, 200);
    }

    /// Makes a token; its text.
    pub(super) fn token(&self, name: &str, more: &[&str]) -> String {
        let output = self.run(&[&["create", "--name", name][..], more].concat());
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.len(), 84, "the token alone, and a line's end: {text}");
        text.trim().to_owned()
    }

    /// `earwitness token …` with the configuration.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let (first, rest) = arguments.split_first().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command.current_dir(self.folder.path()).args(["token", first, "--config", "earwitness.yaml"]);
        command.args(rest).output().unwrap()
    }

    /// Status and body of a GET with that token.
    pub(super) fn get(&self, target: &str, token: &str) -> (u16, String) {
        self.ask("GET", target, &bearer(token))
    }

    /// Status and body of a request with these header lines.
    pub(super) fn ask(&self, method: &str, target: &str, headers: &str) -> (u16, String) {
        request(self.process.audit, &format!("{method} {target} HTTP/1.1"), headers, "").unwrap()
    }

    /// The ids of events by the notes that they tell of, as the holder of the token sees them.
    pub(super) fn events(&self, token: &str) -> BTreeMap<String, String> {
        let (status, body) = self.get("/audit/v1/events?action=NOTE_ADDED&limit=100", token);
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        let pair =
            |event: &Value| Some((event["target"]["id"].as_str()?.into(), event["id"].as_str()?.into()));
        page["data"].as_array().unwrap().iter().filter_map(pair).collect()
    }

    /// Waits until the events with that action are so many, for who holds the token.
    pub(super) fn told(&self, action: &str, count: usize, token: &str) -> Vec<Value> {
        for _ in 0..200 {
            let (status, body) = self.get(&format!("/audit/v1/events?action={action}&limit=100"), token);
            assert_eq!(status, 200, "{body}");
            let mut page: Value = serde_json::from_str(&body).unwrap();
            if page["data"].as_array().is_some_and(|events| events.len() >= count) {
                return serde_json::from_value(page["data"].take()).unwrap();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{action} was not told {count} times");
    }

    /// Tries again and again, within a deadline, until a GET with that token has that status.
    pub(super) fn until(&self, token: &str, expected: u16) {
        let status = || self.get("/audit/v1", token).0;
        let is_so = (0..80).any(|_| {
            std::thread::sleep(Duration::from_millis(250));
            status() == expected
        });
        assert!(is_so, "{} instead of {expected}", status());
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

pub(super) fn bearer(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") }
}

/// The status of an answer whose end is not waited for: a tail has none.
pub(super) fn status_of(address: SocketAddr, method: &str, target: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n")
        .unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}
