//! Having a provider say anew what somebody may do who has signed in there: by its refresh token (OpenID Connect Core 1.0 section 12),
//! which is in memory alone, and goes with the session.
//!
//! Many providers take a refresh token once and give another, and end all of a person's when one comes twice: one request asks for
//! all, and its answer is taken whether or not the reader waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::config::Secret;

use super::fetch::FetchError;
use super::jwt::{Answers, Person};
use super::provider::Provider;
use super::sign_in::{Refused, SignIn};

/// By what a provider's word on somebody is had anew.
#[derive(Debug)]
pub(in crate::api) struct Renewal {
    subject: String,
    /// Of the sign-in: an ID token that names one later must name this.
    nonce: String,
    held: Arc<Mutex<Held>>,
}

/// What the last answer left; held while the provider is asked.
#[derive(Debug)]
pub(in crate::api::access) struct Held {
    token: Secret,
    asked: Option<Instant>,
}

/// Why there is no new word on somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api::access) enum Unrenewed {
    /// The provider gives none any more, or none that can be believed: the session is over.
    Ended,
    /// It does not answer; it may later.
    Unreachable,
}

impl Renewal {
    /// For whoever has just signed in.
    pub(in crate::api::access) fn new(subject: String, nonce: String, token: &str) -> Renewal {
        let held = Held { token: Secret::new(token), asked: None };
        Renewal { subject, nonce, held: Arc::new(Mutex::new(held)) }
    }

    /// Waits until nobody else asks; `None` where somebody has asked in vain just now.
    pub(in crate::api::access) async fn turn(&self) -> Option<OwnedMutexGuard<Held>> {
        let held = Arc::clone(&self.held).lock_owned().await;
        held.asked.is_none_or(|at| at.elapsed() >= ASK_EVERY).then_some(held)
    }
}

impl SignIn {
    /// What the provider says now of whoever that is.
    ///
    /// # Errors
    /// When it says nothing of use.
    pub(in crate::api::access) async fn renew(
        &self,
        provider: &Arc<Provider>,
        renewal: &Renewal,
        held: &mut Held,
    ) -> Result<Person, Unrenewed> {
        held.asked = Some(Instant::now());
        let endpoints = self.endpoints().await.map_err(|_| Unrenewed::Unreachable)?;
        let _turn = self.turns.try_acquire().map_err(|_| Unrenewed::Unreachable)?;
        let asked = [("grant_type", "refresh_token"), ("refresh_token", held.token.expose())];
        let answer = self.ask(&endpoints, &asked).await.map_err(|error| match error {
            // RFC 6749 section 5.2, and what firewalls make of it. Other words of refusal, such as 429, are about now.
            FetchError::Status(
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN,
            ) => Unrenewed::Ended,
            FetchError::Status(_) | FetchError::Unreachable(_) | FetchError::Other(_) => {
                tracing::warn!(%error, "the provider does not say what somebody may do");
                Unrenewed::Unreachable
            }
        })?;
        if let Some(next) = answer["refresh_token"].as_str() {
            held.token = Secret::new(next);
        }
        // An answer need not have one (section 12.2). Then nothing is known anew, and he signs in again.
        let token = answer["id_token"].as_str().ok_or(Unrenewed::Ended)?;
        provider.prepare(token.as_bytes()).await;
        let answers = Answers::Renewal { nonce: &renewal.nonce, subject: &renewal.subject };
        let person = self.person(provider, token, &answers).map_err(|_| Unrenewed::Ended)?;
        if person.until > Timestamp::now() {
            held.asked = None;
        }
        Ok(person)
    }

    /// Whom an ID token is about that was got just now: what he may do by it ends with it, and when it is too old to go by.
    pub(super) fn person(
        &self,
        provider: &Provider,
        token: &str,
        answers: &Answers<'_>,
    ) -> Result<Person, Refused> {
        let person = provider.signed_in(token.as_bytes(), &self.client.client_id, answers);
        let mut person = person.ok_or(Refused::Unsound)?;
        let old = Timestamp::now().saturating_add(self.roles_last);
        person.until = old.map_or(person.until, |old| old.min(person.until));
        Ok(person)
    }
}

/// A provider that does not answer is not asked again for each request of a page.
const ASK_EVERY: Duration = Duration::from_secs(5);
