//! The real program as an operator runs it: started with a configuration file, told apart by what it
//! prints, killed without mercy.

mod blind;
mod disk;
mod erasure;
mod exports;
mod finding;
mod histories;
mod integrity;
mod overlong;
mod reading;
mod recorded;
mod reload;
mod restart;
mod retention;
mod secrets;
mod service;
mod spans;
mod trace;
mod upstream;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What the application of [`notes`] does.
const NOTES: &str = "version: 1
rules:
  - id: note.added
    match: POST /notes/{id}
    action: NOTE_ADDED
    target: { type: note, id: $.path.id }
    details: { text: $.request.body.text }
";

/// An installation that records notes.
pub(crate) fn notes() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("rules/notes")).unwrap();
    std::fs::write(folder.path().join("rules/notes/notes.yaml"), NOTES).unwrap();
    folder
}

/// A running `earwitness serve`.
pub(crate) struct Process {
    child: Child,
    /// Where clients connect.
    pub(crate) proxy: SocketAddr,
    /// Where auditors connect.
    pub(crate) audit: SocketAddr,
}

impl Process {
    /// Starts it in `folder`, with the rules in `folder/rules`, before `upstream`.
    pub(crate) fn start(folder: &Path, upstream: SocketAddr) -> Process {
        Process::start_with(folder, upstream, "rules")
    }

    /// The same with these rules.
    pub(crate) fn start_with(folder: &Path, upstream: SocketAddr, rules: &str) -> Process {
        Process::start_as(folder, upstream, rules, "")
    }

    /// The same with further lines of configuration.
    pub(crate) fn start_as(folder: &Path, upstream: SocketAddr, rules: &str, more: &str) -> Process {
        Process::start_before(folder, &url(upstream), rules, more)
    }

    /// The same before an application that is written so.
    pub(crate) fn start_before(folder: &Path, upstream: &str, rules: &str, more: &str) -> Process {
        configure(folder, upstream, rules, more);
        Process::run(command(folder), folder)
    }

    /// Runs this command, and waits until it listens.
    pub(crate) fn run(mut command: Command, folder: &Path) -> Process {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        // How full the disk of the tests is, is not to be told.
        command.env("EARWITNESS_RETENTION_DISK_MAX", "100");
        Process::listening(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap(), folder)
    }

    /// Waits until this child listens, which it says on its standard output.
    pub(crate) fn listening(mut child: Child, folder: &Path) -> Process {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut proxy, mut audit) = (None, None);
        while proxy.is_none() || audit.is_none() {
            let line = lines.next().and_then(Result::ok).unwrap_or_else(|| {
                panic!("it did not start:\n{}", std::fs::read_to_string(folder.join("log")).unwrap())
            });
            let address =
                line.rsplit("http://").next().and_then(|rest| rest.trim_end_matches('/').parse().ok());
            match line.split(' ').next() {
                Some("proxy") => proxy = address,
                Some("audit") => audit = address,
                _ => {}
            }
        }
        // What it prints later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Process { child, proxy: proxy.unwrap(), audit: audit.unwrap() }
    }

    /// SIGKILL, and wait until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// The exit code, once it has ended.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// The value of a metric, by all of its line that stands before it.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = request(self.audit, "GET /metrics HTTP/1.1", "", "").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Every event but those of starts and stops, and of our own reading, oldest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events = self.all_events();
        let own = ["earwitness/recording", "earwitness/read"];
        events.retain(|event| !own.iter().any(|rule| event["rule"]["id"] == *rule));
        events
    }

    /// Every event, oldest first, page by page.
    pub(crate) fn all_events(&self) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(self.audit, &format!("/audit/v1/events?limit=100{cursor}"));
            events.extend(page["data"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
            match page["pagination"]["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        events.reverse();
        events
    }
}

/// An application at this address, as a configuration has it.
pub(crate) fn url(upstream: SocketAddr) -> String {
    format!("http://{upstream}")
}

/// Writes the configuration; an `admin` among the further lines takes the place of the usual one.
pub(crate) fn configure(folder: &Path, upstream: &str, rules: &str, more: &str) {
    let admin = if more.contains("admin:") { "" } else { "admin: { listen: \"127.0.0.1:0\" }\n" };
    let config =
        format!("listen: 127.0.0.1:0\nupstream: {upstream}\n{admin}data_dir: data\nrules: {rules}\n{more}");
    std::fs::write(folder.join("earwitness.yaml"), config).unwrap();
}

/// `earwitness serve` with the configuration in a folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
    command.args(["serve", "--config"]).arg(folder.join("earwitness.yaml"));
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The JSON at a path of the audit listener.
pub(crate) fn get(address: SocketAddr, target: &str) -> Value {
    let (status, body) = request(address, &format!("GET {target} HTTP/1.1"), "", "").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// One request on a connection of its own; status and body, or the way it broke.
pub(crate) fn request(
    address: SocketAddr,
    line: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    write!(
        stream,
        "{line}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || std::io::Error::other(format!("no answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Ok((status, dechunked(body)));
    }
    Ok((status, body.to_owned()))
}

fn dechunked(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

/// An application that answers every request with 200 and the same JSON, one thread a connection.
pub(crate) fn simple_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(stream: TcpStream) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut lines) = (0, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            lines += 1;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        if lines == 0 || std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).is_err() {
            return;
        }
        let body = r#"{"ok":true}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// Waits until `condition` holds; fails the test after ten seconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        thread::yield_now();
    }
}
