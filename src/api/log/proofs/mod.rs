//! What shows that the log is whole: the key that signs, the checkpoint of now, and proofs that lead to it.
//! docs/integrity.md says what is hashed.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::{Hash, Sealed, StoreError, Tree, hex};

use super::super::access::Caller;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::State;
use super::super::shapes::query;
use super::events::visible_event;
use super::parameters::once;

/// Who signs for the log, and proves. All but [`Notary::key`] and [`Notary::standing`] may block.
pub trait Notary: Send + Sync {
    /// The key by which its signatures are known, as text.
    fn key(&self) -> String;

    /// The keys that have signed for the log, each signed for by the one before.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn keys(&self) -> Result<String, StoreError>;

    /// The tree of all that is recorded.
    fn tree(&self) -> Tree;

    /// A signed statement of a tree's size and root.
    fn checkpoint(&self, tree: &Tree) -> String;

    /// The tree as it is, and the hashes from an entry's leaf to its root; `None` when they are gone.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn inclusion(&self, entry: &Sealed) -> Result<Option<(Tree, Vec<Hash>)>, StoreError>;

    /// The hashes that show one tree to be the beginning of another; `None` when they cannot be had.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError>;

    /// For each part, from its first event to its last, the roots of the largest full subtrees that it is made of; `None`
    /// where they are gone.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn subtrees(&self, parts: &[(u64, u64)]) -> Result<Vec<Option<Vec<Hash>>>, StoreError>;

    /// How it stands with the checkpoints.
    fn standing(&self) -> Standing;
}

/// How it stands with the checkpoints, for `/readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why the log is not the one that was signed for before.
    pub alarm: Option<String>,
    /// Since when no checkpoint was taken outside, in seconds; `None` where none is to be kept there.
    pub outside_age_s: Option<u64>,
    /// Why the last one was not taken.
    pub trouble: Option<String>,
}

/// `GET /audit/v1/key`.
pub(in crate::api) async fn key(Extract(state): Extract<State>) -> Result<Response, Problem> {
    Ok(text(format!("{}\n", notary(&state)?.key())))
}

/// `GET /audit/v1/keys`.
pub(in crate::api) async fn keys(Extract(state): Extract<State>) -> Result<Response, Problem> {
    let notary = notary(&state)?;
    Ok(text(state.ask(move |_, _| notary.keys()).await?))
}

/// `GET /audit/v1/subtrees?from=&to=`.
pub(in crate::api) async fn subtrees(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let notary = notary(&state)?;
    let sizes = Arc::clone(&notary);
    let size = state.ask(move |_, _| Ok(sizes.tree().size())).await?;
    let (from, to) = sizes_in(query.as_deref().unwrap_or(""), size).map_err(Problem::parameters)?;
    let found = state.ask(move |_, _| Ok(notary.subtrees(&[(from, to)])?.pop().flatten())).await?;
    let hashes: Vec<String> = found.ok_or_else(gone)?.iter().map(|hash| hex(hash)).collect();
    Ok(axum::Json(json!({ "data": { "from": from, "to": to, "hashes": hashes } })).into_response())
}

/// `GET /audit/v1/checkpoint`.
pub(in crate::api) async fn checkpoint(Extract(state): Extract<State>) -> Result<Response, Problem> {
    let notary = notary(&state)?;
    let note = state.ask(move |_, _| Ok(notary.checkpoint(&notary.tree()))).await?;
    Ok(text(note))
}

/// `GET /audit/v1/events/{id}/proof`.
pub(in crate::api) async fn proof(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let notary = notary(&state)?;
    let sealed = visible_event(&state, &caller, id).await?.sealed;
    let (sequence, leaf) = (sealed.sequence, hex(&sealed.leaf));
    let found = state
        .ask(move |_, _| {
            let found = notary.inclusion(&sealed)?;
            Ok(found.map(|(tree, hashes)| (tree.size(), hashes, notary.checkpoint(&tree))))
        })
        .await?;
    let (size, hashes, checkpoint) = found.ok_or_else(gone)?;
    let hashes: Vec<String> = hashes.iter().map(|hash| hex(hash)).collect();
    let proof = json!({ "index": sequence - 1, "size": size, "leaf": leaf, "hashes": hashes, "checkpoint": checkpoint });
    Ok(axum::Json(json!({ "data": proof })).into_response())
}

/// `GET /audit/v1/consistency?from=&to=`.
pub(in crate::api) async fn consistency(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let notary = notary(&state)?;
    let sizes = Arc::clone(&notary);
    let size = state.ask(move |_, _| Ok(sizes.tree().size())).await?;
    let (from, to) = sizes_in(query.as_deref().unwrap_or(""), size).map_err(Problem::parameters)?;
    let hashes = state.ask(move |_, _| notary.consistency(from, to)).await?.ok_or_else(gone)?;
    let hashes: Vec<String> = hashes.iter().map(|hash| hex(hash)).collect();
    Ok(axum::Json(json!({ "data": { "from": from, "to": to, "hashes": hashes } })).into_response())
}

fn sizes_in(text: &str, size: u64) -> Result<(u64, u64), Vec<Wrong>> {
    let accepts = format!("a whole number from 1 to {size}, the size of the log");
    let (mut from, mut to) = (None, None);
    let known = [("from", accepts.as_str()), ("to", accepts.as_str())];
    query::read(text, &known, |name, value| {
        let number = value.parse::<u64>().ok().filter(|number| (1..=size).contains(number));
        let place = if name == "from" { &mut from } else { &mut to };
        once(place, number.ok_or("is no size that the log has had")?)
    })?;
    let to = to.unwrap_or(size);
    let detail = match from {
        Some(from) if from <= to => return Ok((from, to)),
        Some(_) => "is above `to`",
        None => "is missing",
    };
    Err(vec![Wrong { parameter: "from".to_owned(), detail: detail.to_owned(), accepts }])
}

fn notary(state: &State) -> Result<Arc<dyn Notary>, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "Nobody signs for this log here: it is only read.");
    state.notary().ok_or_else(absent)
}

/// Events beside the one that was asked for were lost, or removed in a way that kept too little of them.
fn gone() -> Problem {
    Problem::new(StatusCode::GONE, "What would prove it is gone; `earwitness verify` says what is missing.")
}

fn text(body: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

/// What `subtrees` takes.
pub(in crate::api) const PART: &[(&str, &str)] = &[
    ("from", "the sequence of the first event, 1 or more"),
    ("to", "that of the last one; the newest where it is left out"),
];
/// What `consistency` takes.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] = &[
    ("from", "the smaller size, 1 or more"),
    ("to", "the larger size; the present one where it is left out"),
];
