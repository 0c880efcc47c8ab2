//! In which form an event leaves, by who asks for it: as it was recorded, without its place, or as a sentence.
//!
//! Where an entry stands in the whole log tells how much else was recorded before it, by others: who sees a part of the log is not told
//! (THREATS S15). Who was given a link to sentences gets no more from the listener than the page shows him (THREATS Q10).

use serde::Serialize;

use crate::config::Shows;
use crate::event::{Actor, Assurance, Certainty, Event, NoteCode, Outcome, Sentence, Target};
use crate::store::{Sealed, Visible, event_of};

use super::super::access::Caller;
use super::super::log::events::push_event;
use super::problem::Wrong;

/// The form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Form {
    /// As it was recorded, with its place in the tree before it.
    Recorded,
    /// As it was recorded.
    Placeless,
    /// What happened, by whom, to what and how it ended.
    Told,
}

impl Form {
    /// Looks at what somebody asks: filters would tell what sentences leave out.
    ///
    /// # Errors
    /// Every parameter that he may not use.
    pub(in crate::api) fn check(self, query: &str) -> Result<(), Vec<Wrong>> {
        match self {
            Form::Recorded | Form::Placeless => return Ok(()),
            Form::Told => {}
        }
        let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let wrong = names.filter(|name| !PLAIN.contains(&name.as_ref())).take(WRONG_MAX).map(|name| Wrong {
            parameter: name.into_owned(),
            detail: "is nothing that this link may ask for: it shows sentences".to_owned(),
            accepts: PLAIN.join(", "),
        });
        let wrong: Vec<Wrong> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The form in which this caller gets events.
    pub(in crate::api) fn of(caller: &Caller) -> Form {
        match (caller.sees(), caller.shown()) {
            (_, Shows::Sentences) => Form::Told,
            (Visible::Everything, Shows::Records) => Form::Recorded,
            (Visible::Only(_), Shows::Records) => Form::Placeless,
        }
    }

    /// Appends an event, as one JSON object without line ends.
    pub(in crate::api) fn push(self, body: &mut Vec<u8>, sealed: &Sealed) {
        match self {
            Form::Recorded => push_event(body, sealed),
            Form::Placeless => body.extend_from_slice(&sealed.json),
            Form::Told => {
                let event = event_of(sealed.sequence, &sealed.json);
                serde_json::to_writer(body, &event.as_ref().map(Told::of))
                    .expect("texts and times are JSON, and memory takes them");
            }
        }
    }
}

/// An event as a sentence. What is not named here is not told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'e> {
    format: u32,
    id: uuid::Uuid,
    time: jiff::Timestamp,
    exchange_id: uuid::Uuid,
    action: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'e str>,
    title: &'e str,
    message: &'e Sentence,
    actor: Person<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Person<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Thing<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'e str>,
    result: Outcome,
    attempted: bool,
    r#match: Match,
    notes: Vec<Code>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Person<'e> {
    r#type: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'e str>,
    assurance: Assurance,
}

#[derive(Serialize)]
struct Thing<'e> {
    r#type: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

#[derive(Serialize)]
struct Match {
    certainty: Certainty,
}

/// A note without what it says beyond its code.
#[derive(Serialize)]
struct Code {
    code: NoteCode,
}

impl Told<'_> {
    fn of(event: &Event) -> Told<'_> {
        Told {
            format: event.format,
            id: event.id,
            time: event.time,
            exchange_id: event.exchange_id,
            action: &event.action,
            r#type: event.r#type.as_deref(),
            category: event.category.as_deref(),
            title: &event.title,
            message: &event.message,
            actor: Person::of(&event.actor),
            on_behalf_of: event.on_behalf_of.as_ref().map(Person::of),
            target: event.target.as_ref().map(Thing::of),
            source: event.source.as_deref(),
            result: event.result,
            attempted: event.attempted,
            r#match: Match { certainty: event.r#match.certainty },
            notes: event.notes.iter().map(|note| Code { code: note.code }).collect(),
        }
    }
}

impl Person<'_> {
    fn of(actor: &Actor) -> Person<'_> {
        let (name, role) = (actor.name.as_deref(), actor.role.as_deref());
        Person { r#type: &actor.r#type, name, role, assurance: actor.assurance }
    }
}

impl Thing<'_> {
    fn of(target: &Target) -> Thing<'_> {
        Thing { r#type: &target.r#type, id: target.id.as_deref(), name: target.name.as_deref() }
    }
}

/// What turns pages, and says when.
const PLAIN: [&str; 5] = ["from", "to", "order", "limit", "cursor"];
const WRONG_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::fixture::event;

    fn pushed(form: Form) -> (String, Event) {
        let mut event = event(4);
        event.client.user_agent = Some("browser".to_owned());
        event.raw = [("$.request.body".to_owned(), crate::value::json!({ "secret": "raw" }))].into();
        let json: Arc<[u8]> = serde_json::to_vec(&event).unwrap().into();
        let mut body = Vec::new();
        form.push(&mut body, &Sealed::at(7, [7; 16], json));
        (String::from_utf8(body).unwrap(), event)
    }

    // THREATS S15
    #[test]
    fn without_its_place_an_event_is_what_was_stored_and_nothing_more() {
        let (text, event) = pushed(Form::Placeless);
        assert_eq!(text, serde_json::to_string(&event).unwrap());
        let (text, _) = pushed(Form::Recorded);
        assert!(text.starts_with("{\"sequence\":7,\"leaf\":\""), "{text}");
    }

    // THREATS Q10
    #[test]
    fn a_sentence_has_neither_address_nor_values_nor_anything_of_the_request() {
        let (text, event) = pushed(Form::Told);
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let members: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
        let known = [
            "format",
            "id",
            "time",
            "exchangeId",
            "action",
            "type",
            "category",
            "title",
            "message",
            "actor",
            "onBehalfOf",
            "target",
            "source",
            "result",
            "attempted",
            "match",
            "notes",
        ];
        assert!(members.iter().all(|member| known.contains(member)), "{members:?}");
        for value in [&event.message.text, &event.action, "Jördis Nowak", "b-4"] {
            assert!(text.contains(value), "{text} has {value}");
        }
        for value in [
            "10.1.2.3",
            "browser",
            "Jordis@example.org",
            "10:00",
            "11:30",
            "Blue Salon",
            "Illness",
            "secret",
            "asked-4",
            "link-4",
        ] {
            assert!(!text.contains(value), "{text} lacks {value}");
        }
    }

    // THREATS Q10
    #[test]
    fn who_is_told_sentences_turns_pages_and_filters_by_nothing_that_they_leave_out() {
        let check = |query: &str, expected: &[&str]| {
            let wrong = Form::Told.check(query).err().unwrap_or_default();
            assert_eq!(
                wrong.iter().map(|wrong| wrong.parameter.as_str()).collect::<Vec<_>>(),
                expected,
                "{query}"
            );
            assert!(Form::Placeless.check(query).is_ok() && Form::Recorded.check(query).is_ok());
        };
        check("", &[]);
        check("limit=5&order=oldest&cursor=x&from=2026-01-01&to=2026-01-02", &[]);
        check("ip=10.0.0.0/8&limit=5&q=raw:secret&actor=u4", &["ip", "q", "actor"]);
    }
}
