//! Before forwarding: which rules still stand, what must be read, whether the body is needed first.

use super::{Answers, ReadRequest};
use crate::event::Event;
use crate::exchange::{Capture, Client, Exchange, Request};
use crate::rules::model::RuleSet;
use crate::rules::router::Candidate;

/// What has to happen around the forwarding of one request.
#[derive(Debug, Default)]
pub struct Plan {
    /// The candidates that the head does not exclude.
    pub candidates: Vec<Candidate>,
    /// Asked before forwarding: snapshots and identity.
    pub reads: Vec<ReadRequest>,
    /// True when a read needs the request's body: hold it, then call [`Plan::with_body`].
    pub needs_body: bool,
    /// True when a rule that stands has `guarantee: durable`: the end of the answer waits for the record.
    pub is_durable: bool,
}

impl Plan {
    /// From the head alone (`request.body` is not looked at).
    pub fn make(_rules: &RuleSet, _candidates: Vec<Candidate>, _request: &Request, _client: &Client) -> Plan {
        unimplemented!()
    }

    /// The same plan once the body is held (or could not be: then the reads that need it are not asked).
    #[must_use]
    pub fn with_body(self, _rules: &RuleSet, _request: &Request, _client: &Client, _body: &Capture) -> Plan {
        unimplemented!()
    }
}

/// What must be read after the answer (`after: read`), once it is known.
pub fn reads_after(
    _rules: &RuleSet,
    _plan: &Plan,
    _exchange: &Exchange,
    _answers: &Answers,
) -> Vec<ReadRequest> {
    unimplemented!()
}

/// The events of an exchange. Never fails, never panics; every candidate that is not excluded by a
/// condition makes at least one event.
pub fn derive(
    _rules: &RuleSet,
    _candidates: &[Candidate],
    _exchange: &Exchange,
    _answers: &Answers,
) -> Vec<Event> {
    unimplemented!()
}
