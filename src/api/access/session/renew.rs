//! What somebody may do who has signed in at a provider is asked there again when it is too old to go by (THREATS Q13): before the
//! next request, and before the next part of an answer that goes on for long.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::super::oidc::Unrenewed;
use super::super::tokens::hash;
use super::super::{Caller, Door};
use super::of_request;
use crate::api::listener::state::State;
use crate::api::viewer::links;

/// Has it asked again for whoever shows these headers.
pub(in crate::api) async fn renew_shown(state: &State, headers: &HeaderMap) {
    if let Some(secret) = of_request(headers).filter(|_| !headers.contains_key(AUTHORIZATION)) {
        renew(state, &hash(secret.as_bytes())).await;
    }
}

/// Has it asked again for that session, where it is due. Whoever comes meanwhile waits: he needs the answer too.
pub(in crate::api) async fn renew(state: &State, key: &[u8; 32]) {
    let door = &state.inner.door;
    let is_due = |door: &Door| door.sessions().due(key, Timestamp::now());
    let Some(renewal) = is_due(door) else { return };
    let Some(mut held) = renewal.turn().await else { return };
    if is_due(door).is_none() {
        return;
    }
    let (state, key) = (state.clone(), *key);
    // It ends by itself: each way out to the provider has a limit of time.
    let asked = tokio::spawn(async move {
        let door = &state.inner.door;
        let (Some(sign_in), Some(provider)) = (&state.inner.sign_in, door.provider()) else { return };
        match sign_in.renew(provider, &renewal, &mut held).await {
            Ok(person) => {
                let caller = Caller::of_person(person);
                door.sessions().renewed(&key, caller.clone());
                links::end_those_of(&state, &caller).await;
            }
            Err(Unrenewed::Ended) => door.sessions().end(&key),
            Err(Unrenewed::Unreachable) => {}
        }
    });
    let _ = asked.await;
}
