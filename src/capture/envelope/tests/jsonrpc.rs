//! JSON-RPC.

use super::*;

fn check(body: &str, expected: &[&str]) -> Opened {
    let request = request("POST /rpc", "application/json-rpc", body);
    let opened = opened(EnvelopeKind::JsonRpc, &request);
    assert_eq!(calls(&opened), expected, "{body}");
    opened
}

#[test]
fn each_object_is_a_call_notifications_too() {
    // THREATS E39
    check(
        r#"{"jsonrpc":"2.0","method":"b.cancel","params":{"uid":"x"},"id":1}"#,
        &[r#"b.cancel {"uid":"x"}"#],
    );
    check(
        r#"[{"method":"a","params":[1],"id":1},{"method":"b"},{"method":"a","id":"1"}]"#,
        &["a [1]", "b empty", "a empty"],
    );
    check("[]", &[]);
}

#[test]
fn a_method_that_can_be_read_in_two_ways_is_doubt_and_told() {
    // THREATS E17, E19, E39
    let double = check(r#"{"method":"a","method":"b","id":1}"#, &["b empty?"]);
    assert_eq!(double.rest.reasons[0].code, NoteCode::DuplicateKey);
    check(r#"{"Method":"a","PARAMS":{"x":1},"id":1}"#, &[r#"a {"x":1}?"#]);
    let none = check(r#"[{"id":1},5,{"method":"a"}]"#, &["a empty"]);
    assert_eq!((none.rest.count, none.rest.reasons[0].code), (2, NoteCode::BodyUnparsed));
    let inner = check(r#"[{"method":"a","params":{"x":1,"x":2}}]"#, &[r#"a {"x":2}"#]);
    assert_eq!(inner.calls[0].body.as_ref().unwrap().doubts[0].path, ["x"]);
}

#[test]
fn answers_are_paired_by_id() {
    let batch = check(
        r#"[{"method":"a","id":1},{"method":"b","id":"x"},{"method":"c"},{"method":"d","id":9},{"method":"e","id":3},{"method":"f","id":3}]"#,
        &["a empty", "b empty", "c empty", "d empty", "e empty", "f empty"],
    );
    let body = json!([
        { "id": "x", "error": { "code": -32601, "message": "m" } },
        { "id": 1, "result": { "ok": true }, "error": null },
        { "id": 3, "result": 1 },
    ]);
    assert_eq!(
        answers(EnvelopeKind::JsonRpc, &batch, 200, &body),
        [r#"200 {"ok":true}"#, r#"404 {"code":-32601,"message":"m"}"#, "200 -", "?", "?", "?"]
    );
    assert_eq!(answers(EnvelopeKind::JsonRpc, &batch, 500, &json!("x"))[0], r#"500 "x""#);
    let one = check(r#"{"method":"a","id":1}"#, &["a empty"]);
    let error = json!({ "id": null, "error": { "code": -32000 } });
    assert_eq!(answers(EnvelopeKind::JsonRpc, &one, 200, &error), [r#"400 {"code":-32000}"#]);
}

#[test]
fn a_batch_beyond_the_limit_is_cut_and_its_rest_is_named() {
    // THREATS E40
    let calls: Vec<Value> = (0..10_000).map(|id| json!({ "method": format!("m{id}"), "id": id })).collect();
    let request = request("POST /rpc", "application/json", &Value::Array(calls).to_string());
    let opened = opened(EnvelopeKind::JsonRpc, &request);
    assert_eq!((opened.calls.len(), opened.rest.count), (1_000, 9_000));
    assert_eq!((opened.rest.names[0].as_str(), opened.rest.reasons[0].code), ("m1000", NoteCode::BatchCut));
}
