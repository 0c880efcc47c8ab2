//! `/audit/v1/session/oidc`: signing in at the provider. A browser comes here by a link of the page, is sent there, comes back, and
//! goes to the page again, with a session or with a word why there is none.
//!
//! Both are addresses that a person's browser goes to, so that a refusal is no problem document but the page, which says it.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::{RawQuery, State as Extract};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::oidc::{Arrived, CALLBACK, Manner, Refused, SignIn};
use super::super::{Caller, Read};
use super::cookie;
use crate::api::answers::problem::Problem;
use crate::api::listener::state::State;
use crate::api::operators::reload::From as Peer;
use crate::api::viewer::links;

/// `GET /audit/v1/session/oidc?to=QUERY`: sends a browser to the provider; with `quiet=true`, to come back at once.
pub(in crate::api) async fn send(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let sign_in = way_in(&state)?;
    let query = query.unwrap_or_default();
    let asked = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let to = asked("to");
    let manner = if asked("quiet") == "true" { Manner::Quiet } else { Manner::Open };
    Ok(match sign_in.begin(&to, manner).await {
        Ok(sent) => go(&sent.to, [cookie::set_sign_in(&sent.cookie)]),
        Err(why) => go(&sign_in.page(&to, Some(&why)), []),
    })
}

/// `GET /audit/v1/session/oidc/callback`: where the provider sends it back to.
pub(in crate::api) async fn receive(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    RawQuery(answer): RawQuery,
) -> Result<Response, Problem> {
    let sign_in = way_in(&state)?;
    let ip = peer.map(|Extension(Peer(ip))| ip);
    let begun = cookie::of_sign_in(&headers);
    let arrived = arrived(&state, sign_in, begun, &answer.unwrap_or_default(), ip).await;
    let signed_in = arrived.and_then(|Arrived { person, renewal }| {
        let caller = Caller::of_person(person);
        let secret = state.inner.door.sign_in(caller.clone(), renewal).ok_or(Refused::Busy)?;
        Ok((caller, secret))
    });
    Ok(match signed_in {
        Ok((person, secret)) => {
            // One browser, one session.
            if let Some(old) = caller.session() {
                state.inner.door.sign_out(old);
            }
            state.tell_of_sign_in(&person);
            links::end_those_of(&state, &person).await;
            go(&sign_in.back(begun, None), [cookie::set(secret.expose()), cookie::forget_sign_in()])
        }
        Err(why) => {
            if let Refused::Nothing(person) = &why {
                links::end_those_of(&state, &Caller::of_person(person.as_ref().clone())).await;
            }
            note(&state, &why, ip);
            go(&sign_in.back(begun, Some(&why)), [cookie::forget_sign_in()])
        }
    })
}

/// Who comes back. Who does so in vain too often waits: each time, the provider is asked.
async fn arrived(
    state: &State,
    sign_in: &SignIn,
    begun: Option<&str>,
    answer: &str,
    ip: Option<IpAddr>,
) -> Result<Arrived, Refused> {
    let door = &state.inner.door;
    let provider = door.provider().ok_or(Refused::Unreachable)?;
    if !door.has_turn(ip) {
        return Err(Refused::Busy);
    }
    let arrived = sign_in.finish(provider, begun, answer).await;
    if arrived.is_err() {
        door.note_failure(ip);
    }
    arrived
}

/// A refusal stands in the log, as any other at this listener. The provider's answer does not: it holds a code.
fn note(state: &State, why: &Refused, ip: Option<IpAddr>) {
    let caller = match why {
        Refused::Nothing(person) => Caller::of_person(person.as_ref().clone()),
        Refused::Denied
        | Refused::Lost
        | Refused::Unreachable
        | Refused::Unsound
        | Refused::Busy
        | Refused::Asleep => Caller::stranger(),
    };
    let query = format!("refused={}", why.word());
    let read = Read { caller: &caller, ip, path: CALLBACK, query: &query, requests: 1, events: 0 };
    state.note_refused(&read);
}

fn way_in(state: &State) -> Result<&SignIn, Problem> {
    let missing = "Nobody signs in at a provider here: `oidc.client_id` is not set.";
    state.inner.sign_in.as_ref().ok_or(Problem::new(StatusCode::NOT_FOUND, missing))
}

/// RFC 9110 section 15.4.4: what is there is fetched by GET.
fn go<const N: usize>(to: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::try_from(to).ok().map(|to| (LOCATION, to)));
    for cookie in cookies.into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
    (StatusCode::SEE_OTHER, headers).into_response()
}
