//! What is told of a request before it is forwarded.

use super::plans::plan;
use super::*;
use crate::event::{Intent, Outcome};

const RULES: &str = r#"
formats: [{ at: "POST /rpc", as: json-rpc }]
actors:
  - { name: basic, when: { $.credential.kind: basic }, actor: { type: user, id: $.credential.user } }
  - { name: asked, ask: GET /me, actor: { type: user, id: $.answer.body.id } }
resources:
  thing: { read: GET self, select: $.answer.body, type: gadget }
rules:
  - { id: put, match: "PUT /things/{id}", before: thing, action: { first: [ { value: PUT_MUCH, when: { $.request.body.n: 2 } }, PUT ] } }
  - { id: hide, match: "POST /hide/{token}/{id}", redact: ["$.request.query.q", token], action: HIDDEN, target: { type: h, id: $.path.id } }
  - { id: late, match: "POST /late", action: $.request.body.verb, target: { type: l, id: $.request.body.id } }
  - { id: two, match: "POST /two", action: ONE }
  - { id: two_too, match: "POST /two", action: OTHER }
  - { id: call, match: { request: "POST /rpc", operation: x.y }, action: CALLED }
"#;

fn intent(line: &str, headers: &[(&str, &str)]) -> Intent {
    let mut played = play(RULES, line, "{}");
    for (name, value) in headers {
        played = played.header(name, value);
    }
    let (request, client) = (&played.exchange.request, &played.exchange.client);
    played.engine.intent(&plan(&played), request, client, Uuid::from_u128(5), played.exchange.received_at)
}

#[test]
fn an_intent_names_rules_actions_and_the_target_as_far_as_the_head_tells() {
    let check = |line: &str, rules: &[&str], actions: &[&str], target: Option<(&str, Option<&str>)>| {
        let intent = intent(line, &[]);
        let told: Vec<&str> = intent.candidates.iter().map(|one| one.rule.id.as_str()).collect();
        assert_eq!(told, rules, "{line}");
        let told: Vec<&str> =
            intent.candidates.iter().flat_map(|one| &one.actions).map(String::as_str).collect();
        assert_eq!(told, actions, "{line}");
        let told =
            intent.candidates[0].target.as_ref().map(|target| (target.r#type.as_str(), target.id.as_deref()));
        assert_eq!(told, target, "{line}");
        let event = intent.into_event(Uuid::from_u128(6));
        assert_eq!((event.exchange_id, event.result), (Uuid::from_u128(5), Outcome::Unknown));
    };
    check("PUT /things/7", &["p/put"], &["PUT_MUCH", "PUT"], Some(("gadget", Some("7"))));
    check("POST /late", &["p/late"], &[], Some(("l", None)));
    check("POST /two", &["p/two", "p/two_too"], &["ONE", "OTHER"], None);
}

#[test]
fn an_intent_shows_no_secret() {
    let check = |line: &str, url: &str| {
        let intent = intent(line, &[]);
        assert_eq!(intent.request.url, url);
        let text = serde_json::to_string(&intent).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    };
    check("POST /two?token=s3cret&a=1", "https://x.org/two?token=[redacted]&a=1");
    check("POST /hide/s3cret/8?q=s3cret", "https://x.org/hide/[redacted]/8?q=[redacted]");
    // Its query may hold calls that other rules have secrets in.
    check("POST /rpc?x=s3cret", "https://x.org/rpc");
}

#[test]
fn an_intent_says_who_where_the_head_does_and_else_with_which_credential() {
    let check = |header: (&str, &str), id: Option<&str>| {
        let actor = intent("POST /two", &[header]).actor;
        assert_eq!(actor.id.as_deref(), id);
        assert!(actor.credential.is_some());
        assert_eq!(actor.assurance, if id.is_some() { Assurance::Claimed } else { Assurance::None });
    };
    check(("authorization", "Basic YWRhOnB3"), Some("ada"));
    check(("authorization", "Bearer t"), None);
}
