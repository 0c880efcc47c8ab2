//! Counting over partitions. What is asked of a whole partition that takes no more is counted once and remembered;
//! what the index does not cover is looked at one by one.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::catalogue::Catalogue;
use super::index::{Bounds, Index, Plan};
use super::note::Note;
use super::partition::{Partition, Trouble, decoded, guarded, label};
use super::scan::{may_match_label, may_match_note};
use crate::store::tally::{Clock, Counts, Interval, Pieces, QUARTER_MS, Tally};
use crate::store::{Filter, Keyword, StoreError, event_of};

/// Counts what is asked for, the newest partition first.
pub(super) fn tally(catalogue: &Catalogue, tally: &Tally) -> Result<Counts, StoreError> {
    let mut counting = Counting {
        catalogue,
        tally,
        plan: Plan::of(&tally.filter),
        clock: Clock::new(tally.pieces.as_ref()),
        deadline: Instant::now().checked_add(tally.time_max),
        counts: Counts::of(tally),
    };
    let newest = catalogue.newest().map_or(0, |note| note.first);
    for (at, note) in catalogue.notes().iter().rev().enumerate() {
        if note.count == 0 || note.first >= counting.below() || !may_match_note(&tally.filter, note) {
            continue;
        }
        // Each question gets one partition further at least.
        if at > 0 && counting.is_late() || counting.counts.is_too_fine {
            counting.counts.is_cut = true;
            break;
        }
        counting.add(note, note.first == newest)?;
    }
    Ok(counting.counts)
}

struct Counting<'a> {
    catalogue: &'a Catalogue,
    tally: &'a Tally,
    plan: Plan,
    clock: Clock,
    deadline: Option<Instant>,
    counts: Counts,
}

impl Counting<'_> {
    fn below(&self) -> u64 {
        self.tally.below.unwrap_or(u64::MAX)
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn add(&mut self, note: &Note, is_growing: bool) -> Result<(), StoreError> {
        let last = note.head().sequence.min(self.below() - 1);
        let index = self.catalogue.index(note);
        let covered = index.as_ref().map_or(note.first - 1, |index| index.covered().min(last));
        if let Some(index) = &index
            && !is_growing
            && covered == note.head().sequence
            && self.is_about_all_of(note)
            && let Some(whole) = self.whole(note, index)
        {
            self.counts.add(&whole);
            return Ok(());
        }
        if covered < last {
            self.scan(note, covered + 1..=last)?;
        }
        let Some(index) = index else { return Ok(()) };
        let bounds = Bounds { below: covered + 1, deadline: self.deadline };
        let mut reading =
            Reading { catalogue: self.catalogue, note, filter: &self.tally.filter, held: None, failed: None };
        let counted =
            index.count(&self.plan, self.tally, &bounds, &mut |sequence| reading.is_meant(sequence));
        if let Some(error) = reading.failed {
            return Err(error);
        }
        match counted {
            Ok(counts) => {
                self.counts.add(&counts);
                Ok(())
            }
            Err(why) => {
                self.catalogue.distrust_index(note, &why);
                self.scan(note, note.first..=covered)
            }
        }
    }

    /// True when nothing is asked for but times, and all of a partition lies between them.
    fn is_about_all_of(&self, note: &Note) -> bool {
        let is_within = |times: super::block::Span<i64>| {
            // Its times are cut to whole milliseconds.
            self.tally.filter.from.is_none_or(|from| from.as_millisecond() < times.min)
                && self.tally.filter.to.is_none_or(|to| to.as_millisecond() > times.max)
        };
        self.plan.is_everything && note.times.is_some_and(is_within)
    }

    /// What a whole partition counts, as far as it is asked for; `None` when the pieces of time asked for are not made
    /// of quarters of an hour.
    fn whole(&mut self, note: &Note, index: &Arc<Index>) -> Option<Counts> {
        let whole = match self.catalogue.indexes.whole(note.first) {
            Some(whole) => whole,
            None => {
                let zone = TimeZone::UTC;
                let tally = Tally {
                    filter: Filter::default(),
                    below: None,
                    facets: Keyword::FACETS.to_vec(),
                    pieces: Some(Pieces { interval: Interval::Quarter, zone }),
                    time_max: self.tally.time_max,
                };
                let bounds = Bounds { below: note.head().sequence + 1, deadline: self.deadline };
                let counts = index.count(&Plan::of(&tally.filter), &tally, &bounds, &mut |_| true).ok()?;
                let is_whole = counts.total > 0 && !counts.is_too_fine && !counts.is_cut;
                let whole = Arc::new(counts);
                if !is_whole {
                    return None;
                }
                self.catalogue.indexes.put_whole(note.first, Arc::clone(&whole));
                whole
            }
        };
        let mut counts = Counts { total: whole.total, ..Counts::default() };
        for facet in &self.tally.facets {
            let at = Keyword::FACETS.iter().position(|one| one == facet)?;
            counts.facets.push(whole.facets.get(at)?.clone());
        }
        if self.tally.pieces.is_some() {
            for (start, piece) in &whole.pieces {
                if !self.clock.is_whole(*start..*start + QUARTER_MS) {
                    return None;
                }
                let start = self.clock.start_of(*start);
                counts.add_piece_of(start, piece);
            }
        }
        Some(counts)
    }

    /// Looks at every event of a range.
    fn scan(&mut self, note: &Note, range: RangeInclusive<u64>) -> Result<(), StoreError> {
        let partition = self.catalogue.open(note.first)?;
        let scanned = guarded(|| self.scan_blocks(&partition, &range)).and_then(|result| result);
        scanned.map_err(|trouble| self.catalogue.refuse(note.first, trouble))
    }

    fn scan_blocks(&mut self, partition: &Partition, range: &RangeInclusive<u64>) -> Result<(), Trouble> {
        for pair in partition.blocks_below(range.end().saturating_add(1)) {
            let (first, value) = pair?;
            let label = label(&value)?;
            if first.saturating_add(u64::from(label.count)) <= *range.start() {
                break;
            }
            if may_match_label(&self.tally.filter, &label) {
                for (sequence, _, json) in
                    decoded(first, &value)?.events().filter(|(one, ..)| range.contains(one))
                {
                    let event = event_of(sequence, json).filter(|event| self.tally.filter.matches(event));
                    if let Some(event) = event {
                        self.counts.add_event(self.tally, &mut self.clock, &event);
                    }
                }
            }
            if self.is_late() {
                self.counts.is_cut = true;
                break;
            }
        }
        Ok(())
    }
}

/// Reads events that an index named, to see whether they are meant.
struct Reading<'a> {
    catalogue: &'a Catalogue,
    note: &'a Note,
    filter: &'a Filter,
    held: Option<super::block::Block>,
    failed: Option<StoreError>,
}

impl Reading<'_> {
    fn is_meant(&mut self, sequence: u64) -> bool {
        if self.failed.is_some() {
            return false;
        }
        if !self.held.as_ref().is_some_and(|block| block.holds(sequence)) {
            let block = self.catalogue.open(self.note.first).and_then(|partition| {
                let block = guarded(|| partition.block_of(sequence)).and_then(|block| block);
                block.map_err(|trouble| self.catalogue.refuse(self.note.first, trouble))
            });
            match block {
                Ok(block) => self.held = block,
                Err(error) => self.failed = Some(error),
            }
        }
        let Some(block) = &self.held else { return false };
        let found = block.events().find(|(one, ..)| *one == sequence);
        found
            .and_then(|(sequence, _, json)| event_of(sequence, json))
            .is_some_and(|event| self.filter.matches(&event))
    }
}
