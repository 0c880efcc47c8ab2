//! A scripted audit in the place of rules and log.

use std::sync::Arc;
use std::time::Duration;

use earwitness::blind::Seen;
use earwitness::config::Limits;
use earwitness::derive::{Answer, Answers, Engine, Plan, Purpose, ReadRequest, Write};
use earwitness::event::{Event, Intent, MatchedBy};
use earwitness::exchange::{Capture, Client, Exchange, Request};
use earwitness::proxy::{Audit, Recording};
use earwitness::record::{RecordError, Urgency};
use earwitness::rules::redact::Key;
use earwitness::rules::router::{Candidate, HeadView};
use parking_lot::Mutex;

use crate::rig::{App, Rig, eventually};

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(super) const POST: &str =
    "POST /a?b=c HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eA==\r\nContent-Length: 5\r\n\r\nhello";

/// An audit that concerns itself with every POST and keeps the exchanges that it is shown.
#[derive(Default)]
pub(super) struct Script {
    pub(super) seen: Mutex<Vec<(Exchange, Answers)>>,
    pub(super) is_durable: bool,
    pub(super) needs_body: bool,
    pub(super) panics: bool,
    /// Planning with the body and after the answer panics.
    pub(super) reading_panics: bool,
    /// Paths to read, with their purpose and limit.
    pub(super) reads: Vec<(&'static str, Purpose, u64)>,
    /// Read with this credential instead of the caller's own.
    pub(super) credentials: Option<&'static str>,
    /// Things that every request changes.
    pub(super) writes: Vec<Write>,
    /// The record is synced when something comes through here.
    pub(super) gate: Option<Arc<tokio::sync::Semaphore>>,
    /// Paths of another method that it concerns itself with, by their start; none where empty.
    pub(super) concerns: &'static str,
    /// Its requests have an intent, which is on the disk when something comes through here.
    pub(super) intents: Option<Arc<tokio::sync::Semaphore>>,
    /// Nothing can be written.
    pub(super) disk_fails: bool,
    /// Writing an intent panics.
    pub(super) intending_panics: bool,
    /// A request is refused for that.
    pub(super) refuses: bool,
    /// Intents that were written or tried.
    pub(super) intended: Mutex<Vec<Intent>>,
    /// Exchanges that were closed.
    pub(super) closed: Mutex<Vec<uuid::Uuid>>,
    /// Requests that ended without a record, and why.
    pub(super) lost: Mutex<Vec<(String, &'static str)>>,
    /// Its rule looks at how far a stream has come.
    pub(super) watches_streams: bool,
    /// Requests that nothing recorded.
    pub(super) missed: Mutex<Vec<String>>,
    /// Plans made from a held body.
    pub(super) held: Mutex<Vec<Capture>>,
}

impl Script {
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.seen.lock().iter().map(|(exchange, _)| exchange.clone()).collect()
    }

    pub(super) fn only(&self) -> Exchange {
        eventually("one exchange is recorded", || !self.seen.lock().is_empty());
        let mut all = self.exchanges();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    pub(super) fn answer(&self, key: &str) -> Answer {
        eventually("one exchange is recorded", || !self.seen.lock().is_empty());
        self.seen.lock()[0].1[key].clone()
    }

    pub(super) fn reads(&self, purpose: impl Fn(Purpose) -> bool) -> Vec<ReadRequest> {
        let wanted = self.reads.iter().filter(|(_, found, _)| purpose(*found));
        wanted
            .map(|(target, purpose, timeout_ms)| ReadRequest {
                key: (*target).to_owned(),
                purpose: *purpose,
                method: http::Method::GET,
                target: (*target).to_owned(),
                headers: match self.credentials {
                    Some(_) => Vec::new(),
                    None => vec![(http::header::AUTHORIZATION, "Basic eA==".parse().unwrap())],
                },
                body: bytes::Bytes::new(),
                credentials: self.credentials.map(str::to_owned),
                recall: None,
                timeout_ms: *timeout_ms,
            })
            .collect()
    }
}

impl Audit for Script {
    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        let candidate = Candidate {
            pack: 0,
            rule: 0,
            line: 0,
            parts: Vec::new(),
            by: MatchedBy::Raw,
            uncertain: Vec::new(),
            method_from_body: None,
            notes: Vec::new(),
        };
        let is_named = !self.concerns.is_empty() && head.target.starts_with(self.concerns);
        if head.method == "POST" || is_named { vec![candidate] } else { Vec::new() }
    }

    fn is_missed(&self, _: &HeadView<'_>) -> bool {
        true
    }

    fn missed(&self, seen: &Seen<'_>) {
        self.missed.lock().push(format!("{} {} {}", seen.method, seen.target, seen.status));
    }

    fn plan(&self, candidates: Vec<Candidate>, _: &Request, _: &Client) -> Plan {
        let reads =
            if self.needs_body { Vec::new() } else { self.reads(|purpose| purpose != Purpose::After) };
        let mut plan = Plan::from(candidates);
        (plan.reads, plan.needs_body, plan.is_durable) = (reads, self.needs_body, self.is_durable);
        plan.refuses = self.refuses;
        plan.writes.clone_from(&self.writes);
        plan.watches_streams = self.watches_streams;
        plan
    }

    fn plan_with_body(&self, mut plan: Plan, _: &Request, _: &Client, body: &Capture) -> Plan {
        assert!(!self.reading_panics, "as the test asks");
        self.held.lock().push(body.clone());
        plan.reads = self.reads(|purpose| purpose != Purpose::After);
        plan
    }

    fn reads_after(&self, _: &Plan, _: &Exchange, _: &Answers) -> Vec<ReadRequest> {
        assert!(!self.reading_panics, "as the test asks");
        self.reads(|purpose| purpose == Purpose::After)
    }

    fn derive(
        &self,
        _: Plan,
        exchange: &Exchange,
        answers: &Answers,
        _: &mut dyn FnMut() -> uuid::Uuid,
    ) -> Vec<Event> {
        assert!(!self.panics, "as the test asks");
        self.seen.lock().push((exchange.clone(), answers.clone()));
        vec![crate::rig::event(exchange.id)]
    }

    fn intent(
        &self,
        plan: &Plan,
        request: &Request,
        client: &Client,
        id: uuid::Uuid,
        time: jiff::Timestamp,
    ) -> Option<Intent> {
        self.intents.as_ref()?;
        let engine = Engine::new(Arc::default(), Key::new([3; 32]), &Limits::default());
        Some(engine.intent(plan, request, client, id, time))
    }

    fn intend(&self, intent: Intent, _: Duration) -> Recording {
        self.intended.lock().push(intent);
        let (gate, disk_fails, panics) = (self.intents.clone(), self.disk_fails, self.intending_panics);
        Box::pin(async move {
            assert!(!panics, "as the test asks");
            if disk_fails {
                return Err(RecordError::Late);
            }
            gate.unwrap().acquire().await.unwrap().forget();
            Ok(())
        })
    }

    fn lose(&self, intent: Intent, why: &'static str) {
        self.lost.lock().push((intent.request.url, why));
    }

    fn record(&self, events: Vec<Event>, closes: Option<uuid::Uuid>, _: Urgency) -> Recording {
        assert!(events.len() == 1 || self.panics);
        self.closed.lock().extend(closes);
        let gate = self.gate.clone();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    }
}

pub(super) fn rig(app: &App, script: Script) -> (Rig, Arc<Script>) {
    let script = Arc::new(script);
    (Rig::audited(app.address, Arc::clone(&script) as Arc<dyn Audit>, |_| {}), script)
}
