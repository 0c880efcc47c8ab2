//! The places through which secrets slip (THREATS P04), and the hashes that must not be made (P03).

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::rules::expr::{Compiler, Names, Phase};
use crate::value::{Value, json};
use crate::yaml::{Problems, Source, Span};

fn with_redactor<T>(secrets: &Secrets, run: impl FnOnce(&Redactor<'_>) -> T) -> T {
    run(&Redactor::new(&Key::new([7; 32]), vec![secrets]))
}

fn redacted(mut value: Value) -> Value {
    with_redactor(&Secrets::default(), |redactor| redactor.value(&["request", "body"], &mut value));
    value
}

fn path(text: &str) -> Path {
    let source = Source::new("test.yaml", text);
    let mut problems = Problems::default();
    let names =
        Names { phase: Phase::Answer, has_answer: false, has_item: false, parts: None, vars: Vec::new() };
    let mut compiler = Compiler { source: &source, problems: &mut problems, names };
    compiler.path(text, Span::default()).unwrap()
}

const LONG: &str = "s3cr3t-s3cr3t-s3cr3t";

#[test]
fn a_canary_survives_nowhere() {
    // THREATS P04
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnc2ln";
    let places = [
        json!({"password": LONG}),
        json!({"New-Password": LONG, "pass_word": LONG, "PASSWD": LONG}),
        json!({"a": [{"b": {"accessToken": LONG}}]}),
        json!({"credentials": {"inner": [LONG, {"x": LONG}]}}),
        json!({"tokens[]": [LONG]}),
        json!({"body": format!(r#"{{"json":{{"apiKey":"{LONG}"}}}}"#)}),
        json!({"body": format!(r#"{{"json":"{{\"apiKey\":\"{LONG}\"}}"}}"#)}),
        json!({"log": format!(r#"sent {{"apiKey": "{LONG}" and broke"#)}),
        json!({"url": format!("https://x.org/cb?apiKey={LONG}&state=1")}),
        json!({"url": format!("https://x.org/cb#access_token={LONG}")}),
        json!({"url": format!("see /reset?%74oken={LONG} now")}),
        json!({"url": format!("https://ada:{LONG}@x.org/")}),
        json!({"form": format!("client_secret={LONG}&a=b")}),
        json!(format!("Authorization: cal_{}", LONG.replace('-', "_"))),
        json!(format!("-----BEGIN PRIVATE KEY-----\n{LONG}\n-----END PRIVATE KEY-----")),
    ];
    for place in places {
        let text = redacted(place.clone()).to_string();
        assert!(!text.contains("s3cr3t"), "{place} became {text}");
    }
    assert!(!redacted(json!({"note": format!("it is {jwt}.")})).to_string().contains("eyJ"));
}

#[test]
fn what_is_no_secret_stays_as_it_was() {
    for value in [
        json!({"passwordResetRequired": true, "password": null, "secret": false}),
        json!({"id": 1767950400000_u64, "uid": "bk_4111", "phone": "+49 30 1234567"}),
        json!({"url": "https://x.org/auth/error?error=second-factor-required&provider="}),
        json!({"text": "a=b, {not json}, [x], \"k\": \"v\""}),
        json!({"json": r#"{"start": "2026-01-10T10:00:00Z"}"#}),
        json!({"uuid": "41111111-1111-4111-8111-111111111111"}),
    ] {
        assert_eq!(redacted(value.clone()), value);
    }
}

#[test]
fn typed_secrets_leave_nothing_to_compare_and_tokens_do() {
    // THREATS P03
    let value = redacted(json!({"password": LONG, "totpCode": 123456, "token": LONG, "idToken": "short"}));
    assert_eq!(value["password"], "[redacted]");
    assert_eq!(value["totpCode"], "[redacted]");
    assert_eq!(value["idToken"], "[redacted]");
    let token = value["token"].as_str().unwrap();
    assert_eq!((token.len(), &token[..10]), (23, "[redacted:"));
    assert_eq!(redacted(json!({"x": {"token": LONG}}))["x"]["token"], value["token"]);
}

#[test]
fn payment_cards_are_known_by_their_check_digit() {
    let check = |text: &str, expected: &str| assert_eq!(redacted(json!(text)), json!(expected));
    check("card 4111 1111 1111 1111, thanks", "card [redacted], thanks");
    check("5500-0000-0000-0004", "[redacted]");
    check("4111111111111112", "4111111111111112");
    check("x4111111111111111", "x4111111111111111");
    assert_eq!(redacted(json!({"n": 4111111111111111_u64})), json!({"n": "[redacted]"}));
}

#[test]
fn packs_add_names_and_paths_and_reveal_exact_ones() {
    let redact = [
        RedactTarget::Name("invite-Link".to_owned()),
        RedactTarget::Path(path("$.request.body.people[?@.kind == 'x'].note")),
    ];
    let reveal = [
        path("$.request.body.error.code"),
        path("$.request.body['list'][*].token"),
        path("$.request..password"),
    ];
    let secrets = Secrets::new(&redact, &reveal);
    let mut document = json!({"request": {"body": {
        "inviteLink": "https://x.org/i/abc", "error": {"code": "refused"}, "other": {"code": "refused"},
        "list": [{"token": "t"}], "password": "p",
        "people": [{"kind": "x", "note": 1}, {"kind": "y", "note": 2}],
    }}});
    with_redactor(&secrets, |redactor| {
        redactor.value(&["request", "body"], &mut document["request"]["body"]);
        redactor.paths(&mut document);
    });
    let body = &document["request"]["body"];
    assert!(body["inviteLink"].as_str().unwrap().starts_with("[redacted:"));
    assert_eq!(body["error"]["code"], "refused");
    assert_eq!(body["other"]["code"], "[redacted]");
    assert_eq!(body["list"][0]["token"], "t");
    assert_eq!(body["password"], "[redacted]", "`..` reveals nothing");
    assert_eq!(body["people"], json!([{"kind": "x", "note": "[redacted]"}, {"kind": "y", "note": 2}]));
}

#[test]
fn headers_that_carry_secrets_are_redacted() {
    let check = |name: &'static str, value: &str, expected: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        let name = http::HeaderName::from_static(name);
        let text = with_redactor(&Secrets::default(), |redactor| redactor.header(&headers, &name));
        assert!(text.starts_with(expected), "{name}: {text}");
        assert!(!text.contains("s3cr3t"), "{name}: {text}");
    };
    check("authorization", &format!("Bearer {LONG}"), "Bearer [redacted:");
    check("authorization", "Basic YWRhOnMzY3IzdA==", "Basic [redacted]");
    check("cookie", &format!("session={LONG}"), "[redacted:");
    check("set-cookie", &format!("session={LONG}; HttpOnly"), "[redacted:");
    check("x-api-key", LONG, "[redacted:");
    check("x-csrf-token", LONG, "[redacted:");
    check("location", &format!("/done?code={LONG}&error=no"), "/done?code=[redacted]&error=no");
    check("referer", &format!("https://x.org/?token={LONG}"), "https://x.org/?token=[redacted:");
    check("user-agent", "curl/8", "curl/8");
}

#[test]
fn the_key_tells_lists_of_fields_apart() {
    // THREATS E56
    let key = Key::new([1; 32]);
    assert_ne!(key.hash("p", &[b"ab", b"c"]), key.hash("p", &[b"a", b"bc"]));
    assert_ne!(key.hash("p", &[b"a"]), key.hash("q", &[b"a"]));
    assert_ne!(key.hash("p", &[b"a"]), Key::new([2; 32]).hash("p", &[b"a"]));
}
