//! The audit listener over a log in memory: requests in, answers out.

mod access;
mod counts;
mod exports;
mod pages;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Reader, Readiness, RulesState, Setup, State, router};
use crate::blind::Blind;
use crate::config::{Admin, Limits, Secret};
use crate::event::Event;
use crate::store::{Clock, Counts, Found, Order, Page, Query, Sealed, StoreError, Tally};
use crate::telemetry::Metrics;

pub(super) const TOKEN: &str = "0123456789abcdef";

/// A log in memory. Of the filters it knows the action alone: what a filter means is the store's business.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) events: RwLock<Vec<Found>>,
    pub(super) asked: Mutex<Vec<Query>>,
    pub(super) failure: Mutex<Option<String>>,
    /// Answers pages that were cut by time, empty or after one event.
    cut_after: Mutex<Option<usize>>,
}

impl Memory {
    pub(super) fn add(&self, action: &str) {
        let mut events = self.events.write();
        let sequence = events.len() as u64 + 1;
        events.push(found(sequence, action));
    }

    pub(super) fn with(count: usize) -> Arc<Memory> {
        let memory = Memory::default();
        (0..count).for_each(|_| memory.add("MADE"));
        Arc::new(memory)
    }

    fn fail(&self) -> Result<(), StoreError> {
        self.failure.lock().clone().map_or(Ok(()), |why| Err(StoreError::Io(why)))
    }
}

impl Reader for Memory {
    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.asked.lock().push(query.clone());
        self.fail()?;
        let matches = |found: &&Found| {
            let action = &query.filter.action;
            query.after.is_none_or(|after| query.order.is_behind(found.sealed.sequence, after))
                && (action.is_empty() || action.contains(&found.event.action))
        };
        let events = self.events.read();
        let mut sorted: Vec<&Found> = events.iter().collect();
        if query.order == Order::Newest {
            sorted.reverse();
        }
        let mut rest = sorted.into_iter().filter(|found| matches(found));
        let cut_after = *self.cut_after.lock();
        let found: Vec<Found> = rest.by_ref().take(cut_after.unwrap_or(query.limit)).cloned().collect();
        let has_more = rest.next().is_some();
        let next = found.last().map(|found| found.sealed.sequence).filter(|_| has_more);
        Ok(Page { is_cut: cut_after.is_some() && has_more, events: found, next, is_scanned: false })
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        self.fail()?;
        let (mut counts, mut clock) = (Counts::of(tally), Clock::new(tally.pieces.as_ref()));
        for found in self.events.read().iter().filter(|found| tally.filter.matches(&found.event)) {
            counts.add_event(tally, &mut clock, &found.event);
        }
        Ok(counts)
    }

    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        self.fail()?;
        Ok(self.events.read().iter().find(|found| found.event.id == id).cloned())
    }

    fn newest(&self) -> u64 {
        self.events.read().len() as u64
    }
}

fn found(sequence: u64, action: &str) -> Found {
    let event: Event = serde_json::from_value(json!({
        "format": 1, "id": Uuid::from_u128(u128::from(sequence)), "time": "2026-01-31T08:00:00Z",
        "exchangeId": Uuid::nil(), "action": action, "title": "Ä title", "message": { "text": "", "parts": [] },
        "actor": { "type": "user", "assurance": "none" }, "result": "success", "before": { "state": "none" },
        "client": { "ip": "127.0.0.1" }, "request": { "id": "1", "method": "GET", "url": "/" },
        "rule": { "id": "r", "version": "1" }, "match": { "certainty": "certain", "by": "raw" },
    }))
    .unwrap();
    let json = serde_json::to_vec(&event).unwrap().into();
    let byte = |sequence: u64| u8::try_from(sequence % 256).unwrap();
    Found {
        sealed: Sealed {
            sequence,
            salt: [byte(sequence); 16],
            pieces: None,
            leaf: [byte(sequence); 32],
            json,
        },
        event,
    }
}

fn readiness(journal: Result<(), String>) -> Readiness {
    let rules = RulesState { count: 3, version: "a1".to_owned(), ..RulesState::default() };
    Readiness { rules, is_stopping: false, journal, troubles: Vec::new(), retention: "keeps everything" }
}

pub(super) fn setup(reader: Arc<dyn Reader>, token: Option<&str>) -> Setup {
    Setup {
        reader,
        blind: Blind::default(),
        metrics: Metrics::new(),
        readiness: Arc::new(|| readiness(Ok(()))),
        admin: Admin {
            token: token.map(Secret::new),
            hosts: vec!["audit.example.org".to_owned()],
            ..Admin::open("127.0.0.1:9090".parse().unwrap())
        },
        limits: Limits::default(),
        searches: None,
        key: [7; 32],
        tell: Arc::new(|_| ()),
    }
}

/// Routes over a log of so many events, without a token.
fn open(count: usize) -> Router {
    router(State::new(setup(Memory::with(count), None)))
}

/// Routes over a log of one event that wants the token.
pub(super) fn guarded() -> Router {
    router(State::new(setup(Memory::with(1), Some(TOKEN))))
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request and checks what every answer must have.
pub(super) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let line = format!("{} {}", request.method(), request.uri());
    let is_head = request.method() == "HEAD";
    let (parts, body) = TowerToHyperService::new(app.clone()).call(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let answer = Answer { status: parts.status, headers: parts.headers, body };
    assert_eq!(answer.headers["cache-control"], "private, no-store", "{line}");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{line}");
    assert_eq!(answer.headers["vary"], "Authorization, Cookie", "{line}");
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{line}");
    if answer.status.as_u16() >= 400 && !answer.headers["content-type"].eq("application/json") {
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{line}");
        assert!(is_head || answer.json()["status"] == answer.status.as_u16(), "{line}");
    }
    answer
}

pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:9090");
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

pub(super) async fn get(app: &Router, path: &str) -> Answer {
    send(app, request("GET", path, &[])).await
}
