//! Answers that show less than was done, because the client asks for less.

use earwitness::event::{Certainty, NoteCode, Outcome};

use super::{World, has, request};
use crate::gullible::{Answers, Habits};

/// The answer names what was made, says whether it was done, and shows the thing.
const RULES: &str = r#"version: 1
defaults:
  target: { type: booking, id: { first: [$.response.body.data.uid, $.path.uid] } }
  result: { first: [{ value: failure, when: { $.response.body.error: { exists: true } } }] }
resources:
  booking: { read: "GET /v2/bookings/{uid}" }
rules:
  - { id: created, match: POST /v2/bookings, action: CREATED, after: $.response.body.data }
  - { id: told, match: POST /v2/bookings, action: TOLD, when: { $.response.body.data.uid: { exists: true } } }
  - { id: patched, match: "PATCH /v2/bookings/{uid}", action: PATCHED, before: booking, after: $.response.body }
  - { id: renamed, match: "PATCH /v2/bookings/{uid}", action: RENAMED, when: { $.response.body.data.uid: { starts_with: b } } }
"#;

/// What the client adds to the query or the head, and the note that tells of it.
const TRICKS: [(&str, &str, NoteCode); 14] = [
    ("?fields=kind", "X-A: b", NoteCode::AnswerWithheld),
    ("?a=1&%66ields=kind&fields=kind", "X-A: b", NoteCode::AnswerWithheld),
    ("?$select=kind", "X-A: b", NoteCode::AnswerWithheld),
    ("", "X-Goog-FieldMask: kind", NoteCode::AnswerWithheld),
    ("", "Prefer: return=minimal", NoteCode::AnswerWithheld),
    ("", "Prefer: wait=1, RETURN=minimal", NoteCode::AnswerWithheld),
    ("", "Range: bytes=0-0", NoteCode::AnswerWithheld),
    ("", "If-None-Match: *", NoteCode::AnswerWithheld),
    ("", "Accept: text/html", NoteCode::AnswerWithheld),
    ("", "Accept: text/html, application/json;q=0.1", NoteCode::AnswerWithheld),
    ("", "Accept-Encoding: x-own", NoteCode::CodingUnknown),
    ("", "Accept-Encoding: x-own;q=1.0, identity;q=0", NoteCode::CodingUnknown),
    ("", "Accept-Encoding: *;q=0, x-own", NoteCode::CodingUnknown),
    ("", "Accept-Encoding: br;q=0, x-own;q=0.5", NoteCode::CodingUnknown),
];

// THREATS E29
#[test]
fn whatever_the_client_does_not_want_to_see_is_recorded_with_its_target_and_a_note() {
    let world = World::with(Habits::answers(Answers::AsAsked), RULES, |_| {});
    let deeds = [
        ("POST /v2/bookings", "CREATED", "TOLD", None),
        ("PATCH /v2/bookings/b1", "PATCHED", "RENAMED", Some("b1")),
    ];
    for (number, (query, header, code)) in TRICKS.iter().enumerate() {
        for (line, sure, conditional, target) in deeds {
            let id = format!("{sure}{number}");
            let headers = [*header, "Content-Type: application/json"];
            world.rig.exchange(request(&format!("{line}{query}"), &id, &headers, r#"{"title":"New"}"#));
            let mut events = world.events_of(&id);
            events.sort_by_key(|event| event.action != sure);
            let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
            assert_eq!(actions, [sure, conditional], "{line}{query} {header}");
            for event in &events {
                assert!(has(event, *code), "{line}{query} {header}: {event:#?}");
                assert_eq!(event.result, Outcome::Success, "{line}{query} {header}");
                let thing = event.target.as_ref().unwrap();
                assert_eq!((thing.r#type.as_str(), thing.id.as_deref()), ("booking", target), "{event:#?}");
                assert!(event.changes.is_empty(), "what is not shown is not gone: {event:#?}");
            }
            assert!(
                has(&events[0], NoteCode::ValueMissing),
                "{line}{query} {header}: {:#?}",
                events[0].notes
            );
            assert_eq!(events[0].r#match.certainty, Certainty::Certain, "{line}{query} {header}");
            assert_eq!(events[1].r#match.certainty, Certainty::Doubtful, "{line}{query} {header}");
        }
    }
    assert_eq!(world.app.deeds().len(), TRICKS.len() * deeds.len(), "the application did all of it");
}

// THREATS E29: what is shown counts, however it was asked for.
#[test]
fn an_answer_that_shows_all_is_not_in_doubt_for_what_the_client_asked() {
    let world = World::with(Habits::answers(Answers::AsAsked), RULES, |_| {});
    let headers = [
        "Accept: application/json, text/plain, */*",
        "Accept-Encoding: gzip, br;q=0, x;q=0.1",
        "Accept: */*",
    ];
    for (number, header) in headers.into_iter().enumerate() {
        let id = format!("r{number}");
        world.rig.exchange(request("POST /v2/bookings?fields=kin", &id, &[header], "{}"));
        let events = world.events_of(&id);
        assert_eq!(events.len(), 2, "{header}: {events:#?}");
        for event in events {
            assert_eq!(event.r#match.certainty, Certainty::Certain, "{header}");
            assert_eq!(event.target.unwrap().id.as_deref(), Some("b9"), "{header}");
        }
    }
    world.rig.exchange(request("POST /v2/bookings", "plain", &[], "{}"));
    assert!(world.events_of("plain").iter().all(|event| event.notes.is_empty()));
}
