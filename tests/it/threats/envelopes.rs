//! Several deeds in one request: whatever it is wrapped in, each stands in the log under its own name.

use std::time::Instant;

use earwitness::event::{Event, NoteCode, Outcome};
use serde_json::{Value, json};

use super::{Recorded, has, request};
use crate::rig::{App, PATIENCE, Wire};

const RULES: &str = r#"version: 1
formats:
  - { at: "POST /api/trpc/{router}/{procedures}", as: trpc }
  - { at: POST /graphql, as: graphql }
  - { at: POST /rpc, as: json-rpc }
  - { at: POST /batch, as: http-batch }
actors: [{ name: key, when: { $.credential.kind: bearer }, ask: GET /me, actor: { type: user, id: $.answer.body.id } }]
resources: { booking: { read: "GET /bookings/{uid}", name: title, fields: { status: Status } } }
rules:
  - id: confirmed
    match: POST /api/trpc/bookings/confirm
    before: { read: booking, with: { uid: $.request.body.uid } }
    after: $.response.body
    action: CONFIRMED
  - { id: listed, match: POST /api/trpc/bookings/list, action: LISTED, target: { type: booking, id: all } }
  - id: cancelled
    match: { request: POST /graphql, operation: cancelBooking }
    action: CANCELLED
    target: { type: booking, id: $.request.body.arguments.uid }
  - { id: deleted, match: "DELETE /bookings/{uid}", before: booking, action: DELETED, message: "{{ actor.id }} deleted {{ before.title }}" }
  - { id: called, match: { request: POST /rpc, operation: cancel }, action: CANCELLED, target: { type: booking, id: $.request.body.uid } }
"#;

/// An application that knows every booking and every bearer, and answers a POST with that.
fn world(answer: &Value) -> (Recorded, App) {
    let answer = answer.to_string();
    let app = App::scripted(move |wire| {
        while let Some(head) = wire.next_request() {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let body = match path.strip_prefix("/bookings/") {
                Some(uid) => {
                    json!({ "uid": uid, "title": format!("Talk {uid}"), "status": "pending" }).to_string()
                }
                None if path == "/me" => {
                    let bearer =
                        head.lines().find_map(|line| line.split_once("Bearer ")).unwrap_or_default().1;
                    json!({ "id": format!("user of {}", bearer.trim()) }).to_string()
                }
                None => answer.clone(),
            };
            send(wire, &body);
        }
    });
    (Recorded::before(app.address, RULES, |_| {}, |auditor| std::sync::Arc::new(auditor)), app)
}

fn send(wire: &mut Wire, body: &str) {
    let length = body.len();
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
}

/// The events of a request, when as many are there.
fn events(world: &Recorded, id: &str, count: usize) -> Vec<Event> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut events = world.events_of(id);
        if events.len() >= count {
            events.sort_by_key(|event| event.request.part);
            return events;
        }
        assert!(Instant::now() < deadline, "{count} events of {id}; there are {events:#?}");
        std::thread::yield_now();
    }
}

fn told(event: &Event) -> (String, String, Outcome, Option<u32>) {
    let target = event.target.as_ref().and_then(|target| target.id.clone()).unwrap_or_default();
    (event.action.clone(), target, event.result, event.request.part)
}

// THREATS E37
#[test]
fn three_procedures_with_two_bodies_are_three_events() {
    let answer = json!([
        { "result": { "data": { "json": { "uid": "a", "status": "accepted" } } } },
        { "result": { "data": { "json": [] } } },
        { "error": { "json": { "message": "no", "data": { "httpStatus": 404 } } } },
    ]);
    let (world, app) = world(&answer);
    let body = json!({ "0": { "json": { "uid": "a" } }, "2": { "json": { "uid": "b" } } }).to_string();
    let line = "POST /api/trpc/bookings/confirm,list,confirm?batch=1";
    let headers = ["Content-Type: application/json", "Authorization: Bearer t1"];
    world.rig.exchange(request(line, "r", &headers, &body));
    let events = events(&world, "r", 3);
    let text = |text: &str| text.to_owned();
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            (text("CONFIRMED"), text("a"), Outcome::Success, Some(0)),
            (text("LISTED"), text("all"), Outcome::Success, Some(1)),
            (text("CONFIRMED"), text("b"), Outcome::Failure, Some(2)),
        ]
    );
    assert_eq!(events[0].changes[0].before, Some("pending".into()));
    assert_eq!(events[0].changes[0].after, Some("accepted".into()));
    assert!(events.iter().all(|event| event.actor.id.as_deref() == Some("user of t1")));
    assert_eq!(events[0].exchange_id, events[2].exchange_id);
    // The application saw one request, as it was sent, behind the three questions.
    let seen = app.requests();
    assert_eq!(seen.len(), 4, "{seen:#?}");
    assert!(seen[3].starts_with(&format!("{line} HTTP/1.1")));
}

// THREATS E38
#[test]
fn fifty_aliases_of_one_mutation_are_fifty_events() {
    let (world, _app) = world(
        &json!({ "data": (0..50).map(|n| (format!("a{n}"), json!(true))).collect::<serde_json::Map<_, _>>() }),
    );
    let fields: String = (0..50).map(|n| format!("a{n}: cancelBooking(uid: $u{n}) ")).collect();
    let variables: serde_json::Map<_, _> =
        (0..50).map(|n| (format!("u{n}"), json!(format!("b{n}")))).collect();
    let body = json!({ "query": format!("mutation JustLooking {{ ...F }} fragment F on Mutation {{ {fields} }}"), "variables": variables, "operationName": "JustLooking" });
    world.rig.exchange(request("POST /graphql", "r", &["Content-Type: application/json"], &body.to_string()));
    let events = events(&world, "r", 50);
    for (number, event) in events.iter().enumerate() {
        let expected = ("CANCELLED".to_owned(), format!("b{number}"), Outcome::Success, Some(number as u32));
        assert_eq!(told(event), expected);
    }
}

// THREATS E39, E40
#[test]
fn ten_thousand_calls_are_bounded_and_told() {
    let (world, _app) = world(&json!([]));
    let calls: Vec<Value> = (0..10_000).map(|n| json!({ "method": if n == 999 { "cancel" } else { "look" }, "params": { "uid": n }, "id": n })).collect();
    world.rig.exchange(request(
        "POST /rpc",
        "r",
        &["Content-Type: application/json"],
        &json!(calls).to_string(),
    ));
    let events = events(&world, "r", 2);
    assert_eq!(told(&events[0]), ("CALLS_UNOPENED".to_owned(), String::new(), Outcome::Success, None));
    assert!(has(&events[0], NoteCode::BatchCut) && events[0].details["count"] == 9_000, "{:#?}", events[0]);
    assert_eq!(told(&events[1]), ("CANCELLED".to_owned(), "999".to_owned(), Outcome::Unknown, Some(999)));
}

// THREATS E39
#[test]
fn two_bearers_in_one_batch_are_two_actors() {
    let (world, app) = world(&json!({}));
    let part = |uid: &str, bearer: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <{uid}>\r\n\r\nDELETE /bookings/{uid} HTTP/1.1\r\n{bearer}\r\n\r\n"
        )
    };
    let own = part("a", "Authorization: Bearer ada");
    let body = format!("{own}{}{}--b--", part("b", "Authorization: Bearer bob"), part("c", "X-A: b"));
    let headers = ["Content-Type: multipart/mixed; boundary=b", "Authorization: Bearer batch"];
    world.rig.exchange(request("POST /batch", "r", &headers, &body));
    let events = events(&world, "r", 3);
    let text: Vec<&str> = events.iter().map(|event| event.message.text.as_str()).collect();
    assert_eq!(
        text,
        ["user of ada deleted Talk a", "user of bob deleted Talk b", "user of batch deleted Talk c"]
    );
    let asked = |bearer: &str| {
        let line = format!("authorization: bearer {bearer}");
        app.requests()
            .iter()
            .filter(|seen| seen.starts_with("GET") && seen.to_lowercase().contains(&line))
            .count()
    };
    assert_eq!((asked("ada"), asked("bob")), (2, 2), "who, and what, each with its own credential");
    let passed = app.requests().into_iter().find(|seen| seen.starts_with("POST /batch"));
    assert!(passed.is_some_and(|passed| passed.ends_with(&body)), "as it was sent");
}
