//! One request and its response, as they came over the wire: plain data for `derive` to read.
//!
//! Nothing here is decoded, normalised or redacted: that happens on copies, later. The bodies are bounded
//! captures; how each ended is part of the data, because an exchange that broke off is recorded too.

mod trace;

pub use trace::{TRACEPARENT, TraceParent, trace_id, trace_parent};

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// UUIDv7 made on arrival; never the client's.
    pub id: Uuid,
    /// When the request's head was complete.
    pub received_at: Timestamp,
    /// Who sent it.
    pub client: Client,
    /// What was asked.
    pub request: Request,
    /// What was answered; `None` when no head of a response came.
    pub response: Option<Response>,
    /// How it ended.
    pub ending: Ending,
    /// From the request's head to the end, in milliseconds.
    pub duration_ms: u64,
}

/// The other end of the connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client behind trusted proxies; the peer itself where none is trusted.
    pub ip: IpAddr,
    /// The client's port, where it is the peer itself.
    pub port: Option<u16>,
    /// The address of the socket's other end.
    pub peer: IpAddr,
    /// True when the peer is one of `trusted_proxies`.
    pub is_trusted: bool,
    /// What the client's certificate says. A trusted proxy's is left out: it speaks for others.
    pub certificate: Option<Arc<Certificate>>,
}

/// The cookie by which somebody is signed in to the audit listener. Browsers send it to every port of a host, so that
/// no message may carry a cookie whose name begins with this past the proxy, in either direction (THREATS Q08).
pub const OWN_COOKIE: &str = "__Host-earwitness";

/// What counts as one client: an IPv4 address, or the 64 bits of IPv6 that one subscriber has as a whole.
pub fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// What a client's certificate says: issued by somebody whom the operator named, and the client has shown that
/// it holds the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Whom it names, in full (RFC 4514).
    pub subject: String,
    /// Who issued it, likewise.
    pub issuer: String,
    /// The subject's common name: for people to read, no proof of anything by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The subject's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// SHA-256 of its public key with its algorithm (SubjectPublicKeyInfo), in hex.
    #[serde(default)]
    pub key_hash: String,
}

impl Certificate {
    /// Issuer and full subject as one: two certificates with one common name differ (THREATS E65). A `;` within
    /// a name is written `\\;`.
    pub fn id(&self) -> String {
        format!("{}; issued by {}", self.subject, self.issuer)
    }
}

/// What was asked. Headers are the client's, before we removed or set any.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// As received, case and all.
    pub method: String,
    /// The request target as received: path and query.
    pub target: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The `Host`, or the authority of an absolute-form target.
    pub host: String,
    /// The request id that the application saw.
    pub id: String,
    /// The trace id that the application saw: the client's claim, or one that was begun here.
    pub trace_id: Option<String>,
    /// As received.
    pub headers: HeaderMap,
    /// A bounded copy.
    pub body: Capture,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// As received from the application.
    pub headers: HeaderMap,
    /// A bounded copy.
    pub body: Capture,
    /// How far it has come, where it stays open.
    pub stream: Option<Stream>,
}

/// How far an exchange has come that stays open: a WebSocket, an event stream. It is looked at twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The head of its answer is there.
    Opened,
    /// It is over, however it ended.
    Closed {
        /// From the client to the application.
        bytes_in: u64,
        /// From the application to the client.
        bytes_out: u64,
        /// Since it opened, in milliseconds.
        duration_ms: u64,
    },
}

/// A bounded copy of a body, content codings and all.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// The bytes kept, from the start.
    pub bytes: Bytes,
    /// How many went by in all.
    pub seen_bytes: u64,
    /// Whether the copy is the whole.
    pub state: CaptureState,
    /// Names of fields behind the body that were not passed on.
    pub dropped_trailers: Vec<HeaderName>,
}

/// Whether a copy is the whole of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureState {
    /// There was no body.
    #[default]
    Empty,
    /// Every byte, up to the body's proper end.
    Complete,
    /// The body went past the limit, and the copy stopped there.
    Cut,
    /// The body broke off: its sender went away.
    Broken,
    /// No copy was made: nothing asked for this body.
    Skipped,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer was complete.
    Complete,
    /// The client left first.
    ClientGone,
    /// No connection to the application could be made; it never saw the request.
    UpstreamUnreachable,
    /// The application closed or broke the connection before its answer was complete.
    UpstreamGone,
    /// The application did not answer in time.
    UpstreamTimeout,
    /// We refused the request; the application never saw it.
    Refused,
    /// A rule says that such a request is not passed on; the application never saw it.
    Denied,
}

/// A way to carry several calls in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// tRPC over HTTP, batched or not.
    Trpc,
    /// JSON-RPC 2.0, batched or not.
    JsonRpc,
    /// GraphQL over HTTP: root fields of mutations.
    GraphQl,
    /// Whole requests in a multipart body.
    HttpBatch,
    /// SOAP: one call, whose name stands in the body.
    Soap,
}

impl EnvelopeKind {
    /// All, by the word used in rules.
    pub const ALL: [(&str, EnvelopeKind); 5] = [
        ("trpc", EnvelopeKind::Trpc),
        ("json-rpc", EnvelopeKind::JsonRpc),
        ("graphql", EnvelopeKind::GraphQl),
        ("http-batch", EnvelopeKind::HttpBatch),
        ("soap", EnvelopeKind::Soap),
    ];

    /// The word used in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            EnvelopeKind::Trpc => "trpc",
            EnvelopeKind::JsonRpc => "json-rpc",
            EnvelopeKind::GraphQl => "graphql",
            EnvelopeKind::HttpBatch => "http-batch",
            EnvelopeKind::Soap => "soap",
        }
    }
}
