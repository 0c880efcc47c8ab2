//! The events themselves: a page of them (see `turn`), or one.
//!
//! An event leaves as it was stored, byte for byte, with its place in the tree set before its first member:
//! nothing is parsed and written again, so what a client hashes is what we hashed.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use uuid::Uuid;

use crate::store::{Found, Piece, Salt, Sealed, hex, unhex};

use super::super::access::Caller;
use super::super::answers::form::Form;
use super::super::answers::problem::Problem;
use super::super::listener::guard::Shown;
use super::super::listener::state::State;
use super::parameters;
use super::turn::Turned;

/// `GET /audit/v1/events`.
pub(in crate::api) async fn list(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (query, page_max) = (query.as_deref().unwrap_or(""), state.inner.limits.page_max);
    let cursors = state.inner.cursors.of(&caller);
    let form = Form::of(&caller);
    form.check(query).map_err(Problem::parameters)?;
    let question =
        parameters::read(query, &caller.sees(), &cursors, page_max).map_err(Problem::parameters)?;
    let (filter, order) = (question.filter.clone(), question.order);
    let turned = state.ask(move |reader, time_max| Turned::read(reader, &question, time_max)).await?;
    let seal = |place| cursors.seal(place, &filter, order);
    let (next, previous) = (turned.next.map(seal), turned.previous.map(seal));
    Ok(shown(turned.count(), json(turned.body(form, next.as_deref(), previous.as_deref()))))
}

/// `GET /audit/v1/events/{id}`.
pub(in crate::api) async fn one(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let found = visible_event(&state, &caller, id).await?;
    let mut body = Vec::with_capacity(found.sealed.json.len() + PLACE_BYTES);
    Form::of(&caller).push(&mut body, &found.sealed);
    Ok(shown(1, json(body)))
}

/// The event that a path names, if whoever asks may see it.
pub(super) async fn visible_event(
    state: &State,
    caller: &Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Found, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "No event has this id.");
    let id = id.ok().and_then(|Path(id)| Uuid::parse_str(&id).ok()).ok_or_else(absent)?;
    let found = state.ask(move |reader, _| reader.get(id)).await?;
    // What is another's is as if it were not there (THREATS Q01).
    found.filter(|found| caller.sees().shows(&found.event)).ok_or_else(absent)
}

/// An answer that says how many events are in it, for the record of who read what.
pub(in crate::api) fn shown(count: usize, mut answer: Response) -> Response {
    answer.extensions_mut().insert(Shown(count));
    answer
}

/// The stored object with `sequence`, `leaf` and `salt` before its own members. Where values were erased, `salt` is a
/// list: of each personal value its salt, or the commitment to it.
pub(in crate::api) fn push_event(body: &mut Vec<u8>, sealed: &Sealed) {
    let leaf = hex(&sealed.leaf);
    let salt = match &sealed.pieces {
        None => format!("\"{}\"", hex(&sealed.salt)),
        Some(pieces) => {
            let pieces: Vec<String> = pieces.iter().map(|piece| format!("\"{}\"", piece.to_text())).collect();
            format!("[{}]", pieces.join(","))
        }
    };
    let place = format!("\"sequence\":{},\"leaf\":\"{leaf}\",\"salt\":{salt}", sealed.sequence);
    body.push(b'{');
    body.extend_from_slice(place.as_bytes());
    // The stored form is the JSON of an `Event`: an object with members, without blanks around it.
    match sealed.json.strip_prefix(b"{") {
        Some(members) if members != b"}" => {
            body.push(b',');
            body.extend_from_slice(members);
        }
        Some(_) | None => body.push(b'}'),
    }
}

/// The entry that an event was stored as, from the form in which the endpoint gives it, byte for byte; `None` when it
/// has another form. Nothing is computed: whether the leaf is right is for the caller to find out.
pub fn sealed(event: &[u8]) -> Option<Sealed> {
    let rest = event.strip_prefix(b"{\"sequence\":")?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let sequence = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let (leaf, rest) = placed(rest[digits..].strip_prefix(b",\"leaf\":\"")?)?;
    let rest = rest.strip_prefix(b",\"salt\":")?;
    let (salt, pieces, rest) = match rest.strip_prefix(b"[") {
        None => {
            let (salt, rest) = placed(rest.strip_prefix(b"\"")?)?;
            (salt, None, rest)
        }
        Some(rest) => {
            let (pieces, rest) = pieces(rest)?;
            (Salt::default(), Some(pieces.into()), rest)
        }
    };
    // What follows is the stored object without its brace; `}` alone is the empty one.
    let members = rest.strip_prefix(b",").or_else(|| (rest == b"}").then_some(rest))?;
    Some(Sealed { sequence, salt, pieces, leaf, json: [b"{", members].concat().into() })
}

/// Bytes in hexadecimal up to their closing quote, and what follows that.
fn placed<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let (digits, rest) = text.split_at_checked(2 * N)?;
    Some((unhex(digits)?, rest.strip_prefix(b"\"")?))
}

/// Texts up to their closing bracket, and what follows that.
fn pieces(text: &[u8]) -> Option<(Vec<Piece>, &[u8])> {
    let end = text.iter().position(|byte| *byte == b']')?;
    let piece = |text: &[u8]| Piece::of_text(text.strip_prefix(b"\"")?.strip_suffix(b"\"")?);
    let pieces = text[..end].split(|byte| *byte == b',').map(piece).collect::<Option<_>>()?;
    Some((pieces, &text[end + 1..]))
}

pub(in crate::api) fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What the place in the tree adds to an event, at most.
pub(super) const PLACE_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_the_endpoint_writes_is_read_back_as_the_entry_that_it_was() {
        for json in [&b"{\"a\":1}"[..], b"{}", b"{\"leaf\":\"}\"}"] {
            let entry = Sealed::at(42, [7; 16], Arc::from(json));
            let mut body = Vec::new();
            push_event(&mut body, &entry);
            assert_eq!(sealed(&body), Some(entry));
            for end in 0..body.len() {
                assert_ne!(sealed(&body[..end]).map(|cut| cut.json), Some(Arc::from(json)), "{end}");
            }
        }
        let pieces = [Piece::Salt([7; 16]), Piece::Commitment([8; 32])];
        let json = b"{\"title\":\"t\",\"error\":\"erased:0123456789abcdef\"}";
        let entry = Sealed::in_pieces(42, Arc::new(pieces), Arc::from(&json[..]));
        let mut body = Vec::new();
        push_event(&mut body, &entry);
        assert!(entry.leaf != [0; 32] && sealed(&body) == Some(entry));
        (0..body.len() - 1)
            .for_each(|end| assert!(sealed(&body[..end]).is_none_or(|cut| cut.json != json[..].into())));
        for odd in [&b""[..], b"{}", b"{\"sequence\":1}", b"{\"sequence\":-1,\"leaf\":\"\"}"] {
            assert_eq!(sealed(odd), None);
        }
    }
}
