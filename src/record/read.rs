//! Tail and store as one. The tail is copied first (payloads are shared, not copied), then the store is
//! asked for what lies below it: the mover can only make both hold an entry, never neither.

use std::time::Instant;

use uuid::Uuid;

use super::tail::Tail;
use crate::store::{Embedded, Found, Page, Query, Sealed, Store, StoreError, event_of};

/// A page, newest first.
pub(super) fn query(tail: &Tail, store: &Embedded, query: &Query) -> Result<Page, StoreError> {
    let deadline = Instant::now().checked_add(query.time_max);
    let limit = query.limit.max(1);
    let entries = tail.entries();
    let tail_first = entries.first().map_or(u64::MAX, |entry| entry.sequence);
    let mut events = match from_tail(&entries, query, limit, deadline) {
        Part::Page(page) => return Ok(page),
        Part::Events(events) => events,
    };
    let below = query.below.map_or(tail_first, |below| below.min(tail_first));
    let rest = Query {
        filter: query.filter.clone(),
        below: (below < u64::MAX).then_some(below),
        limit: (limit - events.len()).max(1),
        time_max: deadline
            .map_or(query.time_max, |deadline| deadline.saturating_duration_since(Instant::now())),
    };
    let page = store.query(&rest)?;
    if events.len() == limit {
        // The page is full already; the store only told whether there is another.
        let has_more = !page.events.is_empty() || page.next.is_some();
        let next = events.last().filter(|_| has_more).map(|last| last.sealed.sequence);
        return Ok(Page { events, next, is_cut: false });
    }
    events.extend(page.events);
    Ok(Page { events, ..page })
}

/// The event of an id.
pub(super) fn get(tail: &Tail, store: &Embedded, id: Uuid) -> Result<Option<Found>, StoreError> {
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

enum Part {
    /// The tail alone answers.
    Page(Page),
    /// The store is to be asked for the rest.
    Events(Vec<Found>),
}

fn from_tail(entries: &[Sealed], query: &Query, limit: usize, deadline: Option<Instant>) -> Part {
    let mut events: Vec<Found> = Vec::new();
    let asked = entries.iter().rev().filter(|entry| query.below.is_none_or(|below| entry.sequence < below));
    for (count, sealed) in asked.enumerate() {
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_late && count > 0 {
            let is_cut = events.len() < limit;
            return Part::Page(Page { events, next: Some(sealed.sequence + 1), is_cut });
        }
        let event = event_of(sealed.sequence, &sealed.json).filter(|event| query.filter.matches(event));
        let Some(event) = event else { continue };
        if events.len() == limit {
            let next = events.last().map(|last| last.sealed.sequence);
            return Part::Page(Page { events, next, is_cut: false });
        }
        events.push(Found { sealed: sealed.clone(), event });
    }
    Part::Events(events)
}
