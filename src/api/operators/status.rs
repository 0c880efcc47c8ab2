//! What operators and their machines ask: what is this, does it live, does it work, how is it doing.

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use crate::store::{Filter, Order, Query};

use super::super::access::{Caller, Need};
use super::super::listener::state::{AskError, State, Trial};
use super::super::log::proofs::Standing;

/// `GET /audit/v1`.
pub(in crate::api) async fn index() -> &'static str {
    INDEX
}

/// `GET /healthz`: the process answers, and says nothing else to strangers.
pub(in crate::api) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /metrics`.
pub(in crate::api) async fn metrics(Extract(state): Extract<State>) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let silent = state.inner.blind.silent(Timestamp::now()).len();
    state.inner.metrics.rules_silent.set(i64::try_from(silent).unwrap_or(i64::MAX));
    (headers, state.inner.metrics.render()).into_response()
}

/// `GET /readyz`: 200 when journal and store work and nobody has told it to stop, else 503; a stranger is not told
/// why.
pub(in crate::api) async fn ready(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let readiness = (state.inner.readiness)();
    let store = try_store(&state).await;
    let standing = state.notary().map(|notary| notary.standing());
    let is_alarmed = standing.as_ref().is_some_and(|standing| standing.alarm.is_some());
    let works = readiness.journal.is_ok() && !matches!(store, Trial::Fails(_)) && !is_alarmed;
    let is_ready = works && !readiness.is_stopping;
    let word = match (is_ready, readiness.is_stopping) {
        (true, _) => "ready",
        (false, true) => "stopping",
        (false, false) => "not ready",
    };
    let details = caller.has(Need::Staff).then(|| Details {
        journal: Part::of_journal(&readiness.journal),
        store: Part::of_store(&store),
        checkpoints: standing.as_ref().map(Kept::of),
        troubles: &readiness.troubles,
        retention: readiness.retention,
        rules: readiness.rules.count,
        rules_version: &readiness.rules.version,
        rules_stale_since: readiness.rules.stale_since,
    });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let view = View { status: word, details };
    (status, axum::Json(view)).into_response()
}

/// Reads one event. Strangers may ask, so the answer is kept for a second: a thousand probes are one query.
async fn try_store(state: &State) -> Trial {
    let mut last = state.inner.trial.lock().await;
    if let Some((at, trial)) = last.as_ref()
        && at.elapsed() < TRIAL_KEPT
    {
        return trial.clone();
    }
    if state.is_busy() {
        return Trial::Busy;
    }
    // Its failure is told in the answer; in our log it would stand once a second.
    let asked = state.ask(|reader, time_max| {
        let time_max = time_max.min(TRIAL_MAX);
        let query =
            Query { filter: Filter::default(), order: Order::Newest, after: None, limit: 1, time_max };
        Ok(reader.query(&query).map(|_| ()).map_err(|error| error.to_string()))
    });
    let trial = match asked.await {
        Ok(Ok(())) => Trial::Works,
        Ok(Err(why)) => Trial::Fails(why),
        Err(AskError::Busy) => Trial::Busy,
        Err(AskError::Failed) => Trial::Fails(AskError::Failed.to_string()),
    };
    *last = Some((Instant::now(), trial.clone()));
    trial
}

#[derive(Serialize)]
struct View<'a> {
    status: &'static str,
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    journal: Part<'a>,
    store: Part<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<Kept<'a>>,
    /// For a person, not for who sends traffic: events are recorded.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    troubles: &'a [String],
    retention: &'static str,
    rules: usize,
    rules_version: &'a str,
    /// The last good ones record: this is a matter for a person, not for who sends traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    rules_stale_since: Option<Timestamp>,
}

/// How it stands with the checkpoints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept<'a> {
    #[serde(flatten)]
    part: Part<'a>,
    /// How long ago the last one was taken outside, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_age_s: Option<u64>,
}

impl<'a> Kept<'a> {
    fn of(standing: &'a Standing) -> Kept<'a> {
        let why = standing.alarm.as_deref().or(standing.trouble.as_deref());
        let part = Part { status: if why.is_some() { "failing" } else { "ok" }, why };
        Kept { part, outside_age_s: standing.outside_age_s }
    }
}

#[derive(Serialize)]
struct Part<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl<'a> Part<'a> {
    fn of_journal(journal: &'a Result<(), String>) -> Part<'a> {
        match journal {
            Ok(()) => Part { status: "ok", why: None },
            Err(why) => Part { status: "failing", why: Some(why) },
        }
    }

    fn of_store(trial: &'a Trial) -> Part<'a> {
        match trial {
            Trial::Works => Part { status: "ok", why: None },
            Trial::Busy => Part { status: "busy", why: None },
            Trial::Fails(why) => Part { status: "failing", why: Some(why) },
        }
    }
}

const TRIAL_MAX: Duration = Duration::from_secs(1);
const TRIAL_KEPT: Duration = Duration::from_secs(1);
const INDEX: &str = "\
Earwitness: the audit log of an application that has none.

  GET /                       the viewer
  GET /openapi.json           this for programs
  GET /audit/v1/events        events, newest first; filters: actor action type category source result
                              targetType targetId ip from to q; pages: limit cursor
  GET /audit/v1/events/{id}   one event
  GET /audit/v1/events/{id}/proof
                              that it is in the log that was signed for
  GET /audit/v1/checkpoint    the log's size and root, signed
  GET /audit/v1/consistency   that the log of one size is the beginning of another's: from to
  GET /audit/v1/key           whose signature that is; keys: and whose it was before
  GET /audit/v1/subtrees      the hashes that stand for events that are left out: from to
  GET /audit/v1/tail          events as they are recorded (server-sent events), the same filters
  GET /audit/v1/export        all events of these filters as a file: format columns dialect facts proof id
  GET /v2/event-types/{id}/history, /v2/bookings/{uid}/history
                              the history of one thing, as Cal.com has it: limit cursor
  GET /admin/reports/v1/activity/users/{user}/applications/calendar
                              activities, as Google's Reports API has them
  GET /audit/v1/searches      the searches that you have saved; PUT, DELETE /audit/v1/searches/{name}
  GET /audit/v1/blind-spots   what nothing recorded; filters: method path since
  GET /audit/v1/rules         the rules in force
  GET /audit/v1/session       who am I; POST signs in, DELETE signs out
  GET /audit/v1/session/oidc  sign in at the provider, for browsers
  GET /audit/v1/links         links to the viewer; POST ?target= or ?actor= &for= makes one,
                              DELETE …/{id} revokes one
  GET /audit/v1/retention     what may leave the log, and what would leave it now
  POST /audit/v1/retention/pass  what may leave is removed now; confirm
  POST /audit/v1/reload       rules and configuration are loaded anew
  GET /metrics                metrics for Prometheus
  GET /healthz                this process answers
  GET /readyz                 journal and store work
";
