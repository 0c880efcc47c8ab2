//! Purging: what a policy lets go is told by an event first, and removed when that event is in the store. Blocking,
//! for a thread of its own.

use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Log, RecordError, Urgency};
use crate::event::Event;
use crate::store::{Filter, Leaving, Order, Plan, Prepared, Purge, Query, Store, StoreError, Terms};

/// Why a purge did not come to its end. What was told and not removed is removed later.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The event that tells it could not be recorded: nothing is removed.
    #[error("it could not be recorded: {0}")]
    Record(#[from] RecordError),
    /// It could not be written down elsewhere: nothing is removed.
    #[error("it could not be listed: {0}")]
    List(#[from] io::Error),
    /// The store could not be read, or nothing be removed from it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Log {
    /// What would leave the log at that moment. Events that are not in the store yet never do.
    ///
    /// # Errors
    /// When the store cannot be read, or the log closes.
    pub fn plan(&self, terms: &Terms, now: Timestamp) -> Result<Plan, StoreError> {
        self.inner.store.plan(terms, now, || !self.inner.is_closed.load(Ordering::Acquire))
    }

    /// Removes what the plan lets leave one partition, after the event that `tell` makes has told it; true when it is
    /// removed. The event is recorded through this runtime.
    ///
    /// # Errors
    /// When it cannot be prepared or told, or not be removed.
    pub fn purge(
        &self,
        terms: &Terms,
        leaving: &Leaving,
        tell: impl FnOnce(&Prepared) -> Event,
        runtime: &Handle,
    ) -> Result<bool, PurgeError> {
        let _one = self.inner.purging.lock();
        let prepared = self.inner.store.prepare(terms, leaving)?;
        let event = tell(&prepared);
        let purge = Purge::new(event.id, &prepared);
        self.inner.store.announce(&purge)?;
        runtime.block_on(self.record(vec![event], Urgency::Now))?;
        Ok(self.carry_out(&purge)?)
    }

    /// Goes on with a purge that was told and not carried out; true unless one is left over. One that was not told
    /// is forgotten.
    ///
    /// # Errors
    /// When the store cannot be read, or nothing be removed from it.
    pub fn resume_purge(&self) -> Result<bool, StoreError> {
        let _one = self.inner.purging.lock();
        self.resume_one()
    }

    /// As [`Log::resume_purge`], for who has seen to it that nobody else purges.
    pub(super) fn resume_one(&self) -> Result<bool, StoreError> {
        let Some(purge) = self.inner.store.announced()? else { return Ok(true) };
        if self.get(purge.event)?.is_none() {
            tracing::info!(first = purge.first, last = purge.last, "a purge that was not told is forgotten");
            self.inner.store.withdraw(&purge)?;
            return Ok(true);
        }
        self.carry_out(&purge)
    }

    /// Times of the newest events, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_times(&self, count: usize) -> Result<Vec<Timestamp>, StoreError> {
        let (filter, order) = (Filter::default(), Order::Newest);
        let query = Query { filter, order, after: None, limit: count, time_max: TIMES_MAX };
        Ok(self.query(&query)?.events.iter().map(|found| found.event.time).collect())
    }

    pub(super) fn carry_out(&self, purge: &Purge) -> Result<bool, StoreError> {
        let inner = &self.inner;
        // A backup is never disturbed by this: it can wait for days.
        let remove = || inner.purge_stillness.pass(|| false, || inner.store.purge(purge));
        // With the event that tells it, the store begins another partition, where this one is the newest.
        Ok(remove()? || self.is_stored(purge.event)? && remove()?)
    }

    /// Waits, not for ever, until the store has an event.
    fn is_stored(&self, id: Uuid) -> Result<bool, StoreError> {
        let Some(found) = self.get(id)? else { return Ok(false) };
        Ok(self.is_stored_to(found.sealed.sequence))
    }

    /// Waits, not for ever, until the store has all events up to one.
    pub(super) fn is_stored_to(&self, sequence: u64) -> bool {
        let deadline = Instant::now() + STORED_MAX;
        while self.inner.store.head().sequence < sequence {
            if Instant::now() >= deadline || self.inner.is_closed.load(Ordering::Acquire) {
                return false;
            }
            thread::sleep(STORED_PAUSE);
        }
        true
    }
}

const TIMES_MAX: Duration = Duration::from_secs(5);
/// The mover takes a few seconds.
const STORED_MAX: Duration = Duration::from_secs(30);
const STORED_PAUSE: Duration = Duration::from_millis(50);
