//! What keeps the events in the end: a list that says no more than the trait's own words, and sled.

use parking_lot::Mutex;
use tempfile::TempDir;
use uuid::Uuid;

use super::super::crash::copy_all;
use crate::store::{
    Counts, Embedded, Found, Head, Order, Page, Query, Sealed, Store, StoreError, Tally, Tree, event_of,
};

/// A store over many lives of its process.
pub(super) trait Kept {
    fn store(&self) -> &dyn Store;

    /// The process died, and the next one opens what is left.
    fn be_reborn(&mut self);
}

/// The list. All that it took stays, whatever dies.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Sealed>>);

impl Kept for Memory {
    fn store(&self) -> &dyn Store {
        self
    }

    fn be_reborn(&mut self) {}
}

impl Memory {
    fn found(&self) -> Vec<Found> {
        let event = |sealed: &Sealed| event_of(sealed.sequence, &sealed.json).expect("it is an event");
        self.0.lock().iter().map(|sealed| Found { sealed: sealed.clone(), event: event(sealed) }).collect()
    }
}

impl Store for Memory {
    fn append(&self, batch: &[Sealed]) -> Result<(), StoreError> {
        let mut entries = self.0.lock();
        for entry in batch {
            let head = entries.last().map_or_else(Head::default, Sealed::head);
            match entries.get(entry.sequence as usize - 1) {
                Some(held) if held == entry => {}
                None if entry.continues(head) => entries.push(entry.clone()),
                Some(_) | None => return Err(StoreError::Fork { sequence: entry.sequence }),
            }
        }
        Ok(())
    }

    fn skip(&self, to: u64) -> Result<(), StoreError> {
        Err(StoreError::Fork { sequence: to })
    }

    fn head(&self) -> Head {
        self.0.lock().last().map_or_else(Head::default, Sealed::head)
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        for entry in &*self.0.lock() {
            tree.push(entry.leaf);
        }
        tree
    }

    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        Ok(self.found().into_iter().find(|found| found.event.id == id))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let start = query.after.unwrap_or(query.order.start());
        let is_asked = |found: &Found| {
            query.order.is_behind(found.sealed.sequence, start) && query.filter.matches(&found.event)
        };
        let mut events: Vec<Found> = self.found().into_iter().filter(is_asked).collect();
        if query.order == Order::Newest {
            events.reverse();
        }
        let has_more = events.len() > query.limit;
        events.truncate(query.limit);
        let next = events.last().filter(|_| has_more).map(|last| last.sealed.sequence);
        Ok(Page { events, next, ..Page::default() })
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        let total = self.found().iter().filter(|found| tally.filter.matches(&found.event)).count() as u64;
        Ok(Counts { total, ..Counts::of(tally) })
    }
}

/// The real one, in a folder of its own.
pub(super) struct Sled {
    store: Embedded,
    folder: TempDir,
}

impl Sled {
    pub(super) fn new() -> Sled {
        Sled::open(tempfile::tempdir().unwrap())
    }

    fn open(folder: TempDir) -> Sled {
        Sled { store: Embedded::open(folder.path(), Uuid::from_u128(1)).unwrap(), folder }
    }
}

impl Kept for Sled {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    /// Opens a copy of the files as they are: what the dying store still writes when it is let go does not count.
    fn be_reborn(&mut self) {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.folder.path(), copy.path());
        *self = Sled::open(copy);
        assert!(self.store.damage().is_empty(), "{:?}", self.store.damage());
    }
}
