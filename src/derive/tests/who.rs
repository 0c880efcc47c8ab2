//! Who it was, and how sure that is: what a claim, a question, a doubled credential and a login are worth.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::event::{Assurance, Evidence};
use crate::exchange::Certificate;
use crate::value::json;

const OFFICE: &str = r#"
actors:
  - { name: token, when: { $.credential.kind: jwt }, actor: { type: user, id: $.credential.claims.sub, organization: $.credential.claims.org } }
  - { name: basic, when: { $.credential.kind: basic }, actor: { type: user, id: $.credential.user } }
  - name: impersonator
    when: { $.credential.kind: cookie, "$.answer.body.impersonated": true }
    ask: GET /me
    actor: { type: user, id: $.answer.body.admin }
    on_behalf_of: { type: user, id: $.answer.body.id, organization: $.answer.body.org }
  - { name: session, when: { $.credential.kind: cookie }, ask: GET /me, actor: { type: $.answer.body.type, id: $.answer.body.id, name: $.answer.body.name, organization: $.answer.body.org, team: $.request.body.teamId } }
  - { name: proxy, when: { $.client.trusted: true }, actor: { type: user, id: "$.request.headers['x-remote-user']" }, on_behalf_of: { id: "$.request.headers['x-acts-for']" } }
  - { name: guest, when: { $.credential.kind: none }, actor: { type: $.request.body.type, email: $.request.body.email, organization: $.request.body.org } }
vars: { team: { first: [$.before.teamId, $.request.body.teamId] }, own: $.before.teamId }
resources: { thing: { read: "GET /things/{id}" } }
rules:
  - { id: open, match: POST /open, action: OPENED }
  - { id: closed, match: POST /closed, authenticated: true, action: CLOSED }
  - { id: thing, match: "POST /things/{id}", before: thing, action: CHANGED, scope: { organization: $.actor.organization, team: $.vars.own } }
  - { id: loose, match: "PUT /things/{id}", before: thing, action: CHANGED, scope: { organization: $.request.body.organizationId, team: $.vars.team } }
  - { id: after, match: "PATCH /things/{id}", before: thing, after: { merged: $.request.body }, action: CHANGED, scope: { team: $.after.teamId } }
"#;

fn token(claims: &Value) -> String {
    format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Id and assurance of the actor, and the id of the one on whose behalf.
fn said(event: &Event) -> (Option<&str>, Assurance, Option<&str>) {
    let behalf = event.on_behalf_of.as_ref().and_then(|actor| actor.id.as_deref());
    (event.actor.id.as_deref(), event.actor.assurance, behalf)
}

// THREATS E54
#[test]
fn claims_are_claims_until_a_route_that_needs_them_accepts_the_token() {
    let check = |line: &str, claims: Value, status: u16, expected: (Option<&str>, Assurance)| {
        let event =
            play(OFFICE, line, "{}").header("authorization", &token(&claims)).says(status, "").event();
        assert_eq!((event.actor.id.as_deref(), event.actor.assurance), expected, "{line} {claims} {status}");
    };
    let ceo = || json!({"sub": "ceo", "alg": "none"});
    check("POST /closed", ceo(), 200, (Some("ceo"), Assurance::Verified));
    check("POST /open", ceo(), 200, (Some("ceo"), Assurance::Claimed));
    check("POST /closed", ceo(), 401, (None, Assurance::None));
    check("POST /closed", ceo(), 500, (Some("ceo"), Assurance::Claimed));
    for odd in [json!("never"), json!(-1), json!(1e300), json!({}), json!(null)] {
        check("POST /closed", json!({"sub": "ceo", "exp": odd, "aud": odd}), 401, (None, Assurance::None));
    }
    let event =
        play(OFFICE, "POST /closed", "").header("authorization", &token(&ceo())).says(401, "").event();
    assert!(event.notes.iter().any(|note| note.detail.as_deref() == Some("somebody claiming to be ceo")));
    assert_eq!(event.target.unwrap().id.as_deref(), Some("ceo"));
    let deep = format!(r#"{{"sub":"a","act":{}1{}}}"#, r#"{"act":"#.repeat(4_000), "}".repeat(4_000));
    let deep = format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(deep));
    play(OFFICE, "POST /closed", "").header("authorization", &deep).says(200, "").event();
}

// THREATS E65
#[test]
fn a_certificate_is_proof_whatever_the_application_answers_unless_the_request_adds_to_it() {
    let certificate = Certificate {
        subject: "O=Sales,CN=Ada".to_owned(),
        issuer: "CN=Our CA".to_owned(),
        ..Certificate::default()
    };
    let id = "O=Sales,CN=Ada; issued by CN=Our CA";
    let check = |more: &str,
                 shown: Option<&Certificate>,
                 status: u16,
                 expected: (Option<&str>, Assurance)| {
        let pack = format!(
            "actors: [{{ name: certificate, actor: {{ type: user, id: $.client.certificate.id{more} }} }}]\n\
             rules: [{{ id: open, match: POST /open, action: OPENED }}]"
        );
        let mut play = play(&pack, "POST /open", r#"{"email":"ceo@x.org"}"#);
        play.exchange.client.certificate = shown.cloned().map(Arc::new);
        let actor = play.says(status, "").event().actor;
        assert_eq!((actor.id.as_deref(), actor.assurance), expected, "{more} {status}");
        let is_proven = actor.evidence == Some(Evidence::Certificate);
        assert_eq!(is_proven, expected.1 == Assurance::Verified);
    };
    for status in [200, 401, 500] {
        check("", Some(&certificate), status, (Some(id), Assurance::Verified));
        check("", None, status, (None, Assurance::None));
    }
    check(", email: $.request.body.email", Some(&certificate), 200, (Some(id), Assurance::Claimed));
}

// THREATS E54, E62
#[test]
fn who_acts_by_a_token_for_another_is_the_actor() {
    let event = |claims: Value| {
        play(OFFICE, "POST /closed", "{}").header("authorization", &token(&claims)).says(200, "").event()
    };
    let chain = json!({"sub": "ada", "act": {"sub": "admin", "act": {"sub": "gateway"}}});
    assert_eq!(said(&event(chain)), (Some("admin"), Assurance::Verified, Some("ada")));
    let nobody = event(json!({"sub": "ada", "act": {"iss": "x"}}));
    assert_eq!(said(&nobody), (None, Assurance::None, Some("ada")));
    assert!(has(&nobody, NoteCode::ActorAmbiguous));
    let mut long = json!({"sub": "last"});
    for level in 0..9 {
        long = json!({"sub": level.to_string(), "act": long});
    }
    let rules = OFFICE.replace("action: CLOSED", "action: CLOSED, raw: [$.credential.claims.act]");
    let event = play(&rules, "POST /closed", "").header("authorization", &token(&long)).says(200, "").event();
    assert!(has(&event, NoteCode::FieldCut));
    let mut at = &event.raw["$.credential.claims.act"];
    let mut depth = 1;
    while let Some(next) = at.get("act") {
        (at, depth) = (next, depth + 1);
    }
    assert_eq!(depth, 5);
}

// THREATS E62
#[test]
fn an_impersonator_is_the_actor_and_an_unknown_one_is_shown_as_such() {
    let event = |me: Value| {
        let played = play(OFFICE, "POST /open", "{}").header("cookie", "session=a");
        played.answer("GET /me", 200, &me.to_string()).says(200, "").event()
    };
    let known = event(json!({"id": "ada", "admin": "root", "impersonated": true}));
    assert_eq!(said(&known), (Some("root"), Assurance::LookedUp, Some("ada")));
    assert_eq!(known.on_behalf_of.unwrap().assurance, Assurance::LookedUp);
    let unknown = event(json!({"id": "ada", "impersonated": true}));
    assert_eq!(said(&unknown), (None, Assurance::None, Some("ada")));
    assert!(has(&unknown, NoteCode::ActorAmbiguous));
    assert_eq!(said(&event(json!({"id": "ada"}))), (Some("ada"), Assurance::LookedUp, None));
}

// THREATS E53, E62
#[test]
fn a_header_names_somebody_only_when_a_trusted_peer_sends_it() {
    for name in ["x-remote-user", "x_remote_user", "x-remote_user"] {
        let sent =
            || play(OFFICE, "POST /open", "{}").header(name, "ceo").header("x-acts-for", "ada").says(200, "");
        assert_eq!(said(&sent().event()), (None, Assurance::None, None), "{name}");
        let expected = match name {
            "x-remote-user" => (Some("ceo"), Assurance::LookedUp, Some("ada")),
            _ => (None, Assurance::None, Some("ada")),
        };
        assert_eq!(said(&sent().trusted().event()), expected, "{name}");
    }
    let behalf = "actors: [{ name: a, actor: { id: $.answer.body.id }, ask: GET /me, on_behalf_of: { id: \"$.request.headers['x-for']\" } }]\nrules: [{ id: a, match: POST /a, action: A }]";
    let text = format!("version: 1\n{behalf}");
    let problems = RuleSet::from_texts("p", &[("a.yaml", &text)]).unwrap_err();
    assert!(problems.render().contains("E18"), "{}", problems.render());
}

// THREATS E60
#[test]
fn a_doubled_credential_makes_no_verified_name() {
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("ceo:x"));
    let closed =
        || play(OFFICE, "POST /closed", "{}").answer("GET /me", 200, r#"{"id":"ada"}"#).says(200, "");
    let check = |played: Play, id: &str| {
        let event = played.event();
        assert_eq!((event.actor.id.as_deref(), event.actor.assurance), (Some(id), Assurance::Ambiguous));
        let note = event.notes.iter().find(|note| note.code == NoteCode::ActorAmbiguous).unwrap();
        assert!(!note.detail.as_ref().unwrap().contains("secret"), "{note:?}");
        assert_eq!(event.scope, Default::default());
    };
    check(closed().header("cookie", "session=secret1; session=secret2"), "ada");
    check(closed().header("cookie", "session=secret1").header("cookie", "session=secret2"), "ada");
    check(closed().header("authorization", &basic).header("cookie", "sessionid=secret1"), "ceo");
    let one = closed().header("cookie", "session=secret1; lang=en").event();
    assert_eq!(said(&one), (Some("ada"), Assurance::LookedUp, None));
}

// THREATS E61, E65
#[test]
fn what_somebody_calls_himself_makes_him_neither_verified_nor_the_system() {
    let check = |body: Value, kind: &str| {
        let event = play(OFFICE, "POST /open", &body.to_string()).says(200, "").event();
        assert_eq!(
            (event.actor.r#type.as_str(), event.actor.assurance),
            (kind, Assurance::Claimed),
            "{body}"
        );
        assert_eq!(event.actor.evidence, Some(Evidence::Claimed));
        assert!(has(&event, NoteCode::ActorClaimed));
    };
    check(json!({"type": "guest", "email": "ceo@x.org"}), "guest");
    check(json!({"type": "system", "email": "ceo@x.org"}), "unknown");
    check(json!({"type": "app", "email": "ceo@x.org"}), "unknown");
    check(json!({"type": "Administrator (verified)", "email": "ceo@x.org"}), "unknown");
    let named = |kind: &str| {
        let me = json!({"type": kind, "id": 9, "name": "System"}).to_string();
        let event =
            play(OFFICE, "POST /open", "{}").header("cookie", "session=a").answer("GET /me", 200, &me);
        event.says(200, "").event().actor
    };
    assert_eq!((named("user").r#type.as_str(), named("user").name.as_deref()), ("user", Some("System")));
    assert_eq!(named("system").r#type, "system", "the application may say so");
}

// THREATS E63
#[test]
fn the_request_does_not_decide_who_sees_the_event() {
    let body = json!({"organizationId": 666, "teamId": 666, "org": 666, "email": "g@x.org"}).to_string();
    let event = |line: &str| {
        let played =
            play(OFFICE, line, &body).header("cookie", "session=a").header("x-forwarded-host", "evil");
        let played = played.answer("GET /me", 200, r#"{"id":"ada","org":5}"#);
        played.answer("GET /things/1", 200, r#"{"teamId":7}"#).says(200, "").event()
    };
    let scope = |line: &str| {
        let scope = event(line).scope;
        (scope.organization, scope.team)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(scope("POST /things/1"), (text("5"), text("7")));
    assert_eq!(scope("PUT /things/1"), (None, None), "what may come from the request counts for nothing");
    assert_eq!(scope("PATCH /things/1"), (text("5"), None), "nor does what the request laid over");
    assert_eq!(scope("POST /open"), (text("5"), None), "the actor's team came from the body");
    assert!(has(&event("PUT /things/1"), NoteCode::RuleFailed));
    let guest = play(OFFICE, "POST /open", &body).says(200, "").event();
    assert_eq!((guest.actor.organization.as_deref(), guest.scope), (Some("666"), Default::default()));
    let doubled = play(OFFICE, "POST /things/1", "{}").answer("GET /things/1", 404, "").says(200, "").event();
    assert_eq!(doubled.scope, Default::default(), "nobody knows: nobody's");
}

// THREATS E58
#[test]
fn an_answer_of_another_shape_names_nobody() {
    let check = |status: u16, body: &str| {
        let played = play(OFFICE, "POST /open", "{}").header("cookie", "session=a");
        let event = played.answer("GET /me", status, body).says(200, "").event();
        assert_eq!(said(&event), (None, Assurance::None, None), "{status} {body:.40}");
        assert!(event.actor.credential.is_some());
    };
    check(200, "<html><form action=/login></form></html>");
    check(200, "");
    check(200, "[]");
    check(200, "null");
    check(200, r#"{"user":{"id":"ada"}}"#);
    check(200, r#"{"id":null}"#);
    check(200, r#"{"id":""}"#);
    check(302, r#"{"id":"ada"}"#);
    check(401, r#"{"id":"ada"}"#);
    check(500, r#"{"id":"ada"}"#);
}
