//! What an export is asked to be: its parameters beside the filters, read all at once.

use axum::http::request::Parts;
use clap::ValueEnum;
use uuid::Uuid;

use crate::export::{Dialect, Format, Odd, Proof, Reach, Shape, Telltale};
use crate::store::{Filter, Order, Thing, Visible};

use super::super::access::Caller;
use super::super::answers::problem::Wrong;
use super::super::listener::state::State;
use super::super::log::cursor::Way;
use super::super::log::parameters::{self, Question, once};
use super::query::chars_max;

/// What is asked for.
pub(super) struct Wish {
    pub(super) shape: Shape,
    pub(super) proof: Proof,
    pub(super) filter: Filter,
    pub(super) after: Option<u64>,
    /// One event, instead of those that a filter lets through.
    pub(super) id: Option<Uuid>,
    /// The filters as they were given.
    pub(super) said: Vec<(String, String)>,
}

/// The parameters that are no filter.
#[derive(Default)]
struct Own {
    format: Option<Format>,
    columns: Option<String>,
    dialect: Option<Dialect>,
    telltale: Option<Telltale>,
    proof: Option<Proof>,
    id: Option<Uuid>,
    history: Option<Thing>,
}

impl Wish {
    pub(super) fn read(state: &State, parts: &Parts, caller: &Caller) -> Result<Wish, Vec<Wrong>> {
        let (mut own, mut said, mut wrong) = (Own::default(), Vec::new(), Vec::new());
        let mut others = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()) {
            let Some((_, accepts)) = OWN.iter().find(|(known, _)| *known == name) else {
                others.append_pair(&name, &value);
                if name != "cursor" {
                    said.push((name.into_owned(), value.into_owned()));
                }
                continue;
            };
            if let Err(detail) = own.take(&name, value.trim())
                && wrong.len() < WRONG_MAX
            {
                wrong.push(Wrong { parameter: name.into_owned(), detail, accepts: (*accepts).to_owned() });
            }
        }
        let (cursors, page_max) = (state.inner.cursors.of(caller), state.inner.limits.page_max);
        let things = own.history.iter().cloned().collect();
        let base = Filter { visible: caller.sees(), things, ..Filter::default() };
        let question = parameters::read_on(&others.finish(), base, Order::Newest, &cursors, page_max);
        let (question, shape) = match (question, own.shape()) {
            (Ok(question), Ok(shape)) if wrong.is_empty() => (question, shape),
            (question, shape) => {
                wrong.extend(shape.err().into_iter().chain(question.err()).flatten());
                return Err(wrong);
            }
        };
        let Question { filter, place, .. } = question;
        if place.is_some_and(|place| place.way == Way::Back) {
            let detail = "leads back; an export goes on".to_owned();
            let accepts =
                "`pagination.nextCursor` of a page with the same filters, newest first, once".to_owned();
            return Err(vec![Wrong { parameter: "cursor".to_owned(), detail, accepts }]);
        }
        let after = place.map(|place| place.sequence);
        said.extend(
            own.history
                .as_ref()
                .map(|thing| ("history".to_owned(), format!("{}/{}", thing.r#type, thing.id))),
        );
        if own.id.is_some() && !said.is_empty() {
            let detail = "names one event: filters say nothing more".to_owned();
            return Err(vec![Wrong { parameter: "id".to_owned(), detail, accepts: ID.to_owned() }]);
        }
        said.extend(own.id.map(|id| ("id".to_owned(), id.to_string())));
        let sees_all = caller.sees() == Visible::Everything;
        // Where events stand, and how many there are, is for auditors.
        if own.proof == Some(Proof::Yes) && !sees_all {
            let detail = "is for auditors".to_owned();
            return Err(vec![wrong_by(Odd { wish: "proof", detail })]);
        }
        let is_whole = said.is_empty() && after.is_none() && sees_all;
        let reach = if is_whole { Reach::Whole } else { Reach::Part };
        let proof = shape.proof(own.proof, reach).map_err(|odd| vec![wrong_by(odd)])?;
        Ok(Wish { shape, proof, filter, after, id: own.id, said })
    }
}

impl Own {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "format" => once(&mut self.format, word(value)?),
            "dialect" => once(&mut self.dialect, word(value)?),
            "facts" => once(&mut self.telltale, word(value)?),
            "proof" => once(&mut self.proof, word(value)?),
            "id" => once(&mut self.id, Uuid::parse_str(value).map_err(|_| "is no id".to_owned())?),
            "columns" | "history" if value.chars().count() > chars_max(name) => Err("is too long".to_owned()),
            "history" => once(&mut self.history, thing(value).ok_or("names no thing")?),
            "columns" => once(&mut self.columns, value.to_owned()),
            "order" => Err("is for pages: an export is newest first".to_owned()),
            _ => Err("is for pages: an export has no limit".to_owned()),
        }
    }

    fn shape(&self) -> Result<Shape, Vec<Wrong>> {
        let columns: Vec<&str> =
            self.columns.iter().flat_map(|columns| columns.split(',')).map(str::trim).collect();
        let format = self.format.unwrap_or(Format::Ndjson);
        let shape = Shape::new(format, &columns, self.dialect, self.telltale.unwrap_or_default());
        shape.map_err(|odd| odd.into_iter().map(wrong_by).collect())
    }
}

fn wrong_by(odd: Odd) -> Wrong {
    let accepts = OWN.iter().find(|(name, _)| *name == odd.wish).map_or("", |(_, accepts)| accepts);
    Wrong { parameter: odd.wish.to_owned(), detail: odd.detail, accepts: accepts.to_owned() }
}

/// `booking/103`.
fn thing(text: &str) -> Option<Thing> {
    let (r#type, id) = text.split_once('/').filter(|(r#type, id)| !r#type.is_empty() && !id.is_empty())?;
    Some(Thing { r#type: r#type.to_owned(), id: id.to_owned() })
}

fn word<T: ValueEnum>(value: &str) -> Result<T, String> {
    T::from_str(value, false).map_err(|_| "is none of these".to_owned())
}

/// The parameters beside the filters, and what they take.
pub(in crate::api) const OWN: &[(&str, &str)] = &[
    ("format", "ndjson, json, csv, xlsx, parquet, cloudevents or ocsf, once"),
    (
        "columns",
        "paths into the event with commas between them, such as time,actor.email; not for cloudevents and ocsf, once",
    ),
    ("dialect", "comma, semicolon or sep, for csv, once"),
    ("facts", "yes or no, once"),
    ("proof", "yes or no, for ndjson with all columns and with its facts, once"),
    ("id", ID),
    ("history", "TYPE/ID of one thing: its history, such as booking/103, once"),
    ("limit", "nothing: an export has no limit"),
    ("order", "nothing: an export is newest first"),
];
const ID: &str = "the id of one event, instead of filters, once";
const WRONG_MAX: usize = 20;
