//! What the caller shows to say who it is. Nothing here is believed: the application decides, by its
//! answer, whether a credential was good.

mod cookies;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use crate::rules::redact::Key;
use crate::value::{Map, Value};

/// A credential, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::derive) struct Credential {
    pub(in crate::derive) kind: Kind,
    /// The user of Basic.
    pub(in crate::derive) user: Option<String>,
    /// The claims of a JWT, unchecked.
    pub(in crate::derive) claims: Option<Value>,
    /// Equal for equal credentials; `None` where there is none.
    pub(in crate::derive) hash: Option<String>,
    /// Why two readers could take different credentials from this head; `None` where they could not.
    pub(in crate::derive) ambiguity: Option<String>,
    /// True when a chain of `act` claims was cut at its limit.
    pub(in crate::derive) is_cut: bool,
}

/// The kinds that rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::derive) enum Kind {
    None,
    Basic,
    Bearer,
    Jwt,
    Cookie,
}

impl Kind {
    pub(in crate::derive) fn as_str(self) -> &'static str {
        match self {
            Kind::None => "none",
            Kind::Basic => "basic",
            Kind::Bearer => "bearer",
            Kind::Jwt => "jwt",
            Kind::Cookie => "cookie",
        }
    }
}

impl Credential {
    /// Reads `authorization`, else `cookie`.
    pub(in crate::derive) fn of(headers: &HeaderMap, key: &Key) -> Credential {
        Credential { ambiguity: cookies::ambiguity(headers, key), ..Credential::first(headers, key) }
    }

    fn first(headers: &HeaderMap, key: &Key) -> Credential {
        if let Some(line) = headers.get(AUTHORIZATION) {
            let text = String::from_utf8_lossy(line.as_bytes());
            let (scheme, rest) = text.trim().split_once(' ').unwrap_or((&text, ""));
            let rest = rest.trim();
            if scheme.eq_ignore_ascii_case("basic") {
                return basic(rest, key);
            }
            if scheme.eq_ignore_ascii_case("bearer") {
                return bearer(rest, key);
            }
            return Credential { hash: Some(short(key, "other", line.as_bytes())), ..none() };
        }
        let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(|line| line.as_bytes()).collect();
        let joined = cookies.join(&b"; "[..]);
        if joined.is_empty() {
            return none();
        }
        Credential { kind: Kind::Cookie, hash: Some(short(key, "cookie", &joined)), ..none() }
    }

    /// `$.credential`.
    pub(in crate::derive) fn document(&self) -> Value {
        let mut members = Map::new();
        members.insert("kind", self.kind.as_str().into());
        members.insert("verified", false.into());
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("user", self.user.clone().map(Value::from));
        put("claims", self.claims.clone());
        put("hash", self.hash.clone().map(Value::from));
        Value::Object(members)
    }
}

fn none() -> Credential {
    Credential { kind: Kind::None, user: None, claims: None, hash: None, ambiguity: None, is_cut: false }
}

/// RFC 7617. Only the user is hashed: a keyed hash of the password could be guessed (THREATS P03).
fn basic(encoded: &str, key: &Key) -> Credential {
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    let text = String::from_utf8_lossy(&decoded).into_owned();
    let user = text.split_once(':').map(|(user, _)| user.to_owned()).filter(|user| !user.is_empty());
    let hash = short(key, "basic", user.as_deref().unwrap_or_default().as_bytes());
    Credential { kind: Kind::Basic, user, hash: Some(hash), ..none() }
}

/// RFC 6750; a JWT (RFC 7519) where it looks like one.
fn bearer(token: &str, key: &Key) -> Credential {
    let mut claims = claims(token);
    let is_cut = claims.as_mut().is_some_and(cut_actors);
    let kind = if claims.is_some() { Kind::Jwt } else { Kind::Bearer };
    Credential { kind, claims, hash: Some(short(key, "bearer", token.as_bytes())), is_cut, ..none() }
}

fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_head, body, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if body.len() > CLAIMS_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

/// Keeps the nearest of those who act for one another (RFC 8693 section 4.1); true when there were more.
fn cut_actors(claims: &mut Value) -> bool {
    let mut at = claims;
    for _ in 0..ACTORS_MAX {
        match at.get_mut("act") {
            Some(next) => at = next,
            None => return false,
        }
    }
    at.as_object_mut().and_then(|last| last.remove("act")).is_some()
}

/// 128 bits: equality without collisions, and shorter in every event.
pub(super) fn short(key: &Key, kind: &str, secret: &[u8]) -> String {
    let mut hash = key.hash("credential", &[kind.as_bytes(), secret]);
    hash.truncate(32);
    hash
}

/// Claims of a token that is larger are not read.
const CLAIMS_BYTES_MAX: usize = 16 << 10;
/// Links of a chain of `act` claims.
const ACTORS_MAX: usize = 5;
