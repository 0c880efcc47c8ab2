//! tRPC.

use super::*;

fn check(line: &str, body: &str, expected: &[&str]) -> Opened {
    let request = request(line, "application/json", body);
    let opened = opened(EnvelopeKind::Trpc, &request);
    assert_eq!(calls(&opened), expected, "{line} {body}");
    opened
}

#[test]
fn each_procedure_of_the_path_is_a_call_with_its_own_input() {
    // THREATS E37
    check("POST /api/trpc/b/x", r#"{"json":{"id":1},"meta":{"values":{}}}"#, &[r#"x {"id":1}"#]);
    check("POST /api/trpc/b/x", r#"{"id":1}"#, &[r#"x {"id":1}"#]);
    check(
        "POST /api/trpc/b/x,y?batch=1",
        r#"{"0":{"json":1},"1":{"json":{"a":2}}}"#,
        &["x 1", r#"y {"a":2}"#],
    );
    check("POST /t/x,y,z?batch=1", r#"{"0":{"json":1},"2":{"json":3}}"#, &["x 1", "y empty", "z 3"]);
    check("POST /t/x,y?batch=1", r#"[{"json":1},{"json":2}]"#, &["x 1", "y 2"]);
    check("POST /t/x%2Cy%2cx?batch=1", r#"{"0":1,"1":2,"2":3}"#, &["x 1", "y 2", "x 3"]);
    check("POST /t/x/?batch=1", r#"{"0":1}"#, &["x 1"]);
    check("GET /t/x,y?batch=1&input=%7B%220%22%3A%7B%22json%22%3A1%7D%7D", "", &["x 1", "y empty"]);
    check("GET /t/x?input=%7B%22json%22%3A%7B%22a%22%3A1%7D%7D", "", &[r#"x {"a":1}"#]);
    check("GET /t/x", "", &["x empty"]);
}

#[test]
fn what_path_query_and_body_disagree_about_is_doubt() {
    // THREATS E37
    check("POST /t/x,y?batch=1", r#"{"0":1,"1":2,"2":3}"#, &["x 1?", "y 2?"]);
    check("POST /t/x?batch=1", r#"{"0":1,"zero":2}"#, &["x 1?"]);
    check("POST /t/x,y?batch=1", r#"[1,2,3]"#, &["x 1?", "y 2?"]);
    check("POST /t/x,y?batch=1", r#""0""#, &["x empty?", "y empty?"]);
    check("POST /t/x,y", r#"{"a":1}"#, &[r#"x {"a":1}?"#, r#"y {"a":1}?"#]);
    check("POST /t/x?batch=1&batch=0", r#"{"0":1}"#, &["x 1?"]);
    check("POST /t/x?b%61tch=0", r#"{"0":1}"#, &[r#"x {"0":1}?"#]);
    check("POST /t/x?batch=1", r#"{"0":1,"0":2}"#, &["x 2?"]);
    check("GET /t/x?input=1&input=2", "", &["x 1?"]);
    check("GET /t/x?input=%7B", "", &["x unreadable?"]);
    check("POST /t/x,y?batch=1", "<", &["x unreadable?", "y unreadable?"]);
}

#[test]
fn a_call_looks_as_if_it_had_come_alone() {
    let opened = check("POST /api/trpc/b/x%79,z?batch=1&lang=en", r#"{"0":1,"1":2}"#, &["xy 1", "z 2"]);
    let target = |index: usize| opened.calls[index].request.target.as_str();
    assert_eq!([target(0), target(1)], ["/api/trpc/b/x%79?lang=en", "/api/trpc/b/z?lang=en"]);
    assert_eq!(opened.calls.iter().map(|call| call.part).collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert_eq!(check("POST /t/x", "1", &["x 1"]).calls[0].part, None);
}

#[test]
fn without_the_body_the_path_still_names_the_procedures() {
    let request = request("POST /t/x,y?batch=1", "application/json", "");
    assert_eq!(calls(&open(EnvelopeKind::Trpc, &request, None, &[], 1)), ["x …", "y …"]);
}

#[test]
fn each_call_gets_its_own_answer_and_status() {
    let batch = check("POST /t/x,y,z?batch=1", r#"{"0":1}"#, &["x 1", "y empty", "z empty"]);
    let error = json!({ "json": { "message": "no", "data": { "httpStatus": 403, "code": "FORBIDDEN" } } });
    let body = json!([{ "result": { "data": { "json": { "ok": true } } } }, { "error": error }]);
    assert_eq!(
        answers(EnvelopeKind::Trpc, &batch, 207, &body),
        [r#"200 {"ok":true}"#, &format!("403 {}", error["json"]), "?"]
    );
    let whole = json!({ "error": { "message": "m" } });
    assert_eq!(answers(EnvelopeKind::Trpc, &batch, 200, &whole), [r#"500 {"message":"m"}"#; 3]);
    assert_eq!(answers(EnvelopeKind::Trpc, &batch, 502, &json!("bad")), [r#"502 "bad""#; 3]);
    let one = check("POST /t/x", "1", &["x 1"]);
    let nothing = json!({ "result": {} });
    assert_eq!(answers(EnvelopeKind::Trpc, &one, 201, &nothing), ["201 -"]);
    assert_eq!(answers(EnvelopeKind::Trpc, &one, 401, &json!({ "a": 1 })), [r#"401 {"a":1}"#]);
}

#[test]
fn a_batch_beyond_the_limit_is_cut_and_its_rest_is_named() {
    // THREATS E40
    let names: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    let request = request(&format!("POST /t/{}?batch=1", names.join(",")), "application/json", "{}");
    let opened = opened(EnvelopeKind::Trpc, &request);
    let rest = opened.rest;
    assert_eq!((opened.calls.len(), rest.count, rest.names.len()), (1_000, 9_000, 100));
    assert_eq!((rest.names[0].as_str(), rest.reasons[0].code), ("p1000", NoteCode::BatchCut));
}

#[test]
fn many_procedures_without_a_batch_share_one_copy_of_the_body() {
    let body = json!({ "a": "x".repeat(100_000) }).to_string();
    let request = request(&format!("POST /t/{}", "a,".repeat(999)), "application/json", &body);
    let opened = opened(EnvelopeKind::Trpc, &request);
    let first = opened.calls[0].body.as_ref().unwrap();
    assert!(opened.calls.iter().all(|call| Arc::ptr_eq(call.body.as_ref().unwrap(), first)));
}
