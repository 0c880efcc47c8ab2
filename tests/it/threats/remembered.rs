//! Things that are remembered instead of asked for: what is taken for the thing beforehand, and what is not.

use std::sync::Arc;

use earwitness::event::{BeforeState, Unread};
use earwitness::store::{Ceiling, Snapshots};

use super::Recorded;
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
                ("GET", "/things/7") if request.contains("cookie: user") => {
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
