//! `GET` and `POST /audit/v1/erasure`: what an erasure of a person's values would take, and that it does. What that means
//! is known above; here is how it is asked for.
//!
//! Who it is stands in the body, the only one that this listener takes: an address is written down wherever URLs are
//! (THREATS P09).

use std::pin::Pin;
use std::sync::{Arc, Weak};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::access::Caller;
use super::super::answers::problem::Problem;
use super::super::listener::state::State;
use super::super::shapes::query;

/// Erases values of persons.
pub trait Erase: Send + Sync {
    /// What is under way, the last plan and the last erasure.
    fn told(&self) -> Value;

    /// Makes a plan for this person; or, with the id of the plan that somebody has looked at, erases. Says the same
    /// after it. It goes on when the future is dropped.
    fn ask(&self, wish: ErasureWish) -> ErasureAnswer;
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureWish {
    /// Addresses, ids and names of one person.
    pub subject: Vec<String>,
    /// The id of the plan that somebody has looked at; `None` for a plan.
    pub confirm: Option<String>,
    /// Who asks.
    pub by: String,
}

/// An answer to come.
pub type ErasureAnswer = Pin<Box<dyn Future<Output = Result<Value, Unerased>> + Send>>;

/// Why nothing was erased.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unerased {
    /// Nobody can be sought by what was given.
    #[error("{0}")]
    Nobody(String),
    /// The plan is not the one that was confirmed.
    #[error("what would be erased is not what was confirmed: look at it again; its id is now {0}")]
    OtherPlan(String),
    /// Whoever confirms it has done so before: somebody else must.
    #[error("you have confirmed it: somebody else must confirm the same, until {0}")]
    SamePerson(Timestamp),
    /// Another one is under way.
    #[error("another erasure is under way: ask again when it is done")]
    Busy,
}

/// What the body says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    subject: Vec<String>,
    #[serde(default)]
    confirm: Option<String>,
}

/// `GET /audit/v1/erasure`.
pub(in crate::api) async fn show(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    Ok(axum::Json(eraser(&state)?.told()).into_response())
}

/// `POST /audit/v1/erasure`.
pub(in crate::api) async fn erase(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let body = body.ok().filter(|body| body.len() <= BODY_BYTES_MAX);
    let read = body.and_then(|body| serde_json::from_slice::<Body>(&body).ok());
    let Body { subject, confirm } = read.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, FORM))?;
    let by = caller.id.unwrap_or_default();
    let answer = eraser(&state)?.ask(ErasureWish { subject, confirm, by }).await;
    match answer {
        Ok(told) => {
            // What is under way is told when it is asked for again.
            let status = if told["state"] == "idle" { StatusCode::OK } else { StatusCode::ACCEPTED };
            Ok((status, axum::Json(told)).into_response())
        }
        Err(error @ Unerased::Nobody(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, error.to_string())),
        Err(error @ Unerased::SamePerson(_)) => Err(Problem::new(StatusCode::FORBIDDEN, error.to_string())),
        Err(error @ (Unerased::OtherPlan(_) | Unerased::Busy)) => {
            Err(Problem::new(StatusCode::CONFLICT, error.to_string()))
        }
    }
}

fn eraser(state: &State) -> Result<Arc<dyn Erase>, Problem> {
    let eraser = state.inner.erase.get().and_then(Weak::upgrade);
    eraser.ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "Nothing is erased from a log that nobody records to.")
    })
}

const FORM: &str =
    "The body is JSON of up to 16 KiB: `{\"subject\":[\"anna@example.org\"]}`, with `confirm` to erase.";
/// Twenty addresses are far below.
const BODY_BYTES_MAX: usize = 16 << 10;
