//! What a page is made of: events; or entries as they are stored, for whoever hands them on. Reading an event costs more
//! than all else that is done to it on its way from the disk into a file, so of an entry no more is read than the filter
//! needs.

use serde::Deserialize;

use super::{Filter, Page, Query};
use crate::event::Event;
use crate::store::{Found, Sealed, Store, StoreError, event_of, readable};

/// What a page is made of.
pub(crate) trait Item: Sized {
    /// What is read of an entry's JSON.
    type Read;

    /// Reads it; `None` for one that is not asked for, and for one that nobody can read.
    fn read(sequence: u64, json: &[u8], filter: &Filter) -> Option<Self::Read>;

    /// One of an entry and of what was read of it.
    fn of(sealed: Sealed, read: Self::Read) -> Self;

    /// The entry.
    fn sealed(&self) -> &Sealed;

    /// A page of them.
    ///
    /// # Errors
    /// As [`Store::query`].
    fn page(store: &dyn Store, query: &Query) -> Result<Page<Self>, StoreError>;
}

impl Item for Found {
    type Read = Event;

    fn read(sequence: u64, json: &[u8], filter: &Filter) -> Option<Event> {
        event_of(sequence, json).filter(|event| filter.matches(event))
    }

    fn of(sealed: Sealed, event: Event) -> Found {
        Found { sealed, event }
    }

    fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    fn page(store: &dyn Store, query: &Query) -> Result<Page, StoreError> {
        store.query(query)
    }
}

impl Item for Sealed {
    type Read = ();

    fn read(sequence: u64, json: &[u8], filter: &Filter) -> Option<()> {
        match filter.is_everything() {
            true => readable(sequence, json).map(|Named { .. }| ()),
            false => Found::read(sequence, json, filter).map(drop),
        }
    }

    fn of(sealed: Sealed, (): ()) -> Sealed {
        sealed
    }

    fn sealed(&self) -> &Sealed {
        self
    }

    fn page(store: &dyn Store, query: &Query) -> Result<Page<Sealed>, StoreError> {
        store.entries(query)
    }
}

/// A document with the members by which whoever reads on finds it again. What is none would end an export.
#[derive(Deserialize)]
struct Named<'j> {
    #[serde(rename = "id")]
    _id: &'j str,
    #[serde(rename = "time")]
    _time: &'j str,
}
