//! People sign in at their provider, as a browser does it: it is sent there, comes back with a code, and has a session.

mod bearers;
mod provider;
mod roles;

use std::collections::HashMap;

use super::*;
use provider::{CLIENT, Provider, pairs};

const BEGIN: &str = "/audit/v1/session/oidc";
const CALLBACK: &str = "/audit/v1/session/oidc/callback";
/// Where the configuration says that browsers find the viewer: that another port is asked here, is no matter.
const ADDRESS: &str = "http://localhost:9090";

fn office(provider: &Provider) -> Office {
    office_that_asks_every(provider, 300_000)
}

/// It has the provider say so often what somebody may do.
fn office_that_asks_every(provider: &Provider, roles_ms: u64) -> Office {
    let grants = "['groups=audit -> auditor', 'owns=* -> organization:*']";
    let secret = provider.secret_file();
    let client = format!("client_id: {CLIENT}, client_secret_file: '{}'", secret.display());
    let oidc = format!(
        "oidc: {{ issuer: '{}', audience: earwitness, grants: {grants}, {client}, scopes: [groups] }}",
        provider.issuer()
    );
    let office = Office::open_with(&format!(
        "admin: {{ listen: '127.0.0.1:0', token: {HOLDER}, address: '{ADDRESS}/' }}\n{oidc}\nlimits: {{ roles_ms: {roles_ms} }}\n"
    ));
    office.note("acme/t1", "n1");
    office.note("other/t9", "n3");
    office
}

/// Where an answer sends a browser, and the cookies that it sets, by name.
struct Step {
    to: String,
    cookies: HashMap<String, String>,
}

fn step(office: &Office, target: &str, cookie: &str) -> Step {
    let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
    let answer = sessions::raw(office, "GET", target, &cookie);
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(
        answer.contains("cache-control: private, no-store")
            && answer.contains("referrer-policy: no-referrer")
    );
    let values = |name: &'static str| answer.lines().filter_map(move |line| line.strip_prefix(name));
    let cookies = values("set-cookie: ").map(|line| {
        let (cookie, rules) = line.split_once("; ").unwrap();
        assert!(rules.starts_with("Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
        let (name, value) = cookie.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let cookies = cookies.collect();
    Step { to: values("location: ").next().unwrap().to_owned(), cookies }
}

/// A browser that has begun: its cookie, and where it was sent.
fn begin(office: &Office, query: &str) -> (String, String) {
    let to: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let Step { to, cookies } = step(office, &format!("{BEGIN}?to={to}"), "");
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    (format!("__Host-earwitness-sign-in={}", cookies["__Host-earwitness-sign-in"]), to)
}

/// What the provider has a browser bring back.
fn answer(sent_to: &str, code: &str) -> Vec<(&'static str, String)> {
    let asked = pairs(sent_to.split_once('?').unwrap().1);
    vec![("code", code.to_owned()), ("state", asked["state"].clone())]
}

fn back(office: &Office, cookie: &str, answer: &[(&str, String)]) -> Step {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    step(office, &format!("{CALLBACK}?{query}"), cookie)
}

fn alma() -> Value {
    json!({ "sub": "a1", "name": "Alma", "groups": ["audit"] })
}

// THREATS Q12, Q13
#[test]
fn who_signs_in_at_the_provider_comes_back_to_his_page_with_a_session() {
    let provider = Provider::start();
    let office = office(&provider);
    let (_, stranger) = office.ask("GET", "/audit/v1/session", "");
    let stranger: Value = serde_json::from_str(&stranger).unwrap();
    assert_eq!((&stranger["ways"], &stranger["provider"]), (&json!(["oidc", "token"]), &json!("127.0.0.1")));
    for secret_in_form in [false, true] {
        let (cookie, sent_to) = begin(&office, "q=a%26b&view=table");
        let asked = pairs(sent_to.split_once('?').unwrap().1);
        assert_eq!(asked["redirect_uri"], format!("{ADDRESS}{CALLBACK}"));
        assert_eq!(asked["scope"], "openid groups");
        let code = provider.agree(&sent_to, &alma());
        let Step { to, cookies } = back(&office, &cookie, &answer(&sent_to, &code));
        assert_eq!(to, format!("{ADDRESS}/?q=a%26b&view=table"), "{secret_in_form}");
        assert_eq!(cookies["__Host-earwitness-sign-in"], "");
        let session = format!("cookie: __Host-earwitness={}\r\n", cookies["__Host-earwitness"]);
        let me: Value = serde_json::from_str(&office.ask("GET", "/audit/v1/session", &session).1).unwrap();
        assert_eq!((&me["id"], &me["name"]), (&json!("oidc:a1"), &json!("Alma")));
        assert_eq!((&me["grants"], &me["hasCookie"]), (&json!(["auditor"]), &json!(true)));
        assert_eq!(office.ask("GET", "/audit/v1/events", &session).0, 200);
        let own_page = "earwitness-request: 1\r\nsec-fetch-site: same-origin\r\n";
        assert_eq!(office.ask("DELETE", "/audit/v1/session", &format!("{session}{own_page}")).0, 204);
        assert_eq!(office.ask("GET", "/audit/v1/events", &session).0, 401);
        provider.says(json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    }
    let told = office.told("SIGNED_IN", 2, HOLDER);
    assert_eq!((&told[0]["actor"]["id"], &told[0]["actor"]["name"]), (&json!("oidc:a1"), &json!("Alma")));
    office.told("SIGNED_OUT", 2, HOLDER);
}

// THREATS Q07, Q12
#[test]
fn an_answer_that_is_not_to_what_this_browser_has_asked_signs_nobody_in() {
    let provider = Provider::start();
    let office = office(&provider);
    let (mut tries, next) = (0, || begin(&office, "q=x"));
    let mut refused = |cookie: &str, answer: &[(&str, String)], word: &str| {
        let Step { to, cookies } = back(&office, cookie, answer);
        let query = if cookie.is_empty() { "" } else { "?q=x" };
        assert_eq!(to, format!("{ADDRESS}/{query}#signIn={word}"), "{answer:?}");
        assert!(!cookies.contains_key("__Host-earwitness"), "{answer:?}");
        tries += 1;
    };
    let (cookie, sent_to) = next();
    let good = answer(&sent_to, &provider.agree(&sent_to, &alma()));
    let with = |name: &str, value: &str| {
        let pairs =
            good.iter().map(|(known, old)| (*known, if *known == name { value } else { old }.to_owned()));
        pairs.collect::<Vec<_>>()
    };
    // Another's answer in this browser, and this one's in another's: nobody is signed in as somebody else.
    let (other_cookie, other_sent_to) = next();
    let others = answer(&other_sent_to, &provider.agree(&other_sent_to, &alma()));
    refused(&cookie, &others, "lost");
    refused(&other_cookie, &good, "lost");
    refused("", &good, "lost");
    refused(&cookie, &with("state", ""), "lost");
    refused(&cookie, &good[..1], "lost");
    refused(&cookie, &[&good[..], &good[..]].concat(), "lost");
    refused(&cookie, &[&good[..], &[("iss", "http://127.0.0.1:1/realm".to_owned())]].concat(), "unsound");
    refused(&cookie, &[("error", "access_denied".to_owned()), good[1].clone()], "denied");
    refused(&cookie, &[("error", "login_required".to_owned()), good[1].clone()], "asleep");
    refused(&cookie, &good[1..], "denied");
    refused(&cookie, &with("code", "code-that-is-none"), "denied");
    // What was good all along, once.
    let iss = ("iss", provider.issuer());
    let Step { cookies, .. } = back(&office, &cookie, &[&good[..], &[iss]].concat());
    assert!(cookies.contains_key("__Host-earwitness"));
    refused(&cookie, &good, "denied");
    // A code that was asked for by one browser and stolen into the answer of another fits no verifier.
    let (cookie, sent_to) = next();
    let stolen = provider.agree(&other_sent_to, &alma());
    refused(&cookie, &answer(&sent_to, &stolen), "denied");
    assert_eq!(office.told("SIGNED_IN", 1, HOLDER).len(), 1);
    let office = office.restarted();
    let told = office.told("ACCESS_REFUSED", 1, HOLDER);
    assert_eq!(told[0]["details"]["requests"], tries);
    let text = told[0].to_string();
    assert!(text.contains("refused=lost") && text.contains("refused=unsound"), "{text}");
    assert!(!text.contains("code"), "what a provider's answer holds is in no event: {text}");
}

// THREATS Q12
#[test]
fn what_the_provider_says_of_a_person_is_checked_before_he_is_let_in() {
    let provider = Provider::start();
    let office = office(&provider);
    let now = jiff::Timestamp::now().as_second();
    let check = |changes: Value, word: &str| {
        let (cookie, sent_to) = begin(&office, "");
        let mut claims = alma();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let code = provider.agree(&sent_to, &claims);
        let Step { to, cookies } = back(&office, &cookie, &answer(&sent_to, &code));
        assert_eq!(to, format!("{ADDRESS}/#signIn={word}"), "{changes}");
        assert!(!cookies.contains_key("__Host-earwitness"), "{changes}");
    };
    check(json!({ "nonce": "of-another-sign-in" }), "unsound");
    check(json!({ "iss": "http://127.0.0.1:1/realm" }), "unsound");
    check(json!({ "aud": "earwitness" }), "unsound");
    check(json!({ "aud": [CLIENT, "other"] }), "unsound");
    check(json!({ "azp": "other" }), "unsound");
    check(json!({ "exp": now - 61 }), "unsound");
    check(json!({ "groups": ["staff"] }), "nothing");
    assert_eq!(office.get("/audit/v1/events?action=SIGNED_IN", HOLDER).1.matches("\"id\"").count(), 0);
}

#[test]
fn a_query_that_comes_back_leads_nowhere_but_to_the_page() {
    let provider = Provider::start();
    let office = office(&provider);
    let check = |query: &str, expected: &str| {
        let (cookie, _) = begin(&office, query);
        let Step { to, .. } = back(&office, &cookie, &[]);
        assert_eq!(to, format!("{ADDRESS}/{expected}#signIn=lost"), "{query}");
    };
    check("", "");
    check("e=7&tab=raw", "?e=7&tab=raw");
    check("//evil.test/", "?%2F%2Fevil.test%2F=");
    check("https://evil.test/?a=b", "?https%3A%2F%2Fevil.test%2F%3Fa=b");
    check("a=b\r\nset-cookie: x=y#z", "?a=b%0D%0Aset-cookie%3A+x%3Dy%23z");
    check(&"x".repeat(2_001), "");
}

#[test]
fn a_provider_that_does_not_answer_is_said_on_the_page() {
    let provider = Provider::start();
    provider.says(json!({ "authorization_endpoint": "http://id.example.org/authorize" }));
    let office = office(&provider);
    let Step { to, cookies } = step(&office, &format!("{BEGIN}?to=q%3Dx"), "");
    assert_eq!((to, cookies.len()), (format!("{ADDRESS}/?q=x#signIn=unreachable"), 0));
    let plain = Office::open(&format!("token: {HOLDER}"));
    assert_eq!(plain.ask("GET", BEGIN, "").0, 404);
    assert_eq!(plain.ask("GET", CALLBACK, "").0, 404);
}
