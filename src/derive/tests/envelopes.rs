//! Calls out of envelopes, against rules that know nothing of envelopes.

use super::*;
use crate::event::{Certainty, Outcome};
use crate::value::json;

const RULES: &str = r#"
formats:
  - { at: "GET|POST /api/trpc/{router}/{procedures}", as: trpc }
  - { at: "GET|POST /graphql", as: graphql }
  - { at: POST /rpc, as: json-rpc }
  - { at: "POST /batch/{version}", as: http-batch }
  - { at: POST /ews, as: soap, lists: [Id] }
actors:
  - { name: session, when: { $.credential.kind: cookie }, ask: GET /me, actor: { type: user, id: $.answer.body.id } }
exclude: [{ request: POST /graphql, operation: ping }]
resources:
  event: { read: GET self, name: title }
  booking: { read: "GET /bookings/{uid}", name: title, fields: { status: Status } }
defaults: { source: WEB }
rules:
  - id: confirmed
    match: POST /api/trpc/bookings/confirm
    before: { read: booking, with: { uid: $.request.body.uid } }
    after: $.response.body
    action: CONFIRMED
    target: { type: booking, id: $.request.body.uid }
    details: { operation: $.request.operation, part: $.request.part }
  - { id: seen, match: GET /api/trpc/bookings/get, action: SEEN, details: { id: $.request.body.id } }
  - id: gql
    match: { request: POST /graphql, operation: [cancelBooking, dropBooking] }
    before: { read: booking, with: { uid: $.request.body.arguments.uid } }
    action: CANCELLED
    target: { type: booking, id: $.request.body.arguments.uid }
    error: { first: "$.response.body.errors[*].message" }
  - { id: rpc, match: { request: POST /rpc, operation: booking.cancel }, action: CANCELLED, target: { type: booking, id: $.request.body.uid } }
  - { id: deleted, match: "DELETE /v3/events/{id}", before: event, action: DELETED, changes: [title] }
  - { id: ews, match: { request: POST /ews, operation: Cancel }, action: EWS, target: { type: booking, id: "$.request.body.Id[0]" }, error: $.response.body.fault.faultstring }
  - { id: any, match: POST /rpc, when: { $.request.body.loud: true }, action: LOUD }
"#;

fn told(events: &[Event]) -> Vec<String> {
    let one = |event: &Event| {
        let id = event.target.as_ref().and_then(|target| target.id.clone()).unwrap_or_default();
        let part = event.request.part.map_or(String::new(), |part| format!(" #{part}"));
        format!("{} {id} {}{part}", event.action, event.result.as_str())
    };
    events.iter().map(one).collect()
}

#[test]
fn each_procedure_of_a_batch_makes_its_own_event_with_its_own_answer_and_snapshots() {
    // THREATS E37
    let body = r#"{"0":{"json":{"uid":"a"}},"2":{"json":{"uid":"b"}}}"#;
    let answer = r#"[{"result":{"data":{"json":{"status":"accepted"}}}},{"result":{"data":{}}},
        {"error":{"json":{"message":"no","data":{"httpStatus":403}}}}]"#;
    let line = "POST /api/trpc/bookings/confirm,get,confirm?batch=1";
    let played = play(RULES, line, body)
        .header("cookie", "s=1")
        .answer("GET /me", 200, r#"{"id":7}"#)
        .answer("GET /bookings/a", 200, r#"{"title":"A","status":"pending"}"#)
        .answer("GET /bookings/b", 200, r#"{"title":"B","status":"pending"}"#)
        .says(207, answer);
    let events = played.events();
    assert_eq!(told(&events), ["CONFIRMED a success #0", "CONFIRMED b denied #2"]);
    assert_eq!(changes(&events[0])["status"]["after"], "accepted");
    assert_eq!(events[0].details, [("operation", json!("confirm")), ("part", json!(0))].into());
    assert_eq!(events[0].actor.id.as_deref(), Some("7"));
    assert_eq!(events[0].source.as_deref(), Some("WEB"));
    assert_eq!(events[0].request.url, "https://x.org/api/trpc/bookings/confirm,get,confirm");
    assert_eq!(events[0].request.operation.as_deref(), Some("confirm"));
    assert_eq!(events[1].response.as_ref().map(|response| response.status), Some(403));
    assert!(has(&events[1], NoteCode::BeforeWithheld), "{:?}", events[1].notes);
    assert!(events.iter().all(|event| event.exchange_id == played.exchange.id));
    assert!(events.iter().all(|event| event.r#match.certainty == Certainty::Certain));
}

#[test]
fn a_single_call_and_every_spelling_of_a_batch_meet_the_same_rule() {
    // THREATS E01, E37
    for line in [
        "POST /api/trpc/bookings/confirm",
        "POST /api/trpc/bookings/confirm/",
        "POST /API/trpc/bookings/confirm",
        "POST /api/trpc/bookings/c%6Fnfirm",
        "POST /api/trpc/bookings%2Fconfirm",
        "POST /api//trpc/./bookings/confirm;x=1",
    ] {
        let events = play(RULES, line, r#"{"json":{"uid":"a"}}"#).says(200, "{}").events();
        assert_eq!(told(&events), ["CONFIRMED a success"], "{line}");
    }
    for line in [
        "POST /api/trpc/bookings/get,confirm?batch=1",
        "POST /api/trpc/bookings/get%2Cconfirm?batch=1",
        "POST /api/trpc/bookings%2Fget,confirm?batch=1",
        "POST /api/trpc/Bookings/get,CONFIRM?batch=1",
    ] {
        let body = r#"{"1":{"json":{"uid":"a"}}}"#;
        let events = play(RULES, line, body).says(200, r#"[{"result":{}},{"result":{}}]"#).events();
        assert_eq!(told(&events), ["CONFIRMED a success #1"], "{line}");
    }
}

#[test]
fn a_query_in_the_address_is_a_call_too() {
    // THREATS E37
    let line =
        "GET /api/trpc/bookings/get,get?batch=1&input=%7B%220%22%3A%7B%22json%22%3A%7B%22id%22%3A5%7D%7D%7D";
    let events = play(RULES, line, "").says(200, r#"[{"result":{}},{"result":{}}]"#).events();
    assert_eq!(told(&events), ["SEEN  success #0", "SEEN  success #1"]);
    assert_eq!((events[0].details["id"].clone(), events[1].details.get("id")), (json!(5), None));
}

#[test]
fn a_batch_that_no_rule_concerns_is_not_looked_at() {
    for line in ["POST /api/trpc/bookings/get,list?batch=1", "GET /api/trpc/bookings/confirm", "GET /graphql"]
    {
        let played = play(RULES, line, "{}");
        let request = &played.exchange.request;
        let candidates = played.candidates();
        assert_eq!(candidates.len(), 1, "{line}: the envelope");
        let plan = played.engine.plan(candidates, request, &played.exchange.client);
        assert!(plan.candidates.is_empty() && plan.reads.is_empty(), "{line}: {plan:?}");
    }
}

#[test]
fn a_body_is_held_only_where_a_rule_that_its_path_reaches_reads_before() {
    let plan = |line: &str| plans::plan(&play(RULES, line, "{}").header("cookie", "s=1"));
    let graphql = plan("POST /graphql");
    assert!(graphql.needs_body && graphql.is_durable);
    assert_eq!(graphql.reads.len(), 1, "who it is, is asked at once");
    assert!(!plan("POST /rpc").needs_body);
    let trpc = plan("POST /api/trpc/bookings/get,confirm?batch=1");
    assert!(trpc.needs_body && trpc.is_durable && trpc.reads.len() == 1);
}

#[test]
fn each_alias_is_an_event_and_a_lying_name_hides_nothing() {
    // THREATS E38
    let fields: String = (0..50).map(|n| format!("a{n}: cancelBooking(uid: \"u{n}\") {{ uid }} ")).collect();
    let query = format!("mutation Ping {{ {fields} ping }}");
    let body = json!({ "query": query, "operationName": "Ping" }).to_string();
    let data: crate::value::Map = (1..50).map(|n| (format!("a{n}"), json!({ "uid": n }))).collect();
    let error = json!({ "message": "gone", "path": ["a0"], "extensions": { "code": "NOT_FOUND" } });
    let answer = json!({ "data": data, "errors": [error] }).to_string();
    let events = play(RULES, "POST /graphql", &body).says(200, &answer).events();
    assert_eq!(events.len(), 50);
    assert_eq!(told(&events[..2]), ["CANCELLED u0 failure #0", "CANCELLED u1 success #1"]);
    assert_eq!(events[0].error.as_deref(), Some("gone"));
    assert_eq!(events[49].request.operation.as_deref(), Some("cancelBooking"));
}

#[test]
fn a_query_that_only_the_application_knows_makes_one_event_with_its_hash() {
    // THREATS E38
    let body = r#"{"operationName":"X","extensions":{"persistedQuery":{"sha256Hash":"ab12"}}}"#;
    let event = play(RULES, "POST /graphql", body).says(200, r#"{"data":{}}"#).event();
    assert_eq!((event.action.as_str(), event.rule.id.as_str()), ("CALLS_UNOPENED", "p/unopened.graphql"));
    assert_eq!(event.details["calls"], json!(["ab12"]));
    assert_eq!(event.r#match.certainty, Certainty::Doubtful);
    assert!(has(&event, NoteCode::BodyUnparsed) && has(&event, NoteCode::MatchDoubtful));
    assert_eq!(event.source.as_deref(), Some("WEB"), "it has what the pack gives to all");
}

#[test]
fn an_envelope_that_cannot_be_opened_is_one_event_that_says_so() {
    // THREATS E24, E37
    for (line, cut) in [("POST /graphql", true), ("POST /rpc", true), ("POST /rpc", false)] {
        let mut played = play(RULES, line, "<odd>").says(200, "{}");
        if cut {
            played.exchange.request.body.state = CaptureState::Cut;
        }
        let event = played.event();
        assert_eq!(event.action, "CALLS_UNOPENED", "{line}");
        assert!(has(&event, if cut { NoteCode::BodyCut } else { NoteCode::BodyUnparsed }), "{event:?}");
    }
    // The path names tRPC's procedures whatever becomes of the body.
    let mut cut = play(RULES, "POST /api/trpc/bookings/confirm", "x").says(200, "{}");
    cut.exchange.request.body.state = CaptureState::Cut;
    assert_eq!(told(&cut.events()), ["CONFIRMED  success"]);
    assert!(play(RULES, "POST /graphql", "").says(200, "{}").events().is_empty(), "nothing is in it");
}

#[test]
fn calls_of_json_rpc_are_told_apart_notifications_too() {
    // THREATS E39
    let body = r#"[{"method":"booking.cancel","params":{"uid":"a"},"id":1},{"method":"x","params":{"loud":true}},
        {"method":"booking.cancel","params":{"uid":"b"}},{"method":"booking.cancel","params":{"uid":"c"},"id":2}]"#;
    let answer = r#"[{"id":2,"error":{"code":-32601}},{"id":1,"result":{}}]"#;
    let events = play(RULES, "POST /rpc", body).says(200, answer).events();
    let expected =
        ["CANCELLED a success #0", "LOUD  success #1", "CANCELLED b success #2", "CANCELLED c failure #3"];
    assert_eq!(told(&events), expected);
    assert_eq!(events[3].response.as_ref().map(|response| response.status), Some(404));
}

#[test]
fn an_answer_that_does_not_tell_leaves_the_outcome_unknown() {
    let body = r#"[{"method":"booking.cancel","params":{"uid":"a"},"id":1}]"#;
    for (answer, ended) in [("[]", Outcome::Unknown), ("<html>", Outcome::Unknown)] {
        let event = play(RULES, "POST /rpc", body).says(200, answer).event();
        assert_eq!(event.result, ended, "{answer}");
    }
    assert_eq!(play(RULES, "POST /rpc", body).says(500, "oh").event().result, Outcome::Failure);
}

#[test]
fn more_calls_than_the_limit_are_counted_and_named_in_one_event() {
    // THREATS E40
    let calls: Vec<Value> = (0..10_000).map(|n| json!({ "method": format!("m{n}"), "id": n })).collect();
    let event = play(RULES, "POST /rpc", &json!(calls).to_string()).says(200, "[]").event();
    assert_eq!((event.action.as_str(), &event.details["count"]), ("CALLS_UNOPENED", &json!(9_000)));
    assert_eq!(event.details["calls"][0], "m1000");
    assert!(has(&event, NoteCode::BatchCut));
}

#[test]
fn an_excluded_operation_is_left_out_and_others_beside_it_are_not() {
    let body = json!({ "query": "mutation { ping dropBooking(uid: 1) }" }).to_string();
    assert_eq!(
        told(&play(RULES, "POST /graphql", &body).says(200, "{}").events()),
        ["CANCELLED 1 unknown #1"]
    );
}

#[test]
fn a_path_in_a_header_does_not_slip_a_batch_past() {
    // THREATS E08, E37
    let mut played = play(RULES, "POST /x", "{}").header("x-original-url", "/api/trpc/bookings/get,confirm");
    played.exchange.client.is_trusted = true;
    assert_eq!(told(&played.says(200, "{}").events()), ["CALLS_UNOPENED  success"]);
}

fn batch(parts: &[&str]) -> String {
    let part = |(index, message): (usize, &&str)| {
        format!("--b\r\nContent-Type: application/http\r\nContent-ID: <{index}>\r\n\r\n{message}\r\n")
    };
    parts.iter().enumerate().map(part).collect::<String>() + "--b--\r\n"
}

#[test]
fn each_part_of_a_batch_is_met_read_and_judged_as_if_it_had_come_alone() {
    // THREATS E39
    let body = batch(&[
        "DELETE /v3/events/1 HTTP/1.1\r\nCookie: s=1\r\n\r\n",
        "POST /v3/events/2?x=1 HTTP/1.1\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
        "DELETE http://x.org/v3//%65vents/3\r\n\r\n",
        "POST /batch/v1 HTTP/1.1\r\n\r\n",
    ]);
    let answer = |id: &str, status: &str| {
        format!("--b\r\nContent-ID: <response-{id}>\r\n\r\nHTTP/1.1 {status}\r\n\r\n\r\n")
    };
    let answers =
        answer("1", "204 No Content") + &answer("0", "403 Forbidden") + &answer("2", "200 OK") + "--b--";
    let mut played = play(RULES, "POST /batch/v1", &body)
        .header("content-type", "multipart/mixed; boundary=b")
        .answer("GET /me", 200, r#"{"id":7}"#)
        .answer("GET /v3/events/2", 200, r#"{"title":"Two"}"#)
        .says(200, &answers);
    let kind = HeaderValue::from_static("multipart/mixed; boundary=b");
    played.exchange.response.as_mut().unwrap().headers.insert("content-type", kind);
    let events = played.events();
    let expected =
        ["DELETED 1 denied #0", "DELETED 2 success #1", "DELETED 3 success #2", "CALLS_UNOPENED  success"];
    assert_eq!(told(&events), expected);
    assert_eq!(events[0].actor.id.as_deref(), Some("7"));
    assert_eq!((events[1].actor.id.as_deref(), &events[1].changes[0].before), (None, &Some(json!("Two"))));
    assert!(has(&events[1], NoteCode::MethodOverridden) && has(&events[2], NoteCode::PathNormalised));
    assert_eq!(events[0].request.operation.as_deref(), Some("DELETE /v3/events/1"));
    assert_eq!(
        (events[0].request.method.as_str(), &*events[0].request.url),
        ("POST", "https://x.org/batch/v1")
    );
    assert_eq!(events[3].details["calls"], json!(["POST /batch/v1"]), "a batch in a batch is not opened");
}

#[test]
fn a_soap_call_is_told_by_its_element_and_a_fault_is_a_failure() {
    // THREATS E27
    let message = |content: &str| {
        format!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{content}</s:Body></s:Envelope>"#
        )
    };
    let fault = message("<s:Fault><faultstring>gone</faultstring></s:Fault>");
    let ews = |action: &str, element: &str| {
        let body = message(&format!("<{element}><Id>5</Id></{element}>"));
        play(RULES, "POST /ews", &body).header("soapaction", action).says(200, &fault).events()
    };
    let events = ews("urn:x/Cancel", "Cancel");
    assert_eq!((told(&events), events[0].error.as_deref()), (vec!["EWS 5 failure".to_owned()], Some("gone")));
    assert!(ews("urn:x/List", "List").is_empty());
    let other = ews("urn:x/Cancel", "List");
    assert_eq!(
        (other[0].action.as_str(), &other[0].details["calls"]),
        ("CALLS_UNOPENED", &json!(["Cancel"]))
    );
}
