//! What the proxy asks of the audit: which rules a request may concern, what to read, and to derive and
//! record. One seam, so that the way of the bytes can be tested without a rule, a journal or a store.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use jiff::Timestamp;
use parking_lot::Mutex;
use uuid::Uuid;

use super::reads::Sessions;
use crate::blind::{Answered, Blind, Sample, Seen};
use crate::derive::{Answers, Derived, Engine, Plan, ReadRequest};
use crate::event::{Event, Intent, Unread, own};
use crate::exchange::{Capture, Client, Exchange, Request, Response};
use crate::record::{Log, RecordError, Urgency};
use crate::rules::router::{Candidate, HeadView, is_mutating};
use crate::store::Snapshots;
use crate::telemetry::Metrics;
use crate::value::Value;

/// The audit as the proxy sees it. Shared by all workers; nothing here waits but [`Audit::record`].
pub trait Audit: Send + Sync + 'static {
    /// The rules that a request may concern. Called for every request: it must not allocate when there is
    /// none.
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate>;

    /// Headers that rules take an actor from, where a trusted peer sets them: from anybody else they are taken
    /// off.
    fn identity_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    /// The path of the rule's line that a request has met, for its span.
    fn route(&self, _candidate: &Candidate) -> Option<String> {
        None
    }

    /// What has to happen around the forwarding, from the head alone.
    fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan;

    /// The same once the body is held, or could not be.
    fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan;

    /// What must be read after the answer.
    fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest>;

    /// What was seen last of a thing, and how many milliseconds ago.
    fn recall(&self, _key: &str) -> Option<(Value, u64)> {
        None
    }

    /// True when the operator says of a request like this that it may change something, whatever its method.
    fn is_listed(&self, _head: &HeadView<'_>) -> bool {
        false
    }

    /// True when an unrecorded request like this would be a blind spot: nobody has excluded it.
    fn is_missed(&self, _head: &HeadView<'_>) -> bool {
        false
    }

    /// True when no sample is wanted of a request that nothing recorded.
    fn knows(&self, _method: &str, _target: &str) -> bool {
        true
    }

    /// Counts a request that nothing recorded.
    fn missed(&self, _seen: &Seen<'_>) {}

    /// The events of an exchange, by its request's plan; `ids` hands out their ids.
    fn derive(
        &self,
        plan: Plan,
        exchange: &Exchange,
        answers: &Answers,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Vec<Event>;

    /// What is known of a request before it is forwarded; `None` where there is nothing to write.
    fn intent(
        &self,
        _plan: &Plan,
        _request: &Request,
        _client: &Client,
        _id: Uuid,
        _at: Timestamp,
    ) -> Option<Intent> {
        None
    }

    /// Makes it durable, within a limit.
    fn intend(&self, _intent: Intent, _limit: Duration) -> Recording {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Makes events durable, and closes their exchange where it has an intent.
    fn record(&self, events: Vec<Event>, closes: Option<Uuid>, urgency: Urgency) -> Recording;

    /// Takes note of a request whose story ended without a record.
    fn lose(&self, _intent: Intent, _why: &'static str) {}
}

/// Being written.
pub type Recording = Pin<Box<dyn Future<Output = Result<(), RecordError>> + Send>>;

/// The audit by rules, into the log.
#[derive(Clone)]
pub struct Auditor {
    engine: Arc<Engine>,
    log: Log,
    metrics: Arc<Metrics>,
    memory: Option<Snapshots>,
    sessions: Arc<Sessions>,
    blind: Blind,
    /// How often each rule has failed. No more entries than rules.
    failed: Arc<Mutex<HashMap<String, u32>>>,
}

impl Auditor {
    /// An audit by those rules, into that log.
    pub fn new(engine: Arc<Engine>, log: Log, metrics: Arc<Metrics>) -> Auditor {
        let (sessions, blind) = (Arc::new(Sessions::new()), Blind::default());
        Auditor { engine, log, metrics, memory: None, sessions, blind, failed: Arc::default() }
    }

    /// The same by other rules, remembering there; what logins have taught and what was counted stays.
    #[must_use]
    pub fn renewed(&self, engine: Arc<Engine>, memory: Option<Snapshots>) -> Auditor {
        self.blind.watch(engine.rules());
        Auditor { engine, memory, ..self.clone() }
    }

    /// The same, counting there what nothing recorded.
    #[must_use]
    pub fn with_blind(self, blind: Blind) -> Auditor {
        blind.watch(self.engine.rules());
        Auditor { blind, ..self }
    }

    /// The same, remembering things there.
    #[must_use]
    pub fn with_memory(self, memory: Snapshots) -> Auditor {
        Auditor { memory: Some(memory), ..self }
    }

    /// Rules looked at it, and none recorded it: that may be meant, and may be a rule that waits in vain.
    fn unrecorded(&self, exchange: &Exchange) {
        let request = &exchange.request;
        let may_change = |response: &Response| {
            is_mutating(&request.method)
                || response.status == SWITCHING_PROTOCOLS
                || self.is_listed(&HeadView::of(request))
        };
        let Some(response) = exchange.response.as_ref().filter(|response| may_change(response)) else {
            return;
        };
        let is_new = !self.blind.knows(&request.method, &request.target);
        let sample = is_new.then(|| Sample::of(&request.target, &request.headers));
        self.missed(&Seen {
            method: &request.method,
            target: &request.target,
            status: response.status,
            answered: Answered::Unrecorded,
            client: exchange.client.ip,
            at: exchange.received_at,
            sample: sample.as_ref(),
        });
    }

    fn count(&self, derived: &Derived) {
        self.metrics.loosened_not_found.inc_by(u64::from(derived.loosened_not_found));
        for (rule, field) in &derived.missing {
            self.metrics.rule_missing.with_label_values(&[rule, field]).inc();
        }
        for event in &derived.shadowed {
            self.metrics.rule_shadowed.with_label_values(&[&event.rule.id]).inc();
        }
        let is_unread = |event: &Event| event.before.why == Some(Unread::TooMany);
        if derived.events.iter().chain(&derived.shadowed).any(is_unread) {
            self.metrics.limits_hit.with_label_values(&["exchange_reads"]).inc();
        }
        if derived.cut > 0 {
            self.metrics.drops.with_label_values(&["batch"]).inc_by(derived.cut as u64);
        }
    }

    /// The alarms over rules that fail time and again: whatever makes them fail may be meant to. They stay on
    /// (THREATS E43).
    fn alarms(&self, failing: &[String], exchange: &Exchange, ids: &mut dyn FnMut() -> Uuid) -> Vec<Event> {
        let mut alarms = Vec::new();
        for rule in failing {
            self.metrics.rule_failed.with_label_values(&[rule]).inc();
            tracing::error!(rule, "a rule failed: only the least of its event could be recorded");
            let mut failed = self.failed.lock();
            let count = failed.entry(rule.clone()).or_default();
            *count = count.saturating_add(1);
            if *count == FAILURES_ALARM {
                alarms.push(own::rule_failing(rule, *count, exchange.id, exchange.received_at, ids()));
            }
        }
        alarms
    }
}

impl Audit for Auditor {
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        self.engine.rules().candidates(head)
    }

    fn identity_headers(&self) -> Vec<HeaderName> {
        let names = self.engine.rules().identity_headers();
        names.iter().filter_map(|name| HeaderName::try_from(name.as_str()).ok()).collect()
    }

    fn route(&self, candidate: &Candidate) -> Option<String> {
        self.engine.rules().route(candidate)
    }

    fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan {
        let mut plan = self.engine.plan(candidates, request, client);
        // Now and not when the record is made: until then the session may be another's.
        plan.known = self.sessions.find(self.engine.sessions(&plan.candidates, request));
        plan
    }

    fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan {
        self.engine.plan_with_body(plan, request, client, body)
    }

    fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest> {
        self.engine.reads_after(plan, exchange, answers)
    }

    fn derive(
        &self,
        plan: Plan,
        exchange: &Exchange,
        answers: &Answers,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Vec<Event> {
        // A rule that looks at both ends of a stream may record either.
        let has_stream = exchange.response.as_ref().is_some_and(|response| response.stream.is_some());
        let is_watched = has_stream && plan.watches_streams;
        let derived = self.engine.derive(plan, exchange, answers, ids);
        self.count(&derived);
        let alarms = self.alarms(&derived.failed, exchange, ids);
        // What was noticed happened before what was done.
        let mut events = Vec::new();
        if let Some(memory) = &self.memory {
            for sighting in &derived.sightings {
                let read_at_ms = u64::try_from(sighting.seen_at.as_millisecond()).unwrap_or_default();
                let known = memory.see(&sighting.key, sighting.value.clone(), read_at_ms);
                events.extend(
                    known.and_then(|(known, age_ms)| self.engine.drift(sighting, &known, age_ms, ids)),
                );
            }
            memory.learn(derived.learned);
        }
        derived.lessons.into_iter().for_each(|lesson| self.sessions.learn(lesson));
        if derived.events.is_empty() && !is_watched {
            self.unrecorded(exchange);
        }
        if !derived.events.is_empty() && is_answered_there(exchange) {
            let rules = derived.events.iter().map(|event| event.rule.id.as_str());
            self.blind.recorded(rules, exchange.received_at);
        }
        events.extend(derived.events);
        events.extend(alarms);
        events
    }

    fn is_listed(&self, head: &HeadView<'_>) -> bool {
        self.engine.rules().is_listed(head)
    }

    fn is_missed(&self, head: &HeadView<'_>) -> bool {
        !self.engine.rules().is_excluded(head)
    }

    fn knows(&self, method: &str, target: &str) -> bool {
        self.blind.knows(method, target)
    }

    fn missed(&self, seen: &Seen<'_>) {
        self.blind.saw(seen);
        self.metrics.blind_requests.inc();
        self.metrics.blind_spots.set(i64::try_from(self.blind.count()).unwrap_or(i64::MAX));
    }

    fn recall(&self, key: &str) -> Option<(Value, u64)> {
        self.memory.as_ref()?.recall(key)
    }

    fn intent(
        &self,
        plan: &Plan,
        request: &Request,
        client: &Client,
        id: Uuid,
        at: Timestamp,
    ) -> Option<Intent> {
        Some(self.engine.intent(plan, request, client, id, at))
    }

    fn intend(&self, intent: Intent, limit: Duration) -> Recording {
        let log = self.log.clone();
        Box::pin(async move { log.intend(&intent, intent.client.ip, limit).await })
    }

    fn record(&self, events: Vec<Event>, closes: Option<Uuid>, urgency: Urgency) -> Recording {
        let log = self.log.clone();
        Box::pin(async move {
            match closes {
                Some(exchange) => log.finish(exchange, events, urgency).await,
                None => log.record(events, urgency).await,
            }
        })
    }

    fn lose(&self, intent: Intent, why: &'static str) {
        let exchange = intent.id;
        self.log.lose(&intent.into_event(exchange), Some(exchange), why);
    }
}

/// False where the application says that it has no such address, or none any more: by that, no rule is alive.
fn is_answered_there(exchange: &Exchange) -> bool {
    exchange.response.as_ref().is_none_or(|response| !matches!(response.status, 404 | 405 | 410 | 421))
}

/// Failures of one rule, in one process, at which an alarm is recorded.
const FAILURES_ALARM: u32 = 3;

const SWITCHING_PROTOCOLS: u16 = 101;
