//! An application that records what it is asked, by a parser of its own: strict to the letter of RFC 9112, so
//! that whatever it cannot read, or could read in two ways, is recorded as a doubt.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::rig::PATIENCE;

/// What was asked so far: `target framing` for each request, framing in the words of the table.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Mutex<Vec<String>>>,
    /// Requests whose end has not come.
    pub(super) under_way: Arc<AtomicUsize>,
}

impl Recorder {
    pub(super) fn start() -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Recorder {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            under_way: Arc::default(),
        };
        let (seen, under_way) = (Arc::clone(&recorder.seen), Arc::clone(&recorder.under_way));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, seen, under_way) = (socket.unwrap(), Arc::clone(&seen), Arc::clone(&under_way));
                thread::spawn(move || {
                    Connection { socket, bytes: Vec::new(), target: None, under_way }.record(&seen)
                });
            }
        });
        recorder
    }
}

struct Connection {
    socket: TcpStream,
    bytes: Vec<u8>,
    /// Of the request under way.
    target: Option<String>,
    under_way: Arc<AtomicUsize>,
}

impl Connection {
    fn record(mut self, seen: &Mutex<Vec<String>>) {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        loop {
            if self.bytes.is_empty() && self.fill().is_none() {
                return;
            }
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let request = self.request();
            let is_over = self.note(request, seen);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if is_over {
                return;
            }
        }
    }

    /// Whether the connection is over.
    fn note(&mut self, request: Option<String>, seen: &Mutex<Vec<String>>) -> bool {
        match request {
            Some(framing) => {
                let target = self.target.take().unwrap_or_default();
                seen.lock().push(format!("{target} {framing}"));
                self.socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen").is_err()
            }
            None => {
                if let Some(target) = self.target.take() {
                    seen.lock().push(format!("{target} cut"));
                } else if !self.bytes.is_empty() {
                    seen.lock().push(format!("part of a head: {}", self.bytes.escape_ascii()));
                }
                true
            }
        }
    }

    /// Reads one request; its framing, or what is doubtful about it.
    fn request(&mut self) -> Option<String> {
        let head = self.until(b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        self.target = Some(line.split(' ').nth(1).unwrap_or(line).to_owned());
        let mut doubts = Vec::new();
        if line.split(' ').count() != 3 || !line.ends_with(" HTTP/1.1") {
            doubts.push(format!("line {line}"));
        }
        if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
            doubts.push("control".to_owned());
        }
        let (mut length, mut coding, mut hosts) = (Vec::new(), Vec::new(), 0);
        for line in lines {
            let (name, value) = line.split_once(':').unwrap_or(("", ""));
            let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(is_name) {
                doubts.push(format!("header {line}"));
            }
            match name.to_ascii_lowercase().replace('_', "-").as_str() {
                "content-length" => length.push(value.trim_matches([' ', '\t']).to_owned()),
                "transfer-encoding" => coding.push(value.trim_matches([' ', '\t']).to_owned()),
                "host" => hosts += 1,
                "upgrade" | "http2-settings" | "connection" | "expect" => doubts.push(line.to_owned()),
                _ => {}
            }
        }
        if hosts != 1 {
            doubts.push(format!("{hosts} hosts"));
        }
        if !doubts.is_empty() {
            return Some(format!("doubt: {}", doubts.join(", ")));
        }
        match (length.as_slice(), coding.as_slice()) {
            ([], []) => Some("-".to_owned()),
            ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                let length: usize = length.parse().ok()?;
                self.exactly(length)?;
                Some(length.to_string())
            }
            ([], [coding]) if coding == "chunked" => self.chunks(),
            (length, coding) => Some(format!("doubt: lengths {length:?}, codings {coding:?}")),
        }
    }

    fn chunks(&mut self) -> Option<String> {
        let mut length = 0;
        loop {
            let line = self.until(b"\r\n")?;
            let is_plain = !line.is_empty() && line.iter().all(u8::is_ascii_hexdigit);
            let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?, 16).ok();
            let (true, Some(size)) = (is_plain, size) else {
                return Some(format!("doubt: chunk {}", line.escape_ascii()));
            };
            if size == 0 {
                break;
            }
            self.exactly(size)?;
            if !self.until(b"\r\n")?.is_empty() {
                return Some("doubt: chunk without its end".to_owned());
            }
            length += size;
        }
        loop {
            let trailer = self.until(b"\r\n")?.to_ascii_lowercase();
            if trailer.is_empty() {
                return Some(format!("~{length}"));
            }
            for name in [&b"content-"[..], b"transfer-", b"host"] {
                if trailer.starts_with(name) {
                    return Some(format!("doubt: trailer {}", trailer.escape_ascii()));
                }
            }
        }
    }

    /// The bytes before the mark, which is taken too.
    fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.bytes.windows(mark.len()).position(|bytes| bytes == mark) {
                let rest = self.bytes.split_off(end + mark.len());
                let mut taken = std::mem::replace(&mut self.bytes, rest);
                taken.truncate(end);
                return Some(taken);
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, count: usize) -> Option<()> {
        while self.bytes.len() < count {
            self.fill()?;
        }
        self.bytes.drain(..count);
        Some(())
    }

    fn fill(&mut self) -> Option<()> {
        let mut space = [0; 4096];
        match self.socket.read(&mut space) {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.bytes.extend_from_slice(&space[..count]);
                Some(())
            }
        }
    }
}
