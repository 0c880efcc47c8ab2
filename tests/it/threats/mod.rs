//! Attacks on the record, end to end: a real proxy with real rules, engine and log before an application
//! that believes everything. After each table of tricks one thing must hold: whatever the application did
//! stands in the log, by its right name.

mod answers;
mod bodies;
mod combined;
mod connections;
mod envelopes;
mod hostile;
mod hosts;
mod keys;
mod methods;
mod paths;
mod prefixes;
mod reads;
mod remembered;
mod who;
mod words;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use earwitness::config::{Config, Limits};
use earwitness::derive::Engine;
use earwitness::event::{Assurance, Event, GAP, NoteCode};
use earwitness::proxy::{Audit, Auditor};
use earwitness::record::Log;
use earwitness::rules::model::RuleSet;
use earwitness::rules::redact::Key;
use earwitness::store::{Filter, Order, Query};
use earwitness::telemetry::Metrics;
use earwitness::value::Value;

use crate::gullible::{Deed, Gullible, Habits};
use crate::rig::{PATIENCE, Rig};

/// A rule for each thing that the application can do.
pub(crate) const RULES: &str = r#"version: 1
defaults: { target: { type: booking, id: $.path.bookingUid } }
rules:
  - { id: cancelled, match: "POST /v2/bookings/{bookingUid}/cancel", action: CANCELLED, reason: $.request.body.reason, details: { body: $.request.body } }
  - { id: replaced, match: "PUT /v2/bookings/{bookingUid}", action: REPLACED }
  - { id: patched, match: "PATCH /v2/bookings/{bookingUid}", action: PATCHED }
  - { id: deleted, match: "DELETE /v2/bookings/{bookingUid}", action: DELETED }
  - id: deleted.by_link
    match: GET /v2/bookings
    when: { $.request.query.delete: { exists: true } }
    action: DELETED
    target: { type: booking, id: $.request.query.delete }
  - id: cancelled.by_form
    match: POST /cancel
    when: { $.request.query.booking_id: { exists: true } }
    action: CANCELLED
    target: { type: booking, id: $.request.query.booking_id }
  - { id: moved, match: "MOVE|COPY /cal/{name}", action: MOVED, target: { type: object, id: $.path.name } }
"#;

/// A proxy with real rules, engine and log before some application.
pub(crate) struct Recorded {
    pub(crate) rig: Rig,
    /// Those of the audit.
    metrics: Arc<Metrics>,
    log: Log,
    _folder: tempfile::TempDir,
}

/// The same before the application that believes everything.
pub(crate) struct World {
    pub(crate) app: Gullible,
    recorded: Recorded,
}

impl World {
    pub(crate) fn new(habits: Habits) -> World {
        World::with(habits, RULES, |_| {})
    }

    pub(crate) fn with(habits: Habits, rules: &str, change: impl FnOnce(&mut Config)) -> World {
        let app = Gullible::with(habits);
        let recorded = Recorded::before(app.address, rules, change, |auditor| Arc::new(auditor));
        World { app, recorded }
    }

    /// For every deed in the application's journal there is an event, or a gap, that names it and its targets; whoever an
    /// event names as more than a doubt did it, and the team that it is filed under is the one that it was done for.
    pub(crate) fn assert_all_is_told(&self) {
        let deadline = Instant::now() + PATIENCE / 4;
        let mut events = self.events();
        for deed in self.app.deeds() {
            let telling = |event: &&Event| event.request.id == deed.request_id && tells(event, &deed);
            let is_told =
                |events: &[Event]| events.iter().any(|event| telling(&event) || misses(event, &deed));
            while !is_told(&events) {
                assert!(
                    Instant::now() < deadline,
                    "nobody tells of {deed:?}; there is {:#?}",
                    self.events_of(&deed.request_id)
                );
                std::thread::yield_now();
                events = self.events();
            }
            for event in events.iter().filter(telling) {
                let is_sure = event.actor.assurance > Assurance::Claimed;
                assert!(!is_sure || event.actor.id == deed.by, "{deed:?} is told of {:?}", event.actor);
                let team = &event.scope.team;
                assert!(team.is_none() || *team == deed.team, "{deed:?} is filed under {team:?}");
            }
        }
    }
}

impl Deref for World {
    type Target = Recorded;

    fn deref(&self) -> &Recorded {
        &self.recorded
    }
}

impl Recorded {
    /// With something between the proxy and its audit, if the test wants it.
    pub(crate) fn before(
        upstream: SocketAddr,
        rules: &str,
        change: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Auditor) -> Arc<dyn Audit>,
    ) -> Recorded {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let limits = Limits::default();
        let log = Log::open(folder.path(), Some([7; 32]), &limits, Arc::clone(&metrics)).unwrap();
        let loaded = RuleSet::from_texts("office", &[("pack.yaml", rules)]);
        let rules = loaded.unwrap_or_else(|problems| panic!("{}", problems.render())).rules;
        let engine = Engine::new(Arc::new(rules), Key::new([7; 32]), &limits);
        let auditor = Auditor::new(Arc::new(engine), log.clone(), Arc::clone(&metrics));
        let rig = Rig::audited(upstream, wrap(auditor), change);
        Recorded { rig, metrics, log, _folder: folder }
    }

    /// Every event, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let query = Query {
            filter: Filter::default(),
            order: Order::Newest,
            after: None,
            limit: 10_000,
            time_max: PATIENCE,
        };
        let mut events: Vec<_> =
            self.log.query(&query).unwrap().events.into_iter().map(|found| found.event).collect();
        events.reverse();
        events
    }

    pub(crate) fn events_of(&self, request_id: &str) -> Vec<Event> {
        self.events().into_iter().filter(|event| event.request.id == request_id).collect()
    }

    /// The one event of a request.
    pub(crate) fn event_of(&self, request_id: &str) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut events = self.events_of(request_id);
            if events.len() == 1 {
                return events.remove(0);
            }
            assert!(Instant::now() < deadline && events.is_empty(), "{request_id}: {events:#?}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.log.close(Duration::from_secs(1));
    }
}

/// A request with that id; a `content-length` when there is a body.
pub(crate) fn request(line: &str, id: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nHost: app.example\r\nX-Request-Id: {id}\r\n");
    headers.iter().for_each(|header| text += &format!("{header}\r\n"));
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}

pub(crate) fn has(event: &Event, code: NoteCode) -> bool {
    event.notes.iter().any(|note| note.code == code)
}

/// Whether an event says that this was done, and to what.
fn tells(event: &Event, deed: &Deed) -> bool {
    event.action == action(deed) && deed.targets.iter().all(|target| names(event, target))
}

/// Whether an event says that this is among what could not be recorded.
fn misses(event: &Event, deed: &Deed) -> bool {
    let missed = event.details.get("missed").filter(|_| event.action == GAP).and_then(Value::as_array);
    missed.into_iter().flatten().any(|missed| {
        let is_named = |target: &String| {
            missed["target"] == target.as_str() || missed["url"].to_string().contains(target)
        };
        missed["action"] == action(deed) && deed.targets.iter().all(is_named)
    })
}

/// The rule's name for a deed.
fn action(deed: &Deed) -> &'static str {
    match deed.verb {
        "create" => "CREATED",
        "cancel" => "CANCELLED",
        "replace" => "REPLACED",
        "patch" => "PATCHED",
        "delete" => "DELETED",
        "move" => "MOVED",
        other => panic!("no rule for {other}"),
    }
}

/// Whether an event names a thing: as its target, as one of its targets, in its address, or between quotes in
/// what it says about its doubts.
fn names(event: &Event, thing: &str) -> bool {
    let target = event.target.clone().unwrap_or_default();
    let ids: Vec<_> = target.id.into_iter().chain(target.requested_id).collect();
    let listed = |id: &String| {
        serde_json::from_str::<Vec<String>>(id).is_ok_and(|all| all.iter().any(|one| one == thing))
    };
    let notes = event.notes.iter().filter_map(|note| note.detail.as_ref());
    let mut said = event.r#match.reasons.iter().chain(notes);
    let request = &event.request;
    let ends = [Some(&request.url), request.destination.as_ref()].into_iter().flatten();
    let in_address = ends.flat_map(|end| end.split(['/', '?'])).any(|segment| segment == thing);
    // Session ids are redacted wherever they stand.
    let thing = thing.replace("jsessionid=7", "jsessionid=[redacted]");
    ids.iter().any(|id| *id == thing || listed(id))
        || (event.action == "MOVED" && in_address)
        // Of a reading with something behind it, what stands before is told too.
        || said.any(|said| said.contains(&format!("{thing:?}")) || said.contains(&format!("`{thing}")))
}
