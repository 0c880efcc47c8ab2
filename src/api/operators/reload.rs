//! `POST /audit/v1/reload`: load rules and configuration anew. What that means is known above; here is who may ask,
//! and how the answer looks.

use std::net::IpAddr;
use std::pin::Pin;

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::super::answers::problem::Problem;
use super::super::listener::state::State;

/// Loads rules and configuration anew when asked to.
pub trait Reload: Send + Sync {
    /// Does it, after whatever reload is under way. It goes on when the future is dropped.
    fn reload(&self, from: Option<IpAddr>)
    -> Pin<Box<dyn Future<Output = Result<Reloaded, Refused>> + Send>>;
}

/// What a reload has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded {
    /// The version of all rules before, as a hash.
    pub version_before: String,
    /// The version of all rules now; the same where nothing has changed.
    pub version: String,
    /// Rules that are new.
    pub added: Vec<String>,
    /// Rules that are gone.
    pub removed: Vec<String>,
    /// Rules that say something else than before.
    pub changed: Vec<String>,
    /// What records less than before, or reveals more, in words.
    pub weakened: Vec<String>,
    /// Keys of the configuration with another value.
    pub settings: Vec<String>,
    /// Keys whose new value waits for the next start.
    pub needs_restart: Vec<String>,
    /// What somebody should look at, as `earwitness check --format json` has it.
    pub warnings: Value,
}

/// Why nothing was changed: every problem, as `earwitness check --format json` has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// A list of problems.
    pub problems: Value,
}

/// From where a request came; set by the listener.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct From(pub(in crate::api) IpAddr);

/// `POST /audit/v1/reload`.
pub(in crate::api) async fn reload(
    Extract(state): Extract<State>,
    from: Option<Extension<From>>,
) -> Result<Response, Problem> {
    let reloading = state.inner.reload.get().and_then(std::sync::Weak::upgrade);
    let Some(reloading) = reloading else {
        return Err(Problem::new(StatusCode::CONFLICT, "These rules did not come from files."));
    };
    match reloading.reload(from.map(|Extension(From(ip))| ip)).await {
        Ok(reloaded) => Ok(axum::Json(reloaded).into_response()),
        Err(Refused { problems }) => Err(Problem::files(problems)),
    }
}
