//! What is asked before and after forwarding, and with what.

use proptest::prelude::*;

use super::*;
use crate::value::json;

const RULES: &str = r#"
actors:
  - { name: key, when: { $.credential.kind: bearer }, ask: GET /me, actor: { type: user, id: $.answer.body.id } }
vars: { levels: { r: read, w: write } }
formats: [{ at: "POST /notes/{id}", as: text }]
resources:
  member:
    read: { request: GET /members, query: { team: "{{ with.team }}" }, forward: [accept-language, x-http-method-override] }
    select: { first: "$.answer.body[?@.id == $.with.id]" }
    fields: { role: { label: Access, values: $.vars.levels }, address.city: City }
  thing: { read: GET self, select: $.answer.body }
rules:
  - id: role
    match: POST /role
    before: { read: member, with: { team: $.request.body.team, id: $.request.body.id } }
    after: { merged: $.request.body }
    action: ROLE
    target: { type: membership, id: "{{ request.body.team }}/{{ request.body.id }}" }
  - { id: put, match: "PUT /things/{id}", before: thing, after: read, action: PUT }
  - { id: put_too, match: "PUT /things/{id}", when: { $.request.query.really: "1" }, before: thing, guarantee: buffered, action: PUT_TOO }
  - { id: note, match: "POST /notes/{id}", action: NOTE, details: { text: $.request.body } }
"#;

pub(super) fn plan(played: &Play) -> Plan {
    played.engine.plan(played.candidates(), &played.exchange.request, &played.exchange.client)
}

fn lines(reads: &[ReadRequest]) -> Vec<String> {
    reads.iter().map(|read| format!("{} {}", read.method, read.target)).collect()
}

#[test]
fn nothing_is_asked_for_a_method_that_only_the_body_could_name_until_it_does() {
    // THREATS E13, B06: every POST would otherwise cost the application a read.
    for (body, wanted) in [("a=1", Vec::new()), ("_method=put", vec!["GET /things/1"])] {
        let played =
            play(RULES, "POST /things/1", body).header("content-type", "application/x-www-form-urlencoded");
        let first = plan(&played);
        assert!(first.needs_body && first.reads.is_empty(), "{body}: {:?}", lines(&first.reads));
        let request = &played.exchange.request;
        let second = played.engine.plan_with_body(first, request, &played.exchange.client, &request.body);
        assert_eq!(lines(&second.reads), wanted, "{body}");
        assert_eq!(second.candidates.is_empty(), wanted.is_empty(), "{body}");
    }
}

#[test]
fn a_read_that_needs_the_body_waits_for_it() {
    let played =
        play(RULES, "POST /role", r#"{"team":3,"id":7,"role":"w"}"#).header("authorization", "Bearer t");
    let first = plan(&played);
    assert!(first.needs_body && first.is_durable);
    assert_eq!(lines(&first.reads), ["GET /me"]);
    let request = &played.exchange.request;
    let second = played.engine.plan_with_body(first, request, &played.exchange.client, &request.body);
    assert!(!second.needs_body);
    assert_eq!(lines(&second.reads), ["GET /me", "GET /members?team=3"]);
    let cut = Capture { state: CaptureState::Cut, ..request.body.clone() };
    let unheld = played.engine.plan_with_body(plan(&played), request, &played.exchange.client, &cut);
    assert_eq!(lines(&unheld.reads), ["GET /me"]);
}

#[test]
fn the_thing_is_picked_from_a_list_and_values_are_shown_by_their_table() {
    let all = r#"[{"id":6},{"id":7,"role":"r","team":3,"address":{"city":"Rome","zip":1}}]"#;
    let body = r#"{"team":3.0,"id":7,"role":"w","address":{"city":"Bonn"}}"#;
    let event =
        play(RULES, "POST /role", body).answer("GET /members?team=3.0", 200, all).says(200, "").event();
    let expected = json!({
        "role": {"label": "Access", "before": "read", "after": "write"},
        "address.city": {"label": "City", "before": "Rome", "after": "Bonn"},
    });
    assert_eq!(changes(&event), expected);
    assert_eq!(event.target.unwrap().id.as_deref(), Some("3.0/7"));
}

#[test]
fn rules_share_their_reads_and_the_head_drops_those_that_cannot_hold() {
    let both = plan(&play(RULES, "PUT /things/5?really=1", "{}"));
    assert_eq!((both.candidates.len(), lines(&both.reads)), (2, vec!["GET /things/5".to_owned()]));
    let one = plan(&play(RULES, "PUT /things/5", "{}"));
    assert_eq!((one.candidates.len(), one.needs_body), (1, false));
}

#[test]
fn a_read_carries_the_credential_and_what_the_rule_names_and_nothing_else() {
    // THREATS B03
    let played = play(RULES, "POST /role", r#"{"team":3,"id":7}"#)
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("accept-language", "de")
        .header("x-http-method-override", "DELETE")
        .header("range", "bytes=0-1");
    let request = &played.exchange.request;
    let plan = played.engine.plan_with_body(plan(&played), request, &played.exchange.client, &request.body);
    let read = plan.reads.iter().find(|read| read.purpose == Purpose::Before).unwrap();
    let names: Vec<String> =
        read.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(names, ["host: x.org", "cookie: a=1", "cookie: b=2", "accept-language: de"]);
}

#[test]
fn keys_of_reads_differ_with_every_byte_of_the_credential_and_hide_it() {
    // THREATS E56
    let key = |name: &str, value: &str| {
        plan(&play(RULES, "PUT /things/5", "").header(name, value)).reads.pop().unwrap().key
    };
    let keys =
        [key("cookie", "a=1"), key("cookie", "a=2"), key("cookie", "a=1 "), key("authorization", "a=1")];
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(key.len(), 64);
        assert!(!keys[..index].contains(key), "{keys:?}");
    }
}

#[test]
fn the_thing_is_asked_for_again_after_a_success_only() {
    let played = play(RULES, "PUT /things/5", "{}").answer("GET /things/5", 200, r#"{"a":1}"#).says(200, "");
    let event = played.event();
    assert_eq!(event.changes, []);
    let answers = Answers::new();
    let after = |played: &Play| played.engine.reads_after(&plan(played), &played.exchange, &answers);
    assert_eq!(lines(&after(&played)), ["GET /things/5"]);
    assert_eq!(after(&played)[0].purpose, Purpose::After);
    assert_eq!(after(&played.says(500, "")).len(), 0);
}

#[test]
fn a_thing_too_many_to_be_read_says_so() {
    let rules = |after: &str| {
        format!(
            "resources: {{ seat: {{ read: 'GET /seats/{{id}}' }} }}\n\
             rules: [{{ id: a, match: POST /seats, for_each: $.request.body, \
             when: {{ $.item: {{ above: 0 }} }}, before: {{ read: seat, with: {{ id: $.item }} }}, {after} action: A }}]"
        )
    };
    let whys = |after: &str, items: std::ops::Range<i32>| -> Vec<Option<Unread>> {
        let body = json!(items.collect::<Vec<i32>>()).to_string();
        let mut played = play(&rules(after), "POST /seats", &body).says(200, "");
        for id in 1..100 {
            played = played.answer(&format!("GET /seats/{id}"), 200, "{}");
        }
        played.events().iter().map(|event| event.before.why).collect()
    };
    let expected = [vec![None; 20], vec![Some(Unread::TooMany); 10]].concat();
    assert_eq!(whys("", 1..31), expected);
    // What no event is made of takes nobody's place.
    assert_eq!(whys("", -100..21), vec![None; 20]);
    let body = json!((1..31).collect::<Vec<i32>>()).to_string();
    let events = play(&rules("after: read,"), "POST /seats", &body).says(200, "").events();
    let told = events.last().unwrap().notes.iter().find(|note| note.code == NoteCode::BeforeUnavailable);
    assert_eq!(told.unwrap().detail.as_deref(), Some("too_many"));
}

#[test]
fn a_pack_says_how_bodies_are_read() {
    let event = play(RULES, "POST /notes/1", r#"{"a":1}"#).says(200, "").event();
    assert_eq!(event.details["text"], json!(r#"{"a":1}"#));
}

#[test]
fn headers_are_there_for_whoever_looks_at_them() {
    let check = |looks: &str, expected: Value| {
        let rules = format!("rules: [{{ id: a, match: PUT /a, action: A, {looks} }}]");
        let played = play(&rules, "PUT /a", "").header("one", "1").header("two", "2");
        let played = played.header("two", "3").header("authorization", "Basic YTpi").says(200, "");
        let event = played.event();
        assert_eq!(Value::of(&(event.details, event.raw)).unwrap(), expected, "{looks}");
    };
    let all = json!({"authorization": "Basic [redacted]", "one": "1", "two": "2, 3"});
    check("details: { d: $.request.headers.two }", json!([{"d": "2, 3"}, {}]));
    check("details: { d: $.request.headers.three }", json!([{}, {}]));
    check("details: { d: '{{ request.headers }}' }", json!([{"d": all}, {}]));
    check("vars: { v: $.request.headers }, details: { d: $.vars.v.one }", json!([{"d": "1"}, {}]));
    check("details: { d: { count: '$.request.headers.*' } }", json!([{"d": 3}, {}]));
    check("details: { d: { all: '$.request..one' } }", json!([{"d": ["1"]}, {}]));
    check("details: { d: { all: '$.request[?@.one]' } }", json!([{"d": [all]}, {}]));
    check("raw: [$.request.headers]", json!([{}, {"$.request.headers": all}]));
}

#[test]
fn a_rule_that_the_head_excludes_redacts_nothing_for_the_others() {
    let rules = "rules:
  - { id: a, match: PUT /a, when: { $.request.query.really: '1' }, redact: [room], action: A }
  - { id: b, match: PUT /a, action: B, details: { room: $.request.query.room } }";
    let room =
        |line: &str| play(rules, line, "").says(200, "").events().pop().unwrap().details["room"].clone();
    assert_eq!(room("PUT /a?room=12"), "12");
    assert_eq!(room("PUT /a?room=12&really=1"), "[redacted]");
}

#[test]
fn paths_redact_the_whole_at_once_and_in_their_order() {
    // THREATS P04: what the head's own redaction hides from a filter would leave the body as it is.
    let rules = r#"rules:
  - id: a
    match: PUT /a
    redact: ["$.request.body[?$.request.query.mode == 'x']", $.request.query.mode]
    action: A
    details: { body: $.request.body, mode: $.request.query.mode }"#;
    let event = play(rules, "PUT /a?mode=x", r#"{"note":"hidden"}"#).says(200, "").event();
    assert_eq!(event.details["body"], json!({"note": "[redacted]"}));
    assert_eq!(event.details["mode"], "[redacted]");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // THREATS E56
    #[test]
    fn no_two_credentials_share_a_key(
        one in (("[ab]{1,2}"), prop::collection::vec("[a=; ]{0,3}", 0..3), prop::collection::vec("[a=; ]{0,3}", 0..2)),
        other in (("[ab]{1,2}"), prop::collection::vec("[a=; ]{0,3}", 0..3), prop::collection::vec("[a=; ]{0,3}", 0..2)),
    ) {
        let key = |(host, cookies, authorization): &(String, Vec<String>, Vec<String>)| {
            let mut played = play(RULES, "PUT /things/5", "");
            played.exchange.request.host.clone_from(host);
            for line in cookies {
                played = played.header("cookie", line);
            }
            for line in authorization {
                played = played.header("authorization", line);
            }
            plan(&played).reads.pop().unwrap().key
        };
        prop_assert_eq!(key(&one) == key(&other), one == other);
    }
}

// THREATS P04
#[test]
fn what_is_redacted_in_the_query_or_the_path_stands_not_in_the_address() {
    let check = |line: &str, target: &str, expected: &str| {
        let (method, line) = line.split_once(' ').unwrap();
        let rules = format!(
            "rules: [{{ id: a, match: {method} {line}, redact: [room, $.request.query.note, '$.request.query.list'], action: A, \
             raw: [$.request.target] }}]"
        );
        let event = play(&rules.replace("match: ", "match: '").replace(", redact", "', redact"), target, "")
            .says(200, "")
            .event();
        assert_eq!(event.request.url, format!("https://x.org{expected}"), "{target}");
        let kept = serde_json::to_string(&event.raw).unwrap();
        assert!(!kept.contains("hush"), "{kept}");
    };
    check("PUT /a", "PUT /a?note=hush&b=1", "/a?note=[redacted]&b=1");
    check("PUT /a", "PUT /a?b=1&n%6Fte=hush%20hush&note=more", "/a?b=1&n%6Fte=[redacted]&note=[redacted]");
    check("PUT /a", "PUT /a?list[]=hush&list[]=b", "/a?list[]=[redacted]&list[]=[redacted]");
    check("PUT /a", "PUT /a?room=hush", "/a?room=[redacted]");
    check(
        "PUT /a",
        "PUT /a?oauth_token=hush&oauth-verifier=hush",
        "/a?oauth_token=[redacted]&oauth-verifier=[redacted]",
    );
    check("PUT /a", "PUT /a?b=1", "/a?b=1");
    let rules = "rules: [{ id: a, match: 'PUT /reset/{token}/x', action: A }]";
    let event = play(rules, "PUT /reset/hush%2Dhush/x?y=1", "").says(200, "").event();
    assert_eq!(event.request.url, "https://x.org/reset/[redacted]/x?y=1");
}

// THREATS E48
#[test]
fn things_are_told_apart_by_all_named_parts_of_their_address() {
    let writes = |target: &str| {
        let rules = "resources: { member: { read: 'GET /teams/{team}/members/{id}' }, own: { type: member, read: GET self } }\n\
                     rules:\n  - { id: a, match: 'PUT /teams/{team}/members/{id}', before: member, action: A }\n  \
                     - { id: b, match: 'DELETE /teams/{team}/members/{id}', before: own, action: B }";
        let writes = play(rules, target, "").plan().writes;
        writes.into_iter().map(|write| write.thing).collect::<Vec<String>>()
    };
    assert_eq!(writes("PUT /teams/1/members/5"), ["member 1 5"]);
    assert_eq!(writes("PUT /teams/2/members/5"), ["member 2 5"]);
    assert_eq!(writes("DELETE /teams/1/members/+05"), ["member 1 5"]);
}
