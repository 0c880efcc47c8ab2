//! Counting by an index: its columns alone, without reading an event, where it names exactly what is meant.

use std::time::Instant;

use tantivy::columnar::StrColumn;
use tantivy::query::{EnableScoring, Scorer};
use tantivy::{DocId, DocSet, TERMINATED};

use super::{Index, Plan, Segment, guarded};
use crate::event::Outcome;
use crate::store::Keyword;
use crate::store::tally::{Clock, Counts, Tally, place};

/// What bounds a count.
pub(in crate::store::embedded) struct Bounds {
    /// Only below this sequence.
    pub(in crate::store::embedded) below: u64,
    /// Not longer than that.
    pub(in crate::store::embedded) deadline: Option<Instant>,
}

impl Index {
    /// Counts what is asked for. Where the plan is not exact, `is_meant` decides on each event.
    ///
    /// # Errors
    /// Says why the index cannot be used.
    pub(in crate::store::embedded) fn count(
        &self,
        plan: &Plan,
        tally: &Tally,
        bounds: &Bounds,
        is_meant: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Counts, String> {
        guarded(|| {
            let weight = plan.query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
            let mut counts = Counts::of(tally);
            for segment in &self.segments {
                let start = segment.first_where(|sequence| sequence < bounds.below);
                if start == segment.reader.max_doc() {
                    continue;
                }
                let mut scorer = weight.scorer(&segment.reader, 1.0)?;
                if scorer.doc() < start {
                    scorer.seek(start);
                }
                let mut counting = Counting::new(segment, tally)?;
                let in_time = counting.run(plan, scorer.as_mut(), bounds.deadline, is_meant);
                counting.finish(&mut counts)?;
                if !in_time {
                    counts.is_cut = true;
                    break;
                }
            }
            Ok(counts)
        })
    }
}

/// A segment that is being counted.
struct Counting<'a> {
    segment: &'a Segment,
    counts: Counts,
    facets: Vec<Facet>,
    clock: Clock,
    /// The column of the results, and which of them each of its numbers means.
    results: Option<(StrColumn, Vec<usize>)>,
    /// The piece of time that is being counted.
    piece: (i64, [u64; Outcome::ALL.len()]),
}

struct Facet {
    column: Option<StrColumn>,
    /// How often each value of the column stands.
    counts: Vec<u64>,
}

impl<'a> Counting<'a> {
    fn new(segment: &'a Segment, tally: &Tally) -> tantivy::Result<Counting<'a>> {
        let columns = segment.reader.fast_fields();
        let mut facets = Vec::new();
        for facet in &tally.facets {
            let column = columns.str(facet.as_str())?;
            let counts = vec![0; column.as_ref().map_or(0, |column| column.num_terms())];
            facets.push(Facet { column, counts });
        }
        let results = match (&tally.pieces, columns.str(Keyword::Result.as_str())?) {
            (Some(_), Some(column)) => {
                let places = (0..column.num_terms() as u64).map(|ord| result_of(&column, ord)).collect();
                Some((column, places))
            }
            (Some(_), None) | (None, _) => None,
        };
        let clock = Clock::new(tally.pieces.as_ref());
        Ok(Counting { segment, counts: Counts::default(), facets, clock, results, piece: Default::default() })
    }

    /// Goes through a segment; false when the time was over before its end.
    fn run(
        &mut self,
        plan: &Plan,
        scorer: &mut dyn Scorer,
        deadline: Option<Instant>,
        is_meant: &mut dyn FnMut(u64) -> bool,
    ) -> bool {
        let lot_max = if plan.is_exact { LOT } else { LOT_READ };
        let mut lot: Vec<DocId> = Vec::with_capacity(lot_max);
        loop {
            lot.clear();
            while lot.len() < lot_max {
                let Some(document) = self.segment.next_in_time(scorer, plan.times.as_ref(), TERMINATED)
                else {
                    break;
                };
                lot.push(document);
            }
            let is_last = lot.len() < lot_max;
            if !plan.is_exact {
                lot.retain(|document| is_meant(self.segment.sequences.get_val(*document)));
            }
            self.add(&lot);
            if is_last {
                return true;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
        }
    }

    fn add(&mut self, lot: &[DocId]) {
        self.counts.total += lot.len() as u64;
        for Facet { column, counts } in &mut self.facets {
            let Some(column) = column else { continue };
            for document in lot {
                for ord in column.term_ords(*document) {
                    if let Some(count) = usize::try_from(ord).ok().and_then(|ord| counts.get_mut(ord)) {
                        *count += 1;
                    }
                }
            }
        }
        let Some((column, places)) = &self.results else { return };
        for document in lot {
            let start = self.clock.start_of(self.segment.times.get_val(*document));
            if start != self.piece.0 {
                let (start, counts) = std::mem::replace(&mut self.piece, (start, Default::default()));
                self.counts.add_piece_of(start, &counts);
            }
            let ord = column.term_ords(*document).next().and_then(|ord| usize::try_from(ord).ok());
            let place = ord.and_then(|ord| places.get(ord)).copied().unwrap_or_default();
            self.piece.1[place] += 1;
        }
    }

    /// Adds what was counted, with the values spelled out; of very many the most frequent.
    fn finish(mut self, sum: &mut Counts) -> tantivy::Result<()> {
        let (start, counts) = self.piece;
        self.counts.add_piece_of(start, &counts);
        sum.add(&self.counts);
        for (Facet { column, counts }, values) in self.facets.iter().zip(&mut sum.facets) {
            let Some(column) = column else { continue };
            let mut held: Vec<(u64, u64)> = (0..)
                .zip(counts)
                .filter(|(_, count)| **count > 0)
                .map(|(ord, count)| (ord, *count))
                .collect();
            if held.len() > VALUES_MAX {
                held.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
                held.truncate(VALUES_MAX);
                held.sort_unstable();
                values.leave_out();
            }
            // They stand in order, each told by what it shares with the one before: one by one, all before it are read again.
            let (ords, counts): (Vec<u64>, Vec<u64>) = held.into_iter().unzip();
            let mut counts = counts.into_iter();
            column.dictionary().sorted_ords_to_term_cb(&ords, |value| {
                let count = counts.next().unwrap_or_default();
                if let Ok(value) = std::str::from_utf8(value) {
                    values.add(value, count);
                }
            })?;
        }
        Ok(())
    }
}

fn result_of(column: &StrColumn, ord: u64) -> usize {
    let mut name = String::new();
    let is_known = column.ord_to_str(ord, &mut name).unwrap_or(false);
    place(Outcome::parse(&name).filter(|_| is_known).unwrap_or(Outcome::Unknown))
}

/// Documents between two looks at the clock; fewer where each is read.
const LOT: usize = 4096;
const LOT_READ: usize = 64;
/// Of one facet and segment.
const VALUES_MAX: usize = 5000;
