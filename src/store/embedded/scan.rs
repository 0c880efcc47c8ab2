//! Reading: pages newest first, and single events by id. Blocks are undone one at a time, from the end of
//! the newest partition towards the beginning of the oldest, until the page is full or the time is over.

use std::time::Instant;

use uuid::Uuid;

use super::block::{Block, Facts, Label, id_ms};
use super::catalogue::Catalogue;
use super::note::Note;
use super::partition::{Partition, Trouble, decoded, guarded, label};
use crate::store::{Filter, Found, Page, Query, StoreError, event_of};

/// A page of events, newest first.
pub(super) fn query(catalogue: &Catalogue, query: &Query) -> Result<Page, StoreError> {
    let mut paging = Paging::new(query);
    for note in catalogue.notes().iter().rev() {
        if paging.below <= note.first || !may_match_note(&query.filter, note) {
            continue;
        }
        let partition = catalogue.open(note.first)?;
        let read = guarded(|| paging.read(&partition)).and_then(|result| result);
        match read.map_err(|trouble| catalogue.refuse(note.first, trouble))? {
            Flow::GoOn => {}
            Flow::Full => return Ok(paging.page_of(End::More)),
            Flow::Late => return Ok(paging.page_of(End::Cut)),
        }
    }
    Ok(paging.page_of(End::All))
}

/// The event of an id. Its time narrows the search: blocks near it first, then every block whose span of
/// id times holds it, which is exact whatever clocks did.
pub(super) fn get(catalogue: &Catalogue, id: Uuid) -> Result<Option<Found>, StoreError> {
    let time = id_ms(id);
    for note in catalogue.notes().iter().rev() {
        if !note.ids.is_some_and(|ids| ids.holds(time)) {
            continue;
        }
        let partition = catalogue.open(note.first)?;
        let found = guarded(|| find(&partition, note, id)).and_then(|result| result);
        if let Some(found) = found.map_err(|trouble| catalogue.refuse(note.first, trouble))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A page that is being filled. It looks one event further than the page is long, to know whether there
/// is another page.
struct Paging<'a> {
    query: &'a Query,
    limit: usize,
    deadline: Option<Instant>,
    /// Everything from here on was looked at.
    below: u64,
    events: Vec<Found>,
}

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

impl Paging<'_> {
    fn new(query: &Query) -> Paging<'_> {
        Paging {
            query,
            limit: query.limit.max(1),
            deadline: Instant::now().checked_add(query.time_max),
            below: query.below.unwrap_or(u64::MAX),
            events: Vec::new(),
        }
    }

    fn read(&mut self, partition: &Partition) -> Result<Flow, Trouble> {
        for pair in partition.blocks_below(self.below) {
            let (first, value) = pair?;
            let label = label(&value)?;
            if may_match_label(&self.query.filter, &label) {
                let block = decoded(first, &value)?;
                if self.take(&block) {
                    return Ok(Flow::Full);
                }
            }
            self.below = first;
            // Looked at only here: each call gets at least one block further, however little time it has.
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Flow::Late);
            }
        }
        Ok(Flow::GoOn)
    }

    /// Takes a block's matching events; true when there are more than the page holds.
    fn take(&mut self, block: &Block) -> bool {
        for (sequence, facts, json) in block.events().rev() {
            if sequence >= self.below || !may_match_facts(&self.query.filter, facts) {
                continue;
            }
            let Some(event) = event_of(sequence, json).filter(|event| self.query.filter.matches(event))
            else {
                continue;
            };
            if self.events.len() == self.limit {
                return true;
            }
            self.events.extend(block.entry(sequence).map(|sealed| Found { sealed, event }));
        }
        false
    }

    fn page_of(self, end: End) -> Page {
        let is_full = self.events.len() == self.limit;
        let next = match end {
            End::All => None,
            End::More => self.events.last().map(|last| last.sealed.sequence),
            End::Cut => Some(self.below),
        };
        Page { events: self.events, next, is_cut: matches!(end, End::Cut) && !is_full }
    }
}

fn find(partition: &Partition, note: &Note, id: Uuid) -> Result<Option<Found>, Trouble> {
    let near = near(partition, note, id_ms(id))?;
    let window = NEAR_BLOCKS * NEAR_EVENTS;
    let (from, to) = (near.saturating_sub(window), near.saturating_add(window));
    if let Some(found) = find_between(partition, from, to, id)? {
        return Ok(Some(found));
    }
    find_between(partition, note.first, u64::MAX, id)
}

/// About where an id of that time would be if ids rose with sequences, which they nearly do.
fn near(partition: &Partition, note: &Note, time: u64) -> Result<u64, Trouble> {
    let (mut low, mut high) = (note.first, note.head().sequence);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(pair) = partition.blocks_below(middle + 1).next() else { break };
        let (first, value) = pair?;
        let label = label(&value)?;
        if label.ids.max < time {
            low = first.saturating_add(u64::from(label.count)).max(low + 1);
        } else {
            high = first.min(middle);
        }
    }
    Ok(low)
}

fn find_between(partition: &Partition, from: u64, to: u64, id: Uuid) -> Result<Option<Found>, Trouble> {
    for pair in partition.blocks_from(from) {
        let (first, value) = pair?;
        if first > to {
            break;
        }
        if !label(&value)?.ids.holds(id_ms(id)) {
            continue;
        }
        let block = decoded(first, &value)?;
        let place = block.events().find(|(_, facts, _)| facts.id == id).map(|(sequence, _, _)| sequence);
        if let Some(sealed) = place.and_then(|place| block.entry(place)) {
            return Ok(event_of(sealed.sequence, &sealed.json).map(|event| Found { sealed, event }));
        }
    }
    Ok(None)
}

// Labels and notes hold whole milliseconds, so a millisecond more is let through on both sides; the filter
// itself decides.

fn may_match_note(filter: &Filter, note: &Note) -> bool {
    note.times.is_none_or(|times| may_match(filter, times.min, times.max))
}

fn may_match_label(filter: &Filter, label: &Label) -> bool {
    may_match(filter, label.times.min, label.times.max)
}

fn may_match_facts(filter: &Filter, facts: Facts) -> bool {
    may_match(filter, facts.time_ms, facts.time_ms)
}

fn may_match(filter: &Filter, min: i64, max: i64) -> bool {
    filter.from.is_none_or(|from| max.saturating_add(1) >= from.as_millisecond())
        && filter.to.is_none_or(|to| min.saturating_sub(1) <= to.as_millisecond())
}

/// How far around the guess an id is looked for before everything is.
const NEAR_BLOCKS: u64 = 32;
const NEAR_EVENTS: u64 = 16;
