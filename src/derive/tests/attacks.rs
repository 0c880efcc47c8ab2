//! Evasions, forgeries and hostile bytes: what is recorded all the same.

use proptest::prelude::*;

use super::*;
use crate::event::{Assurance, Certainty, Evidence, Outcome};
use crate::value::json;

#[test]
fn doubt_makes_an_event() {
    // THREATS E18, E24: a body that was cut excludes no rule.
    let mut cut = play(BOOKINGS, "POST /v2/bookings/abc/reschedule", r#"{"seatUid":"#).says(201, "{}");
    cut.exchange.request.body.state = CaptureState::Cut;
    let event = cut.event();
    assert_eq!(event.r#match.certainty, Certainty::Doubtful);
    assert!(!event.r#match.reasons.is_empty());
    assert!(has(&event, NoteCode::BodyCut) && has(&event, NoteCode::MatchDoubtful));
    // No answer: the list to go through is not known, yet the deed may be done.
    let mut gone = play(BOOKINGS, "POST /v2/bookings", "{}");
    gone.exchange.ending = Ending::UpstreamTimeout;
    let event = gone.events().remove(0);
    assert_eq!(event.result, Outcome::Unknown);
    assert!(has(&event, NoteCode::ResponseMissing));
}

#[test]
fn a_repeated_parameter_is_doubt_and_all_values_are_told() {
    // THREATS E10
    let event = play(BOOKINGS, "GET /v2/bookings?id=2&id=1", "").says(200, "").event();
    assert_eq!(event.r#match.certainty, Certainty::Doubtful);
    assert!(event.r#match.reasons[0].contains(r#""2", "1""#), "{:?}", event.r#match.reasons);
    assert_eq!(event.details["id"], json!(["2", "1"]));
    let rules = "rules:\n  - { id: a, match: POST /cancel, action: A, target: { type: b, id: $.request.query.id } }\n";
    let event = play(rules, "POST /cancel?id=2&id=1", "").says(200, "").event();
    assert!(has(&event, NoteCode::TargetUncertain));
    assert_eq!(event.target.unwrap().id.as_deref(), Some(r#"["2","1"]"#));
}

#[test]
fn a_target_is_filed_under_its_own_name_and_the_spelling_is_kept() {
    // THREATS E11
    let check = |segment: &str, snapshot: &str, id: &str, requested: Option<&str>| {
        let read = format!("GET /v2/bookings/{}", segment.replace("%61", "a").replace('+', "%2B"));
        let event = play(BOOKINGS, &format!("DELETE /v2/bookings/{segment}"), "")
            .answer(&read, 200, &format!(r#"{{"data":{snapshot}}}"#))
            .says(200, "")
            .event();
        let target = event.target.unwrap();
        assert_eq!(
            (target.id.as_deref(), target.requested_id.as_deref()),
            (Some(id), requested),
            "{segment}"
        );
    };
    check("abc", r#"{"uid":"abc"}"#, "abc", None);
    check("%61bc", r#"{"uid":"abc"}"#, "abc", Some("%61bc"));
    check("ABC", r#"{"uid":"abc"}"#, "abc", Some("ABC"));
    check("01", r#"{"id":1}"#, "1", Some("01"));
    check("+1", r#"{"id":1}"#, "1", Some("+1"));
    check("1", r#"{"id":2}"#, "1", None);
}

#[test]
fn a_condition_on_a_part_with_control_characters_is_in_doubt() {
    // THREATS E05
    let rules = "rules:\n  - { id: a, match: \"POST /x/{id}\", when: { $.path.id: { matches: '^x$' } }, action: A }\n";
    let played = |segment: &str| play(rules, &format!("POST /x/{segment}"), "").says(200, "").events();
    for segment in ["x%0a", "%0ax", "x%00", "%00x", "x%0ay", "%09x"] {
        let events = played(segment);
        assert_eq!(events.len(), 1, "{segment}");
        assert_eq!(events[0].r#match.certainty, Certainty::Doubtful, "{segment}");
        assert!(has(&events[0], NoteCode::TargetUncertain), "{segment}");
    }
    assert_eq!(played("x")[0].r#match.certainty, Certainty::Certain);
    assert_eq!(played("y").len() + played("%20y").len(), 0);
}

#[test]
fn a_method_that_only_the_body_names_fires_its_rule() {
    // THREATS E13
    let form = "application/x-www-form-urlencoded";
    let check = |content_type: &str, body: &str, count: usize| {
        let events = play(BOOKINGS, "POST /v2/bookings/a", body)
            .header("content-type", content_type)
            .says(200, "")
            .events();
        assert_eq!(events.len(), count, "{body}");
        assert!(
            events.iter().all(|event| event.action == "CANCELLED" && has(event, NoteCode::MethodOverridden))
        );
    };
    check(form, "_method=delete", 1);
    check("application/json", r#"{"_method":"DELETE"}"#, 1);
    check(form, "_method=get&_method=DELETE", 1);
    check(form, "_method=patch", 0);
    check(form, "a=b", 0);
    check("application/json", r#"{"_method": broken"#, 1);
}

#[test]
fn head_meets_get_rules_and_a_move_is_seen_by_its_destination() {
    // THREATS E15
    let event = play(BOOKINGS, "HEAD /v2/bookings?id=1", "").says(200, "").event();
    assert_eq!((event.action.as_str(), event.request.method.as_str()), ("QUERIED", "HEAD"));
    // THREATS E16
    let event = play(BOOKINGS, "MOVE /elsewhere/x", "")
        .header("destination", "https://x.org/cal/new.ics")
        .says(201, "")
        .event();
    assert_eq!(event.target.unwrap().id.as_deref(), Some("new"));
    assert!(event.request.url.ends_with("/elsewhere/x"));
}

#[test]
fn a_loosened_path_that_the_application_does_not_know_is_only_counted() {
    let derived = play(BOOKINGS, "DELETE /V2/Bookings/a/", "").says(404, "").run();
    assert_eq!((derived.events.len(), derived.loosened_not_found), (0, 1));
    assert_eq!(play(BOOKINGS, "DELETE /V2/Bookings/a/", "").says(200, "").events().len(), 1);
}

#[test]
fn values_are_never_evaluated_and_never_look_like_our_words() {
    // THREATS E66, E69
    for payload in ["{{ actor.id }}", "$.request.headers", "${jndi:ldap://x}", "{% for x in y %}"] {
        let body = json!({"reason": payload}).to_string();
        let event = play(BOOKINGS, "POST /v2/bookings/a/reschedule", &body).says(200, "{}").event();
        assert_eq!(event.reason.as_deref(), Some(payload));
    }
    let title = format!("A\nBooking cancelled by Admin.{}\\", " ".repeat(10_000));
    let old = json!({"summary": title}).to_string();
    let event = play(GOOGLE, "PATCH /calendars/c/events/e", "{}")
        .answer("GET /calendars/c/events/e", 200, &old)
        .says(200, r#"{"summary":"B"}"#)
        .event();
    let parts = event.message.parts;
    assert!(
        matches!(&parts[0], crate::event::Part::Value(text) if !text.contains('\n') && text.chars().count() <= 200)
    );
    assert_eq!(parts[1], crate::event::Part::Text(" became ".to_owned()));
}

#[test]
fn a_credential_counts_when_the_application_accepts_it() {
    // THREATS E54, E55
    let basic = |status: u16| {
        play(BOOKINGS, "DELETE /v2/bookings/a", "")
            .header("authorization", "Basic YWRhOnB3")
            .says(status, "")
            .event()
    };
    let accepted = basic(200).actor;
    assert_eq!((accepted.id.as_deref(), accepted.assurance), (Some("ada"), Assurance::Verified));
    assert_eq!(accepted.evidence, Some(Evidence::Accepted));
    let refused = basic(401);
    assert_eq!((refused.actor.id, refused.actor.r#type.as_str()), (None, "unknown"));
    assert!(refused.notes.iter().any(|note| note.detail.as_deref() == Some("somebody claiming to be ada")));
    assert_eq!(basic(500).actor.assurance, Assurance::Claimed);
    let login = |status: u16| {
        play(LOGIN, "POST /login", r#"{"email":"eve@x.org","password":"p"}"#).says(status, "{}").event()
    };
    assert_eq!(login(200).actor.email.as_deref(), Some("eve@x.org"));
    let failed = login(401);
    assert_eq!((failed.actor.email, failed.target.unwrap().id.as_deref()), (None, Some("eve@x.org")));
}

#[test]
fn a_rule_that_panics_leaves_the_least_and_the_others_go_on() {
    // THREATS D12, E43: what fails here is the maker of ids, inside one rule's derivation.
    let mut broken = play(BOOKINGS, "DELETE /v2/bookings/a", "").says(200, "");
    let candidates = vec![Candidate {
        pack: 0,
        rule: 4,
        line: 0,
        parts: Vec::new(),
        by: crate::event::MatchedBy::Raw,
        uncertain: Vec::new(),
        method_from_body: None,
        notes: Vec::new(),
    }];
    let mut ids = 0;
    let mut failing = || {
        ids += 1;
        assert_ne!(ids, 1, "the maker of ids fails once");
        Uuid::from_u128(ids)
    };
    broken.exchange.request.host = "x".into();
    let derived = broken.engine.derive(candidates.into(), &broken.exchange, &Answers::new(), &mut failing);
    assert_eq!(derived.failed, ["p/cancelled"]);
    assert!(has(&derived.events[0], NoteCode::EventMinimal));
}

#[test]
fn the_deepest_body_that_is_read_overflows_no_stack_and_is_stored() {
    // THREATS E43
    let rules = r#"
resources: { r: { read: GET self, fields: { a: { key: k } } } }
rules:
  - { id: a, match: PUT /a, redact: ["$.request.body..b", secretish], before: r, after: { merged: $.request.body }, action: A, details: { d: $.request.body, c: { count: "$.request.body..a" } }, raw: [$.request, "$.response.body..a"] }
"#;
    let nest = |inner: &str| format!("{}{inner}{}", r#"{"a":"#.repeat(511), "}".repeat(511));
    let event =
        play(rules, "PUT /a", &nest("1")).answer("GET /a", 200, &nest("[2]")).says(200, &nest("3")).event();
    let bytes = serde_json::to_vec(&event).unwrap();
    serde_json::from_slice::<Event>(&bytes).unwrap();
    assert!(has(&event, NoteCode::FieldCut));
}

#[test]
fn secrets_reach_no_event() {
    // THREATS P04
    let rules = "rules:\n  - { id: all, match: \"POST /a/{x}\", action: A, raw: [$.request, $.response, $.path], details: { q: $.request.query } }\n";
    let secret = "s3cr3t-s3cr3t-s3cr3t";
    let mut played =
        play(rules, &format!("POST /a/b?apiKey={secret}&x=1"), &json!({"password": secret}).to_string())
            .header("authorization", &format!("Bearer {secret}"))
            .header("cookie", &format!("session={secret}"))
            .header("referer", &format!("https://x.org/reset?token={secret}"))
            .says(200, &json!({"body": json!({"accessToken": secret}).to_string()}).to_string());
    let response = played.exchange.response.as_mut().unwrap();
    response.headers.insert("location", HeaderValue::from_str(&format!("/cb?code={secret}")).unwrap());
    response.headers.insert("set-cookie", HeaderValue::from_str(&format!("sid={secret}")).unwrap());
    let event = played.event();
    let text = serde_json::to_string(&event).unwrap();
    assert!(!text.contains("s3cr3t"), "{text}");
    assert_eq!(event.raw["$.response"]["cookies"], json!([{"name": "sid"}]));
}

#[test]
fn a_hostile_identifier_is_not_asked_about() {
    // THREATS B02
    let event = play(BOOKINGS, "DELETE /v2/bookings/%252e%252e", "").says(200, "").events();
    assert!(event.iter().all(|event| event.before.why == Some(Unread::NotAsked)), "{event:#?}");
}

#[test]
fn shadow_rules_are_counted_and_items_beyond_the_limit_are_told() {
    let rules = "rules:\n  - { id: s, mode: shadow, match: POST /a, action: A }\n  - { id: m, match: POST /a, for_each: $.request.body, action: M }\n";
    let many = json!(vec![1; 1_500]).to_string();
    let derived = play(rules, "POST /a", &many).says(200, "").run();
    let shadowed: Vec<&str> = derived.shadowed.iter().map(|event| event.rule.id.as_str()).collect();
    assert_eq!((shadowed, derived.events.len(), derived.cut), (vec!["p/s"], 1_000, 500));
    assert!(has(derived.events.last().unwrap(), NoteCode::BatchCut));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_traffic_is_survived_and_every_event_can_be_stored(
        line in proptest::sample::select(&["POST /v2/bookings", "DELETE /v2/bookings/%zz", "POST /v2/bookings/a/reschedule?a=%FF&a", "PUT /a/b.ics"][..]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        near in "(\\{\"data\":[\\[{]\"(uid|start|attendees)\":[\\[{]?\"?[a-z0-9{}:,\"]{0,20}){0,1}",
        content_type in proptest::sample::select(&["application/json", "text/calendar", "application/x-www-form-urlencoded", "gzip"][..]),
        status in 100_u16..600,
    ) {
        for rules in [BOOKINGS, GOOGLE] {
            let mut played = play(rules, line, &near).header("content-type", content_type).header("content-encoding", content_type);
            played.exchange.request.body = capture(&body);
            let played = played.answer("GET /a/b.ics", status, &near).says(status, &near);
            for event in played.events() {
                let bytes = serde_json::to_vec(&event).unwrap();
                prop_assert_eq!(serde_json::from_slice::<Event>(&bytes).unwrap(), event);
            }
        }
    }
}
