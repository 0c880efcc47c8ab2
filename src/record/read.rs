//! Tail and store as one. The tail is copied first (payloads are shared, not copied), then the store is
//! asked for what lies below it: the mover can only make both hold an entry, never neither.

use std::time::Instant;

use uuid::Uuid;

use super::Log;
use super::tail::Tail;
use crate::store::{
    Clock, Counts, Found, Item, Order, Page, Query, Sealed, Sieve, Store, StoreError, Tally, event_of,
};

impl Log {
    /// Counts events over journal and store as one. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        self.inner.call.ask();
        tally_both(&self.inner.tail, &self.inner.store, tally)
    }
}

/// A page.
pub(super) fn query<T: Item>(tail: &Tail, store: &dyn Store, query: &Query) -> Result<Page<T>, StoreError> {
    let asked = Asked {
        query,
        limit: query.limit.max(1),
        deadline: Instant::now().checked_add(query.time_max),
        entries: tail.entries(),
    };
    match query.order {
        Order::Newest => newest(store, &asked),
        Order::Oldest => oldest(store, &asked),
    }
}

/// A question and what the tail held when it was asked.
struct Asked<'a> {
    query: &'a Query,
    limit: usize,
    deadline: Option<Instant>,
    entries: Vec<Sealed>,
}

fn newest<T: Item>(store: &dyn Store, asked: &Asked) -> Result<Page<T>, StoreError> {
    let Asked { query, limit, .. } = *asked;
    let tail_first = asked.entries.first().map_or(u64::MAX, |entry| entry.sequence);
    let mut page = Page::default();
    if asked.take(&mut page, asked.entries.iter().rev()) == Taken::Enough {
        return Ok(page);
    }
    let below = query.after.map_or(tail_first, |below| below.min(tail_first));
    let rest = asked.rest((below < u64::MAX).then_some(below), limit - page.events.len());
    let stored = T::page(store, &rest)?;
    if page.events.len() == limit {
        // The page is full already; the store only told whether there is another.
        let has_more = !stored.events.is_empty() || stored.next.is_some();
        page.next = page.events.last().filter(|_| has_more).map(|last| last.sealed().sequence);
        return Ok(page);
    }
    page.events.extend(stored.events);
    Ok(Page { events: page.events, ..stored })
}

fn oldest<T: Item>(store: &dyn Store, asked: &Asked) -> Result<Page<T>, StoreError> {
    let mut page = T::page(store, &asked.rest(asked.query.after, asked.limit))?;
    let Some(first) = asked.entries.first().filter(|_| page.next.is_none()) else { return Ok(page) };
    // What was handed over meanwhile is in both.
    page.events.retain(|found| found.sealed().sequence < first.sequence);
    asked.take(&mut page, asked.entries.iter());
    Ok(page)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// The page is full and there is more, or the time is over.
    Enough,
    All,
}

impl Asked<'_> {
    /// The same question for the store.
    fn rest(&self, after: Option<u64>, limit: usize) -> Query {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        Query {
            filter: self.query.filter.clone(),
            order: self.query.order,
            after,
            limit: limit.max(1),
            time_max: self.deadline.map_or(self.query.time_max, left),
        }
    }

    /// Puts those of the tail's entries that are asked for behind what the page has.
    fn take<'e, T: Item>(&self, page: &mut Page<T>, entries: impl Iterator<Item = &'e Sealed>) -> Taken {
        let mut place = None;
        let start = self.query.after.unwrap_or(self.query.order.start());
        let sieve = Sieve::of(&self.query.filter);
        for sealed in entries.filter(|entry| self.query.order.is_behind(entry.sequence, start)) {
            let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_late && place.is_some() {
                page.next = place;
                page.is_cut = page.events.len() < self.limit;
                return Taken::Enough;
            }
            place = Some(sealed.sequence);
            if !sieve.lets_through(&sealed.json) {
                continue;
            }
            let Some(read) = T::read(sealed.sequence, &sealed.json, &self.query.filter) else { continue };
            if page.events.len() == self.limit {
                page.next = page.events.last().map(|last| last.sealed().sequence);
                return Taken::Enough;
            }
            page.events.push(T::of(sealed.clone(), read));
        }
        Taken::All
    }
}

/// Counts over both.
fn tally_both(tail: &Tail, store: &dyn Store, tally: &Tally) -> Result<Counts, StoreError> {
    let deadline = Instant::now().checked_add(tally.time_max);
    let entries = tail.entries();
    let (mut counts, mut clock) = (Counts::of(tally), Clock::new(tally.pieces.as_ref()));
    let sieve = Sieve::of(&tally.filter);
    let asked = entries.iter().filter(|entry| tally.below.is_none_or(|below| entry.sequence < below));
    for sealed in asked.filter(|entry| sieve.lets_through(&entry.json)) {
        let event = event_of(sealed.sequence, &sealed.json).filter(|event| tally.filter.matches(event));
        if let Some(event) = event {
            counts.add_event(tally, &mut clock, &event);
        }
    }
    let tail_first = entries.first().map(|first| first.sequence);
    let below = tail_first.into_iter().chain(tally.below).min();
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let time_max = deadline.map_or(tally.time_max, left);
    counts.add(&store.tally(&Tally { below, time_max, ..tally.clone() })?);
    Ok(counts)
}

/// The event of an id.
pub(super) fn get(tail: &Tail, store: &dyn Store, id: Uuid) -> Result<Option<Found>, StoreError> {
    let spelled = id.hyphenated().to_string();
    let finder = memchr::memmem::Finder::new(spelled.as_bytes());
    let in_tail = tail.entries().into_iter().rev().find_map(|sealed| {
        finder.find(&sealed.json)?;
        let event = event_of(sealed.sequence, &sealed.json).filter(|event| event.id == id)?;
        Some(Found { sealed, event })
    });
    match in_tail {
        Some(found) => Ok(Some(found)),
        None => store.get(id),
    }
}
