//! Erasing: which values of a person go is told by events first, and they go when those are in the store. Blocking, for
//! a thread of its own.
//!
//! What was recorded when it begins is moved to the store first, and the store begins another partition: so the newest
//! events are reached too. The journal begins another segment with the first event that tells, and lets go of the one
//! before it.

use std::io;
use std::sync::atomic::Ordering;

use tokio::runtime::Handle;

use super::{Log, PurgeError, Urgency};
use crate::event::Event;
use crate::store::{Erasable, Erasing, Loss, StoreError};

/// How an erasure came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Events that have lost values.
    pub events: u64,
    /// Values that are gone.
    pub values: u64,
    /// False when it is to be gone on with: a partition is read just now, or the store is behind.
    pub is_done: bool,
}

impl Log {
    /// What an erasure would take; of events that are not in the store yet nothing is known.
    ///
    /// # Errors
    /// When the store cannot be read, or the log closes.
    pub fn erasable(&self, erasing: &Erasing) -> Result<Erasable, StoreError> {
        self.inner.store.erasable(erasing, || !self.inner.is_closed.load(Ordering::Acquire))
    }

    /// Erases a person's values from all that was recorded until now, after the events that `tell` makes of one
    /// partition's part have told it; where that fails, nothing of it goes. Repeated, it goes on where it was cut off.
    ///
    /// # Errors
    /// When it cannot be prepared or told, or not be carried out.
    pub fn erase(
        &self,
        erasing: &Erasing,
        tell: impl Fn(&[Loss]) -> io::Result<Vec<Event>>,
        runtime: &Handle,
    ) -> Result<Erasure, PurgeError> {
        let _one = self.inner.purging.lock();
        let mut erasure = Erasure::default();
        if !self.resume_one()? || !self.is_stored_to(self.head().sequence) {
            return Ok(erasure);
        }
        // A backup that is under way would copy half of it.
        let end = self.inner.purge_stillness.pass(|| false, || self.inner.store.turn())?;
        self.inner.journal.turn();
        // What is written meanwhile is later than this erasure.
        let partitions = self.erasable(erasing)?.partitions;
        let mut damaged = None;
        for first in partitions.into_iter().filter(|first| *first < end) {
            let gone = match self.erase_in(first, erasing, &tell, runtime) {
                Ok(Some(gone)) => gone,
                Ok(None) => return Ok(erasure),
                // One that is evidence keeps nothing in the others.
                Err(PurgeError::Store(error @ StoreError::Damaged { .. })) => {
                    damaged = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            erasure.events += gone.len() as u64;
            erasure.values += gone.iter().map(|loss| loss.erased().1).sum::<u64>();
        }
        if let Some(error) = damaged {
            return Err(error.into());
        }
        // The last one's segment of the journal may be left: it goes with what is written next.
        Ok(Erasure { is_done: true, ..erasure })
    }

    /// Erases from one partition; `None` when that is not possible yet.
    fn erase_in(
        &self,
        first: u64,
        erasing: &Erasing,
        tell: impl Fn(&[Loss]) -> io::Result<Vec<Event>>,
        runtime: &Handle,
    ) -> Result<Option<Vec<Loss>>, PurgeError> {
        let store = &self.inner.store;
        let gone = store.prepare_erasure(erasing, first)?;
        let events = tell(&gone)?;
        // The last one says that all are there.
        let Some(last) = events.last() else { return Ok(Some(gone)) };
        let exchange = store.exchange(last.id, first)?;
        store.announce(&exchange)?;
        runtime.block_on(self.record(events, Urgency::Now))?;
        Ok(self.carry_out(&exchange)?.then_some(gone))
    }
}
