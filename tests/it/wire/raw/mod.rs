//! The tables of raw messages in tests/raw, each case sent through a real proxy. What stands behind it is read
//! here by a parser that shares no line with ours: it would notice a request that was split or joined.
//! All cases that went wrong are told together.

#[path = "../../../raw/table.rs"]
mod table;

mod answers;
mod recorder;
mod requests;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use table::Case;

use crate::rig::PATIENCE;

const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Sends the bytes, ends the sending side where asked, and reads until the other end closes.
fn talk(address: SocketAddr, bytes: &[u8], is_ended: bool) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sending = socket.try_clone().unwrap();
    let bytes = bytes.to_vec();
    let sender = std::thread::spawn(move || {
        // A refused connection is closed while we send; what came back says so.
        let _ = sending.write_all(&bytes);
        if is_ended {
            let _ = sending.shutdown(Shutdown::Write);
        }
    });
    let mut answer = Vec::new();
    let mut space = [0; 4096];
    loop {
        match socket.read(&mut space) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&space[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(_) => {
                answer.extend_from_slice(b"(and hung)");
                break;
            }
        }
    }
    let _ = socket.shutdown(Shutdown::Both);
    sender.join().unwrap();
    answer
}

/// An answer as the client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: String,
    /// `None` when its end never came.
    body: Option<Vec<u8>>,
}

/// The final answers in a client's bytes, in order. `is_head`: the first one has no body.
fn answers(bytes: &[u8], is_head: impl Fn(usize) -> bool) -> Vec<Answer> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        rest = &rest[end + 4..];
        let status = head.split(' ').nth(1).unwrap_or("none").to_owned();
        if status.starts_with('1') {
            continue;
        }
        let body = if is_head(found.len()) || status == "204" || status == "304" {
            Some(Vec::new())
        } else {
            take_body(&head, &mut rest)
        };
        found.push(Answer { status, body });
    }
    if !rest.is_empty() {
        found.push(Answer { status: format!("and {}", rest.escape_ascii()), body: None });
    }
    found
}

fn take_body(head: &str, rest: &mut &[u8]) -> Option<Vec<u8>> {
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if value("transfer-encoding").is_some() {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(std::str::from_utf8(take_line(rest)?).ok()?, 16).ok()?;
            if size == 0 {
                while !take_line(rest)?.is_empty() {}
                return Some(body);
            }
            body.extend_from_slice(take(rest, size)?);
            take(rest, 2)?;
        }
    }
    match value("content-length") {
        Some(length) => take(rest, length.parse().ok()?).map(<[u8]>::to_vec),
        None => Some(std::mem::take(rest).to_vec()),
    }
}

/// So many bytes; all of them, and `None`, when there are fewer.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at(count.min(rest.len()));
    *rest = behind;
    (taken.len() == count).then_some(taken)
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") else {
        *rest = &[];
        return None;
    };
    let line = take(rest, end)?;
    take(rest, 2)?;
    Some(line)
}

/// The cases that went wrong, all of them, with what was sent.
fn tell(wrong: &[(Case, String)], of: usize) {
    let told: Vec<String> = wrong
        .iter()
        .map(|(case, what)| {
            let sent = case.bytes[..case.bytes.len().min(300)].escape_ascii();
            format!(
                "{} ({}), expected {:?}\n  sent {sent}\n  {what}",
                case.id,
                case.about.join(", "),
                case.expected
            )
        })
        .collect();
    assert!(told.is_empty(), "{} of {of} cases went wrong:\n{}", told.len(), told.join("\n"));
}
