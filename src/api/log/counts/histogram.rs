//! `GET /audit/v1/histogram`: how many events there were in each piece of time, and how they ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{RawQuery, State as Extract};
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::event::Outcome;
use crate::store::{Counts, Filter, Interval, PIECES_MAX, Pieces, StoreError, Tally};

use super::super::events::json;
use super::super::parameters::{Asked, Parameters, once};
use super::super::reader::Reader;
use crate::api::access::Caller;
use crate::api::answers::problem::{Problem, Wrong};
use crate::api::listener::state::State;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    data: Vec<PieceView>,
    interval: &'static str,
    is_cut: bool,
}

#[derive(Serialize)]
struct PieceView {
    from: String,
    count: u64,
    results: BTreeMap<&'static str, u64>,
}

/// What is asked for.
struct Question {
    filter: Filter,
    pieces: Pieces,
}

/// `GET /audit/v1/histogram`.
pub(in crate::api) async fn histogram(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::read(query.as_deref().unwrap_or(""), &caller.sees(), TAKES);
    let question = Question::of(asked).map_err(Problem::parameters)?;
    let interval = question.pieces.interval;
    let counted = state.ask(move |reader, time_max| question.answer(reader, time_max)).await?;
    let counts = counted.map_err(|fitting| Problem::parameters(vec![too_fine(fitting)]))?;
    let piece = |(start, counts): (&i64, &[u64; Outcome::ALL.len()])| PieceView {
        from: Timestamp::from_millisecond(*start).map(|from| from.to_string()).unwrap_or_default(),
        count: counts.iter().sum(),
        results: Outcome::ALL
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0)
            .map(|(result, count)| (result.as_str(), *count))
            .collect(),
    };
    let data = counts.pieces.iter().map(piece).collect();
    let view = View { data, interval: interval.as_str(), is_cut: counts.is_cut };
    Ok(json(serde_json::to_vec(&view).unwrap_or_default()))
}

impl Question {
    fn of(asked: Asked) -> Result<Question, Vec<Wrong>> {
        let Asked { filter, own, mut wrong } = asked;
        let (mut interval, mut zone) = (None, None);
        for (name, value) in own {
            let put = match name {
                "interval" => {
                    let read = Interval::ASKED.into_iter().find(|one| one.as_str() == value);
                    read.ok_or("is no interval".to_owned()).and_then(|read| once(&mut interval, read))
                }
                _ => {
                    let read = TimeZone::get(&value).map_err(|_| "is no time zone".to_owned());
                    read.and_then(|read| once(&mut zone, read))
                }
            };
            if let Err(detail) = put {
                wrong.push(Wrong::of(name, &detail, TAKES));
            }
        }
        match interval {
            _ if !wrong.is_empty() => Err(wrong),
            None => Err(vec![Wrong::of("interval", "is missing", TAKES)]),
            Some(interval) => {
                let zone = zone.unwrap_or(TimeZone::UTC);
                Ok(Question { filter, pieces: Pieces { interval, zone } })
            }
        }
    }

    /// What was counted; where there are too many pieces, which interval makes few enough.
    fn answer(
        &self,
        reader: &dyn Reader,
        time_max: Duration,
    ) -> Result<Result<Counts, Option<Interval>>, StoreError> {
        let began = Instant::now();
        let asked = self.pieces.interval;
        let longer = Interval::ASKED.into_iter().skip_while(|one| *one != asked);
        for interval in longer {
            let tally = Tally {
                filter: self.filter.clone(),
                below: None,
                facets: Vec::new(),
                pieces: Some(Pieces { interval, zone: self.pieces.zone.clone() }),
                time_max: time_max.saturating_sub(began.elapsed()),
            };
            let counts = reader.tally(&tally)?;
            if !counts.is_too_fine {
                return Ok(if interval == asked { Ok(counts) } else { Err(Some(interval)) });
            }
        }
        Ok(Err(None))
    }
}

fn too_fine(fitting: Option<Interval>) -> Wrong {
    let cure = match fitting {
        Some(interval) => format!("`{}` fits", interval.as_str()),
        None => "ask for a shorter time, with `from` and `to`".to_owned(),
    };
    Wrong::of("interval", &format!("makes more than {PIECES_MAX} pieces that have events; {cure}"), TAKES)
}

/// What the route takes beside the filters.
pub(in crate::api) const TAKES: Parameters = &[
    ("interval", "minute, hour, day, week or month, once"),
    ("zone", "an IANA time zone such as Europe/Berlin, UTC without it, once"),
];
