//! Tokens of a provider of identities that readers bring along.

use super::super::matrix::{ABSENT, needs, target};
use super::super::*;
use super::provider::Provider;

fn office(provider: &Provider) -> Office {
    office_with(provider, "")
}

fn office_with(provider: &Provider, more: &str) -> Office {
    let grants = "['groups=audit -> auditor', 'owns=* -> organization:*']";
    let oidc = format!("oidc: {{ issuer: '{}', audience: earwitness, grants: {grants} }}", provider.issuer());
    let office =
        Office::open_with(&format!("admin: {{ listen: '127.0.0.1:0', token: {HOLDER} }}\n{oidc}\n{more}"));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    office
}

// THREATS Q12, Q13
#[test]
fn the_word_of_the_provider_lets_people_in_to_what_its_claims_grant() {
    let provider = Provider::start();
    let office = office(&provider);
    let alma = provider.token("one", &json!({ "sub": "a1", "name": "Alma", "groups": ["audit"] }));
    let ben = provider.token("one", &json!({ "sub": "b2", "name": "Ben", "owns": ["acme"] }));
    let nobody = provider.token("one", &json!({ "sub": "c3", "email": "alma@example.org" }));
    assert_eq!(office.events(&alma).keys().collect::<Vec<_>>(), ["n1", "n3"]);
    assert_eq!(office.events(&ben).keys().collect::<Vec<_>>(), ["n1"]);
    for (route, need) in needs() {
        let status = office.get(&target(&route, ABSENT), &nobody).0;
        assert_eq!(status != 403, ["Nothing", "Caller"].contains(&need.as_str()), "{route}: {status}");
    }
    assert_eq!(office.get("/audit/v1/events", &format!("{alma}A")).0, 401);
    assert_eq!(office.ask("POST", "/audit/v1/reload", &bearer(&alma)).0, 403);
    let me: Value = serde_json::from_str(&office.get("/audit/v1/session", &ben).1).unwrap();
    let expected = (json!("oidc:b2"), json!("Ben"), json!(["organization:acme"]));
    assert_eq!((&me["id"], &me["name"], &me["grants"]), (&expected.0, &expected.1, &expected.2));
    assert_eq!(office.ask("POST", "/audit/v1/session", &bearer(&ben)).0, 200);
    let told = office.told("SIGNED_IN", 1, HOLDER);
    assert_eq!((&told[0]["actor"]["id"], &told[0]["actor"]["name"]), (&expected.0, &expected.1));
}

// THREATS Q13
#[test]
fn what_a_token_says_of_somebody_gets_old() {
    let provider = Provider::start();
    let now = jiff::Timestamp::now().as_second();
    let made = |ago_s: i64| {
        let claims = json!({ "sub": "a1", "groups": ["audit"], "iat": now - ago_s, "exp": now + 3_600 });
        provider.token("one", &claims)
    };
    let (fresh, old) = (made(10), made(301));
    let check = |more: &str, expected: [u16; 2]| {
        let office = office_with(&provider, more);
        let found = [&fresh, &old].map(|token| office.get("/audit/v1/events", token).0);
        assert_eq!(found, expected, "{more}");
        office.get("/audit/v1/events", &old).1
    };
    let told = check("", [200, 401]);
    assert!(told.contains("limits.bearer_ms"), "{told}");
    check("limits: { bearer_ms: 3600000 }", [200, 200]);
    check("limits: { bearer_ms: 5000 }", [401, 401]);
}

// THREATS Q12
#[test]
fn tokens_that_name_keys_that_there_are_not_do_not_make_us_ask_again_and_again() {
    let provider = Provider::start();
    let office = office(&provider);
    for n in 0..20 {
        let token = provider.token(&format!("key-{n}"), &json!({ "sub": "a1", "groups": ["audit"] }));
        assert_eq!(office.get("/audit/v1/events", &token).0, 401);
    }
    assert_eq!(provider.keys_asked(), 1);
}
