//! A message as it came over a socket: its parts in order, nothing folded or decoded but the framing.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// What is compared.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Message {
    start: Vec<u8>,
    headers: Vec<Field>,
    body: Vec<u8>,
    is_chunked: bool,
    trailers: Vec<Field>,
}

type Field = (Vec<u8>, Vec<u8>);

/// Which messages come.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// A client's.
    Request,
    /// An application's, to a request with that method.
    AnswerTo(&'a str),
}

/// A socket from which messages are read.
pub(super) struct Reader(BufReader<TcpStream>);

impl Reader {
    pub(super) fn new(socket: TcpStream) -> Reader {
        Reader(BufReader::new(socket))
    }

    /// The next message; `None` at the end of the connection.
    pub(super) fn message(&mut self, side: Side<'_>) -> Option<Message> {
        let start = self.line()?;
        let headers = self.fields();
        let value = |name: &[u8]| {
            let mut found = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
        };
        let is_chunked = value(b"transfer-encoding").is_some();
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        if has_no_body(side, &start) {
        } else if is_chunked {
            (body, trailers) = self.chunks();
        } else if let Some(length) = value(b"content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.0.read_exact(&mut body).unwrap();
        } else if let Side::AnswerTo(_) = side {
            self.0.read_to_end(&mut body).unwrap();
        }
        Some(Message { start, headers, body, is_chunked, trailers })
    }

    fn chunks(&mut self) -> (Vec<u8>, Vec<Field>) {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.line().expect("a chunk's size")).unwrap();
            let size = usize::from_str_radix(line.split(';').next().unwrap().trim(), 16).unwrap();
            if size == 0 {
                return (body, self.fields());
            }
            let at = body.len();
            body.resize(at + size, 0);
            self.0.read_exact(&mut body[at..]).unwrap();
            assert_eq!(self.line().as_deref(), Some(&b""[..]), "a chunk's end");
        }
    }

    fn fields(&mut self) -> Vec<Field> {
        std::iter::from_fn(|| self.line().filter(|line| !line.is_empty())).map(|line| field(&line)).collect()
    }

    /// Up to CRLF, without it.
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        // A connection that is reset has ended as well.
        self.0.read_until(b'\n', &mut line).ok().filter(|count| *count > 0)?;
        assert!(line.ends_with(b"\r\n"), "{:?}", line.escape_ascii().to_string());
        line.truncate(line.len() - 2);
        Some(line)
    }
}

fn field(line: &[u8]) -> Field {
    let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
    (line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec())
}

fn has_no_body(side: Side<'_>, start: &[u8]) -> bool {
    let Side::AnswerTo(method) = side else { return false };
    let status = start.get(9..12).unwrap_or_default();
    method == "HEAD" || status == b"204" || status == b"304"
}

impl Message {
    /// Without what docs/fidelity.md says may differ. The order among different names is not compared: RFC
    /// 9110 section 5.3 gives it no meaning.
    pub(super) fn without_published(mut self) -> Message {
        let is_answer = self.start.starts_with(b"HTTP/");
        self.headers.retain(|(name, _)| !is_published(name));
        if is_answer {
            // Answers are framed anew: one that ended with its connection goes on in chunks, a short one in
            // chunks as a whole. A length that no body follows (HEAD) is compared.
            self.is_chunked = false;
            let length = self.body.len().to_string().into_bytes();
            self.headers.retain(|(name, value)| {
                let is_length = is_named(name, "content-length") && *value == length;
                !is_length && !is_named(name, "transfer-encoding")
            });
        }
        // Names in trailers are written anew.
        self.trailers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        self.headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        self.trailers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        self
    }
}

fn is_named(name: &[u8], expected: &str) -> bool {
    name.eq_ignore_ascii_case(expected.as_bytes())
}

fn is_published(name: &[u8]) -> bool {
    PUBLISHED.iter().any(|published| is_named(name, published))
}

/// Set, or taken off as belonging to one hop.
const PUBLISHED: [&str; 9] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "x-request-id",
    "connection",
    "keep-alive",
    "proxy-connection",
    "traceparent",
];

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.start.escape_ascii())?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        let framing = if self.is_chunked { "in chunks" } else { "as a whole" };
        writeln!(formatter, "[{} bytes {framing}] {}", self.body.len(), self.body.escape_ascii())?;
        for (name, value) in &self.trailers {
            writeln!(formatter, "{}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        Ok(())
    }
}
