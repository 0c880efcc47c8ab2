//! Calendar activities in the shape of Google's Reports API (admin reports_v1, `activities.list`), so that its clients read
//! them: `GET /admin/reports/v1/activity/users/{userKey}/applications/calendar`.
//!
//! Which events are activities of a calendar is said by their `type`, whose words the rule packs for Google Calendar and CalDAV
//! share with that API. An activity has one event; those of one request share their time and actor.

mod activity;
mod condition;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::{Filter, Found, Order, Query};

use super::super::access::Caller;
use super::super::answers::problem::{Problem, Wrong};
use super::super::listener::state::{State, busy};
use super::super::log::cursor::CursorFault;
use super::super::log::cursor::{Place, Way};
use super::super::log::events::shown;
use super::super::log::parameters::{network, once, time};
use super::query;
use activity::Activity;
use condition::Condition;

/// What was asked.
#[derive(Default)]
struct Question {
    filter: Filter,
    conditions: Vec<Condition>,
    limit: Option<usize>,
    token: Option<String>,
}

/// `GET /admin/reports/v1/activity/users/{userKey}/applications/{applicationName}`.
pub(in crate::api) async fn activities(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (user, application) = path.map(|Path(path)| path).unwrap_or_default();
    if application != "calendar" {
        let detail = "Of the applications there is `calendar` alone.";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let mut question = read(query.as_deref().unwrap_or("")).map_err(Problem::parameters)?;
    question.filter.visible = caller.sees();
    question.filter.kind = KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    if user != "all" {
        question.filter.actor.push(user);
    }
    let cursors = state.inner.cursors.of(&caller);
    let below = match question.token.take().map(|token| cursors.open(&token, &question.filter, Order::Newest))
    {
        None => None,
        Some(Ok(place)) => Some(place.sequence),
        Some(Err(fault)) => return Err(refused(fault)),
    };
    let limit = question.limit.unwrap_or(RESULTS_MAX);
    let filter = question.filter.clone();
    let Part { found, next, is_late } = state
        .ask(move |reader, time_max| gather(&question, below, limit, |query| reader.query(query), time_max))
        .await?;
    if is_late && found.is_empty() && next == below {
        return Err(busy());
    }
    let items: Vec<serde_json::Value> = found.iter().map(|found| Activity::of(found).view()).collect();
    let etag = found.first().map_or_else(|| "\"0\"".to_owned(), |found| activity::etag(&found.sealed));
    let mut body = json!({ "kind": "admin#reports#activities", "etag": etag, "items": items });
    if let Some(next) = next {
        body["nextPageToken"] =
            json!(cursors.seal(Place { sequence: next, way: Way::On }, &filter, Order::Newest));
    }
    Ok(shown(found.len(), axum::Json(body).into_response()))
}

/// Activities that meet all conditions, and where to go on.
struct Part {
    found: Vec<Found>,
    next: Option<u64>,
    is_late: bool,
}

/// Asks for events until enough of them meet the conditions, or the time is over.
fn gather<E>(
    question: &Question,
    mut below: Option<u64>,
    limit: usize,
    ask: impl Fn(&Query) -> Result<crate::store::Page, E>,
    time_max: std::time::Duration,
) -> Result<Part, E> {
    let end = std::time::Instant::now().checked_add(time_max);
    let left = || end.map_or(time_max, |end| end.saturating_duration_since(std::time::Instant::now()));
    let mut found: Vec<Found> = Vec::new();
    loop {
        let page = ask(&Query {
            filter: question.filter.clone(),
            order: Order::Newest,
            after: below,
            limit: limit + 1,
            time_max: left(),
        })?;
        for event in page.events {
            if found.len() == limit {
                return Ok(Part {
                    next: found.last().map(|last| last.sealed.sequence),
                    found,
                    is_late: false,
                });
            }
            below = Some(event.sealed.sequence);
            let activity = Activity::of(&event);
            if question.conditions.iter().all(|condition| condition.holds(&activity)) {
                found.push(event);
            }
        }
        let next = match page.is_cut {
            true => page.next.or(below),
            false => page.next,
        };
        if next.is_none() || page.is_cut || left().is_zero() {
            return Ok(Part { found, next, is_late: page.is_cut || left().is_zero() });
        }
        below = next;
    }
}

fn read(text: &str) -> Result<Question, Vec<Wrong>> {
    let mut question = Question::default();
    query::read(text, PARAMETERS, |name, value| {
        let filter = &mut question.filter;
        match name {
            "eventName" => filter.action.push(value.to_owned()),
            "actorIpAddress" => filter.ip.push(network(value).ok_or("is no address")?),
            "startTime" => once(&mut filter.from, time(value).ok_or("is no time")?)?,
            "endTime" => once(&mut filter.to, time(value).ok_or("is no time")?)?,
            "maxResults" => once(&mut question.limit, query::number(value, 1, RESULTS_MAX)?)?,
            "pageToken" => once(&mut question.token, value.to_owned())?,
            "filters" if question.conditions.is_empty() => question.conditions = Condition::read(value)?,
            "filters" => return Err("stands twice".to_owned()),
            // What a client of Google says of itself or of how it wants to be answered; there is one way.
            "alt" if value != "json" => return Err("is not json".to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    let Filter { from, to, .. } = &question.filter;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        let (parameter, detail) = ("endTime".to_owned(), "is not after `startTime`".to_owned());
        return Err(vec![Wrong { parameter, detail, accepts: TIME.to_owned() }]);
    }
    Ok(question)
}

fn refused(fault: CursorFault) -> Problem {
    let detail = match fault {
        CursorFault::Foreign => "was not made by this installation for you, or was changed",
        CursorFault::OtherFilters => "belongs to other parameters: repeat those of the first page",
    };
    let (parameter, detail) = ("pageToken".to_owned(), detail.to_owned());
    Problem::parameters(vec![Wrong { parameter, detail, accepts: TOKEN.to_owned() }])
}

/// The types of the Reports API for calendars.
const KINDS: &[&str] = &["calendar_change", "event_change", "subscription_change", "notification", "interop"];
/// Every parameter and what it takes. Of the API's others, those that would let through less than is asked for are refused.
pub(in crate::api) const PARAMETERS: &[(&str, &str)] = &[
    ("eventName", "the name of an event, such as create_event"),
    (
        "filters",
        "conditions with commas between: a parameter's name, one of == <> < <= > >=, and a value; once",
    ),
    ("startTime", TIME),
    ("endTime", TIME),
    ("actorIpAddress", "an address"),
    ("maxResults", "a whole number from 1 to 1000, once"),
    ("pageToken", TOKEN),
    ("customerId", "anything: there is one"),
    ("alt", "json"),
    ("prettyPrint", "anything: the answer is compact"),
    ("quotaUser", "anything"),
];
const TIME: &str = "a time such as 2026-01-31T08:00:00Z, once";
const TOKEN: &str = "`nextPageToken` of the page before, with the same parameters, once";
const RESULTS_MAX: usize = 1_000;
