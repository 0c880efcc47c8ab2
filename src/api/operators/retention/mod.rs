//! `GET /audit/v1/retention` and `POST /audit/v1/retention/pass`: what may leave the log, and that it does so now.
//! What that means is known above; here is how it is asked for.

use std::pin::Pin;
use std::sync::{Arc, Weak};

use axum::Extension;
use axum::extract::{RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::super::access::Caller;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::State;
use super::super::log::parameters::once;
use super::super::shapes::query;

/// Removes what may leave the log.
pub trait Retain: Send + Sync {
    /// The terms, the last pass and the next one, and what would leave now.
    fn plan(&self) -> Retaining;

    /// Makes a pass now, and says the same after it, or while it goes on; with the id of the plan that somebody has looked at, whatever
    /// speaks against it. `by` is who asks. It goes on when the future is dropped.
    fn pass(&self, confirmed: Option<String>, by: String) -> Retaining;
}

/// An answer to come.
pub type Retaining = Pin<Box<dyn Future<Output = Result<Retained, NotRetained>> + Send>>;

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Retained {
    /// When it was done.
    Done(Value),
    /// While it is still done, or waits for its turn.
    Going(Value),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRetained {
    /// Another plan was confirmed.
    Other(OtherPlan),
    /// Too much waits already.
    Busy,
}

/// The plan is not the one that was confirmed: nothing was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherPlan {
    /// Its id.
    pub id: String,
}

/// `GET /audit/v1/retention`.
pub(in crate::api) async fn show(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    answer(retain(&state)?.plan().await)
}

/// `POST /audit/v1/retention/pass`.
pub(in crate::api) async fn pass(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let confirmed = confirmed(&query.unwrap_or_default()).map_err(Problem::parameters)?;
    let by = caller.id.unwrap_or_default();
    answer(retain(&state)?.pass(confirmed, by).await)
}

fn confirmed(query: &str) -> Result<Option<String>, Vec<Wrong>> {
    let mut confirmed = None;
    query::read(query, PARAMETERS, |_, value| {
        let is_id = value.len() == 16 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_id.then(|| value.to_ascii_lowercase());
        once(&mut confirmed, id.ok_or("is no plan's id")?)
    })?;
    Ok(confirmed)
}

fn retain(state: &State) -> Result<Arc<dyn Retain>, Problem> {
    let retain = state.inner.retain.get().and_then(Weak::upgrade);
    retain.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "Nothing leaves a log that nobody records to."))
}

fn answer(told: Result<Retained, NotRetained>) -> Result<Response, Problem> {
    match told {
        Ok(Retained::Done(told)) => Ok(axum::Json(told).into_response()),
        Ok(Retained::Going(told)) => Ok((StatusCode::ACCEPTED, axum::Json(told)).into_response()),
        Err(NotRetained::Other(OtherPlan { id })) => Err(Problem::new(
            StatusCode::CONFLICT,
            format!("What would be removed is not what was confirmed: look at it again. Its id is now {id}."),
        )),
        Err(NotRetained::Busy) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too much was asked of retention that is not done yet; ask again later.",
        )),
    }
}

/// What the second takes; the first takes nothing.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] = &[("confirm", CONFIRM)];
const CONFIRM: &str = "confirm, once: `plan.id` of GET /audit/v1/retention";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_done_yet_is_not_told_as_done() {
        let status = |told| match answer(told) {
            Ok(response) => response.status(),
            Err(problem) => problem.into_response().status(),
        };
        assert_eq!(status(Ok(Retained::Done(Value::Null))), StatusCode::OK);
        assert_eq!(status(Ok(Retained::Going(Value::Null))), StatusCode::ACCEPTED);
        let other = OtherPlan { id: String::new() };
        assert_eq!(status(Err(NotRetained::Other(other))), StatusCode::CONFLICT);
        assert_eq!(status(Err(NotRetained::Busy)), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn only_the_id_of_a_plan_confirms() {
        let id = "0123456789abcdef".to_owned();
        for (query, expected) in [("", None), ("confirm=0123456789ABCDEF", Some(id))] {
            assert_eq!(confirmed(query), Ok(expected), "{query}");
        }
        for (query, expected) in [
            ("confirm=", "confirm is empty"),
            ("confirm=yes", "confirm is no plan's id"),
            ("confirm=0123456789abcdef&confirm=0123456789abcdef", "confirm stands twice"),
            ("force=1", "force is not a parameter"),
        ] {
            let wrong = confirmed(query).unwrap_err();
            assert_eq!(format!("{} {}", wrong[0].parameter, wrong[0].detail), expected);
        }
        let late = format!("confirm={}&{}x=1", "0123456789abcdef", "&".repeat(100));
        assert_eq!(confirmed(&late).unwrap_err()[0].parameter, "x", "nothing behind is overlooked");
    }
}
