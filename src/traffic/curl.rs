//! What `curl -v` prints, as people paste it into a report: `>` lines, `<` lines and the answer's body.
//!
//! curl does not print what it sends, so a request's body is there only where somebody put it between the
//! two; else it counts as not copied, and conditions on it are in doubt. The body of the answer is whatever
//! stands behind its head and is not curl's own chatter.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

use super::{ENTRIES_MAX, Entry, Traffic, TrafficError, body, unknown_body};
use crate::exchange::{Capture, Client, Ending, Exchange, Request, Response, trace_id};

/// The exchanges of a dump: several where curl followed a redirect. Bodies are copied up to
/// `body_bytes_max`.
///
/// # Errors
/// When there is no request in it, or a line of a head is none.
pub fn read(text: &str, body_bytes_max: usize) -> Result<Traffic, TrafficError> {
    let mut dump = Dump::default();
    for line in text.lines() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        dump.line(line).map_err(|what| TrafficError::Entry { number: dump.done.len() + 1, what })?;
    }
    dump.finish();
    if dump.done.is_empty() {
        return Err(TrafficError::Nothing("there is no line such as `> GET /path HTTP/1.1` in it"));
    }
    let scheme = if dump.is_secure { "https" } else { "http" };
    let entries = dump.done.into_iter().enumerate().map(|(index, seen)| Entry {
        number: index + 1,
        exchange: seen.exchange(index + 1, scheme, body_bytes_max),
    });
    Ok(Traffic { entries: entries.collect(), ..Traffic::default() })
}

/// Where a line belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// Before a request, or after an answer's end.
    #[default]
    Outside,
    RequestHead,
    RequestBody,
    AnswerHead,
    AnswerBody,
}

#[derive(Debug, Default)]
struct Dump {
    part: Part,
    open: Option<Seen>,
    done: Vec<Seen>,
    is_secure: bool,
}

/// An exchange as far as it was printed.
#[derive(Debug, Default)]
struct Seen {
    method: String,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    status: Option<u16>,
    answer_headers: HeaderMap,
    answer_body: Vec<u8>,
}

impl Dump {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(head) = head_line(line, '>') {
            return self.sent(head);
        }
        if let Some(head) = head_line(line, '<') {
            return self.received(head);
        }
        if is_chatter(line) {
            self.is_secure |=
                line.starts_with("* SSL connection using") || line.contains("OPENED stream for https:");
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        // curl's last words may follow the body on its line.
        let (text, end) = match line.find("* Connection #").or_else(|| line.find("* Closing connection")) {
            Some(at) => (&line[..at], ""),
            None => (line, "\n"),
        };
        match self.part {
            Part::RequestBody => open.body.extend([text, end].concat().bytes()),
            Part::AnswerBody => open.answer_body.extend([text, end].concat().bytes()),
            Part::Outside | Part::RequestHead | Part::AnswerHead => {}
        }
        Ok(())
    }

    fn sent(&mut self, head: &str) -> Result<(), String> {
        if self.part == Part::RequestHead {
            let Some(open) = &mut self.open else { return Ok(()) };
            if head.is_empty() {
                self.part = Part::RequestBody;
                return Ok(());
            }
            return header(head, &mut open.headers);
        }
        if head.is_empty() {
            return Ok(());
        }
        self.finish();
        if self.done.len() >= ENTRIES_MAX {
            return Err(format!("more than {ENTRIES_MAX} requests: split the file"));
        }
        let mut words = head.split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        match (method, target, version.is_some_and(|version| version.starts_with("HTTP/"))) {
            (Some(method), Some(target), true) if HeaderName::from_bytes(method.as_bytes()).is_ok() => {
                self.part = Part::RequestHead;
                let (method, target) = (method.to_owned(), target.to_owned());
                self.open = Some(Seen { method, target, ..Seen::default() });
                Ok(())
            }
            _ => Err(format!("`> {head}` is no request line, such as `> GET /path HTTP/1.1`")),
        }
    }

    fn received(&mut self, head: &str) -> Result<(), String> {
        let Some(open) = &mut self.open else { return Err(format!("`< {head}` comes before any request")) };
        if self.part == Part::AnswerHead {
            if !head.is_empty() {
                return header(head, &mut open.answer_headers);
            }
            let is_interim = open.status.is_some_and(|status| status < 200);
            self.part = if is_interim { Part::RequestBody } else { Part::AnswerBody };
            return Ok(());
        }
        if head.is_empty() {
            return Ok(());
        }
        let status = head.starts_with("HTTP/").then(|| head.split(' ').nth(1)?.parse().ok()).flatten();
        let Some(status) = status.filter(|status| (100..1000).contains(status)) else {
            return Err(format!("`< {head}` is no status line, such as `< HTTP/1.1 200 OK`"));
        };
        open.status = Some(status);
        open.answer_headers.clear();
        self.part = Part::AnswerHead;
        Ok(())
    }

    fn finish(&mut self) {
        self.part = Part::Outside;
        self.done.extend(self.open.take());
    }
}

impl Seen {
    fn exchange(mut self, number: usize, scheme: &'static str, body_bytes_max: usize) -> Exchange {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let sent = printed(self.body, &mut self.headers, body_bytes_max);
        let received = printed(self.answer_body, &mut self.answer_headers, body_bytes_max);
        let response = self.status.filter(|status| *status >= 200).map(|status| Response {
            status,
            headers: self.answer_headers,
            body: received,
            stream: None,
        });
        let ending = if response.is_some() { Ending::Complete } else { Ending::UpstreamGone };
        Exchange {
            id: Uuid::from_u128(number as u128),
            received_at: Timestamp::UNIX_EPOCH,
            client: Client { ip: unknown, port: None, peer: unknown, is_trusted: false, certificate: None },
            request: Request {
                method: self.method,
                target: self.target,
                scheme,
                host,
                id: format!("entry-{number}"),
                trace_id: trace_id(&self.headers).map(str::to_owned),
                headers: self.headers,
                body: sent,
            },
            response,
            ending,
            duration_ms: 0,
        }
    }
}

/// The body that was printed, without the line end behind it; what was announced and not printed is unknown.
fn printed(mut bytes: Vec<u8>, headers: &mut HeaderMap, body_bytes_max: usize) -> Capture {
    let length: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    while bytes.last() == Some(&b'\n') && length.is_none_or(|length| (bytes.len() as u64) > length) {
        bytes.pop();
    }
    let is_announced = length.is_some_and(|length| length > 0) || headers.contains_key(TRANSFER_ENCODING);
    if bytes.is_empty() && is_announced {
        return unknown_body(length.unwrap_or_default());
    }
    // What can be read on a terminal is not coded.
    headers.remove(CONTENT_ENCODING);
    body(bytes, body_bytes_max)
}

/// The text of a line of a head; empty at its end.
fn head_line(line: &str, mark: char) -> Option<&str> {
    let rest = line.strip_prefix(mark)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix(' ') }
}

fn header(line: &str, headers: &mut HeaderMap) -> Result<(), String> {
    let parsed = line.split_once(':').and_then(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?))
    });
    let (name, value) = parsed.ok_or_else(|| format!("`{line}` is no header"))?;
    headers.try_append(name, value).map(drop).map_err(|_| "more headers than any server takes".to_owned())
}

/// What curl says itself: remarks, counts of bytes, the progress meter.
fn is_chatter(line: &str) -> bool {
    let is_count = (line.starts_with("{ [") || line.starts_with("} [")) && line.ends_with("data]");
    let is_meter = line.contains("--:--:--") || line.contains("% Total") || line.contains("Dload  Upload");
    line.starts_with("* ") || is_count || is_meter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exchange::CaptureState;

    const DUMP: &str = "*   Trying 127.0.0.1:8080...\n* Connected to localhost\n\
        * SSL connection using TLSv1.3\n\
        > POST /a?b=1 HTTP/1.1\r\n> Host: booking.example\r\n> Content-Length: 7\r\n> \r\n} [7 bytes data]\n\
        < HTTP/1.1 100 Continue\r\n< \r\n< HTTP/1.1 302 Found\r\n< Location: /c\r\n< Content-Length: 3\r\n< \r\n\
        { [3 bytes data]\nno\n\
        * Issue another request\n> GET /c HTTP/1.1\r\n> Host: booking.example\r\n> \r\n\
        < HTTP/1.1 200 OK\r\n< Content-Encoding: gzip\r\n< \r\n{\n \"a\": 1\n}* Connection #0 to host x left intact\n";

    #[test]
    fn each_request_of_a_dump_is_an_exchange() {
        let traffic = read(DUMP, 100).unwrap();
        let [first, second] = &traffic.entries[..] else { panic!("{traffic:?}") };
        let (request, response) = (&first.exchange.request, first.exchange.response.as_ref().unwrap());
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a?b=1"));
        assert_eq!((request.scheme, request.host.as_str()), ("https", "booking.example"));
        // Seven bytes were sent, and curl does not say which.
        assert_eq!((request.body.state, request.body.seen_bytes), (CaptureState::Skipped, 7));
        assert_eq!((response.status, &response.body.bytes[..]), (302, &b"no\n"[..]));
        let response = second.exchange.response.as_ref().unwrap();
        assert_eq!((response.status, &response.body.bytes[..]), (200, &b"{\n \"a\": 1\n}"[..]));
        assert!(!response.headers.contains_key("content-encoding"));
    }

    #[test]
    fn a_request_body_that_was_put_in_is_read() {
        let dump = "> PUT /a HTTP/2\n> host: x\n>\n{\"a\": 1}\n< HTTP/2 204\n<\n";
        let exchange = &read(dump, 100).unwrap().entries[0].exchange;
        assert_eq!(&exchange.request.body.bytes[..], b"{\"a\": 1}");
        assert_eq!(exchange.response.as_ref().unwrap().body.state, CaptureState::Empty);
        let unanswered = &read("> GET /a HTTP/1.1\n> host: x\n>\n", 100).unwrap().entries[0].exchange;
        assert!(unanswered.response.is_none() && unanswered.ending == Ending::UpstreamGone);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |text: &str, told: &str| {
            assert_eq!(read(text, 100).unwrap_err().to_string(), told, "{text}");
        };
        check("", "there is no line such as `> GET /path HTTP/1.1` in it");
        check("hello\n* Trying", "there is no line such as `> GET /path HTTP/1.1` in it");
        check("> GET /", "entry 1: `> GET /` is no request line, such as `> GET /path HTTP/1.1`");
        check("< HTTP/1.1 200", "entry 1: `< HTTP/1.1 200` comes before any request");
        check("> GET / HTTP/1.1\n> a b: c", "entry 1: `a b: c` is no header");
        check(
            "> GET / HTTP/1.1\n>\n< 200",
            "entry 1: `< 200` is no status line, such as `< HTTP/1.1 200 OK`",
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[-><*{}:%\\[\\] a-zA-Z0-9/.\r\n\u{80}-\u{2fff}]{0,300}", at in 0usize..700) {
            let _ = read(&text, 100);
            let at = at.min(DUMP.len());
            let _ = read(&format!("{}{text}{}", &DUMP[..at], &DUMP[at..]), 5);
        }
    }
}
