//! The history of one thing: its events and those of what it became, in one order; and what it was like at a time.
//!
//! An application may give a thing a new identifier, as one that is rescheduled. Such links are followed, both ways,
//! to things of the same kind; every question is put with what the caller sees, so that no link leads out of it.

mod at;

pub(in crate::api) use at::{TAKES as STATE_PARAMETERS, state_at};

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::Response;

use crate::event::Event;
use crate::store::{Filter, Order, Query, StoreError, Thing};

use super::super::access::Caller;
use super::super::answers::form::Form;
use super::super::answers::problem::Problem;
use super::super::listener::state::State;
use super::events::{json, shown};
use super::parameters::{self, Question};
use super::reader::Reader;
use super::turn::Turned;

/// `GET /audit/v1/targets/{type}/{id}/history`.
pub(in crate::api) async fn history(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    thing: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let thing = named(thing)?;
    let base = Filter { visible: caller.sees(), things: vec![thing.clone()], ..Filter::default() };
    let (query, page_max) = (query.as_deref().unwrap_or(""), state.inner.limits.page_max);
    let cursors = state.inner.cursors.of(&caller);
    let form = Form::of(&caller);
    form.check(query).map_err(Problem::parameters)?;
    let question =
        parameters::read_on(query, base, Order::Oldest, &cursors, page_max).map_err(Problem::parameters)?;
    // Cursors are of the thing asked for: what it is linked to may grow between pages.
    let (filter, order) = (question.filter.clone(), question.order);
    let turned = state
        .ask(move |reader, time_max| {
            let began = Instant::now();
            let family = Family::of(reader, &thing, &question.filter, time_max / 2)?;
            let filter = Filter { things: family.things, ..question.filter };
            let left = time_max.saturating_sub(began.elapsed());
            let mut turned = Turned::read(reader, &Question { filter, ..question }, left)?;
            turned.is_cut |= family.is_cut;
            Ok(turned)
        })
        .await?;
    let seal = |place| cursors.seal(place, &filter, order);
    let (next, previous) = (turned.next.map(seal), turned.previous.map(seal));
    Ok(shown(turned.count(), json(turned.body(form, next.as_deref(), previous.as_deref()))))
}

/// A thing and what it became or was before.
pub(in crate::api) struct Family {
    pub(in crate::api) things: Vec<Thing>,
    /// True when there may be more of it.
    pub(in crate::api) is_cut: bool,
}

impl Family {
    /// Follows links from a thing, as far as the caller sees.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(in crate::api) fn of(
        reader: &dyn Reader,
        thing: &Thing,
        filter: &Filter,
        time_max: Duration,
    ) -> Result<Family, StoreError> {
        let began = Instant::now();
        let mut family = Family { things: vec![thing.clone()], is_cut: false };
        let mut known = BTreeSet::from([thing.id.clone()]);
        let mut looked_at = 0;
        while let Some(next) = family.things.get(looked_at).cloned() {
            looked_at += 1;
            let filter = Filter { visible: filter.visible.clone(), things: vec![next], ..Filter::default() };
            let time_max = time_max.saturating_sub(began.elapsed());
            let query = Query { filter, order: Order::Newest, after: None, limit: EVENTS_MAX, time_max };
            let page = reader.query(&query)?;
            family.is_cut |= page.next.is_some();
            for id in page.events.iter().flat_map(|found| same_thing(&found.event, &thing.r#type)) {
                if family.things.len() >= THINGS_MAX {
                    family.is_cut = true;
                } else if known.insert(id.to_owned()) {
                    family.things.push(Thing { r#type: thing.r#type.clone(), id: id.to_owned() });
                }
            }
        }
        Ok(family)
    }
}

/// Identifiers of one kind that an event says are of the same thing.
fn same_thing<'e>(event: &'e Event, kind: &str) -> impl Iterator<Item = &'e str> {
    let is_followed = |rel: &str| FOLLOWED.iter().any(|begin| rel.starts_with(begin));
    let linked: Vec<&str> = event
        .links
        .iter()
        .filter(|link| link.r#type == kind && is_followed(&link.rel))
        .map(|link| link.id.as_str())
        .collect();
    let target = event.target.as_ref().filter(|target| target.r#type == kind && !linked.is_empty());
    linked.into_iter().chain(target.and_then(|target| target.id.as_deref()))
}

fn named(thing: Result<Path<(String, String)>, PathRejection>) -> Result<Thing, Problem> {
    let Path((r#type, id)) =
        thing.map_err(|_| Problem::new(StatusCode::NOT_FOUND, "This address names no thing."))?;
    Ok(Thing { r#type, id })
}

/// How the relations begin that lead to the same thing under another identifier.
const FOLLOWED: [&str; 2] = ["rescheduled-", "moved-"];
/// Identifiers of one thing.
const THINGS_MAX: usize = 32;
/// Events of each that are looked at for links, and for the state of a thing.
const EVENTS_MAX: usize = 500;
