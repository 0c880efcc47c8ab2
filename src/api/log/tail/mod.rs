//! `GET /audit/v1/tail`: events as they are recorded, as server-sent events (HTML, section 9.2).
//!
//! A tail is a filter and a place in the log. It keeps nothing for a reader who is slow: while nobody takes what was
//! sent, it asks the log for no more, and goes on from its place later. That place is the `id` of every message, sealed
//! as the cursor of a page is, so that a reader who was cut off goes on with `Last-Event-ID` and misses nothing.

mod follow;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Extract};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, watch};

use super::super::access::Caller;
use super::super::answers::form::Form;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::{State, busy};
use super::super::listener::turns::{Full, Turn, Turns};
use super::parameters::{self, Question};
use crate::store::Order;
use follow::Follower;

/// The turns to follow the log, and their common end.
pub(in crate::api) struct Tails {
    turns: Turns,
    ending: watch::Sender<bool>,
}

impl Tails {
    /// As many turns as there may be tails.
    pub(in crate::api) fn new() -> Tails {
        Tails { turns: Turns::new(OWN_TAILS_MAX, TAILS_MAX), ending: watch::Sender::new(false) }
    }

    /// Ends all tails, also those that begin later: the process is to stop, and they would never.
    pub(in crate::api) fn end(&self) {
        self.ending.send_replace(true);
    }

    fn turn(&self, caller: &Caller) -> Result<Turn, Full> {
        self.turns.begin(caller.id.as_deref().unwrap_or_default())
    }
}

/// How often a tail does what.
#[derive(Clone, Copy)]
struct Pace {
    /// Between two looks at whether the log has grown; they cost next to nothing.
    look: Duration,
    /// A reader hears something after so long at the latest, and it is looked at whether he still may read.
    heart: Duration,
    /// Whether he may is not looked at more often than this.
    check: Duration,
    /// Who takes nothing for so long is let go.
    patience: Duration,
    /// Then a tail ends, and its reader goes on with another: longer than this no connection lives.
    life: Duration,
}

/// `GET /audit/v1/tail`.
pub(in crate::api) async fn tail(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let place = asked(&state, &parts, &caller).map_err(Problem::parameters)?;
    let turn = state.inner.tails.turn(&caller).map_err(|full| {
        state.inner.metrics.limits_hit.with_label_values(&["tails_max"]).inc();
        match full {
            Full::Own => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "You have as many tails as a reader may have.")
            }
            Full::All => busy(),
        }
    })?;
    Ok(answer(Follower::new(state, parts, caller, place), turn, PACE))
}

/// Which events, and below which sequence all have been seen; everything that is wrong otherwise.
fn asked(state: &State, parts: &Parts, caller: &Caller) -> Result<Place, Vec<Wrong>> {
    let query = parts.uri.query().unwrap_or("");
    let wrong: Vec<Wrong> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| OF_PAGES.contains(&name.as_ref()))
        .map(|(name, _)| Wrong {
            parameter: name.into_owned(),
            detail: "is for pages; a tail goes on by the header `Last-Event-ID`".to_owned(),
            accepts: "the filters of `/audit/v1/events`".to_owned(),
        })
        .take(OF_PAGES.len())
        .collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Form::of(caller).check(query)?;
    let cursors = state.inner.cursors.of(caller);
    let visible = caller.sees();
    let Question { filter, .. } = parameters::read(query, &visible, &cursors, state.inner.limits.page_max)?;
    let below = match parts.headers.get(&LAST_EVENT_ID) {
        None => state.newest().saturating_add(1),
        Some(id) => id
            .to_str()
            .ok()
            .and_then(|id| cursors.open(id, &filter, Order::Newest).ok())
            .map(|place| place.sequence)
            .ok_or_else(|| {
                vec![Wrong {
                    parameter: "Last-Event-ID".to_owned(),
                    detail: "was not made by this installation for you and these filters, or was changed"
                        .to_owned(),
                    accepts: "the `id` of a message of a tail with the same filters, or no such header"
                        .to_owned(),
                }]
            })?,
    };
    Ok(Place { filter, below })
}

/// Where a tail goes on.
struct Place {
    filter: crate::store::Filter,
    below: u64,
}

fn answer(follower: Follower, turn: Turn, pace: Pace) -> Response {
    // One message waits for the connection, and no more.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        follower.run(sender, pace).await;
        drop(turn);
    });
    let mut response = Response::new(Body::new(Messages(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy on the way must not collect what is to be seen at once.
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// The messages of a tail as a body; dropping it ends the tail.
struct Messages(mpsc::Receiver<Bytes>);

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Each holds a connection and, at times, one of the turns to read.
const TAILS_MAX: usize = 64;
/// A page has one; who has many open has a few.
const OWN_TAILS_MAX: usize = 16;
const PACE: Pace = Pace {
    look: Duration::from_millis(250),
    heart: Duration::from_secs(15),
    check: Duration::from_secs(1),
    patience: Duration::from_secs(30),
    life: Duration::from_secs(540),
};
const OF_PAGES: [&str; 3] = ["cursor", "limit", "order"];
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
