//! The audit listener: how records are read.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | the viewer; its files are below `/assets/` |
//! | `GET /embed` | the timeline that a link shows, for a frame |
//! | `GET /audit/v1` | what this is, as text |
//! | `GET /openapi.json` | the same for programs |
//! | `GET /audit/v1/events` | a page of events |
//! | `GET /audit/v1/events/{id}` | one event |
//! | `GET /audit/v1/events/{id}/proof` | that it is in the log that was signed for |
//! | `GET /audit/v1/checkpoint`, `consistency`, `key` | the log's size and root, signed; that one is the beginning of another; who signs |
//! | `GET /audit/v1/keys`, `subtrees` | who has signed; what stands for events that are left out |
//! | `GET /audit/v1/tail` | events as they are recorded |
//! | `GET /audit/v1/export` | all events asked for, as a file |
//! | `GET /v2/event-types/{id}/history`, `GET /v2/bookings/{uid}/history` | the history of one thing, as Cal.com has it |
//! | `GET /admin/reports/v1/activity/users/{user}/applications/calendar` | activities, as Google's Reports API has them |
//! | `GET /audit/v1/searches`, `PUT` and `DELETE …/{name}` | searches that a reader has saved |
//! | `GET /audit/v1/targets/{type}/{id}/history` | all events of one thing |
//! | `GET /audit/v1/targets/{type}/{id}/state` | what it was like at a time |
//! | `GET /audit/v1/facets` | which values events have, and how often |
//! | `GET /audit/v1/histogram` | how many events there were when |
//! | `GET /audit/v1/blind-spots` | what nothing recorded |
//! | `GET /audit/v1/rules` | the rules in force |
//! | `GET`, `POST`, `DELETE /audit/v1/session` | who am I, sign in, sign out |
//! | `GET /audit/v1/session/oidc`, `…/callback` | sign in at a provider of identities |
//! | `GET`, `POST /audit/v1/links`, `DELETE …/{id}` | links to the viewer, for one thing or person each |
//! | `GET /audit/v1/retention` | what may leave the log, and what would leave it now |
//! | `GET /audit/v1/erasure` | what is being erased of a person, and was planned last |
//! | `POST /audit/v1/erasure` | what would be erased of a person; or that it is |
//! | `POST /audit/v1/retention/pass` | what may leave is removed now |
//! | `POST /audit/v1/reload` | rules and configuration are loaded anew |
//! | `GET /metrics` | metrics for Prometheus |
//! | `GET /healthz` | the process answers |
//! | `GET /readyz` | journal and store work |
//!
//! The rooms: `listener` is what serves and guards all of these, `access` says who may do what, `log` has what readers ask,
//! `operators` what those ask and order who run it, `viewer` what the page needs, `shapes` the forms of other products and of
//! files; `answers` has what the answers of all of them share.
//!
//! One request's way: `listener::guard` admits it (host, origin, body, token), a handler reads its parameters and asks the
//! [`Reader`] on a blocking thread, within the limits of time and number, and `answers::problem` is the one form of
//! every refusal. Nothing here forwards to the application or writes to the log of events; a reload is told to those
//! who do.

mod access;
mod answers;
#[doc(hidden)]
pub mod fuzzing;
mod listener;
mod log;
mod operators;
mod shapes;
#[cfg(test)]
mod tests;
mod viewer;

pub use access::{LINK_COMMAND, Link, NewToken, Token, TokenFault, TokenFile, fresh_token, last_used};
pub use listener::listen::serve;
pub use listener::routes::Routes;
pub use listener::state::{Readiness, RulesState, Setup, State, Tell};
pub use log::events::sealed;
pub use log::proofs::{Notary, Standing};
pub use log::reader::Reader;
pub use operators::erasure::{Erase, ErasureAnswer, ErasureWish, Unerased};
pub use operators::reload::{Refused, Reload, Reloaded};
pub use operators::retention::{NotRetained, OtherPlan, Retain, Retained, Retaining};
pub use operators::rules::{PackInForce, RuleInForce};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

use access::session;
use answers::problem::Problem;
use answers::{coding, tags};
use listener::{guard, openapi};
use log::{counts, events, history, proofs, tail};
use operators::{blind, erasure, reload, retention, rules, status};
use viewer::{links, page, searches};

/// All routes, guarded.
pub fn router(state: State) -> Router {
    let tagged = || from_fn_with_state(state.clone(), tags::tagged);
    Router::new()
        .route("/", get(page::start))
        .route("/embed", get(page::embed))
        .route("/assets/{*path}", get(page::asset))
        .route("/openapi.json", get(openapi::show).layer(tagged()))
        .route("/audit/v1", get(status::index))
        .route("/audit/v1/events", get(events::list))
        .route("/audit/v1/events/{id}", get(events::one).layer(tagged()))
        .route("/audit/v1/events/{id}/proof", get(proofs::proof))
        .route("/audit/v1/key", get(proofs::key).layer(tagged()))
        .route("/audit/v1/keys", get(proofs::keys))
        .route("/audit/v1/checkpoint", get(proofs::checkpoint))
        .route("/audit/v1/subtrees", get(proofs::subtrees))
        .route("/audit/v1/consistency", get(proofs::consistency))
        .route("/audit/v1/tail", get(tail::tail))
        .route("/audit/v1/export", get(shapes::export))
        .route("/v2/event-types/{id}/history", get(shapes::calcom::event_type))
        .route("/v2/bookings/{uid}/history", get(shapes::calcom::booking))
        .route(
            "/admin/reports/v1/activity/users/{user}/applications/{application}",
            get(shapes::google::activities),
        )
        .route("/audit/v1/searches", get(searches::list))
        .route(
            "/audit/v1/searches/{name}",
            put(searches::put).delete(searches::remove).fallback(async || Problem::method("DELETE,PUT")),
        )
        .route("/audit/v1/targets/{type}/{id}/history", get(history::history))
        .route("/audit/v1/targets/{type}/{id}/state", get(history::state_at))
        .route("/audit/v1/facets", get(counts::facets))
        .route("/audit/v1/histogram", get(counts::histogram))
        .route("/audit/v1/blind-spots", get(blind::list))
        .route("/audit/v1/rules", get(rules::list))
        .route("/audit/v1/retention", get(retention::show))
        .route(
            ERASURE,
            get(erasure::show).post(erasure::erase).fallback(async || Problem::method("GET,HEAD,POST")),
        )
        .route(PASS, post(retention::pass).fallback(async || Problem::method("POST")))
        .route(RELOAD, post(reload::reload).fallback(async || Problem::method("POST")))
        .route(
            "/audit/v1/session",
            get(session::show)
                .post(session::start)
                .delete(session::end)
                .fallback(async || Problem::method("GET,HEAD,POST,DELETE")),
        )
        .route("/audit/v1/session/oidc", get(session::send))
        .route("/audit/v1/session/oidc/callback", get(session::receive))
        .route(
            "/audit/v1/links",
            get(links::list).post(links::create).fallback(async || Problem::method("GET,HEAD,POST")),
        )
        .route("/audit/v1/links/{id}", delete(links::revoke).fallback(async || Problem::method("DELETE")))
        .route("/metrics", get(status::metrics))
        .route("/healthz", get(status::health))
        .route("/readyz", get(status::ready))
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "There is nothing at this address; `/audit/v1` lists what there is.",
            )
        })
        .method_not_allowed_fallback(async || Problem::method("GET,HEAD"))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .layer(coding::layer())
        .with_state(state)
}

/// Takes a body, the only one.
const ERASURE: &str = "/audit/v1/erasure";
/// Removes events; as the next one.
const PASS: &str = "/audit/v1/retention/pass";
/// Changes something, so that an open listener does not have it.
const RELOAD: &str = "/audit/v1/reload";
