//! Sessions: which one a request shows, and what a login or logout teaches about it.
//!
//! A session is known by the keyed hash of host, place and value, never by its value. It is learned only from
//! an exchange that a rule calls a success, and it is the credential *after* the login that is learned
//! (THREATS E59): the one before may be an attacker's, planted in the victim's browser.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::capture;
use crate::derive::case::Case;
use crate::derive::document::Reading;
use crate::derive::engine::Engine;
use crate::derive::read::{Lesson, Person, ReadKey};
use crate::event::{Assurance, Certainty, Event, Outcome};
use crate::exchange::{Exchange, Request, Response};
use crate::rules::expr::{EvalLog, Expr, Root, Scope};
use crate::rules::model::{Pack, Session, SessionPlace};
use crate::rules::redact::Key;
use crate::rules::router::Candidate;
use crate::value::{Map, Value};

impl Engine {
    /// The keys of the sessions that a request shows, where a pack learns them.
    pub fn sessions(&self, candidates: &[Candidate], request: &Request) -> Vec<ReadKey> {
        let mut keys = Vec::new();
        let mut packs: Vec<usize> = candidates.iter().map(|candidate| candidate.pack).collect();
        packs.dedup();
        for pack in packs.into_iter().filter_map(|pack| self.rules.packs.get(pack)) {
            keys.extend(shown(pack, request, &self.key));
        }
        keys
    }
}

/// The keys of the sessions that a request shows to the application of this pack.
pub(super) fn shown(pack: &Pack, request: &Request, key: &Key) -> Vec<ReadKey> {
    if !pack.actors.iter().any(|way| way.is_learned) {
        return Vec::new();
    }
    let mut keys: Vec<ReadKey> = Vec::new();
    let places = pack.rules.iter().filter_map(|rule| match &rule.session {
        Some(Session::Starts(place)) => Some(place),
        Some(Session::Ends) | None => None,
    });
    for place in places {
        let found = match place {
            SessionPlace::Cookie(name) => {
                let values = sent(&request.headers, name).into_iter();
                values.map(|value| of_cookie(key, &request.host, name, value)).collect()
            }
            SessionPlace::Token(_) => bearer(&request.headers)
                .map(|token| of_token(key, &request.host, token))
                .into_iter()
                .collect::<Vec<_>>(),
        };
        for found in found {
            if keys.len() < SESSIONS_MAX && !keys.contains(&found) {
                keys.push(found);
            }
        }
    }
    keys
}

/// What a rule's events teach; nothing where none of them is certainly a success.
pub(in crate::derive) fn lesson(
    case: &Case<'_>,
    reading: &Reading<'_>,
    exchange: &Exchange,
    events: &[Event],
) -> Option<Lesson> {
    let session = case.rule.session.as_ref()?;
    let is_done =
        |event: &&Event| event.result == Outcome::Success && event.r#match.certainty == Certainty::Certain;
    let event = events.iter().find(is_done)?;
    let key = &case.engine.key;
    let place = match session {
        Session::Ends => return Some(Lesson::Ends(shown(case.pack, &exchange.request, key))),
        Session::Starts(place) => place,
    };
    let response = exchange.response.as_ref()?;
    let keys = match place {
        SessionPlace::Cookie(name) => after(name, exchange, response, key),
        SessionPlace::Token(expr) => {
            let token = token(expr, reading, response)?;
            vec![of_token(key, &exchange.request.host, token.as_bytes())]
        }
    };
    let actor = event.actor.clone();
    let is_somebody = actor.id.is_some() || actor.email.is_some();
    if !is_somebody || actor.assurance == Assurance::Ambiguous {
        // Somebody logged in, and who is not certain: whose it was before, it may not be any more.
        return Some(Lesson::Ends(keys));
    }
    // What an earlier lesson said of this session is not the rule's word about the new one.
    let is_said = case.rule.entries.iter().any(|entry| entry.on_behalf_of.is_some());
    let on_behalf_of = event.on_behalf_of.clone().filter(|_| is_said);
    let person = Person { actor, on_behalf_of, scope: event.scope.clone() };
    Some(Lesson::Starts(keys, Box::new(person)))
}

/// The cookie that the client sends from now on: the one set, else the one that it sent, if it is one.
fn after(name: &str, exchange: &Exchange, response: &Response, key: &Key) -> Vec<ReadKey> {
    let lines = response.headers.get_all(SET_COOKIE).iter().map(|line| line.as_bytes());
    let set = lines.filter_map(|line| named(line.split(|byte| *byte == b';').next()?, name));
    let set: Vec<&[u8]> = set.take(SESSIONS_MAX).collect();
    let values = match set.is_empty() {
        false => set.into_iter().filter(|value| !value.is_empty()).collect(),
        true => Some(sent(&exchange.request.headers, name)).filter(|all| all.len() == 1).unwrap_or_default(),
    };
    values.into_iter().map(|value| of_cookie(key, &exchange.request.host, name, value)).collect()
}

/// The values of a cookie that was sent, each once.
fn sent<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h [u8]> {
    let mut values: Vec<&[u8]> = Vec::new();
    let lines = headers.get_all(COOKIE).iter().map(|line| line.as_bytes());
    for value in lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(|pair| named(pair, name))
    {
        if values.len() < SESSIONS_MAX && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn named<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let line = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = line.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The token that an answer shows. It is read from the answer as it came, because in the document it is
/// redacted; what is read goes into a hash and nowhere else.
fn token(expr: &Expr, reading: &Reading<'_>, response: &Response) -> Option<String> {
    let decoded =
        capture::decode(&response.body, &response.headers, reading.forced, reading.decoded_bytes_max);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers =
        response.headers.iter().map(|(name, value)| (name.as_str().to_owned(), Value::from(text(value))));
    let headers: Map = headers.collect();
    let members = [("headers", headers.into()), ("body", Value::from(decoded.value))];
    let document = Value::Object(members.into_iter().collect());
    let log = EvalLog::default();
    let value = expr.eval(&Scope::new(&[], &log).with(Root::Response, &document))?;
    value.as_str().filter(|token| !token.is_empty()).map(str::to_owned)
}

fn of_cookie(key: &Key, host: &str, name: &str, value: &[u8]) -> ReadKey {
    key.hash("session", &[host.to_ascii_lowercase().as_bytes(), b"cookie", name.as_bytes(), value])
}

fn of_token(key: &Key, host: &str, token: &[u8]) -> ReadKey {
    key.hash("session", &[host.to_ascii_lowercase().as_bytes(), b"token", b"", token])
}

/// Sessions of one request that are looked at.
const SESSIONS_MAX: usize = 8;
