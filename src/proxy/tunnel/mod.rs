//! WebSockets: what becomes of a connection after an answer 101.
//!
//! Asked of the application is only `websocket`, alone, named in `Connection`, by a GET over HTTP/1.1 without a
//! body; every other `Upgrade` is taken off before the application could heed it, `h2c` above all, which would
//! hide all that follows. A rule may refuse WebSockets at all (`websocket: refuse`). Only a 101 that answers such a request and agrees to it opens a tunnel (THREATS E32).
//!
//! Then both sockets are joined until both sides have ended: nothing is read, changed or timed. The tunnel lives
//! in the task of the client's connection, so it keeps its place among `connections_max`, and is cut when
//! `shutdown_ms` have passed.

mod side;

use std::cell::RefCell;
use std::rc::Rc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

use self::side::Side;
use super::audited::{Closing, Counts};
use super::wire::forwarding::Peer;
use super::wire::{Failure, Lease, hops};
use crate::derive::Plan;

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    pub(super) peer: Peer,
    /// Begins when the answer 101 has gone out.
    tunnel: RefCell<Option<Box<Tunnel>>>,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Connection {
        Connection { peer, tunnel: RefCell::new(None) }
    }

    /// An answer 101 is on its way.
    pub(super) fn expect(&self, tunnel: Option<Box<Tunnel>>) {
        *self.tunnel.borrow_mut() = tunnel;
    }

    pub(super) fn take_tunnel(&self) -> Option<Box<Tunnel>> {
        self.tunnel.borrow_mut().take()
    }
}

/// What the client asks to switch to, where the application may be asked for it.
pub(super) fn asked(parts: &Parts) -> Option<HeaderValue> {
    let headers = &parts.headers;
    let protocol = headers.get(UPGRADE)?;
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    let is_plain = parts.method == Method::GET && parts.version == Version::HTTP_11 && !has_body;
    (is_plain && is_websocket(headers)).then(|| protocol.clone())
}

/// Holds a request, with the head that the application would get, to the rules that refuse WebSockets.
pub(super) fn allow(plan: &Plan, parts: &Parts) -> Result<(), Failure> {
    let is_refused = plan.refuses_websocket && parts.headers.contains_key(UPGRADE);
    if is_refused { Err(Failure::WebSocket) } else { Ok(()) }
}

/// Whether this answer may go on: one that switches protocols only where that was asked for and is agreed to.
pub(super) fn may_be(response: &Response<Incoming>, is_asked: bool) -> bool {
    response.status() != StatusCode::SWITCHING_PROTOCOLS || is_asked && is_websocket(response.headers())
}

/// Exactly `websocket`, and it is meant for the next hop.
fn is_websocket(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(UPGRADE).iter();
    let (Some(protocol), None) = (lines.next(), lines.next()) else { return false };
    protocol.as_bytes().eq_ignore_ascii_case(b"websocket") && hops::has_option(headers, "upgrade")
}

/// Makes the application's 101 the client's; its body is the tunnel, which counts what goes through.
pub(super) fn begin(head: &mut response::Parts, lease: Lease, counts: &Rc<Counts>) -> Tunnel {
    let protocol = head.headers.get(UPGRADE).cloned();
    hops::strip_answer(&mut head.headers);
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(protocol) = protocol {
        head.headers.insert(UPGRADE, protocol);
    }
    Tunnel { lease, counts: Rc::clone(counts), closing: None }
}

/// A tunnel that is about to begin.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// The connection that the 101 came over.
    lease: Lease,
    counts: Rc<Counts>,
    closing: Option<Closing>,
}

impl Tunnel {
    /// The same, with a record of its end.
    pub(super) fn watched(self, closing: Option<Closing>) -> Tunnel {
        Tunnel { closing, ..self }
    }

    /// Joins both sockets until both have ended, or one broke.
    pub(super) async fn run(self: Box<Self>, client: impl AsyncRead + AsyncWrite + Unpin, early: Vec<u8>) {
        // It broke with the answer, or before it went out.
        let Some(application) = self.lease.into_socket().await else { return };
        let mut client = Side::new(client, early, &self.counts.bytes_out);
        let mut application = Side::new(application.socket, application.early, &self.counts.bytes_in);
        if let Err(error) = copy_bidirectional(&mut client, &mut application).await {
            tracing::debug!(%error, "a tunnel broke");
        }
        drop(self.closing);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    // THREATS E32
    #[test]
    fn only_a_plain_websocket_request_is_an_upgrade() {
        let check = |method: &str, version: Version, lines: &[(&str, &str)], expected: bool| {
            let mut request = Request::builder().method(method).version(version);
            for (name, value) in lines {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(asked(&parts).is_some(), expected, "{method} {version:?} {lines:?}");
        };
        let wanted = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        check("GET", Version::HTTP_11, &wanted, true);
        check("GET", Version::HTTP_11, &[wanted[0], wanted[1], ("content-length", "0")], true);
        check("POST", Version::HTTP_11, &wanted, false);
        check("GET", Version::HTTP_10, &wanted, false);
        check("GET", Version::HTTP_2, &wanted, false);
        check("GET", Version::HTTP_11, &wanted[1..], false);
        check("GET", Version::HTTP_11, &wanted[..1], false);
        check("GET", Version::HTTP_11, &[("connection", "close"), wanted[1]], false);
        check("GET", Version::HTTP_11, &[wanted[0], wanted[1], ("content-length", "1")], false);
        check("GET", Version::HTTP_11, &[wanted[0], wanted[1], ("transfer-encoding", "chunked")], false);
        check("GET", Version::HTTP_11, &[wanted[0], wanted[1], wanted[1]], false);
        for protocol in ["h2c", "websocket, h2c", "h2c, websocket", "websocket/13", "websockets", ""] {
            check("GET", Version::HTTP_11, &[wanted[0], ("upgrade", protocol)], false);
        }
    }
}
