//! `GET /audit/v1/targets/{type}/{id}/state?at=…`: what a thing was like, as far as events kept it.
//!
//! A field's value at a time is what the last change before it made of it; where there is none, what the first change
//! behind it found. Only what succeeded counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::event::{Event, Outcome};
use crate::store::{Filter, Order, Query, StoreError, Thing};
use crate::value::Value;

use super::super::events::json;
use super::super::parameters::{Parameters, TIME, once, time};
use super::super::reader::Reader;
use super::{EVENTS_MAX, Family, named};
use crate::api::access::Caller;
use crate::api::answers::problem::{Problem, Wrong};
use crate::api::listener::state::State;
use crate::api::shapes::query;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    at: String,
    /// By the names that changes give them; one that was absent is left out.
    fields: BTreeMap<String, FieldView>,
    /// The last event at or before the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<LastView>,
    is_cut: bool,
}

#[derive(Clone, Serialize)]
struct FieldView {
    value: Value,
    /// The event that tells it.
    event: Uuid,
    /// `after` when that event made it so, `before` when it found it so.
    from: &'static str,
}

#[derive(Serialize)]
struct LastView {
    id: Uuid,
    action: String,
}

/// `GET /audit/v1/targets/{type}/{id}/state`.
pub(in crate::api) async fn state_at(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    thing: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let thing = named(thing)?;
    let at = asked(query.as_deref().unwrap_or("")).map_err(Problem::parameters)?;
    let filter = Filter { visible: caller.sees(), ..Filter::default() };
    let view = state.ask(move |reader, time_max| {
        let began = Instant::now();
        view(reader, &thing, filter, at, || time_max.saturating_sub(began.elapsed()))
    });
    let view = view.await?;
    Ok(json(serde_json::to_vec(&view).unwrap_or_default()))
}

fn asked(text: &str) -> Result<Timestamp, Vec<Wrong>> {
    let mut at = None;
    query::read(text, TAKES, |_, value| once(&mut at, time(value).ok_or("is neither a time nor a date")?))?;
    at.ok_or_else(|| vec![Wrong::of("at", "is missing", TAKES)])
}

/// `left` says how much time there is still.
fn view(
    reader: &dyn Reader,
    thing: &Thing,
    filter: Filter,
    at: Timestamp,
    left: impl Fn() -> Duration,
) -> Result<View, StoreError> {
    let family = Family::of(reader, thing, &filter, left() / 2)?;
    let filter = Filter { things: family.things, result: vec![Outcome::Success], ..filter };
    let mut state = Fields::at(at);
    let (mut after, mut is_cut) = (None, family.is_cut);
    loop {
        let (order, limit, time_max) = (Order::Oldest, EVENTS_MAX, left());
        let page = reader.query(&Query { filter: filter.clone(), order, after, limit, time_max })?;
        page.events.iter().for_each(|found| state.take(&found.event));
        after = page.next;
        if after.is_none() || page.is_cut || left().is_zero() {
            is_cut |= after.is_some();
            break;
        }
    }
    let fields = state.fields.into_iter().filter_map(|(name, field)| Some((name, field?))).collect();
    let last_event = state.last.map(|(id, action)| LastView { id, action });
    Ok(View { at: at.to_string(), fields, last_event, is_cut: is_cut || state.is_cut })
}

/// What is known of fields at a time; told by events in the order of the log.
struct Fields {
    at: Timestamp,
    /// `None` where a field was absent.
    fields: BTreeMap<String, Option<FieldView>>,
    last: Option<(Uuid, String)>,
    /// True when there were more names than are kept.
    is_cut: bool,
}

impl Fields {
    fn at(at: Timestamp) -> Fields {
        Fields { at, fields: BTreeMap::new(), last: None, is_cut: false }
    }

    fn take(&mut self, event: &Event) {
        if event.attempted {
            return;
        }
        let is_past = event.time <= self.at;
        if is_past {
            self.last = Some((event.id, event.action.clone()));
        }
        for change in &event.changes {
            let view = |value: &Option<Value>, from| {
                value.clone().map(|value| FieldView { value, event: event.id, from })
            };
            if is_past {
                self.put(&change.field, view(&change.after, "after"));
            } else if !self.fields.contains_key(&change.field) {
                self.put(&change.field, view(&change.before, "before"));
            }
        }
    }

    fn put(&mut self, field: &str, view: Option<FieldView>) {
        if self.fields.len() < FIELDS_MAX || self.fields.contains_key(field) {
            self.fields.insert(field.to_owned(), view);
        } else {
            self.is_cut = true;
        }
    }
}

/// What the route takes.
pub(in crate::api) const TAKES: Parameters = &[("at", TIME)];
/// Names of fields that differ.
const FIELDS_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::api::tests::Memory;
    use crate::event::Change;
    use crate::store::fixture::event;
    use crate::value::json;

    #[test]
    fn all_the_time_there_is_is_used_and_no_more() {
        let check = |seconds: u64, pages: usize| {
            let memory = Memory::with(3 * EVENTS_MAX);
            let left = Cell::new(Duration::from_secs(seconds));
            let one_less = || left.replace(left.get().saturating_sub(Duration::from_secs(1)));
            let thing = Thing { r#type: "booking".to_owned(), id: "b".to_owned() };
            view(&*memory, &thing, Filter::default(), event(1).time, one_less).unwrap();
            assert_eq!(memory.asked.lock().len(), 1 + pages, "{seconds}");
        };
        // The time is looked at before the links are, and on both sides of a page.
        check(20, 3);
        check(6, 3);
        check(4, 2);
        check(2, 1);
    }

    fn changed(n: u64, field: &str, before: Option<Value>, after: Option<Value>) -> Event {
        let change = Change { field: field.to_owned(), pointer: None, label: None, before, after };
        Event { changes: vec![change], ..event(n) }
    }

    #[test]
    fn a_field_is_what_the_last_change_made_of_it_or_the_next_one_found() {
        let events = [
            changed(1, "start", None, Some(json!("10:00"))),
            changed(2, "start", Some(json!("10:00")), Some(json!("11:00"))),
            changed(3, "title", Some(json!("Review")), Some(json!("Talk"))),
            changed(4, "start", Some(json!("11:00")), None),
            Event { attempted: true, ..changed(5, "title", None, Some(json!("never"))) },
        ];
        let check = |n: u64, expected: &[(&str, &str, &str)]| {
            let mut state = Fields::at(event(n).time);
            events.iter().for_each(|event| state.take(event));
            let told: Vec<_> = state
                .fields
                .iter()
                .filter_map(|(name, field)| {
                    let field = field.as_ref()?;
                    Some((name.as_str(), field.value.as_str()?, field.from))
                })
                .collect();
            assert_eq!(told, expected, "{n}");
        };
        check(0, &[("title", "Review", "before")]);
        check(1, &[("start", "10:00", "after"), ("title", "Review", "before")]);
        check(2, &[("start", "11:00", "after"), ("title", "Review", "before")]);
        check(3, &[("start", "11:00", "after"), ("title", "Talk", "after")]);
        check(4, &[("title", "Talk", "after")]);
    }

    #[test]
    fn names_beyond_the_limit_are_told_of() {
        let mut state = Fields::at(event(1).time);
        (0..FIELDS_MAX).for_each(|n| state.take(&changed(1, &format!("f{n}"), None, Some(json!(n as i64)))));
        state.take(&changed(1, "f0", None, Some(json!(7))));
        assert!(!state.is_cut);
        state.take(&changed(1, "another", None, Some(json!(7))));
        assert!(state.is_cut && state.fields.len() == FIELDS_MAX);
    }
}
