//! `GET /audit/v1/rules`: the rules in force, in one page.

use axum::extract::{RawQuery, State as Extract};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::super::answers::problem::Problem;
use super::super::listener::state::{RulesState, State};
use super::super::shapes::query;

/// A pack in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackInForce {
    /// The folder's name.
    pub name: String,
    /// What people call the application.
    pub title: String,
    /// As the events that it makes carry it.
    pub version: String,
    /// In the order in which they are tried.
    pub rules: Vec<RuleInForce>,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleInForce {
    /// As the events that it makes carry it.
    pub id: String,
    /// Which requests, as its file says it.
    pub r#match: Vec<String>,
    /// `record`, `shadow` or `disabled`.
    pub mode: &'static str,
    /// `durable` or `buffered`.
    pub guarantee: &'static str,
    /// `allow` or `refuse`, where the rule says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<&'static str>,
    /// Two rules with one digest do the same, as far as their packs share the rest.
    pub digest: String,
}

/// `GET /audit/v1/rules`.
pub(in crate::api) async fn list(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    query::none(query.as_deref())?;
    let RulesState { version, stale_since, packs, .. } = (state.inner.readiness)().rules;
    let body = json!({
        "version": version,
        "staleSince": stale_since,
        "data": &packs[..],
        "pagination": { "nextCursor": null, "hasMore": false },
    });
    Ok(axum::Json(body).into_response())
}
