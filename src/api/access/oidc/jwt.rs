//! One signed token (JSON Web Token, RFC 7519), checked strictly: every claim that we go by must be there, in its
//! type. Pure: keys and time are handed in.
//!
//! The token does not say how it is checked. Its header may name one of four algorithms and a key of the provider's;
//! one that brings a key, or says where to get one, is refused, and so is one with an extension that must be
//! understood (RFC 7515 section 4.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::{Grant, Oidc};

use super::keys::{Algorithm, Keys};

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Person {
    /// The provider's identifier for him, which it never gives to another.
    pub(in crate::api) subject: String,
    /// What people call him.
    pub(in crate::api) name: String,
    pub(in crate::api) grants: Vec<Grant>,
    /// When the provider said so.
    pub(in crate::api) since: Timestamp,
    /// From when on the token says nothing any more.
    pub(in crate::api) until: Timestamp,
}

/// True when a text has the form of one: three parts of base64url.
pub(in crate::api::access) fn is_jwt(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    text.len() <= TOKEN_BYTES_MAX
        && text.iter().filter(|byte| **byte == b'.').count() == 2
        && text.iter().all(is_plain)
}

/// The key that a token says it is signed with.
pub(super) fn key_id(text: &[u8]) -> Option<String> {
    Some(Head::read(&part(text.split(|byte| *byte == b'.').next()?)?)?.key_id)
}

/// Whom a token is about, when it is sound, signed, for us, and of now.
pub(super) fn read(text: &[u8], oidc: &Oidc, keys: &Keys, now: Timestamp) -> Option<Person> {
    person(&signed(text, keys)?, oidc, &oidc.audience, now)
}

/// To what an ID token is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers<'a> {
    /// A sign-in that has sent this nonce.
    SignIn { nonce: &'a str },
    /// The same asked anew for the same person, where the nonce may be left out (OpenID Connect Core 1.0 section 12.2).
    Renewal { nonce: &'a str, subject: &'a str },
}

/// The same of an ID token (OpenID Connect Core 1.0 section 3.1.3.7): made for this client, and for what was asked.
pub(super) fn read_id_token(
    text: &[u8],
    oidc: &Oidc,
    client_id: &str,
    answers: &Answers<'_>,
    keys: &Keys,
    now: Timestamp,
) -> Option<Person> {
    let claims = signed(text, keys)?;
    let is = |name: &str, wanted: &str| claims.get(name).and_then(Value::as_str) == Some(wanted);
    let fits = match answers {
        Answers::SignIn { nonce } => is("nonce", nonce),
        Answers::Renewal { nonce, subject } => {
            is("sub", subject) && (!claims.contains_key("nonce") || is("nonce", nonce))
        }
    };
    if !fits || (claims.contains_key("azp") && !is("azp", client_id)) {
        return None;
    }
    person(&claims, oidc, client_id, now)
}

/// What a token claims, when one of the provider's keys has signed it.
fn signed(text: &[u8], keys: &Keys) -> Option<Map<String, Value>> {
    if !is_jwt(text) {
        return None;
    }
    let mut parts = text.split(|byte| *byte == b'.');
    let (head, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let message = &text[..head.len() + 1 + claims.len()];
    let Head { algorithm, key_id } = Head::read(&part(head)?)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    keys.have_signed(&key_id, algorithm, message, &signature).then(|| part(claims))?
}

struct Head {
    algorithm: Algorithm,
    key_id: String,
}

impl Head {
    fn read(head: &Map<String, Value>) -> Option<Head> {
        if FOREIGN.iter().any(|name| head.contains_key(*name)) {
            return None;
        }
        let is_ours = |kind: &str| ["jwt", "at+jwt"].contains(&kind.to_ascii_lowercase().as_str());
        if head.get("typ").is_some_and(|kind| !kind.as_str().is_some_and(is_ours)) {
            return None;
        }
        let algorithm = Algorithm::parse(head.get("alg")?.as_str()?)?;
        Some(Head { algorithm, key_id: head.get("kid")?.as_str()?.to_owned() })
    }
}

fn person(claims: &Map<String, Value>, oidc: &Oidc, audience: &str, now: Timestamp) -> Option<Person> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss")? != oidc.issuer || !is_for_us(claims, audience) {
        return None;
    }
    let subject = text("sub").filter(|sub| (1..=SUBJECT_BYTES_MAX).contains(&sub.len()))?;
    let until = time(claims.get("exp")?)?;
    let (made, from) = (time(claims.get("iat")?)?, claims.get("nbf").map_or(Some(Timestamp::MIN), time)?);
    let second = now.as_second();
    let is_begun =
        made.as_second() <= second + LEEWAY_S && from.as_second() <= second.saturating_add(LEEWAY_S);
    if second >= until.as_second().saturating_add(LEEWAY_S) || !is_begun {
        return None;
    }
    // An address is a name only where the provider has made sure of it.
    let email = text("email").filter(|_| claims.get("email_verified") == Some(&Value::Bool(true)));
    let name = text("name").or(text("preferred_username")).or(email).unwrap_or(subject);
    let mut grants: Vec<Grant> = Vec::new();
    for rule in &oidc.grants {
        let values = values(claims.get(rule.claim())).into_iter().filter_map(|value| rule.grant(value));
        grants.extend(values.take(GRANTS_MAX.saturating_sub(grants.len())));
    }
    grants.sort();
    grants.dedup();
    let name = name.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
    Some(Person { subject: subject.to_owned(), name, grants, since: made, until })
}

/// RFC 7519 section 4.1.3, OpenID Connect Core section 3.1.3.7: one of several must be the one it was made for.
fn is_for_us(claims: &Map<String, Value>, own: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(audience)) => audience == own,
        Some(Value::Array(list)) => {
            let is_own = |value: &Value| value.as_str() == Some(own);
            let is_alone = list.len() == 1 || claims.get("azp").is_some_and(is_own);
            list.iter().all(Value::is_string) && list.iter().any(is_own) && is_alone
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

/// The texts of a claim: one, or a list of them. Nothing is split: `"audit,admin"` is one value.
fn values(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).take(VALUES_MAX).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(value.as_i64()?).ok()
}

fn part(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Members of a header that bring a key, say where one is, or must be understood.
const FOREIGN: [&str; 7] = ["jku", "jwk", "x5u", "x5c", "crit", "zip", "b64"];
const TOKEN_BYTES_MAX: usize = 16 << 10;
const SUBJECT_BYTES_MAX: usize = 255;
const NAME_CHARS_MAX: usize = 100;
const VALUES_MAX: usize = 1_000;
const GRANTS_MAX: usize = 200;
/// Clocks differ.
const LEEWAY_S: i64 = 60;
