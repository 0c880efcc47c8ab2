//! What the proxy asks of the audit: which rules a request may concern, what to read, and to derive and
//! record. One seam, so that the way of the bytes can be tested without a rule, a journal or a store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::derive::{self, Answers, Plan, ReadRequest};
use crate::event::Event;
use crate::exchange::{Capture, Client, Exchange, Request};
use crate::record::{Log, RecordError};
use crate::rules::model::RuleSet;
use crate::rules::router::{Candidate, HeadView};

/// The audit as the proxy sees it. Shared by all workers; nothing here waits but [`Audit::record`].
pub trait Audit: Send + Sync + 'static {
    /// The rules that a request may concern. Called for every request: it must not allocate when there is
    /// none.
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate>;

    /// What has to happen around the forwarding, from the head alone.
    fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan;

    /// The same once the body is held, or could not be.
    fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan;

    /// What must be read after the answer.
    fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest>;

    /// The events of an exchange.
    fn derive(&self, candidates: &[Candidate], exchange: &Exchange, answers: &Answers) -> Vec<Event>;

    /// Makes them durable.
    fn record(&self, events: Vec<Event>) -> Pin<Box<dyn Future<Output = Result<(), RecordError>> + Send>>;
}

/// The audit by rules, into the log.
#[derive(Clone)]
pub struct Auditor {
    rules: Arc<RuleSet>,
    log: Log,
}

impl Auditor {
    /// An audit by those rules, into that log.
    pub fn new(rules: Arc<RuleSet>, log: Log) -> Auditor {
        Auditor { rules, log }
    }
}

impl Audit for Auditor {
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        self.rules.candidates(head)
    }

    fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan {
        Plan::make(&self.rules, candidates, request, client)
    }

    fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan {
        plan.with_body(&self.rules, request, client, body)
    }

    fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest> {
        derive::reads_after(&self.rules, plan, exchange, answers)
    }

    fn derive(&self, candidates: &[Candidate], exchange: &Exchange, answers: &Answers) -> Vec<Event> {
        derive::derive(&self.rules, candidates, exchange, answers)
    }

    fn record(&self, events: Vec<Event>) -> Pin<Box<dyn Future<Output = Result<(), RecordError>> + Send>> {
        let log = self.log.clone();
        Box::pin(async move { log.record(events).await })
    }
}
