//! Who is found in an event, and what is left of it.

use super::*;
use crate::event::{Link, Note, NoteCode, Sentence};
use crate::store::fixture::event;
use crate::value::json;

const PERSON: &str = "0123456789abcdef";

fn entry(event: &Event) -> Sealed {
    Sealed::at(9, [3; 16], Arc::from(serde_json::to_vec(event).unwrap()))
}

/// The members that lose values, and the text that is left.
fn check(subject: &[&str], change: impl FnOnce(&mut Event), expected: &[&str]) -> String {
    let mut event = event(4);
    event.actor = Actor { r#type: "user".to_owned(), id: Some("7".to_owned()), ..Actor::default() };
    change(&mut event);
    let entry = entry(&event);
    let subject = Subject::parse(subject.iter().copied()).unwrap();
    let Some(taken) = taken(&entry, &event, &subject, PERSON) else {
        assert_eq!(expected, &[] as &[&str]);
        return String::new();
    };
    assert_eq!(taken.fields, expected);
    assert_eq!((taken.left.leaf, taken.left.erased_count()), (entry.leaf, expected.len() as u64));
    let text = String::from_utf8(taken.left.json.to_vec()).unwrap();
    let left: Event = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (left.id, left.time, &left.action, left.result),
        (event.id, event.time, &event.action, event.result)
    );
    // Once more, nothing is there.
    assert!(super::taken(&taken.left, &left, &subject, PERSON).is_none());
    text
}

fn anna() -> Actor {
    Actor {
        r#type: "user".to_owned(),
        id: Some("42".to_owned()),
        name: Some("Anna Meyer".to_owned()),
        email: Some("Anna@Example.org".to_owned()),
        role: Some("admin".to_owned()),
        assurance: Assurance::Verified,
        ..Actor::default()
    }
}

// THREATS S07
#[test]
fn an_actor_loses_all_that_names_him_and_his_deed_stays() {
    for subject in ["42", "anna@example.org", "Anna Meyer"] {
        let text = check(
            &[subject],
            |event| {
                event.actor = anna();
                event.message = Sentence::from_parts(vec![
                    crate::event::Part::Value("Anna Meyer".to_owned()),
                    crate::event::Part::Text(" moved it".to_owned()),
                ]);
                event.raw =
                    [("body.by".to_owned(), json!("anna@example.org")), ("x".to_owned(), json!(42))].into();
                event.notes = vec![Note::with(NoteCode::ActorClaimed, "of Anna Meyer")];
            },
            &["message", "message", "actor", "actor", "actor", "client", "notes", "raw"],
        );
        assert!(!text.to_lowercase().contains("anna") && !text.contains("10.1.2.3"), "{text}");
        let erased = format!("\"erased:{PERSON}\"");
        let actor = format!(
            r#""actor":{{"type":"user","id":{erased},"name":{erased},"email":{erased},"role":"admin""#
        );
        assert!(text.contains(&actor) && text.contains(r#""ip":"::""#), "{text}");
        assert!(text.contains(r#"{"text":" moved it"}"#) && text.contains(r#""x":42"#), "{text}");
    }
}

#[test]
fn a_person_is_found_wherever_an_event_may_have_one() {
    let link = |kind: &str| Link { rel: "of".to_owned(), r#type: kind.to_owned(), id: "42".to_owned() };
    let target = |kind: &str, id: &str| Target {
        r#type: kind.to_owned(),
        id: Some(id.to_owned()),
        name: Some("Somebody Else".to_owned()),
        ..Target::default()
    };
    check(&["42"], |_| (), &[]);
    check(&["42"], |event| event.on_behalf_of = Some(anna()), &["onBehalfOf"; 3]);
    check(&["42"], |event| event.target = Some(target("booking", "42")), &[]);
    check(&["42"], |event| event.target = Some(target("User", "42")), &["target", "target"]);
    check(&["42"], |event| event.links = vec![link("booking"), link("booking")], &[]);
    check(&["42"], |event| event.links = vec![link("user")], &["links"]);
    check(
        &["anna@example.org"],
        |event| event.error = Some("no anna@example.org here".to_owned()),
        &["error"],
    );
    check(
        &["anna@example.org"],
        |event| event.changes[0].field = "attendees[anna@example.org].status".to_owned(),
        &["changes"],
    );
    check(
        &["anna@example.org"],
        |event| event.changes[0].before = Some(json!([{"name": "A", "email": "anna@example.org"}])),
        &["changes"],
    );
    check(&["anna@example.org"], |event| event.request.url.push_str("?to=anna%40example.org"), &["request"]);
    // Two names for one person are told apart from two persons.
    let both = |event: &mut Event| {
        event.actor = anna();
        event.title = "Bob Beam and Anna Meyer".to_owned();
        event.reason = Some("bob@example.org".to_owned());
    };
    check(&["bob@example.org"], both, &["reason"]);
    check(&["42"], both, &["title", "actor", "actor", "actor", "client"]);
}

// THREATS P08
#[test]
fn what_an_event_calls_a_person_else_is_told_and_so_is_a_mere_claim() {
    let event = Event { actor: Actor { assurance: Assurance::Claimed, ..anna() }, ..event(4) };
    let subject = Subject::parse(["42"]).unwrap();
    let taken = taken(&entry(&event), &event, &subject, PERSON).unwrap();
    assert!(taken.is_claimed);
    assert_eq!(taken.also, ["Anna@Example.org", "Anna Meyer"]);
}

// THREATS S06
#[test]
fn what_excuses_that_something_is_gone_loses_nothing() {
    for (action, url) in [("VALUES_ERASED", "erasure"), ("EVENTS_PURGED", "retention")] {
        let mut event = Event { actor: anna(), action: action.to_owned(), ..event(4) };
        let subject = Subject::parse(["42"]).unwrap();
        assert!(taken(&entry(&event), &event, &subject, PERSON).is_some(), "one that a rule made");
        event.request.method = "NONE".to_owned();
        event.request.url = format!("earwitness:{url}");
        assert!(taken(&entry(&event), &event, &subject, PERSON).is_none(), "{action}");
    }
}
