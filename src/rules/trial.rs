//! Tests in rule files, as data: a request, what the application would answer, and the events to expect.
//!
//! Loading a pack checks their shape; running them is another's business, because that takes everything
//! that turns an exchange into events.

use std::net::IpAddr;
use std::sync::Arc;

use crate::exchange::{Certificate, Stream};
use crate::value::Value;
use crate::yaml::{Node, Source, Span};

/// One test of a rule. What its file or pack gives (`given`) is already in it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// A sentence.
    pub name: String,
    /// Where it stands.
    pub source: Arc<Source>,
    /// Its place there.
    pub span: Span,
    /// One past its last byte.
    pub end: usize,
    /// What is asked.
    pub request: TrialRequest,
    /// From where.
    pub client: TrialClient,
    /// Who acts, in place of what `actors` would find: members of an actor.
    pub actor: Option<Value>,
    /// What the application says to reads.
    pub answers: Vec<TrialAnswer>,
    /// What it says to the request; `None` when no answer comes.
    pub response: Option<TrialResponse>,
    /// The events, in order: each a mapping of members to tests; an empty list when nothing is to be
    /// recorded. `None` where the test does not say it: such a test fails, and can be completed.
    pub expect: Option<Vec<Node>>,
    /// Where `expect` has its value.
    pub expect_span: Option<Span>,
}

/// What a test asks.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRequest {
    /// As in the request line.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names as written, values as text.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: TrialBody,
}

/// A body in a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TrialBody {
    /// There is none.
    Empty,
    /// A document: sent as JSON where no content type is given.
    Document(Value),
    /// Text, as its content type says.
    Text(String),
    /// A file beside the rule file, by its name.
    File(String),
}

/// The client of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialClient {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// True when it is a trusted peer.
    pub trusted: bool,
    /// What its certificate says.
    pub certificate: Option<Certificate>,
}

/// What the application says to a read in a test.
#[derive(Clone, Debug)]
pub struct TrialAnswer {
    /// The read's method.
    pub method: String,
    /// The read's path and query.
    pub target: String,
    /// Where it stands.
    pub source: Arc<Source>,
    /// Its place there.
    pub span: Span,
    /// What comes of the read.
    pub outcome: TrialOutcome,
}

/// What comes of a read in a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TrialOutcome {
    /// An answer.
    Answered(TrialResponse),
    /// None.
    Failed(TrialFailure),
}

/// Why a read in a test gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialFailure {
    /// No answer in time.
    Timeout,
    /// No connection.
    Refused,
    /// An answer that is too large.
    TooLarge,
}

/// An answer in a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResponse {
    /// HTTP status code.
    pub status: u16,
    /// Names as written, values as text.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: TrialBody,
    /// How far it has come, where it stays open.
    pub stream: Option<Stream>,
}
