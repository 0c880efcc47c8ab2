//! Tokens of a provider of identities, which here is a stand-in on loopback: metadata and keys as OpenID Connect has
//! them, signed by a key of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::rig::App;

/// A provider.
struct Provider {
    app: App,
    key: Ed25519KeyPair,
    /// How often its keys were asked for.
    asked: Arc<AtomicUsize>,
}

impl Provider {
    fn start() -> Provider {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        let set = json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": URL_SAFE_NO_PAD.encode(key.public_key().as_ref()),
        }] });
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let app = App::scripted(move |wire| {
            while let Some(request) = wire.next_request() {
                let host = request
                    .lines()
                    .find_map(|line| line.strip_prefix("host: "))
                    .unwrap_or_default()
                    .to_owned();
                let body = if request.starts_with("GET /realm/.well-known/openid-configuration ") {
                    json!({ "issuer": format!("http://{host}/realm"), "jwks_uri": format!("http://{host}/keys") })
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                    set.clone()
                };
                let body = body.to_string();
                let length = body.len();
                if !wire.try_send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")) {
                    return;
                }
            }
        });
        Provider { app, key, asked }
    }

    fn issuer(&self) -> String {
        format!("http://{}/realm", self.app.address)
    }

    /// A token for somebody.
    fn token(&self, key_id: &str, more: &Value) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({ "iss": self.issuer(), "aud": "earwitness", "iat": now, "exp": now + 300 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let head = json!({ "alg": "EdDSA", "kid": key_id });
        let parts = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes())))
    }
}

fn office(provider: &Provider) -> Office {
    let grants = "['groups=audit -> auditor', 'owns=* -> organization:*']";
    let oidc = format!("oidc: {{ issuer: '{}', audience: earwitness, grants: {grants} }}", provider.issuer());
    let office = Office::open_with(&format!("admin: {{ listen: '127.0.0.1:0', token: {HOLDER} }}\n{oidc}\n"));
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
    assert_eq!(office.get("/audit/v1/events", &nobody).0, 403);
    assert_eq!(office.get("/audit/v1/events", &format!("{alma}A")).0, 401);
    assert_eq!(office.ask("POST", "/audit/v1/reload", &bearer(&alma)).0, 403);
    let me: Value = serde_json::from_str(&office.get("/audit/v1/session", &ben).1).unwrap();
    let expected = (json!("oidc:b2"), json!("Ben"), json!(["organization:acme"]));
    assert_eq!((&me["id"], &me["name"], &me["grants"]), (&expected.0, &expected.1, &expected.2));
    assert_eq!(office.ask("POST", "/audit/v1/session", &bearer(&ben)).0, 200);
    let told = office.told("SIGNED_IN", 1, HOLDER);
    assert_eq!((&told[0]["actor"]["id"], &told[0]["actor"]["name"]), (&expected.0, &expected.1));
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
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
}
