//! `/audit/v1/session`: who am I, sign in, sign out.

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::{Caller, Proof, SignIn};
use super::cookie;
use crate::api::answers::problem::Problem;
use crate::api::listener::state::State;

/// Who asks, and how one can sign in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    is_signed_in: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    grants: Vec<String>,
    /// True when a cookie says so, which `DELETE` ends.
    has_cookie: bool,
    /// What can be shown to sign in; empty where nobody needs to.
    ways: &'static [&'static str],
    /// Where people sign in, for a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

/// `GET /audit/v1/session`: open, so that the page knows what to ask for.
pub(in crate::api) async fn show(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Response {
    axum::Json(view(&state, &caller)).into_response()
}

/// `POST /audit/v1/session`, with the token as a bearer: sets the cookie.
pub(in crate::api) async fn start(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    match (caller.proof(), caller.session()) {
        (Proof::Holder(_) | Proof::Token(_) | Proof::Person(_) | Proof::Unheard, None) => {}
        // No stranger comes so far with this method.
        (Proof::Place | Proof::None, _) => {
            return Err(Problem::new(StatusCode::CONFLICT, "Nobody needs to sign in here."));
        }
        (Proof::Holder(_) | Proof::Token(_) | Proof::Person(_) | Proof::Unheard, Some(_)) => {
            return Err(Problem::new(StatusCode::CONFLICT, "You are signed in."));
        }
    }
    let secret = state.inner.door.sign_in(caller.clone(), None);
    let cookie = secret.and_then(|secret| cookie::set(secret.expose()));
    let Some(cookie) = cookie else {
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "No session can be made now."));
    };
    state.tell_of_sign_in(&caller);
    let view = View { has_cookie: true, ..view(&state, &caller) };
    Ok(([(SET_COOKIE, cookie)], axum::Json(view)).into_response())
}

/// `DELETE /audit/v1/session`: forgets the session, here and in the browser.
pub(in crate::api) async fn end(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let Some(session) = caller.session() else {
        return Err(Problem::new(StatusCode::CONFLICT, "You are not signed in by a cookie."));
    };
    state.inner.door.sign_out(session);
    state.tell_of_sign_out(&caller);
    let mut headers = HeaderMap::new();
    headers.extend(cookie::forget().map(|cookie| (SET_COOKIE, cookie)));
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

fn view<'a>(state: &State, caller: &'a Caller) -> View<'a> {
    let is_closed = state.inner.door.is_closed(&state.inner.access.load().lock);
    let provider = state.inner.sign_in.as_ref().map(SignIn::provider_name);
    View {
        is_signed_in: caller.id.is_some(),
        id: caller.id.as_deref(),
        name: caller.name.as_deref(),
        grants: caller.grants().iter().map(ToString::to_string).collect(),
        has_cookie: caller.session().is_some(),
        ways: match (is_closed, &provider) {
            (false, _) => &[],
            (true, None) => &["token"],
            (true, Some(_)) => &["oidc", "token"],
        },
        provider,
    }
}
