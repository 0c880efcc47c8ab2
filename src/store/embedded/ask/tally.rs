//! Counting over partitions. What is asked of a whole partition that takes no more was counted when its index was
//! finished; what the index does not cover is looked at one by one.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use super::super::catalogue::Catalogue;
use super::super::index::{Bounds, Plan, kept_whole};
use super::super::partition::block::{Block, Span};
use super::super::partition::note::Note;
use super::super::partition::{Partition, Trouble, decoded, guarded, label};
use super::scan::{may_match_label, may_match_note};
use crate::store::tally::{Clock, Counts, QUARTER_MS, Tally, Values};
use crate::store::{Filter, Keyword, Sieve, StoreError, event_of};

/// Counts what is asked for, the newest partition first.
pub(in crate::store::embedded) fn tally(catalogue: &Catalogue, tally: &Tally) -> Result<Counts, StoreError> {
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
        let is_whole = !is_growing && last == note.head().sequence && self.is_about_all_of(note);
        if is_whole && self.add_whole(note) {
            return Ok(());
        }
        let index = self.catalogue.index(note);
        let covered = index.as_ref().map_or(note.first - 1, |index| index.covered().min(last));
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
        let is_within = |times: Span<i64>| {
            // Its times are cut to whole milliseconds.
            self.tally.filter.from.is_none_or(|from| from.as_millisecond() < times.min)
                && self.tally.filter.to.is_none_or(|to| to.as_millisecond() > times.max)
        };
        self.plan.is_everything && note.times.is_some_and(is_within)
    }

    /// Adds what a whole partition counts; false where that is not known, or the pieces of time asked for are not made of
    /// quarters of an hour.
    fn add_whole(&mut self, note: &Note) -> bool {
        let Some(whole) = self.whole(note) else { return false };
        let known = |facet: &Keyword| {
            let at = Keyword::FACETS.iter().position(|one| one == facet);
            at.and_then(|at| whole.facets.get(at))
        };
        let facets: Option<Vec<&Values>> = self.tally.facets.iter().map(known).collect();
        let mut starts = whole.pieces.keys().filter(|_| self.tally.pieces.is_some());
        let Some(facets) = facets.filter(|_| starts.all(|at| self.clock.is_whole(*at..*at + QUARTER_MS)))
        else {
            return false;
        };
        self.counts.total += whole.total;
        self.counts.facets.iter_mut().zip(facets).for_each(|(values, others)| values.add_all(others));
        for (start, piece) in whole.pieces.iter().filter(|_| self.tally.pieces.is_some()) {
            self.counts.add_piece_of(self.clock.start_of(*start), piece);
        }
        true
    }

    /// What a partition counts: remembered, kept beside its index, or counted by that.
    fn whole(&self, note: &Note) -> Option<Arc<Counts>> {
        let indexes = &self.catalogue.indexes;
        if let Some(whole) = indexes.whole(note.first) {
            return Some(whole);
        }
        let kept = match indexes.is_distrusted(note.first) {
            true => None,
            false => kept_whole(&self.catalogue.path(note.first), note),
        };
        let bounds = Bounds { below: note.head().sequence + 1, deadline: self.deadline };
        let counted = || self.catalogue.index(note)?.whole(note, &bounds);
        let whole = Arc::new(kept.or_else(counted)?);
        indexes.put_whole(note.first, Arc::clone(&whole));
        Some(whole)
    }

    /// Looks at every event of a range.
    fn scan(&mut self, note: &Note, range: RangeInclusive<u64>) -> Result<(), StoreError> {
        let partition = self.catalogue.open(note.first)?;
        let scanned = guarded(|| self.scan_blocks(&partition, &range)).and_then(|result| result);
        scanned.map_err(|trouble| self.catalogue.refuse(note.first, trouble))
    }

    fn scan_blocks(&mut self, partition: &Partition, range: &RangeInclusive<u64>) -> Result<(), Trouble> {
        let sieve = Sieve::of(&self.tally.filter);
        for pair in partition.blocks_below(range.end().saturating_add(1)) {
            let (first, value) = pair?;
            let label = label(&value)?;
            if first.saturating_add(u64::from(label.count)) <= *range.start() {
                break;
            }
            if may_match_label(&self.tally.filter, &label) {
                let block = decoded(first, &value)?;
                let events = block.events().filter(|(one, ..)| range.contains(one));
                for (sequence, _, json) in events.filter(|(.., json)| sieve.lets_through(json)) {
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
    held: Option<Block>,
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
        block
            .event(sequence)
            .and_then(|(_, json)| event_of(sequence, json))
            .is_some_and(|event| self.filter.matches(&event))
    }
}
