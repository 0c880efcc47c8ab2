//! Reading pages: partition after partition in the order asked for, until the page is full or the time is over.
//!
//! In a partition, what its index covers is found by the index: it says which events may be meant, and they
//! alone are read. The rest, and everything where there is no index, is looked at block by block. Either way
//! the filter itself decides on each event, so that an index can make an answer faster and never other.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use super::super::catalogue::Catalogue;
use super::super::index::{Index, Plan};
use super::super::partition::block::{Block, Facts, Label};
use super::super::partition::note::Note;
use super::super::partition::{Pair, Partition, Trouble, decoded, guarded, label};
use crate::store::{Filter, Item, Order, Page, Query, Sieve, StoreError};

/// A page.
pub(in crate::store::embedded) fn query<T: Item>(
    catalogue: &Catalogue,
    query: &Query,
) -> Result<Page<T>, StoreError> {
    let mut paging = Paging::new(query);
    let mut notes = catalogue.notes();
    if query.order == Order::Newest {
        notes.reverse();
    }
    for note in notes {
        let far = match query.order {
            Order::Newest => note.first,
            Order::Oldest => note.head().sequence,
        };
        if note.count == 0
            || !query.order.is_behind(far, paging.place)
            || !may_match_note(&query.filter, &note)
        {
            continue;
        }
        match paging.read(catalogue, &note)? {
            Flow::GoOn => {}
            Flow::Full => return Ok(paging.page_of(End::More)),
            Flow::Late => return Ok(paging.page_of(End::Cut)),
        }
    }
    Ok(paging.page_of(End::All))
}

/// A page that is being filled. It looks one event further than the page is long, to know whether there
/// is another page.
struct Paging<'a, T> {
    query: &'a Query,
    plan: Plan,
    sieve: Sieve<'a>,
    limit: usize,
    deadline: Option<Instant>,
    /// Everything up to here was looked at.
    place: u64,
    events: Vec<T>,
    /// How many events were looked at one by one.
    scanned: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    Full,
    Late,
}

enum End {
    All,
    More,
    Cut,
}

impl<'a, T: Item> Paging<'a, T> {
    fn new(query: &'a Query) -> Paging<'a, T> {
        Paging {
            query,
            plan: Plan::of(&query.filter),
            sieve: Sieve::of(&query.filter),
            limit: query.limit.max(1),
            deadline: Instant::now().checked_add(query.time_max),
            place: query.after.unwrap_or(query.order.start()),
            events: Vec::new(),
            scanned: 0,
        }
    }

    /// Reads one partition.
    fn read(&mut self, catalogue: &Catalogue, note: &Note) -> Result<Flow, StoreError> {
        let (first, last) = (note.first, note.head().sequence);
        let index = catalogue.index(note);
        let covered = index.as_ref().map_or(first - 1, |index| index.covered().min(last));
        let parts = match self.query.order {
            Order::Newest => [(None, covered + 1..=last), (index, first..=covered)],
            Order::Oldest => [(index, first..=covered), (None, covered + 1..=last)],
        };
        for (index, range) in parts {
            if range.is_empty() {
                continue;
            }
            let flow = match index {
                Some(index) => self.read_index(catalogue, note, &index, range)?,
                None => self.read_blocks(catalogue, note, range)?,
            };
            if flow != Flow::GoOn {
                return Ok(flow);
            }
        }
        Ok(Flow::GoOn)
    }

    /// Reads what the index names; should it fail, everything.
    fn read_index(
        &mut self,
        catalogue: &Catalogue,
        note: &Note,
        index: &Arc<Index>,
        range: RangeInclusive<u64>,
    ) -> Result<Flow, StoreError> {
        let mut candidates = match index.candidates(&self.plan, self.query.order, self.place) {
            Ok(candidates) => candidates,
            Err(why) => {
                catalogue.distrust_index(note, &why);
                return self.read_blocks(catalogue, note, range);
            }
        };
        let mut partition: Option<Arc<Partition>> = None;
        let mut held: Option<Block> = None;
        loop {
            let sequence = match candidates.next() {
                Ok(Some(sequence)) => sequence,
                Ok(None) => break,
                Err(why) => {
                    catalogue.distrust_index(note, &why);
                    return self.read_blocks(catalogue, note, range);
                }
            };
            let partition = match &partition {
                Some(partition) => partition,
                None => partition.insert(catalogue.open(note.first)?),
            };
            let taken = guarded(|| self.take_at(partition, &mut held, sequence)).and_then(|result| result);
            if taken.map_err(|trouble| catalogue.refuse(note.first, trouble))? {
                return Ok(Flow::Full);
            }
            self.place = sequence;
            if self.is_late() {
                return Ok(Flow::Late);
            }
        }
        // Never back: the page may have begun behind all that the index covers.
        self.place = match self.query.order {
            Order::Newest => self.place.min(*range.start()),
            Order::Oldest => self.place.max(*range.end()),
        };
        Ok(if self.is_late() { Flow::Late } else { Flow::GoOn })
    }

    /// Takes one event if it matches; true when there are more than the page holds.
    fn take_at(
        &mut self,
        partition: &Partition,
        held: &mut Option<Block>,
        sequence: u64,
    ) -> Result<bool, Trouble> {
        if !held.as_ref().is_some_and(|block| block.holds(sequence)) {
            *held = partition.block_of(sequence)?;
        }
        let Some(block) = held else { return Ok(false) };
        let Some((facts, json)) = block.event(sequence) else { return Ok(false) };
        Ok(may_match_facts(&self.query.filter, facts) && self.take_event(sequence, json, block))
    }

    /// Looks at every event of a range.
    fn read_blocks(
        &mut self,
        catalogue: &Catalogue,
        note: &Note,
        range: RangeInclusive<u64>,
    ) -> Result<Flow, StoreError> {
        let partition = catalogue.open(note.first)?;
        let read = guarded(|| match self.query.order {
            Order::Newest => {
                let below = self.place.min(range.end().saturating_add(1));
                self.scan(partition.blocks_below(below), &range)
            }
            Order::Oldest => {
                let from = self.place.saturating_add(1).max(*range.start());
                let from = partition.start_of(from)?;
                self.scan(partition.blocks_from(from), &range)
            }
        });
        read.and_then(|result| result).map_err(|trouble| catalogue.refuse(note.first, trouble))
    }

    fn scan(
        &mut self,
        pairs: impl Iterator<Item = Result<Pair, Trouble>>,
        range: &RangeInclusive<u64>,
    ) -> Result<Flow, Trouble> {
        for pair in pairs {
            let (first, value) = pair?;
            let label = label(&value)?;
            let last = first.saturating_add(u64::from(label.count)).saturating_sub(1);
            if last < *range.start() || first > *range.end() {
                break;
            }
            if may_match_label(&self.query.filter, &label) {
                let block = decoded(first, &value)?;
                self.scanned += u64::from(label.count);
                if self.take_all(&block) {
                    return Ok(Flow::Full);
                }
            }
            self.place = match self.query.order {
                Order::Newest => first,
                Order::Oldest => last,
            };
            // Looked at only here: each call gets at least one block further, however little time it has.
            if self.is_late() {
                return Ok(Flow::Late);
            }
        }
        Ok(Flow::GoOn)
    }

    /// Takes a block's matching events; true when there are more than the page holds.
    fn take_all(&mut self, block: &Block) -> bool {
        let take = |paging: &mut Self, (sequence, facts, json): (u64, Facts, &[u8])| {
            paging.query.order.is_behind(sequence, paging.place)
                && may_match_facts(&paging.query.filter, facts)
                && paging.sieve.lets_through(json)
                && paging.take_event(sequence, json, block)
        };
        match self.query.order {
            Order::Newest => block.events().rev().any(|event| take(self, event)),
            Order::Oldest => block.events().any(|event| take(self, event)),
        }
    }

    /// Takes an event if it matches; true when there are more than the page holds.
    fn take_event(&mut self, sequence: u64, json: &[u8], block: &Block) -> bool {
        let Some(read) = T::read(sequence, json, &self.query.filter) else { return false };
        if self.events.len() == self.limit {
            return true;
        }
        self.events.extend(block.entry(sequence).map(|sealed| T::of(sealed, read)));
        false
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn page_of(self, end: End) -> Page<T> {
        let is_full = self.events.len() == self.limit;
        let next = match end {
            End::All => None,
            End::More => self.events.last().map(|last| last.sealed().sequence),
            End::Cut => Some(self.place),
        };
        Page {
            events: self.events,
            next,
            is_cut: matches!(end, End::Cut) && !is_full,
            is_scanned: self.scanned > SCANNED_FEW,
        }
    }
}

// Labels and notes hold whole milliseconds, so a millisecond more is let through on both sides; the filter
// itself decides.

pub(super) fn may_match_note(filter: &Filter, note: &Note) -> bool {
    note.times.is_none_or(|times| may_match(filter, times.min, times.max))
}

pub(super) fn may_match_label(filter: &Filter, label: &Label) -> bool {
    may_match(filter, label.times.min, label.times.max)
}

fn may_match_facts(filter: &Filter, facts: Facts) -> bool {
    may_match(filter, facts.time_ms, facts.time_ms)
}

fn may_match(filter: &Filter, min: i64, max: i64) -> bool {
    filter.from.is_none_or(|from| max.saturating_add(1) >= from.as_millisecond())
        && filter.to.is_none_or(|to| min.saturating_sub(1) <= to.as_millisecond())
}

/// So many are looked at quickly; they are the newest, which the index is about to cover.
const SCANNED_FEW: u64 = 20_000;
