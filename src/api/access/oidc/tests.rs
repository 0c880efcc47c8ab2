//! What the provider's tokens may be, and all that they may not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::jwt::{Answers, Person, is_jwt, read, read_id_token};
use super::keys::{Algorithm, Keys};
use crate::config::{ClaimGrant, Oidc};

const NOW: i64 = 1_800_000_000;

struct Signer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Signer {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Signer {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
        }
    }

    fn set(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": text(self.ed.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": text(&point[1..33]), "y": text(&point[33..]) },
            { "kty": "oct", "kid": "secret", "k": text(b"0123456789abcdef0123456789abcdef") },
        ] })
    }

    fn sign(&self, head: &Value, claims: &Value) -> String {
        let message =
            format!("{}.{}", text(head.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = match head["kid"].as_str() {
            Some("ec") => self.ec.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Some(_) | None => self.ed.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", text(&signature))
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn oidc() -> Oidc {
    let grants = ["groups=audit -> auditor", "owns=* -> organization:*"];
    Oidc {
        issuer: "https://id.example.org".to_owned(),
        audience: "earwitness".to_owned(),
        grants: grants.map(|text| ClaimGrant::parse(text).unwrap()).to_vec(),
        sign_in: None,
    }
}

fn head() -> Value {
    json!({ "alg": "EdDSA", "kid": "ed", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.org", "sub": "u4", "aud": "earwitness", "iat": NOW - 10, "exp": NOW + 300,
        "name": "Jördis Nowak", "groups": ["staff", "audit"], "owns": "acme",
    })
}

fn with(document: &Value, changes: &Value) -> Value {
    let mut document = document.clone();
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

fn without(document: &Value, name: &str) -> Value {
    let mut document = document.clone();
    document.as_object_mut().unwrap().remove(name);
    document
}

fn person(signer: &Signer, token: &str) -> Option<Person> {
    read(token.as_bytes(), &oidc(), &Keys::read(&signer.set()), Timestamp::from_second(NOW).unwrap())
}

#[test]
fn a_sound_token_says_who_somebody_is_and_what_he_may_do() {
    let signer = Signer::new();
    let check = |head: &Value, changes: &Value, name: &str, grants: &[&str]| {
        let token = signer.sign(head, &with(&claims(), changes));
        let person = person(&signer, &token).unwrap_or_else(|| panic!("{head} {changes}"));
        let told: Vec<String> = person.grants.iter().map(ToString::to_string).collect();
        assert_eq!(
            (person.subject.as_str(), person.name.as_str(), told),
            ("u4", name, grants.iter().map(|text| (*text).to_owned()).collect())
        );
    };
    let (name, both) = ("Jördis Nowak", ["auditor", "organization:acme"]);
    check(&head(), &json!({}), name, &both);
    check(&json!({ "alg": "ES256", "kid": "ec" }), &json!({}), name, &both);
    check(&with(&head(), &json!({ "typ": "at+JWT" })), &json!({}), name, &both);
    check(&head(), &json!({ "aud": ["earwitness"], "nbf": NOW }), name, &both);
    check(&head(), &json!({ "aud": ["other", "earwitness"], "azp": "earwitness" }), name, &both);
    check(&head(), &json!({ "exp": NOW - 59, "iat": NOW + 59 }), name, &both);
    check(
        &head(),
        &json!({ "groups": "audit,admin", "owns": ["b", "a", "b", 7, ""] }),
        name,
        &["organization:a", "organization:b"],
    );
    check(&head(), &json!({ "groups": { "audit": true }, "owns": null }), name, &[]);
    let verified = json!({ "name": null, "email": "j@x.org", "email_verified": true });
    check(&head(), &verified, "j@x.org", &both);
    for unsure in [json!(false), json!("true"), json!(1), Value::Null] {
        check(&head(), &with(&verified, &json!({ "email_verified": unsure })), "u4", &both);
    }
}

// THREATS Q12
#[test]
fn a_token_that_is_unsound_in_any_way_says_nothing() {
    let signer = Signer::new();
    let refused = |token: &str, why: &str| assert_eq!(person(&signer, token), None, "{why}");
    let good = signer.sign(&head(), &claims());
    assert!(person(&signer, &good).is_some());
    let heads = [
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "eddsa" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "kid": "secret" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "EdDSA", "kid": "ec" }),
        json!({ "alg": 1 }),
        json!({ "alg": ["EdDSA"] }),
        json!({ "kid": "unknown" }),
        json!({ "kid": 1 }),
        json!({ "kid": "../../dev/null" }),
        json!({ "jku": "https://evil.test/keys" }),
        json!({ "x5u": "https://evil.test/chain" }),
        json!({ "x5c": [] }),
        json!({ "jwk": signer.set()["keys"][0] }),
        json!({ "crit": ["exp"] }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": 1 }),
    ];
    for change in &heads {
        refused(&signer.sign(&with(&head(), change), &claims()), &change.to_string());
    }
    let bodies = [
        json!({ "iss": "https://id.example.org/" }),
        json!({ "iss": ["https://id.example.org"] }),
        json!({ "sub": "" }),
        json!({ "sub": 4 }),
        json!({ "sub": "x".repeat(256) }),
        json!({ "aud": "other" }),
        json!({ "aud": ["earwitness", "other"] }),
        json!({ "aud": ["earwitness", "other"], "azp": "other" }),
        json!({ "aud": ["earwitness", 7], "azp": "earwitness" }),
        json!({ "aud": { "earwitness": 1 } }),
        json!({ "exp": NOW - 60 }),
        json!({ "exp": (NOW + 300).to_string() }),
        json!({ "exp": 1e300 }),
        json!({ "exp": i64::MAX }),
        json!({ "iat": NOW + 61 }),
        json!({ "iat": "now" }),
        json!({ "nbf": NOW + 61 }),
        json!({ "nbf": "soon" }),
    ];
    for change in &bodies {
        refused(&signer.sign(&head(), &with(&claims(), change)), &change.to_string());
    }
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        refused(&signer.sign(&head(), &without(&claims(), name)), name);
    }
    for name in ["alg", "kid"] {
        refused(&signer.sign(&without(&head(), name), &claims()), name);
    }
    refused(&Signer::new().sign(&head(), &claims()), "another's signature");
    refused(&signer.sign(&json!([1]), &claims()), "a head that is a list");
    refused(&signer.sign(&head(), &json!("u4")), "claims that are a text");
}

// THREATS Q12
#[test]
fn an_id_token_is_for_this_client_and_this_sign_in() {
    let signer = Signer::new();
    let now = Timestamp::from_second(NOW).unwrap();
    let check = |changes: &Value, expected: bool| {
        let mine = with(&claims(), &json!({ "aud": "viewer", "nonce": "n1" }));
        let token = signer.sign(&head(), &with(&mine, changes));
        let keys = Keys::read(&signer.set());
        let read = |token: &str, answers| {
            read_id_token(token.as_bytes(), &oidc(), "viewer", &answers, &keys, now).is_some()
        };
        let again = Answers::Renewal { nonce: "n1", subject: "u4" };
        assert_eq!(read(&token, Answers::SignIn { nonce: "n1" }), expected, "{changes}");
        assert_eq!(read(&token, again), expected, "{changes}");
        assert!(!read(&token, Answers::Renewal { nonce: "n1", subject: "u5" }), "{changes}");
        // Said anew of the same person it may lack the nonce.
        let bare = signer.sign(&head(), &without(&with(&mine, changes), "nonce"));
        assert!(!read(&bare, Answers::SignIn { nonce: "n1" }), "{changes}");
        assert_eq!(read(&bare, again), expected || changes.get("nonce").is_some(), "{changes}");
    };
    check(&json!({}), true);
    check(&json!({ "azp": "viewer" }), true);
    check(&json!({ "aud": ["viewer", "other"], "azp": "viewer" }), true);
    for wrong in [
        json!({ "nonce": "n2" }),
        json!({ "nonce": null }),
        json!({ "nonce": ["n1"] }),
        json!({ "azp": "other" }),
        json!({ "azp": null }),
        json!({ "aud": "earwitness" }),
        json!({ "aud": ["viewer", "other"] }),
        json!({ "iss": "https://other.example.org" }),
        json!({ "exp": NOW - 60 }),
        json!({ "sub": null }),
    ] {
        check(&wrong, false);
    }
}

#[test]
fn a_token_that_is_cut_or_changed_anywhere_says_nothing() {
    let signer = Signer::new();
    let good = signer.sign(&head(), &claims());
    for at in 0..good.len() {
        assert_eq!(person(&signer, &good[..at]), None, "{at}");
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(person(&signer, std::str::from_utf8(&changed).unwrap()), None, "{at}");
    }
    for odd in
        [format!("{good}."), format!("{good}="), format!("{good}\n"), ".".repeat(3), good.replace('.', "")]
    {
        assert_eq!(person(&signer, &odd), None, "{odd}");
    }
    assert!(!is_jwt(&b"a.b.".repeat(9_000)) && !is_jwt("a.b.ü".as_bytes()));
}

#[test]
fn keys_that_are_not_for_us_or_stand_twice_are_left_out() {
    let signer = Signer::new();
    let with_key = |change: &Value| {
        let key = with(&signer.set()["keys"][0], change);
        Keys::read(&json!({ "keys": [key] })).has("ed")
    };
    assert!(with_key(&json!({})));
    for change in [
        json!({ "use": "enc" }),
        json!({ "alg": "HS256" }),
        json!({ "kty": "oct" }),
        json!({ "crv": "X25519" }),
        json!({ "x": 1 }),
    ] {
        assert!(!with_key(&change), "{change}");
    }
    let twice = json!({ "keys": [signer.set()["keys"][0], signer.set()["keys"][0]] });
    assert!(!Keys::read(&twice).has("ed"));
    for odd in [json!(null), json!([]), json!({ "keys": {} }), json!({ "keys": [1, null, {}] })] {
        assert_eq!(Keys::read(&odd), Keys::default());
    }
}

/// Signatures of `signed by the provider` that OpenSSL made.
#[test]
fn what_another_program_has_signed_with_rsa_is_known() {
    let set = json!({ "keys": [{ "kty": "RSA", "kid": "rsa", "e": "AQAB", "n": RSA_N }] });
    let keys = Keys::read(&set);
    let signed = |algorithm, signature: &str, message: &[u8]| {
        keys.have_signed("rsa", algorithm, message, &URL_SAFE_NO_PAD.decode(signature).unwrap())
    };
    let message = b"signed by the provider";
    assert!(signed(Algorithm::Rs256, RSA_RS256, message));
    assert!(signed(Algorithm::Ps256, RSA_PS256, message));
    assert!(!signed(Algorithm::Ps256, RSA_RS256, message));
    assert!(!signed(Algorithm::Rs256, RSA_PS256, message));
    assert!(!signed(Algorithm::Rs256, RSA_RS256, b"signed by the Provider"));
    assert!(!signed(Algorithm::Es256, RSA_RS256, message));
    let bound = Keys::read(&json!({ "keys": [with(&set["keys"][0], &json!({ "alg": "PS256" }))] }));
    assert!(!bound.have_signed(
        "rsa",
        Algorithm::Rs256,
        message,
        &URL_SAFE_NO_PAD.decode(RSA_RS256).unwrap()
    ));
}

const RSA_N: &str = "xc-YM43rUX-2KpY1IZ1acFJ8Oi6ZO3Eftv3edE43MPzLIVOK073H_Ai-F5zTFmMD5M6DvppCybl437DJlW62zYR_krLshQQgC3ftsTmZFPoyexSuuE-c8LMilpmH6uJfaMinWSM1rGOUgJAsteREMjvT2jcvtGfRIHcMBsFNOOY0PBf91FaJbcjl4dk91DoBqaEhzgbvUE_-i5WLXBeuz97Qg9L3pOuCJgsVcc4Au40bUD93AYpqp4PUJSFvNm1iOdUDkv0tZsd4poyJwGOAxabbgtg0CwXctWt6upaMoE_3pZJ4OdJp1TTkNdOgSfa_du-jFCxbNVyPkJ9HmvnLFw";
const RSA_RS256: &str = "jbkUFLzoiyqxoWE4e4kXaF8G8smamM8HAyT9yTD3oINQpwnGJw_-dx9novrgaUmdF5apKbZbpwiXDIVm1itHBeF-6jKqCzjnumsyVoKJL8NRQAkuXy8cKXL8xD4315_cPKcUuxct9SJx3q3rQ5cOXiNNGpYBo1AerONmm1NSZgPobOgSgE_hKqwtjN7jRw6nWcLWoiv_6ZWO5--iT_1AYyHm607SKuu4V0vEkL_QjDF8Xu3Kg-2w4EfMwFB4eOmA2UC6AbeWStVTw9hPLbxIsI7uRS-vCylX7Zm3kbN16Zpq9QNfpAQqZNgwDMEeIAOIzzFTotcxYwKe55if5zKIyw";
const RSA_PS256: &str = "Q6GG85MD5Ocb92TqQYH_mtZ3A6uK9a7cbvOs9VNW2L3Yk5c30eOkzVDbDCcyggoNXGaC3cfyTDvFuSMcxWlX3vJh25rN_pVT0DWLM6AcNiqrmFzWz7uHmjXPmzDECfAqGeDP6ymbkVQJeJIdoxidUylQTVf14p8wKjv0XrmGuOT8Ojx9G8wPsIE7ohZy8DN5gmT6WWQeayPXG1mF7Ztr1_2sRnYfrtMg7DqpnGNhYKUi8ixTBXTAt3RbhptOPXie9-XjNhVRzXPvZ94LU0-jCTgZVBMwFQTAUIA7tbqN5KTB5GebsdmvniM5tE1mC2zEuLUMo1aV6I_LiQD-fB6oUw";
