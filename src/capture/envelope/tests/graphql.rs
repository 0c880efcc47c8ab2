//! GraphQL.

use super::*;

fn check_body(body: &Value, expected: &[&str]) -> Opened {
    let request = request("POST /graphql", "application/json", &body.to_string());
    let opened = opened(EnvelopeKind::GraphQl, &request);
    assert_eq!(calls(&opened), expected, "{body}");
    opened
}

fn check(query: &str, expected: &[&str]) -> Opened {
    check_body(&json!({ "query": query }), expected)
}

#[test]
fn each_root_field_of_a_mutation_is_a_call_under_its_real_name() {
    // THREATS E38
    check(r#"mutation { cancel(uid: "x") { uid } }"#, &[r#"cancel {"arguments":{"uid":"x"}}"#]);
    check(
        "mutation GetThings { list: cancel(id: 1) { ok } drop(all: [1.5, true, null, ONE, {a: \"\\u00e4\"}]) }",
        &[
            r#"cancel {"alias":"list","arguments":{"id":1},"operationName":"GetThings"}"#,
            r#"drop {"arguments":{"all":[1.5,true,null,"ONE",{"a":"ä"}]},"operationName":"GetThings"}"#,
        ],
    );
    check("query { cancel(uid: 1) { a } }", &[]);
    check("{ cancel }", &[]);
    check("subscription { cancel }", &[]);
    check(r#"mutation { a(t: """ x "y" """) }"#, &[r#"a {"arguments":{"t":" x \"y\" "}}"#]);
}

#[test]
fn fragments_are_laid_open_and_aliases_counted() {
    // THREATS E38
    check(
        "mutation { ...F ... on Mutation { b } ...F } fragment F on Mutation { a ...G } fragment G on M { c ...F }",
        &[r#"a {"arguments":{}}"#, r#"c {"arguments":{}}"#, r#"b {"arguments":{}}"#],
    );
    let aliases: String = (0..50).map(|number| format!("a{number}: cancel(id: {number}) ")).collect();
    let request_of =
        |query: String| request("POST /g", "application/json", &json!({ "query": query }).to_string());
    let fifty = opened(EnvelopeKind::GraphQl, &request_of(format!("mutation {{ {aliases} }}")));
    assert_eq!(fifty.calls.len(), 50);
    assert!(fifty.calls.iter().all(|call| call.operation.as_deref() == Some("cancel")));
    // One response name is run once, with the same arguments; with others it is no valid query.
    check("mutation { a(x: 1) a(x: 1) { y } }", &[r#"a {"arguments":{"x":1}}"#]);
    check("mutation { a(x: 1) a(x: 2) }", &[r#"a {"arguments":{"x":1}}"#, r#"a {"arguments":{"x":2}}?"#]);
}

#[test]
fn variables_are_put_in() {
    let query =
        "mutation M($id: ID!, $n: Int = 7, $gone: Int) { a(id: $id, in: {n: $n, l: [$id]}, gone: $gone) }";
    check_body(
        &json!({ "query": query, "variables": { "id": "x", "other": 1 } }),
        &[r#"a {"arguments":{"id":"x","in":{"l":["x"],"n":7}},"operationName":"M"}"#],
    );
    let large = json!({ "query": query, "variables": { "id": "x" } });
    assert!(
        check_body(&large, &[r#"a {"arguments":{"id":"x","in":{"l":["x"],"n":7}},"operationName":"M"}"#])
            .rest
            .is_empty()
    );
}

#[test]
fn what_is_skipped_is_no_call_and_what_may_be_is_doubt() {
    let query = "mutation ($yes: Boolean = true, $odd: Boolean) {
        a @skip(if: true) b @include(if: false) c @skip(if: $yes) d @include(if: $yes) e @skip(if: $odd)
        ... @include(if: false) { f } ...G @skip(if: true) h @custom }
        fragment G on M { g }";
    check(query, &[r#"d {"arguments":{}}"#, r#"e {"arguments":{}}?"#, r#"h {"arguments":{}}"#]);
}

#[test]
fn an_operation_name_only_selects() {
    // THREATS E38
    let query = "mutation A { a } mutation B { b } query C { c }";
    let named = |name: &str| json!({ "query": query, "operationName": name });
    check_body(&named("B"), &[r#"b {"arguments":{},"operationName":"B"}"#]);
    check_body(&named("C"), &[]);
    let both = [r#"a {"arguments":{},"operationName":"A"}?"#, r#"b {"arguments":{},"operationName":"B"}?"#];
    check_body(&named("cancelNothing"), &both);
    check_body(&json!({ "query": query }), &both);
}

#[test]
fn a_query_is_found_wherever_servers_look_for_it() {
    let get = request("GET /g?query=mutation%7Ba(x%3A%24v)%7D&variables=%7B%22v%22%3A1%7D", "", "");
    assert_eq!(calls(&opened(EnvelopeKind::GraphQl, &get)), [r#"a {"arguments":{"x":1}}"#]);
    let text = request("POST /g", "application/graphql", "mutation { a }");
    assert_eq!(calls(&opened(EnvelopeKind::GraphQl, &text)), [r#"a {"arguments":{}}"#]);
    let form = request("POST /g", "application/x-www-form-urlencoded", "query=mutation%7Ba%7D");
    assert_eq!(calls(&opened(EnvelopeKind::GraphQl, &form)), [r#"a {"arguments":{}}"#]);
    let files = "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation{a}\"}\r\n--b--\r\n";
    let files = request("POST /g", "multipart/form-data; boundary=b", files);
    assert_eq!(calls(&opened(EnvelopeKind::GraphQl, &files)), [r#"a {"arguments":{}}"#]);
    let both = request("POST /g?query=mutation%7Bb%7D", "application/json", r#"{"query":"mutation{a}"}"#);
    assert_eq!(
        calls(&opened(EnvelopeKind::GraphQl, &both)),
        [r#"a {"arguments":{}}?"#, r#"b {"arguments":{}}?"#]
    );
    let doubled = request("POST /g", "application/json", r#"{"query":"{q}","query":"mutation{a}"}"#);
    assert_eq!(calls(&opened(EnvelopeKind::GraphQl, &doubled)), [r#"a {"arguments":{}}?"#]);
    check_body(
        &json!([{ "query": "mutation { a }" }, { "query": "{ q }" }, { "query": "mutation { b }" }]),
        &[r#"a {"arguments":{}}"#, r#"b {"arguments":{}}"#],
    );
}

#[test]
fn a_query_that_only_the_application_knows_is_left_over_with_its_hash() {
    // THREATS E38
    let body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "abc" } } });
    let rest = check_body(&body, &[]).rest;
    assert_eq!((rest.names.as_slice(), rest.count), (&["abc".to_owned()][..], 1));
    assert!(!check_body(&json!({ "operationName": "X" }), &[]).rest.is_empty());
}

#[test]
fn a_query_that_cannot_be_read_is_left_over_with_the_fields_that_are_seen() {
    let rest = check("mutation { cancel(uid: ) { uid } drop", &[]).rest;
    assert!(rest.names.contains(&"cancel".to_owned()), "{rest:?}");
    let deep = format!("mutation {{ a{} }}", "{a".repeat(5_000));
    assert!(!check(&deep, &[]).rest.is_empty());
}

#[test]
fn answers_are_paired_by_alias_and_errors_by_path() {
    let opened = check(
        "mutation { x: a b c d e }",
        &[
            r#"a {"alias":"x","arguments":{}}"#,
            r#"b {"arguments":{}}"#,
            r#"c {"arguments":{}}"#,
            r#"d {"arguments":{}}"#,
            r#"e {"arguments":{}}"#,
        ],
    );
    let error =
        |path: Value, code: &str| json!({ "message": "m", "path": path, "extensions": { "code": code } });
    let (b, c, d) = (
        error(json!(["b"]), "FORBIDDEN"),
        error(json!(["c"]), "OTHER"),
        error(json!(["d", "z"]), "FORBIDDEN"),
    );
    let body = json!({ "data": { "x": { "ok": 1 }, "b": null, "c": null, "d": { "z": null } }, "errors": [b, c, d] });
    assert_eq!(
        answers(EnvelopeKind::GraphQl, &opened, 200, &body),
        [
            r#"200 {"data":{"ok":1}}"#.to_owned(),
            format!(r#"403 {{"data":null,"errors":[{b}]}}"#),
            format!(r#"400 {{"data":null,"errors":[{c}]}}"#),
            // The field was done; a member of its answer was not to be read.
            format!(r#"200 {{"data":{{"z":null}},"errors":[{d}]}}"#),
            "?".to_owned(),
        ]
    );
    let whole = json!({ "errors": [{ "message": "m", "extensions": { "code": "UNAUTHENTICATED" } }] });
    assert!(
        answers(EnvelopeKind::GraphQl, &opened, 200, &whole).iter().all(|answer| answer.starts_with("401 "))
    );
    assert_eq!(answers(EnvelopeKind::GraphQl, &opened, 502, &json!("x"))[0], r#"502 "x""#);
}

#[test]
fn ten_thousand_aliases_and_large_variables_are_bounded() {
    // THREATS E40
    let aliases: String = (0..10_000).map(|number| format!("a{number}: cancel(x: $v) ")).collect();
    let body = json!({ "query": format!("mutation {{ {aliases} }}"), "variables": { "v": vec![0; 5_000] } });
    let request = request("POST /g", "application/json", &body.to_string());
    let opened = opened(EnvelopeKind::GraphQl, &request);
    assert_eq!((opened.calls.len(), opened.rest.count), (1_000, 9_000));
    assert_eq!(opened.rest.reasons[0].code, NoteCode::BatchCut);
    let last = opened.calls[999].body.as_ref().unwrap();
    assert!(last.doubts.iter().any(|doubt| doubt.code == NoteCode::BodyCut));
}
