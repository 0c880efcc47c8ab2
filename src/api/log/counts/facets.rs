//! `GET /audit/v1/facets`: which values the events have that a filter finds, the most frequent first.
//!
//! A facet is counted under all filters but its own, so that a drop-down shows what else there is to choose.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{RawQuery, State as Extract};
use axum::response::Response;
use serde::Serialize;

use crate::store::{Counts, Filter, Keyword, Order, Query, StoreError, Tally, Values};

use super::super::events::json;
use super::super::parameters::{Asked, Parameters, limit_of, once};
use super::super::reader::Reader;
use super::Total;
use crate::api::access::Caller;
use crate::api::answers::problem::{Problem, Wrong};
use crate::api::listener::state::State;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    data: BTreeMap<&'static str, Vec<ValueView>>,
    total: Total,
    is_cut: bool,
}

#[derive(Serialize)]
struct ValueView {
    value: String,
    /// What people call an actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    count: u64,
}

/// What is asked for.
struct Question {
    filter: Filter,
    facets: Vec<Keyword>,
    limit: usize,
}

/// `GET /audit/v1/facets`.
pub(in crate::api) async fn facets(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::read(query.as_deref().unwrap_or(""), &caller.sees(), TAKES);
    let question = Question::of(asked).map_err(Problem::parameters)?;
    let view = state.ask(move |reader, time_max| question.answer(reader, time_max)).await?;
    Ok(json(serde_json::to_vec(&view).unwrap_or_default()))
}

impl Question {
    fn of(asked: Asked) -> Result<Question, Vec<Wrong>> {
        let Asked { filter, own, mut wrong } = asked;
        let (mut facets, mut limit) = (Vec::new(), None);
        for (name, value) in own {
            let put = match (name, Keyword::parse(&value)) {
                ("limit", _) => limit_of(&value, LIMIT_MAX).and_then(|read| once(&mut limit, read)),
                (_, Some(facet)) if Keyword::FACETS.contains(&facet) => {
                    facets.push(facet);
                    Ok(())
                }
                (_, Some(_) | None) => Err("is nothing that is counted".to_owned()),
            };
            if let Err(detail) = put {
                wrong.push(Wrong::of(name, &detail, TAKES));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        facets.sort();
        facets.dedup();
        if facets.is_empty() {
            facets = Keyword::FACETS.to_vec();
        }
        Ok(Question { filter, facets, limit: limit.unwrap_or(LIMIT_DEFAULT) })
    }

    fn answer(&self, reader: &dyn Reader, time_max: Duration) -> Result<View, StoreError> {
        let began = Instant::now();
        let left = || time_max.saturating_sub(began.elapsed());
        let tally = |filter: Filter, facets: &[Keyword]| {
            let facets = facets.to_vec();
            reader.tally(&Tally { filter, below: None, facets, pieces: None, time_max: left() })
        };
        let filtered = |facet: &Keyword| self.filter.without(*facet) != self.filter;
        let (own, plain): (Vec<Keyword>, Vec<Keyword>) =
            self.facets.iter().partition(|facet| filtered(facet));
        let counts = tally(self.filter.clone(), &plain)?;
        let total = Total { count: counts.total, at_least: counts.is_cut };
        let (mut is_cut, mut data) = (false, BTreeMap::new());
        let mut put = |facets: &[Keyword], counts: &Counts| {
            is_cut |= counts.is_cut || counts.facets.iter().any(Values::has_more);
            for (facet, values) in facets.iter().zip(&counts.facets) {
                let value =
                    |(value, count): (&str, u64)| ValueView { value: value.to_owned(), name: None, count };
                data.insert(facet.as_str(), values.top(self.limit).into_iter().map(value).collect());
            }
        };
        put(&plain, &counts);
        for facet in own {
            let counts = tally(self.filter.without(facet), &[facet])?;
            put(&[facet], &counts);
        }
        for actor in data.get_mut(Keyword::Actor.as_str()).into_iter().flatten() {
            let actor: &mut ValueView = actor;
            actor.name = self.name(reader, &actor.value, left())?;
        }
        Ok(View { data, total, is_cut })
    }

    /// What people called an actor last, if that is something else.
    fn name(
        &self,
        reader: &dyn Reader,
        actor: &str,
        time_max: Duration,
    ) -> Result<Option<String>, StoreError> {
        let filter = Filter { actor: vec![actor.to_owned()], ..self.filter.without(Keyword::Actor) };
        let page = reader.query(&Query { filter, order: Order::Newest, after: None, limit: 1, time_max })?;
        let Some(found) = page.events.into_iter().next() else { return Ok(None) };
        let actors = std::iter::once(found.event.actor).chain(found.event.on_behalf_of);
        let is_meant = |text: &Option<String>| {
            text.as_deref().is_some_and(|text| text.to_lowercase() == actor.to_lowercase())
        };
        let mut meant = actors.filter(|one| is_meant(&one.id) || is_meant(&one.email));
        Ok(meant.next().and_then(|one| one.name).filter(|name| name != actor))
    }
}

/// What the route takes beside the filters.
pub(in crate::api) const TAKES: Parameters = &[
    (
        "facet",
        "actor, action, type, category, source, result, targetType, team, organization, tag or rule; all of them without it",
    ),
    ("limit", "a whole number from 1 to 100, once"),
];
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;
