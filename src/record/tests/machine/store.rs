//! A store between the mover and the real one: it fails at an append, before, halfway or after it, and lets a reader look
//! from within.

use uuid::Uuid;

use crate::store::{Counts, Found, Head, Page, Query, Sealed, Store, StoreError, Tally, Tree};

/// What goes wrong in an append. When the process dies there, the same is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Nothing is taken.
    Before,
    /// The first entries are taken, and it fails.
    Halfway,
    /// All are taken, and nobody hears of it.
    After,
}

pub(super) struct Watched<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) fault: Fault,
    /// Looks at the log as a reader.
    pub(super) look: &'a (dyn Fn() + Sync),
}

impl Store for Watched<'_> {
    fn append(&self, batch: &[Sealed]) -> Result<(), StoreError> {
        (self.look)();
        let taken = match self.fault {
            Fault::None | Fault::After => batch,
            Fault::Halfway => &batch[..batch.len() / 2],
            Fault::Before => &[],
        };
        self.store.append(taken)?;
        (self.look)();
        match self.fault {
            Fault::None => Ok(()),
            Fault::Before | Fault::Halfway | Fault::After => Err(StoreError::Io("no more today".to_owned())),
        }
    }

    fn skip(&self, to: u64) -> Result<(), StoreError> {
        panic!("entries up to {to} are given up")
    }

    fn head(&self) -> Head {
        self.store.head()
    }

    fn tree(&self) -> Tree {
        self.store.tree()
    }

    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        self.store.get(id)
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.store.query(query)
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        self.store.tally(tally)
    }
}
