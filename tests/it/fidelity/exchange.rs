//! Generated exchanges: odd but lawful requests and answers, as raw bytes.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One request and the answer to it.
#[derive(Clone)]
pub(super) struct Exchange {
    method: &'static str,
    target: String,
    request: Content,
    status: &'static str,
    answer: Content,
    /// Where the request's bytes are cut into writes.
    cuts: Vec<Index>,
    /// The request's bytes; made once.
    bytes: Vec<u8>,
}

/// What stands below a start line.
#[derive(Clone, Debug)]
struct Content {
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// No body and no word about one; in an answer, one that ends with the connection.
    Unsaid(Vec<u8>),
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>, Vec<(String, Vec<u8>)>),
}

/// Any lawful exchange.
pub(super) fn exchange() -> impl Strategy<Value = Exchange> {
    let request = (headers(), prop_oneof![Just(Body::Unsaid(Vec::new())), length(), chunks()]);
    let answer = (headers(), prop_oneof![bytes().prop_map(Body::Unsaid), length(), chunks()]);
    let cuts = vec(any::<Index>(), 0..4);
    (select(METHODS), target(), request, select(STATUSES), answer, cuts).prop_map(
        |(method, target, request, status, answer, cuts)| {
            let (request, answer) = (content(request), content(answer));
            let mut exchange = Exchange { method, target, request, status, answer, cuts, bytes: Vec::new() };
            exchange.bytes = exchange.request_bytes();
            exchange
        },
    )
}

fn content((headers, body): (Vec<(String, Vec<u8>)>, Body)) -> Content {
    Content { headers, body }
}

impl Exchange {
    pub(super) fn method(&self) -> &str {
        self.method
    }

    /// The request in the pieces in which it is written.
    pub(super) fn request_in_parts(&self) -> Vec<&[u8]> {
        let mut at: Vec<usize> = self.cuts.iter().map(|cut| cut.index(self.bytes.len())).collect();
        at.sort_unstable();
        let (mut parts, mut rest, mut begin) = (Vec::new(), &self.bytes[..], 0);
        for end in at {
            let (part, left) = rest.split_at(end - begin);
            parts.push(part);
            (rest, begin) = (left, end);
        }
        parts.push(rest);
        parts
    }

    fn request_bytes(&self) -> Vec<u8> {
        // Who does not say that it takes trailers gets none: that is on the published list.
        let takes = "TE: trailers\r\nConnection: TE\r\n";
        let start = format!("{} {} HTTP/1.1\r\nHost: app.example\r\n{takes}", self.method, self.target);
        self.request.below(start)
    }

    fn has_no_body(&self) -> bool {
        self.method == "HEAD" || self.status.starts_with("204") || self.status.starts_with("304")
    }

    /// Whether the answer's end is that of its connection.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self.answer.body, Body::Unsaid(_)) && !self.has_no_body()
    }

    /// The answer's bytes.
    pub(super) fn answer(&self) -> Vec<u8> {
        let mut content = self.answer.clone();
        if self.has_no_body() {
            // A length is what a body would have had (RFC 9110 section 8.6); 204 has none.
            let length = (!self.status.starts_with("204")).then(|| content.body.bytes().len());
            content.headers.extend(length.map(|length| ("Content-Length".into(), length.to_string().into())));
            content.body = Body::Unsaid(Vec::new());
        }
        content.below(format!("HTTP/1.1 {}\r\n", self.status))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}", self.bytes.escape_ascii(), self.answer().escape_ascii())
    }
}

impl Content {
    fn below(&self, start: String) -> Vec<u8> {
        let mut bytes = start.into_bytes();
        write_fields(&mut bytes, &self.headers);
        match &self.body {
            Body::Unsaid(_) => bytes.extend(b"\r\n"),
            Body::Length(body) => bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes()),
            Body::Chunks(_, trailers) => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n");
                if !trailers.is_empty() {
                    // One that is not announced is not sent on: it is on the published list.
                    let names: Vec<&str> = trailers.iter().map(|(name, _)| name.as_str()).collect();
                    bytes.extend(format!("Trailer: {}\r\n", names.join(", ")).bytes());
                }
                bytes.extend(b"\r\n");
            }
        }
        match &self.body {
            Body::Unsaid(body) | Body::Length(body) => bytes.extend(body),
            Body::Chunks(chunks, trailers) => {
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n");
                write_fields(&mut bytes, trailers);
                bytes.extend(b"\r\n");
            }
        }
        bytes
    }
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Body::Unsaid(bytes) | Body::Length(bytes) => bytes.clone(),
            Body::Chunks(chunks, _) => chunks.concat(),
        }
    }
}

fn write_fields(bytes: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        bytes.extend(name.bytes());
        bytes.extend(b": ");
        bytes.extend(value);
        bytes.extend(b"\r\n");
    }
}

/// A path in any spelling, with or without a query.
fn target() -> impl Strategy<Value = String> {
    let segment = vec(select(PIECES), 0..4).prop_map(|pieces| pieces.concat());
    let query = proptest::option::of(vec(select(QUERY), 0..6).prop_map(|pieces| pieces.concat()));
    (vec(segment, 1..5), query).prop_map(|(segments, query)| {
        let path = format!("/{}", segments.join("/"));
        query.map_or(path.clone(), |query| format!("{path}?{query}"))
    })
}

fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec((select(NAMES).prop_map(str::to_owned), value()), 0..8)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let visible = prop_oneof![0x21u8..0x7f, 0x80u8..=0xff];
    let inside = prop_oneof![8 => visible.clone(), 1 => Just(b' '), 1 => Just(b'\t')];
    (vec(inside, 0..30), visible).prop_map(|(mut value, last)| {
        value.push(last);
        value.trim_ascii().to_vec()
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        Just(br#"{"title":"x","title":"y","n":1e400}"#.to_vec()),
        Just(vec![b'x'; 40_000]),
    ]
}

fn length() -> impl Strategy<Value = Body> {
    bytes().prop_map(Body::Length)
}

fn chunks() -> impl Strategy<Value = Body> {
    let trailers = vec((select(TRAILERS).prop_map(str::to_owned), value()), 0..3);
    (vec(bytes(), 0..4), trailers).prop_map(|(chunks, trailers)| Body::Chunks(chunks, trailers))
}

const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "REPORT",
    "MKCALENDAR",
    "post",
    "X-Odd",
];
const STATUSES: &[&str] = &[
    "200 OK",
    "201 Created",
    "202 Accepted",
    "204 No Content",
    "207 Multi-Status",
    "299 Odd",
    "301 Moved",
    "302 Found",
    "304 Not Modified",
    "400 Bad Request",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "409 Conflict",
    "418 I'm a teapot",
    "422 Unprocessable Content",
    "498 Invalid Token",
    "500 Oh no",
    "503 Service Unavailable",
    "599 ",
];
const PIECES: &[&str] = &[
    "a", "B", "v2", "bookings", "%2f", "%2F", "%00", "%41", "%zz", "%", ".", "..", ";v=1", "~", "!", "$",
    "&", "'", "(", ")", "*", "+", ",", "=", ":", "@", "_", "-", "|", "{", "}", "\"", "^", "[", "]", "é",
    "日",
];
const QUERY: &[&str] =
    &["a=1", "&", "&&", "=", "?", "/", "%20", "+", "[]=x", "a.b=%zz", "{", "|", "é", ";", ":", "@"];
const NAMES: &[&str] = &[
    "Accept",
    "accept-ENCODING",
    "User-Agent",
    "X-Odd_Name",
    "x-lower",
    "X-Twice",
    "Cookie",
    "Authorization_",
    "ETag",
    "If-Match",
    "Depth",
    "Destination",
    "Cache-Control",
    "Vary",
    "WWW-Authenticate",
    "Set-Cookie",
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Link",
    "Location",
    "Range",
    "Origin",
    "Date",
    "Server",
    "!#$%&'*+.^`|~",
];
const TRAILERS: &[&str] = &["X-Checksum", "grpc-status", "Digest", "Server-Timing"];
