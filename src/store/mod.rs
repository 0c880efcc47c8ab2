//! Where records are kept: one trait, small enough to read on one page, and its embedded form.
//!
//! An append is a contiguous, sealed batch: repeating it is harmless, a different batch at the same place
//! is a fork and refused. Queries are keyset: a page starts below a sequence, so pages neither skip nor
//! repeat while events arrive.

mod check;
mod embedded;
mod erase;
#[cfg(test)]
pub(crate) mod fixture;
mod keyword;
mod query;
mod sealed;
mod snapshots;
mod tally;
mod tree;
mod visible;
mod words;

pub use check::{Checked, ERASED, Erased, Fault, Gone, LeafCheck, Looked, PURGED, Told, ToldErased};
pub use embedded::{
    Embedded, Erasable, Erasing, Ground, Hold, Leaving, Pace, Plan, Policy, Prepared, Purge, SledShelf,
    Terms, Whose,
};
pub use erase::{Listed, Loss, Subject};
pub use keyword::Keyword;
pub use query::{Filter, Order, Page, Query, Thing};
pub(crate) use query::{Item, Sieve};
pub use sealed::{Hash, Head, Salt, Sealed, hex, unhex};
pub use snapshots::{Ceiling, Shelf, Snapshots};
pub use tally::{Clock, Counts, Interval, PIECES_MAX, Pieces, Tally, Values};
pub use tree::Tree;
pub use tree::erased::Piece;
pub use tree::proof::{is_consistent, is_included};
pub use visible::{Sight, Visible};
pub use words::Clause;

use serde::Deserialize;
use serde::de::Error as _;
use uuid::Uuid;

use crate::event::Event;

/// An event and its place in the log.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its place.
    pub sealed: Sealed,
    /// The event.
    pub event: Event,
}

/// What writers and readers ask of a store. Checks, proofs and expiry know its partitions: see [`Embedded`].
pub trait Store: Send + Sync {
    /// Takes a contiguous batch that continues [`Store::head`]; entries already held are skipped when equal.
    /// When it returns, the batch is on disk.
    ///
    /// # Errors
    /// [`StoreError::Fork`] when an entry differs from the one held at its place or does not stand behind the
    /// last; [`StoreError::Io`] when the disk does not take it.
    fn append(&self, batch: &[Sealed]) -> Result<(), StoreError>;

    /// Declares that what lies between [`Store::head`] and `to`, this one included, is lost, so that the log goes on
    /// behind `to`. The hole stays visible for ever: sequences are dense everywhere else, and in the tree stands a
    /// leaf that says so.
    ///
    /// # Errors
    /// [`StoreError::Fork`] when `to` is below the head; [`StoreError::Io`] when the disk does not take it.
    fn skip(&self, to: u64) -> Result<(), StoreError>;

    /// The last entry held.
    fn head(&self) -> Head;

    /// The tree of all that is held.
    fn tree(&self) -> Tree;

    /// The event of that id.
    ///
    /// # Errors
    /// As [`Store::query`].
    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError>;

    /// A page of events.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`] when a partition cannot be read.
    fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// The same page without what its events say: of all events, none is read.
    ///
    /// # Errors
    /// As [`Store::query`].
    fn entries(&self, query: &Query) -> Result<Page<Sealed>, StoreError> {
        self.query(query).map(Page::into_entries)
    }

    /// Counts events: all, by value, and by time.
    ///
    /// # Errors
    /// As [`Store::query`].
    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError>;
}

/// Why a store refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The batch does not continue what is held.
    #[error("entry {sequence} does not continue the log that is stored")]
    Fork {
        /// The first entry that does not fit.
        sequence: u64,
    },
    /// A partition is damaged.
    #[error("partition {partition} is damaged: {why}")]
    Damaged {
        /// Its name.
        partition: String,
        /// What is wrong.
        why: String,
    },
    /// The disk failed.
    #[error("the store cannot be read or written: {0}")]
    Io(String),
}

/// The event in an entry's JSON. One that cannot be read is told and left out, rather than keeping readers
/// from all others; its entry stays.
pub(crate) fn event_of(sequence: u64, json: &[u8]) -> Option<Event> {
    readable(sequence, json)
}

/// What is read of an entry's JSON. Its texts are looked at once for all of it, not one by one.
fn readable<'j, T: Deserialize<'j>>(sequence: u64, json: &'j [u8]) -> Option<T> {
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom);
    text.and_then(serde_json::from_str)
        .inspect_err(|error| tracing::error!(sequence, %error, "a stored event cannot be read"))
        .ok()
}
