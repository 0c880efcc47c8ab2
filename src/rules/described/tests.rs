//! Which requests of descriptions rules cover, case by case.

use serde_json::{Value, json};

use super::*;
use crate::rules::model::RuleSet;

/// Each request that may change something, with what becomes of it.
fn check(document: &Value, rules: &str, exceptions: &str, expected: &[&str]) {
    let texts = [("pack.yaml", rules), ("coverage.yaml", exceptions)];
    let loaded = RuleSet::from_texts("p", &texts).unwrap_or_else(|problems| panic!("{}", problems.render()));
    let coverage = Description::read(document).unwrap().coverage(&loaded.rules, &[]);
    let told = coverage.operations.iter().map(|covered| {
        let id = covered.id.as_deref().unwrap_or("-");
        let standing = match &covered.standing {
            Standing::Covered(rules) => rules.join(" "),
            Standing::Excluded => "excluded".to_owned(),
            Standing::Excepted(reason) => format!("excepted: {reason}"),
            Standing::Uncovered(rules) => format!("uncovered {}", rules.join(" ")).trim_end().to_owned(),
        };
        format!("{} {id}: {standing}", covered.line)
    });
    let told: Vec<String> = told.chain(coverage.idle.iter().map(|idle| format!("idle: {idle}"))).collect();
    assert_eq!(told, expected, "{rules}");
    let is_told = told.iter().any(|line| line.contains(": uncovered"));
    assert_eq!(coverage.has_gaps(), is_told);
}

#[test]
fn each_request_that_may_change_something_is_covered_or_excluded_or_excepted_or_told() {
    let document = json!({
        "openapi": "3.1.0",
        "servers": [{ "url": "https://api.example.org/v2/" }],
        "paths": {
            "/bookings": { "get": {}, "post": { "operationId": "book" }, "parameters": [] },
            "/bookings/{uid}": { "delete": { "operationId": "drop" }, "patch": {} },
            "/bookings/recurring": { "post": {} },
            "/hooks/{hook-id}": { "put": { "operationId": "hook" } },
            "/locks": { "post": {} },
            "/seen/{a}.{b}": { "post": {} },
        },
    });
    let rules = "version: 1\nexclude: [POST /v2/locks]\nrules:\n\
        - { id: any, match: POST /v2/bookings, action: A }\n\
        - { id: dropped, match: 'DELETE /v2/bookings/{x}', action: A }\n\
        - { id: watched, mode: shadow, match: 'POST /v2/seen/{x}', action: A }\n\
        - { id: off, mode: disabled, match: 'PATCH /v2/bookings/{x}', action: A }";
    let exceptions =
        "- { operation: [hook, gone], reason: no data }\n- { line: 'POST /v2/seen/none', reason: none }";
    check(
        &document,
        rules,
        exceptions,
        &[
            "POST /v2/bookings book: p/any",
            "POST /v2/bookings/recurring -: uncovered",
            "DELETE /v2/bookings/{uid} drop: p/dropped",
            "PATCH /v2/bookings/{uid} -: uncovered",
            "PUT /v2/hooks/{hook-id} hook: excepted: no data",
            "POST /v2/locks -: excluded",
            "POST /v2/seen/{a}.{b} -: uncovered p/watched",
            "idle: gone",
            "idle: POST /v2/seen/none",
        ],
    );
}

#[test]
fn a_rule_that_only_the_body_could_call_is_no_cover() {
    let document = json!({ "paths": { "/b/{x}": { "post": {}, "delete": {} } } });
    let rules = "version: 1\nrules: [{ id: r, match: 'DELETE /b/{x}', action: A }]";
    check(&document, rules, "[]", &["DELETE /b/{x} -: p/r", "POST /b/{x} -: uncovered"]);
    check(
        &document,
        rules,
        "[{ line: 'POST /b/{y*}', reason: n }]",
        &["DELETE /b/{x} -: p/r", "POST /b/{x} -: excepted: n"],
    );
}

#[test]
fn a_pack_that_is_bound_to_hosts_is_asked_under_its_host() {
    let document = json!({ "paths": { "/b": { "post": {} } } });
    check(
        &document,
        "version: 1\nhosts: ['*.example.org']\nexclude: []\nrules: [{ id: r, match: POST /b, action: A }]",
        "[]",
        &["POST /b -: p/r"],
    );
}

#[test]
fn the_methods_of_a_discovery_document_and_its_batch_path_are_requests() {
    let document = json!({
        "discoveryVersion": "v1", "servicePath": "calendar/v3/", "batchPath": "batch/calendar/v3",
        "methods": { "stop": { "id": "c.stop", "httpMethod": "POST", "path": "channels/stop" } },
        "resources": { "events": {
            "methods": {
                "delete": { "id": "c.events.delete", "httpMethod": "DELETE", "path": "calendars/{calendarId}/events/{eventId}" },
                "list": { "id": "c.events.list", "httpMethod": "GET", "path": "calendars/{calendarId}/events" },
            },
            "resources": { "deep": { "methods": {
                "set": { "id": "c.deep.set", "httpMethod": "PUT", "path": "v1/{+name}", "flatPath": "v1/users/{usersId}" },
            } } },
        } },
    });
    let rules = "version: 1\nrules:\n\
        - { id: d, match: 'DELETE /calendar/v3/calendars/{c}/events/{e}', action: A }\n\
        - { id: s, match: 'PUT /calendar/v3/v1/users/{u}', action: A }";
    check(
        &document,
        rules,
        "- { operation: batch, reason: is read apart }\n- { line: POST /calendar/v3/channels/stop, reason: no data }",
        &[
            "POST /calendar/v3/channels/stop c.stop: excepted: no data",
            "DELETE /calendar/v3/calendars/{calendarId}/events/{eventId} c.events.delete: p/d",
            "PUT /calendar/v3/v1/users/{usersId} c.deep.set: p/s",
            "POST /batch/calendar/v3 batch: excepted: is read apart",
        ],
    );
}

#[test]
fn what_is_wrong_with_exceptions_is_told_all_at_once() {
    let exceptions =
        "- { operation: a }\n- { reason: b }\n- { line: POST x, reason: c }\n- { op: a, reason: d }";
    let texts = [("pack.yaml", "version: 1"), ("coverage.yaml", exceptions)];
    let told = RuleSet::from_texts("p", &texts).unwrap_err().render();
    for message in ["has no `reason`", "has no `operation`", "a path begins with /", "unknown key `op`"] {
        assert!(told.contains(message), "{message} is not in\n{told}");
    }
}
