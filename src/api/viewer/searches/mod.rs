//! `/audit/v1/searches`: searches under a name, each reader's own. A search is the query of a page's address, so that it
//! can be given as one, and nothing here takes a body.

mod kept;
#[cfg(test)]
mod tests;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::access::Caller;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::State;
use super::super::shapes::query;
pub(in crate::api) use kept::Searches;
use kept::{NotKept, Search};

#[derive(Serialize)]
struct View {
    data: Vec<Search>,
}

/// `GET /audit/v1/searches`.
pub(in crate::api) async fn list(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let data = work(state, caller, |searches, reader| searches.of(reader)).await?;
    Ok(axum::Json(View { data }).into_response())
}

/// `PUT /audit/v1/searches/{name}?QUERY`.
pub(in crate::api) async fn put(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    let search = Search { name: named(name)?, query: query.unwrap_or_default() };
    if search.query.len() > QUERY_BYTES_MAX {
        return Err(wrong(
            "query",
            "is too long for a search",
            "at most 4,000 bytes behind the question mark",
        ));
    }
    work(state, caller, move |searches, reader| searches.put(reader, search)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /audit/v1/searches/{name}`.
pub(in crate::api) async fn remove(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let name = named(name)?;
    if work(state, caller, move |searches, reader| searches.remove(reader, &name)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(StatusCode::NOT_FOUND, "You have no search of this name."))
}

/// What a search may be called.
fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let name = name.map(|Path(name)| name.trim().to_owned()).unwrap_or_default();
    if (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(wrong("name", "cannot be a search's name", "1 to 80 characters, without control characters"))
}

fn wrong(parameter: &str, detail: &str, accepts: &str) -> Problem {
    let (parameter, detail) = (parameter.to_owned(), detail.to_owned());
    Problem::parameters(vec![Wrong { parameter, detail, accepts: accepts.to_owned() }])
}

/// Does something with the searches of whoever asks, beside the requests of others.
async fn work<T: Send + 'static>(
    state: State,
    caller: Caller,
    work: impl FnOnce(&Searches, &str) -> Result<T, NotKept> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || {
        work(&state.inner.searches, caller.id.as_deref().unwrap_or_default())
    });
    let failed = || {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The saved searches cannot be read or written; the log of Earwitness says why.",
        )
    };
    match done.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(NotKept::Full)) => Err(Problem::new(
            StatusCode::CONFLICT,
            "There are as many saved searches as there may be: forget one.",
        )),
        Ok(Err(NotKept::Io(error))) => {
            tracing::error!(%error, "saved searches cannot be read or written");
            Err(failed())
        }
        Err(_) => Err(failed()),
    }
}

const NAME_CHARACTERS_MAX: usize = 80;
const QUERY_BYTES_MAX: usize = 4_000;
