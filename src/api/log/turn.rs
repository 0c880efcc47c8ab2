//! Turning pages: which events a page has, in which order, and whether there is one before and one behind it.
//!
//! A page that was reached backwards is read in the other order from where it ends, and turned round.

use std::time::{Duration, Instant};

use crate::store::{Filter, Order, Page, Query, Sealed, StoreError};

use super::super::answers::form::Form;
use super::cursor::{Place, Way};
use super::events::PLACE_BYTES;
use super::parameters::Question;
use super::reader::Reader;

/// A page as it is answered.
pub(super) struct Turned {
    /// In the order asked for.
    events: Vec<Sealed>,
    /// Where the page behind it begins.
    pub(in crate::api) next: Option<Place>,
    /// Where the page before it begins.
    pub(super) previous: Option<Place>,
    /// True when the time was over before the page was full, or it is not known of all events that they belong on it.
    pub(in crate::api) is_cut: bool,
    is_scanned: bool,
}

impl Turned {
    /// Reads a page.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(in crate::api) fn read(
        reader: &dyn Reader,
        question: &Question,
        time_max: Duration,
    ) -> Result<Turned, StoreError> {
        let began = Instant::now();
        let way = question.place.map_or(Way::On, |place| place.way);
        let order = match way {
            Way::On => question.order,
            Way::Back => question.order.reversed(),
        };
        let (after, limit) = (question.place.map(|place| place.sequence), question.limit);
        // One more than asked for tells whether there is more, even on the last page.
        let asked = Query { filter: question.filter.clone(), order, after, limit: limit + 1, time_max };
        let mut page = reader.entries(&asked)?;
        let ahead = behind(&page, after, limit, order);
        let is_cut = page.is_cut && page.events.len() <= limit;
        page.events.truncate(limit);
        // Where the page begins; who came with a cursor may go back from there.
        let start = page.events.first().map(|first| first.sequence).or(beside(after, order));
        let left = time_max.saturating_sub(began.elapsed());
        let origin = match start.filter(|_| after.is_some()) {
            Some(start) if is_there(reader, &question.filter, order.reversed(), start, left)? => Some(start),
            Some(_) | None => None,
        };
        let place = |way: Way| move |sequence: u64| Place { sequence, way };
        let (next, previous) = match way {
            Way::On => (ahead.map(place(Way::On)), origin.map(place(Way::Back))),
            Way::Back => (origin.map(place(Way::On)), ahead.map(place(Way::Back))),
        };
        if way == Way::Back {
            page.events.reverse();
        }
        Ok(Turned { events: page.events, next, previous, is_cut, is_scanned: page.is_scanned })
    }

    /// How many events it has.
    pub(in crate::api) fn count(&self) -> usize {
        self.events.len()
    }

    /// The body of the answer, with events in that form, and these cursors.
    pub(in crate::api) fn body(&self, form: Form, next: Option<&str>, previous: Option<&str>) -> Vec<u8> {
        let bytes: usize = self.events.iter().map(|sealed| sealed.json.len() + PLACE_BYTES).sum();
        let mut body = Vec::with_capacity(bytes + 2 * PLACE_BYTES);
        body.extend_from_slice(b"{\"data\":[");
        for (index, sealed) in self.events.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            form.push(&mut body, sealed);
        }
        // A cursor is base64url: nothing in it needs escaping.
        let quoted =
            |cursor: Option<&str>| cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
        let (has_more, next, previous) = (next.is_some(), quoted(next), quoted(previous));
        let pagination = format!(
            "],\"pagination\":{{\"nextCursor\":{next},\"previousCursor\":{previous},\"hasMore\":{has_more}"
        );
        body.extend_from_slice(pagination.as_bytes());
        for (name, is_so) in [("isCut", self.is_cut), ("isScanned", self.is_scanned)] {
            if is_so {
                body.extend_from_slice(format!(",\"{name}\":true").as_bytes());
            }
        }
        body.extend_from_slice(b"}}");
        body
    }
}

/// Behind which sequence the page after this one begins; `None` when there is nothing more.
fn behind(page: &Page<Sealed>, after: Option<u64>, limit: usize, order: Order) -> Option<u64> {
    if page.events.len() > limit {
        return page.events[..limit].last().map(|last| last.sequence);
    }
    // Cut before anything was found: go on where this page was to begin.
    let cut = page.is_cut.then(|| after.unwrap_or(order.start()));
    page.next.or(cut)
}

/// The place from which `after` itself is reached again.
fn beside(after: Option<u64>, order: Order) -> Option<u64> {
    after.map(|after| match order {
        Order::Newest => after.saturating_sub(1),
        Order::Oldest => after.saturating_add(1),
    })
}

/// True when one of these events lies there, or might, had there been more time.
fn is_there(
    reader: &dyn Reader,
    filter: &Filter,
    order: Order,
    after: u64,
    time_max: Duration,
) -> Result<bool, StoreError> {
    let query = Query { filter: filter.clone(), order, after: Some(after), limit: 1, time_max };
    let page = reader.entries(&query)?;
    Ok(!page.events.is_empty() || page.next.is_some())
}
