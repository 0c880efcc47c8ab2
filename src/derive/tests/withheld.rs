//! Answers that show less than was done, because the client wanted it so.

use super::*;

const THINGS: &str = "resources: { thing: { read: \"GET /things/{id}\", remember: true } }
rules:
  - { id: t, match: \"PUT /things/{id}\", before: { read: thing, from: either }, after: $.response.body, action: T }
  - { id: w, match: \"PUT /things/{id}\", when: { $.response.body.done: true }, action: W }
";
const OLD: &str = r#"{"id":"7","a":1,"b":1}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

/// A request with these headers, and an answer with those.
fn played(
    line: &str,
    headers: &[(&str, &str)],
    status: u16,
    answered: &[(&'static str, &'static str)],
    body: &str,
) -> Play {
    let mut played = play(THINGS, line, "{}").answer("GET /things/7", 200, OLD).says(status, body);
    for (name, value) in headers {
        played = played.header(name, value);
    }
    let response = played.exchange.response.as_mut().unwrap();
    for (name, value) in answered {
        response.headers.insert(*name, HeaderValue::from_static(value));
    }
    played
}

// THREATS E29
#[test]
fn what_the_client_has_asked_for_is_told_and_what_is_not_shown_is_in_doubt() {
    let check = |line: &str,
                 headers: &[(&str, &str)],
                 status: u16,
                 answered: &[(&'static str, &'static str)],
                 body: &str,
                 told: Option<&str>| {
        let events = played(line, headers, status, answered, body).events();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions == ["T", "W"], told.is_some(), "{line} {headers:?} {status}: {actions:?}");
        let is_it = |note: &&crate::event::Note| note.code == NoteCode::AnswerWithheld;
        let note = events[0].notes.iter().find(is_it).and_then(|note| note.detail.as_deref());
        assert_eq!(note, told, "{line} {headers:?} {status}");
        assert_eq!(
            events[0].changes.is_empty(),
            told.is_some(),
            "{line} {headers:?}: {:?}",
            events[0].changes
        );
    };
    let put = "PUT /things/7";
    let whole = r#"{"id":"7","a":2,"b":1}"#;
    check(put, &[], 200, &[JSON], whole, None);
    for name in ["fields", "$fields", "$select", "fields[things]"] {
        let told = format!("`{name}` in the query chooses fields");
        check(&format!("{put}?{name}=a"), &[], 200, &[JSON], r#"{"a":1}"#, Some(&told));
    }
    check("PUT /things/7?%66ields=a", &[], 200, &[JSON], "{}", Some("`fields` in the query chooses fields"));
    check("PUT /things/7?field=a&x=fields", &[], 200, &[JSON], whole, None);
    check(put, &[("X-Goog-FieldMask", "a")], 200, &[JSON], "{}", Some("`x-goog-fieldmask` chooses fields"));
    check(put, &[("X-Fields", "a")], 200, &[JSON], "{}", Some("`x-fields` chooses fields"));
    let minimal = Some("`Prefer: return=minimal`");
    check(put, &[("Prefer", "respond-async, RETURN = \"minimal\"")], 204, &[], "", minimal);
    check(put, &[], 200, &[JSON, ("preference-applied", "return=minimal")], "{}", minimal);
    check(put, &[("Prefer", "return=minimal")], 200, &[JSON], whole, None);
    let part = |status: u16| format!("a part of the answer was asked for ({status})");
    check(put, &[("Range", "bytes=5-5")], 206, &[JSON], "7", Some(&part(206)));
    check(put, &[("A-IM", "vcdiff")], 226, &[JSON], whole, Some(&part(226)));
    check(put, &[("If-None-Match", "*")], 304, &[], "", Some("only what has changed was asked for (304)"));
    let accept = ("Accept", "text/html,*/*;q=0.1");
    let page: (&'static str, &'static str) = ("content-type", "text/html");
    check(put, &[JSON, accept], 200, &[page], "<p>Done</p>", Some("`Accept` asks for a page"));
    check(put, &[JSON, ("Accept", "application/json, text/plain, */*")], 200, &[JSON], whole, None);
}

// THREATS E29: where a page is the usual answer, and where nothing was done, nothing is withheld.
#[test]
fn a_refusal_and_the_page_after_a_form_are_what_they_are() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let page = ("content-type", "text/html");
    let cases = [
        played("PUT /things/7", &[form, ("Accept", "text/html")], 200, &[page], "<p>Done</p>"),
        played("PUT /things/7?fields=a", &[], 409, &[JSON], "{}"),
        played("PUT /things/7", &[("Prefer", "return=minimal")], 500, &[], ""),
    ];
    for played in cases {
        let event = played.event();
        assert!(!has(&event, NoteCode::AnswerWithheld), "{event:#?}");
        assert!(event.changes.is_empty(), "neither a page nor an error is the thing: {:?}", event.changes);
    }
}

// THREATS E29, B09
#[test]
fn what_a_user_reads_through_a_mask_is_not_remembered_as_the_thing() {
    let learned =
        |headers: &[(&str, &str)]| played("GET /things/7", headers, 200, &[JSON], OLD).run().learned.len();
    assert_eq!(learned(&[]), 1);
    assert_eq!(learned(&[("X-Goog-FieldMask", "a")]), 0);
    assert_eq!(learned(&[("X-Fields", "a")]), 0);
}
