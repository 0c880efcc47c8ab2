//! Entity tags (RFC 9110 section 8.8.3) of answers that stay as they are: who has one need not get it again.
//!
//! A tag is of one reader: it is keyed by who asks, so that it tells nobody whether another has got the same (THREATS Q16). It is
//! weak, for the same answer may come in two codings. It is compared when everything else is done: who may not have an answer is
//! refused, whatever he has.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Extract};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::Mac;

use super::super::access::Caller;
use super::super::listener::state::State;
use super::super::log::cursor::keyed;
use super::problem::Problem;
use crate::store::hex;

/// Makes tags.
pub(in crate::api) struct Tags {
    key: [u8; 32],
}

impl Tags {
    /// Tags of an installation.
    pub(in crate::api) fn new(installation_key: &[u8; 32]) -> Tags {
        Tags { key: keyed(installation_key, b"earwitness tag 1").finalize().into_bytes().into() }
    }

    fn of(&self, reader: Option<&str>, body: &[u8]) -> HeaderValue {
        let own = keyed(&self.key, reader.unwrap_or_default().as_bytes()).finalize().into_bytes();
        let tag: [u8; 32] = keyed(&own, body).finalize().into_bytes().into();
        HeaderValue::try_from(format!("W/\"{}\"", hex(&tag[..16]))).expect("hexadecimal digits in quotes")
    }
}

/// Tags what a route answers, or says that its reader has it. Only around routes whose answers are whole in memory.
pub(in crate::api) async fn tagged(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (is_get, asked) = (request.method() == Method::GET, request.headers().clone());
    let answer = next.run(request).await;
    if !is_get || answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The answer broke off.").into_response();
    };
    let tag = state.inner.tags.of(caller.id.as_deref(), &body);
    let is_known = is_known(&asked, &tag);
    parts.headers.insert(ETAG, tag);
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(CONTENT_TYPE);
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// True when a reader says that he has what has this tag (RFC 9110 section 13.1.2: weakly compared).
pub(in crate::api) fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let bare = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let values = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // No tag of ours has a comma in it.
    let mut known = values.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || bare(known.as_bytes()) == bare(tag.as_bytes()))
}
