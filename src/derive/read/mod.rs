//! Reads: the questions that rules want to ask the application, as data. Whoever owns the upstream
//! connection asks them and hands the answers back.

pub(super) mod answer;
pub(super) mod ask;

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::exchange::Capture;

/// Two reads with the same key are asked once per exchange: method, target, headers, body and credential.
pub type ReadKey = String;

/// A question to the application.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// Identifies it.
    pub key: ReadKey,
    /// What it is for.
    pub purpose: Purpose,
    /// GET, HEAD, PROPFIND, REPORT, or a POST that the rule calls safe.
    pub method: Method,
    /// Path and query, checked: it never leaves the shape that the rule gives it (THREATS B02).
    pub target: String,
    /// Credentials and what the rule names; nothing else.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// Limit in milliseconds.
    pub timeout_ms: u64,
}

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The thing before the action: asked before forwarding.
    Before,
    /// Who acts: asked before forwarding, and cached by its key, which holds only a keyed hash of the
    /// credential.
    Identity,
    /// The thing after the action: asked after the answer.
    After,
}

/// What came of a read.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The application answered.
    Answered {
        /// HTTP status code.
        status: u16,
        /// Headers.
        headers: HeaderMap,
        /// A bounded copy.
        body: Capture,
    },
    /// It did not.
    Failed(ReadFailure),
}

/// Why a read gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Refused,
    /// The answer was larger than the limit.
    TooLarge,
    /// It was not asked: a part of its address was not a plain segment, or it needs a body that was not
    /// held.
    NotAsked,
}

/// Answers by the key of their question.
pub type Answers = HashMap<ReadKey, Answer>;
