//! `/audit/v1/links`: links to the viewer, each for one thing or one person, with an end. A link is a token with one grant that is
//! handed on in an address, behind `#`, which browsers send to nobody; it is kept, told of and revoked as other tokens are.
//!
//! A link never shows more than whoever makes it sees, so auditors make them; who operates can take them back.

mod asked;
mod ends;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use super::super::access::{
    Caller, Link, NewToken, Proof, Token, TokenFault, TokenFile, fresh_token, last_used,
};
use super::super::answers::problem::Problem;
use super::super::listener::state::State;
use crate::config::{Grant, Shows};
pub(in crate::api) use asked::PARAMETERS;
use asked::{Asked, LASTS};
pub(in crate::api) use ends::end_those_of;

/// A link, without its text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    id: String,
    name: String,
    grants: Vec<String>,
    by: String,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    /// The day on which it was last used: `2026-01-31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    shows: Shows,
    /// The sites that may have it in a frame.
    sites: Vec<String>,
    is_good: bool,
}

/// A link that was just made: this is the one time that its text is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    #[serde(flatten)]
    link: View,
    token: String,
    /// The address to hand on: a whole one where `admin.address` says it.
    address: String,
    /// The address for a frame, where sites may have it in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    embed: Option<String>,
}

#[derive(Serialize)]
struct All {
    data: Vec<View>,
    /// The sites that a link may name.
    sites: Vec<String>,
}

/// `GET /audit/v1/links`.
pub(in crate::api) async fn list(Extract(state): Extract<State>) -> Result<Response, Problem> {
    let data = with_file(&state, |path| {
        let (now, file) = (Timestamp::now(), TokenFile::read(path)?.unwrap_or_default());
        let used = last_used(path);
        let links = file.tokens.iter().rev().filter_map(|token| {
            let last_used = used.get(&token.id).cloned();
            Some(View { last_used, is_good: file.is_live(token, now), ..View::of(token)? })
        });
        Ok(links.collect())
    });
    let sites = state.inner.embed.clone();
    Ok(axum::Json(All { data: data.await?, sites }).into_response())
}

/// `POST /audit/v1/links?target=TYPE/ID&for=7d`.
pub(in crate::api) async fn create(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query.unwrap_or_default(), &state.inner.embed).map_err(Problem::parameters)?;
    // The first token would close a listener on which nobody is asked for any, on whoever makes it here.
    if matches!(caller.proof(), Proof::Place | Proof::None) {
        let detail = "Everybody on this machine reads this log: a link is for a log that asks for tokens.";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if !caller.grants().contains(&Grant::Auditor) {
        let detail = "A link shows what its maker sees, and no more: auditors make links.";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let maker = match caller.proof() {
        Proof::Token(hash) => Some(*hash),
        Proof::None | Proof::Place | Proof::Holder(_) | Proof::Person(_) | Proof::Unheard => None,
    };
    // His provider would not tell us that he has left.
    let lasts = match caller.proof() {
        Proof::Person(_) => asked.lasts.min(LASTS),
        Proof::None | Proof::Place | Proof::Holder(_) | Proof::Token(_) | Proof::Unheard => asked.lasts,
    };
    let by = caller.id.unwrap_or_default();
    let (token, text) = with_file(&state, move |path| {
        let NewToken { text, hash } =
            fresh_token().map_err(|error| TokenFault::Io(std::io::Error::other(error.to_string())))?;
        let now = Timestamp::now();
        let mut token = Token::new(hash, asked.name, vec![asked.grant], now);
        token.link = Some(Link::new(by, asked.shows, asked.sites));
        let end = now.saturating_add(lasts).unwrap_or(Timestamp::MAX);
        TokenFile::change(path, |file| {
            // It is never good for longer than what its maker shows.
            let maker = file.tokens.iter().find(|one| Some(one.hash) == maker);
            token.expires = Some(maker.and_then(|maker| maker.expires).map_or(end, |last| last.min(end)));
            let token = token.signed(&text);
            file.add(token.clone(), now)?;
            Ok((token, text))
        })
    })
    .await?;
    let base = state.inner.address.as_deref().unwrap_or_default();
    let address = format!("{base}/#link={}", text.expose());
    let link = View::of(&token).map(|view| View { is_good: true, ..view });
    let made = link.map(|link| {
        let is_framed = !link.sites.is_empty();
        let embed = is_framed.then(|| format!("{base}/embed?link={}#link={}", link.id, text.expose()));
        Made { link, token: text.expose().to_owned(), address, embed }
    });
    Ok(axum::Json(made).into_response())
}

/// `DELETE /audit/v1/links/{id}`.
pub(in crate::api) async fn revoke(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let by = caller.id.unwrap_or_default();
    with_file(&state, move |path| {
        // Looking for what is not there must make no file: one closes the listener.
        TokenFile::read(path)?.ok_or_else(|| TokenFault::Unknown(id.clone()))?;
        TokenFile::change(path, |file| {
            let token = file.tokens.iter_mut().find(|token| token.id == id);
            let link = token.and_then(|token| Some((token.link.as_mut()?, &mut token.revoked)));
            let (link, revoked) = link.ok_or(TokenFault::Unknown(id))?;
            if revoked.is_none() {
                *revoked = Some(Timestamp::now());
                link.revoked_by = Some(by);
            }
            Ok(())
        })
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does that with the file of the tokens, beside the requests of others; what has become of it is in force, and told, at once.
async fn with_file<T: Send + 'static>(
    state: &State,
    work: impl FnOnce(&std::path::Path) -> Result<T, TokenFault> + Send + 'static,
) -> Result<T, Problem> {
    let tokens = &state.inner.door.tokens;
    let Some(path) = tokens.path().map(std::path::Path::to_owned) else {
        let detail = "There is no file for links: set `admin.tokens_file`.";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let failed = || {
        let detail = "The file of the tokens cannot be used; the log of Earwitness says why.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    };
    let done = tokio::task::spawn_blocking(move || work(&path)).await.map_err(|_| failed())?;
    tokens.has_changed().await;
    state.look_at_tokens().await;
    done.map_err(|fault| match fault {
        TokenFault::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "There is no such link."),
        TokenFault::Full | TokenFault::FullOfLinks => Problem::new(StatusCode::CONFLICT, fault.to_string()),
        TokenFault::Io(_) | TokenFault::Open | TokenFault::Other(_) => {
            tracing::error!(error = %fault, "links cannot be read or written");
            failed()
        }
    })
}

impl View {
    /// `None` for a token that is no link.
    fn of(token: &Token) -> Option<View> {
        let link = token.link.clone()?;
        Some(View {
            id: token.id.clone(),
            name: token.name.clone(),
            grants: token.grants.iter().map(ToString::to_string).collect(),
            by: link.by,
            created: token.created,
            expires: token.expires,
            revoked: token.revoked,
            revoked_by: link.revoked_by,
            last_used: None,
            shows: link.shows,
            sites: link.sites,
            is_good: false,
        })
    }
}
