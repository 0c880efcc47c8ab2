//! The thing beforehand: what is taken for it, how sure it is, and what no answer and no identifier can do.

use http::header::{CONTENT_TYPE, ETAG};

use super::*;
use crate::event::{BeforeState, Consistency};
use crate::value::json;

const THINGS: &str = "resources:
  thing: { read: \"GET /things/{id}\", id: id, fields: { guests: { key: email } } }
rules:
  - { id: t, match: \"PUT /things/{id}\", before: thing, after: $.response.body, action: T }
";

#[test]
fn an_answer_about_another_thing_is_not_taken_for_the_one_asked_for() {
    // THREATS B08
    let check = |answer: &str, expected: Option<Unread>| {
        let played = play(THINGS, "PUT /things/7", "").answer("GET /things/7", 200, answer);
        let mut played = played.says(200, r#"{"id":7,"a":2}"#);
        played.answer_headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let event = played.event();
        assert_eq!(event.before.why, expected, "{answer}");
        assert_eq!(event.changes.is_empty(), expected.is_some(), "{answer}: {event:#?}");
    };
    check(r#"{"id":7,"a":1}"#, None);
    check(r#"{"id":"07","a":1}"#, None);
    check(r#"{"id":8,"a":1}"#, Some(Unread::AnotherThing));
    check(r#"{"a":1}"#, Some(Unread::AnotherThing));
    check(r#"{"id":{"7":7},"a":1}"#, Some(Unread::AnotherThing));
    check("null", Some(Unread::NotInAnswer));
    check("[[[[", Some(Unread::NotInAnswer));
}

#[test]
fn why_a_thing_could_not_be_read_is_a_word_of_a_closed_list() {
    let check = |status: u16, word: Option<Unread>, told: Option<u16>| {
        let played = play(THINGS, "PUT /things/7", "").answer("GET /things/7", status, "{}");
        let event = played.says(200, "{}").event();
        assert_eq!((event.before.why, event.before.status), (word, told), "{status}");
    };
    check(401, Some(Unread::NotAllowed), Some(401));
    check(403, Some(Unread::NotAllowed), Some(403));
    check(302, Some(Unread::Status), Some(302));
    check(500, Some(Unread::Status), Some(500));
    check(404, None, None);
}

#[test]
fn an_event_says_whether_the_thing_read_is_the_one_that_was_changed() {
    // THREATS E48
    let check = |if_match: &str, expected: Consistency| {
        let mut played = play(THINGS, "PUT /things/7", "").header("if-match", if_match);
        played = played.answer("GET /things/7", 200, r#"{"id":7}"#).says(200, "{}");
        played.answer_headers.insert(ETAG, HeaderValue::from_static("\"v1\""));
        assert_eq!(played.event().before.consistency, Some(expected), "{if_match}");
    };
    check("\"v1\"", Consistency::Confirmed);
    check("\"v0\"", Consistency::Stale);
    check("*", Consistency::Unknown);
    let absent = play(THINGS, "PUT /things/7", "").answer("GET /things/7", 404, "").says(200, "{}").event();
    assert_eq!((absent.before.state, absent.before.consistency), (BeforeState::Absent, None));
}

#[test]
fn a_change_points_to_its_value() {
    let old = r#"{"id":7,"guests":[{"email":"a@x"},{"email":"b@x","says":"no"}]}"#;
    let new =
        json!({"id": 7, "guests": [{"email": "c@x"}, {"email": "d@x"}, {"email": "b@x", "says": "yes"}]});
    let event = play(THINGS, "PUT /things/7", "")
        .answer("GET /things/7", 200, old)
        .says(200, &new.to_string())
        .event();
    let told: Vec<(&str, &str)> = event
        .changes
        .iter()
        .map(|change| (change.field.as_str(), change.pointer.as_deref().unwrap()))
        .collect();
    let expected = [
        ("guests[a@x]", "/guests/0"),
        ("guests[b@x].says", "/guests/2/says"),
        ("guests[c@x]", "/guests/0"),
        ("guests[d@x]", "/guests/1"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn no_identifier_leads_a_read_to_another_place() {
    // THREATS B02
    let hostile = [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "%25252e%25252e",
        ".",
        "%2e",
        "%252e",
        "%2f",
        "%2F..%2f",
        "a%2fb",
        "a%252fb",
        "a%25252fb",
        "%2f%2fevil.example",
        "%252f%252fevil.example",
        "%5c",
        "a%5cb",
        "%5c%5cevil.example",
        "a%255cb",
        "%3f",
        "a%3fadmin=1",
        "a%253fb",
        "%23",
        "a%23b",
        "a%2523b",
        "%25",
        "100%25",
        "%00",
        "a%00b",
        "a%2500",
        "%0a",
        "%0d%0a",
        "a%0d%0aHost:%20evil",
        "a%250d%250ab",
        "%09",
        "%7f",
        "%1b",
        "..;",
        "..%3b",
        "%2e%2e;x=1",
        "a;/../b",
        "%c0%ae%c0%ae",
        "%c0%af",
        "%e0%80%ae",
        "%ef%bc%8f",
        "%ef%bc%8e%ef%bc%8e",
        "%u002e%u002e",
        "%u2215",
        "http:%2f%2fevil.example",
        "@evil.example",
        "a@evil.example",
        ":80",
        "a:80@evil",
        "%40evil.example",
        "user:pw%40evil",
        "%2e%2e%2f%2e%2e%2fadmin",
        "..%5c..%5cadmin",
        "%2e.%00",
        "~",
        "*",
        "%2a",
        "%ff",
        "%80%80",
    ];
    assert!(hostile.len() >= 60, "{}", hostile.len());
    for id in hostile {
        let played = play(THINGS, &format!("PUT /things/{id}"), "").says(200, "{}");
        for read in played.reads() {
            let (place, rest) = read.target.split_at("/things/".len());
            assert_eq!(place, "/things/", "{id}");
            let decoded = percent_encoding::percent_decode_str(rest).decode_utf8_lossy().into_owned();
            let again = percent_encoding::percent_decode_str(&decoded).decode_utf8_lossy().into_owned();
            for form in [rest, &decoded, &again] {
                let leaves = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#');
                assert!(!form.is_empty() && form != "." && form != "..", "{id}: {}", read.target);
                assert!(!form.contains(leaves), "{id}: {}", read.target);
            }
            let hosts: Vec<_> = read.headers.iter().filter(|(name, _)| name == "host").collect();
            assert_eq!((hosts.len(), hosts[0].1.as_bytes()), (1, &b"x.org"[..]), "{id}");
        }
    }
}

#[test]
fn a_read_carries_no_header_that_would_make_it_something_else() {
    // THREATS B03
    let mut played = play(THINGS, "PUT /things/7", "").header("authorization", "Bearer t");
    for name in
        ["x-http-method-override", "x-original-url", "range", "if-none-match", "expect", "prefer", "cookie"]
    {
        played = played.header(name, "DELETE");
    }
    let reads = played.reads();
    let names: Vec<&str> = reads[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "authorization", "cookie"]);
}

const SERVICE: &str = "actors: [{ name: any, actor: { type: user, id: \"7\", organization: \"1\" } }]
resources:
  thing: { read: { request: \"GET /things/{id}\", credentials: audit, forward: [x-tenant] }, organization: org, name: title }
rules:
  - id: t
    match: PUT /things/{id}
    before: thing
    after: { merged: $.request.body }
    action: T
    message: \"{{ before.title }} was changed\"
    details: { old: $.before.title }
    raw: [$.before]
";
const SECRETIVE: &str = r#"{"org":"1","title":"their-plan","a":"their-plan"}"#;

#[test]
fn what_our_own_credential_reads_is_shown_only_to_who_was_surely_let_through() {
    // THREATS B01
    let check = |answer: &str, status: u16, is_shown: bool| {
        let sent = r#"{"a":"mine"}"#;
        let played = play(SERVICE, "PUT /things/7", sent).header("content-type", "application/json");
        let mut played = played.answer("GET /things/7", 200, answer);
        if status > 0 {
            played = played.says(status, "");
        } else {
            played.exchange.ending = Ending::UpstreamTimeout;
        }
        let event = played.event();
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text.contains("their-plan"), is_shown, "{status}: {text}");
        assert_eq!(has(&event, NoteCode::BeforeWithheld), !is_shown, "{status}");
    };
    for status in [400, 401, 403, 404, 409, 500, 0] {
        check(SECRETIVE, status, false);
    }
    check(SECRETIVE, 200, true);
    check(&SECRETIVE.replace("\"1\"", "2"), 200, false);
    check(&SECRETIVE.replace("\"1\"", "1"), 200, true);
}

#[test]
fn a_service_credential_goes_without_the_callers_own_and_only_to_plain_paths() {
    // THREATS B05
    let played = play(SERVICE, "PUT /things/7", "{}").header("authorization", "Bearer t");
    let played = played.header("cookie", "a=b").header("x-tenant", "3");
    let reads = played.reads();
    let names: Vec<&str> = reads[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), reads[0].credentials.as_deref()),
        (&["host", "x-tenant"][..], Some("audit"))
    );
    let own = SERVICE.replace("\"GET /things/{id}\"", "GET self");
    let asked = |line: &str| play(&own, line, "{}").reads().len();
    assert_eq!(asked("PUT /things/7"), 1);
    for line in [
        "PUT /things/../things/7",
        "PUT /things/%2e%2e/things/7",
        "PUT /x/..%2fthings/7",
        "PUT /a\\..\\things/7",
    ] {
        assert_eq!(asked(line), 0, "{line}");
    }
}

const REMEMBERED: &str = "resources:
  thing: { read: \"GET /things/{id}\" }
  row: { read: \"GET /rows\", key: \"rows/{id}\", select: { first: \"$.answer.body[?@.id == $.with.id]\" } }
rules:
  - { id: t, match: \"PUT /things/{id}\", before: { read: thing, from: either }, after: $.response.body, action: T }
  - { id: m, match: \"PATCH /things/{id}\", before: { read: thing, from: either }, after: { merged: $.request.body }, action: M }
  - { id: d, match: \"DELETE /things/{id}\", before: { read: thing, from: remembered }, action: D }
  - { id: r, match: \"PUT /rows/{id}\", before: { read: row, with: { id: $.path.id }, from: remembered }, action: R }
";

#[test]
fn an_exchange_shows_what_to_remember_of_its_thing_and_what_to_forget() {
    // THREATS B09
    let check = |line: &str, status: u16, answer: &str, expected: &[Learned]| {
        let old = r#"{"id":"7","a":1}"#;
        let mut played = play(REMEMBERED, line, r#"{"a":3}"#).answer("GET /things/7", 200, old);
        played = played.header("content-type", "application/json").says(status, answer);
        played.answer_headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == 0 {
            (played.exchange.response, played.exchange.ending) = (None, Ending::UpstreamTimeout);
        }
        let response = played.exchange.response.as_mut();
        response.map(|response| {
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        });
        let learned: Vec<Learned> = played.run().learned.into_iter().map(|(_, learned)| learned).collect();
        assert_eq!(learned, expected, "{line} {status}");
    };
    let part = |value: Value| Learned::Part(value);
    let whole = |value: Value| Learned::Whole(value);
    check("PUT /things/7", 200, r#"{"id":"7","a":2}"#, &[part(json!({"id": "7", "a": 2}))]);
    check("PUT /things/7", 200, r#"{"id":"8","a":2}"#, &[Learned::Lost]);
    check("PUT /things/7", 200, "", &[Learned::Lost]);
    check("PUT /things/7", 409, "{}", &[whole(json!({"id": "7", "a": 1}))]);
    check("PUT /things/7", 0, "", &[Learned::Lost]);
    check("PATCH /things/7", 204, "", &[whole(json!({"id": "7", "a": 3}))]);
    check("DELETE /things/7", 204, "", &[Learned::Lost]);
}

#[test]
fn things_are_remembered_by_host_and_address() {
    // THREATS B09
    let key = |line: &str, host: &str| {
        let mut played = play(REMEMBERED, line, "");
        played.exchange.request.host = host.to_owned();
        match played.reads()[0].recall.clone() {
            Some(Recall::Instead(key) | Recall::Otherwise(key)) => key,
            None => panic!("{line} is not remembered"),
        }
    };
    assert_eq!(key("DELETE /things/7", "x"), key("PUT /things/7", "X"));
    assert_ne!(key("DELETE /things/7", "x"), key("DELETE /things/7", "y"));
    assert_ne!(key("DELETE /things/7", "x"), key("DELETE /things/8", "x"));
    assert_ne!(key("PUT /rows/7", "x"), key("PUT /rows/8", "x"));
}

#[test]
fn an_element_that_was_refused_shows_no_value_beforehand_though_others_were_done() {
    // THREATS B01
    let rules = "resources:
  thing: { read: \"GET /things/{id}\" }
rules:
  - id: t
    match: PUT /things/{id}
    before: thing
    events:
      - action: T
        for_each: $.response.body
        result: { first: [{ value: denied, when: { $.item: no } }, success] }
        details: { old: $.before.title }
    otherwise: none
";
    let played = play(rules, "PUT /things/7", "").answer("GET /things/7", 200, r#"{"title":"their-plan"}"#);
    let mut played = played.says(207, r#"["yes","no"]"#);
    played.answer_headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = played.exchange.response.as_mut().unwrap();
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let shown: Vec<bool> = played.events().iter().map(|event| event.details.contains_key("old")).collect();
    assert_eq!(shown, [true, false]);
}

#[test]
fn what_a_form_held_before_is_read_from_its_page() {
    let rules = r#"
formats: [{ at: "GET|POST /users/{id}/edit", as: html-form }]
resources: { user: { read: GET self, select: { first: "$.answer.body.forms[?@.method == 'post'].fields" }, ignore: [csrf] } }
rules:
  - id: user.edited
    match: POST /users/{id}/edit
    before: user
    result: { first: [{ value: failure, when: { "$.response.body.errors[*]": { exists: true } } }] }
    error: { first: "$.response.body.errors[*]" }
    after: $.request.body
    action: EDITED
"#;
    let page = "<form><input name=q></form><form method=post><input name=csrf value=s1><input name=name value='B&ouml;'>\
                <select name=role><option selected>user</select><input type=checkbox name=active checked></form>";
    let body = "csrf=s2&name=B%C3%B6&role=admin";
    let mut play = play(rules, "POST /users/7/edit", body)
        .header("content-type", "application/x-www-form-urlencoded")
        .answer("GET /users/7/edit", 200, page)
        .says(302, "");
    play.answer_headers.insert("content-type", HeaderValue::from_static("text/html"));
    let expected = json!({"active": {"before": "on"}, "role": {"before": "user", "after": "admin"}});
    assert_eq!(changes(&play.event()), expected);
    assert!(!serde_json::to_string(&play.event()).unwrap().contains("s2"));
    let mut refused = play.says(200, "<ul class=errorlist><li>Not allowed.</ul>");
    let head = &mut refused.exchange.response.as_mut().unwrap().headers;
    head.insert("content-type", HeaderValue::from_static("text/html"));
    let event = refused.event();
    assert_eq!(
        (event.result, event.error.as_deref()),
        (crate::event::Outcome::Failure, Some("Not allowed."))
    );
}
