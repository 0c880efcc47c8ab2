//! Things that are remembered instead of asked for: what is taken for the thing beforehand, and what is not.

use std::sync::Arc;

use earwitness::event::{Assurance, BeforeState, Event, NoteCode, Outcome, Unread};
use earwitness::proxy::{Audit, Auditor};
use earwitness::store::{Ceiling, Snapshots};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Recorded, has};
use crate::rig::{App, eventually};

const REMEMBERING: &str = r#"version: 1
resources:
  thing: { read: "GET /things/{id}", id: id, remember: true }
rules:
  - { id: changed, match: "PUT /things/{id}", before: { read: thing, from: remembered }, after: $.response.body, action: CHANGED }
  - { id: touched, match: "POST /things/{id}", before: { read: thing, from: either }, after: $.response.body, action: TOUCHED }
"#;

fn world(app: &App) -> Recorded {
    let memory = Snapshots::open(None, Ceiling { count_max: 100, bytes_max: 1 << 20 });
    Recorded::before(app.address, REMEMBERING, |_| {}, |auditor| Arc::new(auditor.with_memory(memory)))
}

fn application() -> App {
    App::scripted(|wire| {
        while let Some(request) = wire.next_request() {
            let mut words = request.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let (status, body) = match (method, target) {
                ("GET", "/things/7") if request.contains("Cookie: user") => {
                    ("200 OK", r#"{"id":7,"a":1,"b":1}"#)
                }
                ("GET", "/things/7?view=short") => ("200 OK", r#"{"id":7}"#),
                ("GET", "/things/8") => ("200 OK", r#"{"id":7,"a":9}"#),
                ("GET", _) => ("500 Oh", "{}"),
                _ => ("200 OK", r#"{"id":7,"a":2,"b":1}"#),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
            wire.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

fn request(method: &str, target: &str, host: &str, id: &str, more: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {id}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

#[test]
fn what_users_read_is_the_thing_beforehand_where_the_application_is_not_asked() {
    // THREATS B09
    let app = application();
    let world = world(&app);
    let mut count = 0;
    let mut act = |method: &str, host: &str| {
        count += 1;
        let id = format!("act-{count}");
        world.rig.exchange(request(method, "/things/7", host, &id, ""));
        let event = world.event_of(&id);
        let changed: Vec<String> = event.changes.iter().map(|change| change.field.clone()).collect();
        (event.before, changed)
    };
    let (before, changed) = act("PUT", "x");
    assert_eq!((before.state, before.why), (BeforeState::Unavailable, Some(Unread::NotRemembered)));
    assert!(changed.is_empty());
    // A part of it, another thing's answer, a refusal: none of them is the thing.
    for other in ["/things/7?view=short", "/things/8", "/things/7"] {
        world.rig.exchange(request("GET", other, "x", "other", ""));
    }
    assert_eq!(act("PUT", "x").0.state, BeforeState::Unavailable);
    world.rig.exchange(request("GET", "/things/7", "x", "user", "Cookie: user\r\n"));
    let mut found = Default::default();
    eventually("what a user reads is remembered", || {
        found = act("PUT", "x");
        found.0.state == BeforeState::Remembered
    });
    assert_eq!(found.1, ["a"]);
    assert!(found.0.age_ms.is_some());
    // What the answer showed is remembered in turn; another host's thing of the same name is another thing.
    assert_eq!((act("PUT", "x").1, act("PUT", "y").0.state), (Vec::new(), BeforeState::Unavailable));
    // The application is asked, and does not say: then memory does.
    assert_eq!(act("POST", "x").0.state, BeforeState::Remembered);
}

const WATCHED: &str = r#"version: 1
resources:
  thing: { read: "GET /things/{id}", id: id, drift: true, ignore: [updatedAt], fields: { b: Bees } }
rules:
  - { id: changed, match: "PUT /things/{id}", before: thing, after: $.response.body, action: CHANGED }
"#;

/// An application with one thing, which a test can change behind everybody's back; it refuses who has no cookie.
fn with_a_thing(thing: &Arc<Mutex<Value>>) -> App {
    let thing = Arc::clone(thing);
    App::scripted(move |wire| {
        while let Some(request) = wire.next_request() {
            let is_reading = request.starts_with("GET ");
            let is_allowed = is_reading || request.contains("Cookie: user");
            let body = {
                let mut thing = thing.lock();
                if !is_reading && is_allowed {
                    thing["a"] = json!(thing["a"].as_u64().unwrap() + 1);
                }
                thing["updatedAt"] = json!(thing["updatedAt"].as_u64().unwrap() + 1);
                thing.to_string()
            };
            let status = if is_allowed { "200 OK" } else { "403 Forbidden" };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
            wire.send(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

// THREATS E76
#[test]
fn what_changed_behind_our_back_is_told_once_when_the_thing_is_touched() {
    let thing = json!({"id": 7, "a": 1, "b": 1, "c": {"d": 1, "e": 1}, "updatedAt": 1});
    let thing = Arc::new(Mutex::new(thing));
    let app = with_a_thing(&thing);
    let memory = Snapshots::open(None, Ceiling { count_max: 100, bytes_max: 1 << 20 });
    let remembering = |auditor: Auditor| -> Arc<dyn Audit> { Arc::new(auditor.with_memory(memory)) };
    let world = Recorded::before(app.address, WATCHED, |config| config.limits.before_ms = 5_000, remembering);
    let mut count = 0;
    let mut touch = |headers: &str| {
        count += 1;
        let id = format!("touch-{count}");
        world.rig.exchange(request("PUT", "/things/7", "x", &id, headers));
        let mut events = Vec::new();
        // Those of one request are made durable at once.
        eventually("the action is recorded", || {
            events = world.events_of(&id);
            events.iter().any(|event| event.action == "CHANGED")
        });
        events
    };
    let actions = |events: &[Event]| events.iter().map(|event| event.action.clone()).collect::<Vec<_>>();
    let user = "Cookie: user\r\n";
    assert_eq!(actions(&touch(user)), ["CHANGED"], "nothing was known");
    assert_eq!(actions(&touch(user)), ["CHANGED"], "what we have seen is no drift");
    thing.lock()["b"] = json!(9);
    thing.lock()["c"]["e"] = json!(2);
    thing.lock()["new"] = json!("a member that was not there");
    assert_eq!(actions(&touch("")), ["CHANGED"], "who is refused is shown nothing, and takes nothing away");
    let events = touch(user);
    assert_eq!(actions(&events), ["CHANGED_UNSEEN", "CHANGED"]);
    let drift = &events[0];
    let expected = json!([
        {"field": "b", "pointer": "/b", "label": "Bees", "before": 1, "after": 9},
        {"field": "c", "pointer": "/c", "before": {"d": 1, "e": 1}, "after": {"d": 1, "e": 2}},
    ]);
    assert_eq!(serde_json::to_value(&drift.changes).unwrap(), expected);
    assert_eq!((drift.actor.r#type.as_str(), drift.actor.assurance), ("unknown", Assurance::None));
    assert_eq!((drift.result, drift.target.as_ref().unwrap().id.as_deref()), (Outcome::Unknown, Some("7")));
    assert!(has(drift, NoteCode::ChangedUnseen) && drift.client.ip.is_unspecified());
    let at = |name: &str| drift.details[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at("lastSeenAt") <= at("noticedAt"));
    assert_eq!(events[1].changes.len(), 1, "the action's own change: {:?}", events[1].changes);
    assert_eq!(actions(&touch(user)), ["CHANGED"], "never twice");
}
