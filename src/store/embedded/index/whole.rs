//! What a partition that takes no more counts as a whole: every facet, and its quarters of an hour. Counted once, when
//! its index is finished, and kept in the index's folder: it is as personal as the index, and goes with it. It says of
//! which events it is; one that is missing, damaged or of other events is counted anew.

use std::path::Path;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Bounds, FOLDER, Index, Plan};
use crate::event::Outcome;
use crate::store::embedded::partition::lines;
use crate::store::embedded::partition::note::Note;
use crate::store::tally::{Counts, Interval, Pieces, Tally, Values};
use crate::store::{Filter, Keyword, hex};

/// The file's one line.
#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    /// The partition's first and last sequence, and the leaf of the last.
    first: u64,
    last: u64,
    leaf: String,
    total: u64,
    facets: Vec<Facet>,
    /// When a quarter begins, in milliseconds since 1970, and its events by result.
    quarters: Vec<(i64, [u64; Outcome::ALL.len()])>,
}

#[derive(Serialize, Deserialize)]
struct Facet {
    name: String,
    values: Vec<(String, u64)>,
    has_more: bool,
}

impl Index {
    /// Counts a partition; `None` when that is too much, or the index is unusable.
    pub(in crate::store::embedded) fn whole(&self, note: &Note, bounds: &Bounds) -> Option<Counts> {
        let tally = Tally {
            filter: Filter::default(),
            below: None,
            facets: Keyword::FACETS.to_vec(),
            pieces: Some(Pieces { interval: Interval::Quarter, zone: TimeZone::UTC }),
            time_max: std::time::Duration::MAX,
        };
        if self.covered() != note.head().sequence {
            return None;
        }
        let counts = self.count(&Plan::of(&tally.filter), &tally, bounds, &mut |_| true).ok()?;
        (counts.total > 0 && !counts.is_too_fine && !counts.is_cut).then_some(counts)
    }
}

/// Keeps the counts of a partition. Should the disk refuse, they are counted again.
pub(super) fn keep(partition: &Path, note: &Note, counts: &Counts) {
    let facets = Keyword::FACETS.iter().zip(&counts.facets).map(|(facet, values)| Facet {
        name: facet.as_str().to_owned(),
        values: values.all().map(|(value, count)| (value.to_owned(), count)).collect(),
        has_more: values.has_more(),
    });
    let form = Form {
        format: FORMAT,
        first: note.first,
        last: note.head().sequence,
        leaf: hex(&note.leaf),
        total: counts.total,
        facets: facets.collect(),
        quarters: counts.pieces.iter().map(|(start, piece)| (*start, *piece)).collect(),
    };
    if let Err(error) = lines::write(&partition.join(FOLDER), NAME, &form) {
        tracing::debug!(%error, "the counts of a partition are not kept");
    }
}

/// What was kept of a partition, if it is of these events.
pub(in crate::store::embedded) fn kept(partition: &Path, note: &Note) -> Option<Counts> {
    let line = lines::read(&partition.join(FOLDER), NAME, BYTES_MAX).ok()??;
    let form: Form = serde_json::from_str(&line).ok()?;
    let is_of = form.format == FORMAT
        && (form.first, form.last) == (note.first, note.head().sequence)
        && form.leaf == hex(&note.leaf)
        && form.facets.iter().map(|facet| facet.name.as_str()).eq(Keyword::FACETS.map(Keyword::as_str));
    is_of.then(|| {
        let facets = form.facets.into_iter().map(|facet| Values::of(facet.values, facet.has_more));
        Counts {
            total: form.total,
            facets: facets.collect(),
            pieces: form.quarters.into_iter().collect(),
            ..Counts::default()
        }
    })
}

/// True when something is kept of a partition.
pub(super) fn is_kept(partition: &Path) -> bool {
    partition.join(FOLDER).join(NAME).exists()
}

/// Its file, in the index's folder.
pub(super) const NAME: &str = "counts";
const FORMAT: u32 = 1;
/// Of each facet some thousand values are counted, of at most 300 bytes.
const BYTES_MAX: u64 = 32 << 20;
