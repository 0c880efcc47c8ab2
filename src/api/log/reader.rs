//! Where the audit listener reads: as little as it needs, so that tests can put their own log behind it.

use uuid::Uuid;

use crate::record::Log;
use crate::store::{Counts, Found, Page, Query, Sealed, StoreError, Tally};

/// A log of events that can be read. Every call blocks.
pub trait Reader: Send + Sync {
    /// A page, newest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// The same page without what its events say.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn entries(&self, query: &Query) -> Result<Page<Sealed>, StoreError> {
        self.query(query).map(Page::into_entries)
    }

    /// Counts events.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError>;

    /// The event of that id.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError>;

    /// The sequence of the newest event that can be read; 0 for none. The one call that does not block.
    fn newest(&self) -> u64;
}

impl Reader for Log {
    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        Log::query(self, query)
    }

    fn entries(&self, query: &Query) -> Result<Page<Sealed>, StoreError> {
        Log::entries(self, query)
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        Log::tally(self, tally)
    }

    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        Log::get(self, id)
    }

    fn newest(&self) -> u64 {
        self.head().sequence
    }
}
