//! Two clients: one that speaks HTTP/2 as it should, by a library, and one that sends whatever frames a test
//! makes, byte by byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::rig::PATIENCE;

/// Runs a client; it has as long as anything may take.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("in time") })
}

/// A client that speaks HTTP/2 as it should.
pub(super) struct Peer {
    pub(super) streams: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) trailers: Option<HeaderMap>,
}

pub(super) async fn connect(address: SocketAddr) -> Peer {
    Peer::over(tokio::net::TcpStream::connect(address).await.unwrap()).await
}

pub(super) async fn connect_securely(address: SocketAddr, config: ClientConfig) -> Peer {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    Peer::over(TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()).await
}

impl Peer {
    async fn over(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Peer {
        let (streams, connection) = h2::client::handshake(socket).await.unwrap();
        Peer { streams, connection: tokio::spawn(connection) }
    }

    pub(super) async fn get(&mut self, uri: &str) -> Answer {
        self.send("GET", uri, &[], &[], &[]).await
    }

    /// Sends a request, its body in these pieces, and waits for the answer.
    pub(super) async fn send(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[&str],
        trailers: &[(&'static str, &str)],
    ) -> Answer {
        self.begin(method, uri, headers, body, trailers).await.await.unwrap()
    }

    /// Sends a request; the answer can be waited for.
    pub(super) async fn begin(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[&str],
        trailers: &[(&'static str, &str)],
    ) -> impl Future<Output = Result<Answer, h2::Error>> + Send + use<> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let is_all = body.is_empty() && trailers.is_empty();
        let mut streams = self.streams.clone().ready().await.unwrap();
        let (answer, mut sending) = streams.send_request(request.body(()).unwrap(), is_all).unwrap();
        for (index, piece) in body.iter().enumerate() {
            let is_last = index + 1 == body.len() && trailers.is_empty();
            sending.send_data(Bytes::copy_from_slice(piece.as_bytes()), is_last).unwrap();
        }
        if !trailers.is_empty() {
            let fields = trailers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), value.parse::<http::HeaderValue>().unwrap())
            });
            sending.send_trailers(fields.collect()).unwrap();
        }
        async move {
            let (head, mut frames) = answer.await?.into_parts();
            let mut body = Vec::new();
            while let Some(piece) = frames.data().await {
                let piece = piece?;
                frames.flow_control().release_capacity(piece.len()).unwrap();
                body.extend_from_slice(&piece);
            }
            let trailers = frames.trailers().await?;
            let body = String::from_utf8(body).unwrap();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, trailers })
        }
    }

    /// Waits until the other end closes.
    pub(super) async fn ended(self) {
        // Told to go, or cut off: both are ends. (Whoever drops its handle of the streams leaves by itself.)
        let _ = self.connection.await.unwrap();
        drop(self.streams);
    }
}

/// A client that sends what it is told.
pub(super) struct Raw {
    pub(super) socket: TcpStream,
}

/// A frame as it came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Raw {
    /// Says nothing yet.
    pub(super) fn silent(address: SocketAddr) -> Raw {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Raw { socket }
    }

    /// Sends preface and settings.
    pub(super) fn connect(address: SocketAddr) -> Raw {
        let mut raw = Raw::silent(address);
        raw.socket.write_all(START).unwrap();
        raw
    }

    /// False when the other end has closed.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// The next frame; `None` when the connection has ended.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Everything until the connection ends. PINGs are answered, as every client does.
    pub(super) fn frames_to_end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next_frame() {
            if frame.kind == PING && frame.flags == 0 {
                self.send(&self::frame(PING, 1, 0, &frame.payload));
            }
            frames.push(frame);
        }
        frames
    }

    /// The status with which that stream is answered; `None` when it is reset, or the connection ends.
    pub(super) fn status_of(&mut self, stream: u32) -> Option<u16> {
        loop {
            let frame = self.next_frame()?;
            match frame.kind {
                HEADERS if frame.stream == stream => return Some(status(&frame.payload)),
                RST_STREAM if frame.stream == stream => return None,
                GOAWAY => return None,
                _ => {}
            }
        }
    }
}

/// The status at the start of a head, as HPACK has it (RFC 7541 appendix A): from the table, or in digits.
fn status(head: &[u8]) -> u16 {
    match head {
        [0x88, ..] => 200,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [0x08 | 0x18 | 0x48, 0x82 | 0x83, rest @ ..] => huffman_digits(rest),
        [0x08 | 0x18 | 0x48, 3, a, b, c, ..] => {
            [a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        }
        other => panic!("a status that this client cannot read: {other:?}"),
    }
}

/// Three digits: 0, 1 and 2 have five bits, the others six (RFC 7541 appendix B).
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]);
    let (mut at, mut value) = (0, 0);
    for _ in 0..3 {
        let five = bits << at >> 27;
        let (digit, length) = if five < 3 { (five, 5) } else { ((bits << at >> 26) - 0x19 + 3, 6) };
        value = value * 10 + digit;
        at += length;
    }
    u16::try_from(value).unwrap()
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A whole request without a body.
pub(super) fn request(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields))
}

/// Fields in HPACK, each in full, nothing compressed.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The preface and empty settings.
pub(super) const START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
