//! The recorder: events in, receipts out; and the log as readers see it, journal and store as one.
//!
//! ```text
//! derive ─► Recorder ─► journal (group commit) ─► receipt
//!                           └─► mover ─► store
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::event::Event;
use crate::store::{Found, Page, Query, StoreError};
use crate::telemetry::Metrics;

/// Where events go and where they are read. Cheap to clone; the last clone's drop does not stop the
/// threads: [`Log::close`] does.
#[derive(Clone)]
pub struct Log {
    _inner: Arc<()>,
}

/// Why an event could not be recorded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// The journal could not be written or synced.
    #[error("the journal cannot be written: {0}")]
    Journal(String),
    /// Too many events wait for the store.
    #[error("more events wait for the store than the limit allows")]
    Full,
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

impl Log {
    /// Opens journal and store in `directory` (made if it is not there), replays what the store lacks.
    ///
    /// # Errors
    /// When the directory cannot be used or another process holds it.
    pub fn open(
        _directory: &Path,
        _tail_bytes_max: usize,
        _metrics: Arc<Metrics>,
    ) -> Result<Log, RecordError> {
        unimplemented!()
    }

    /// Records events of one exchange, in order. The answer comes when they are synced: from then on they
    /// survive a crash, and every query sees them.
    ///
    /// # Errors
    /// When they could not be; counted as drops.
    pub async fn record(&self, _events: Vec<Event>) -> Result<(), RecordError> {
        unimplemented!()
    }

    /// The event of that id, in journal or store. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, _id: Uuid) -> Result<Option<Found>, StoreError> {
        unimplemented!()
    }

    /// A page, newest first, over journal and store as one. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn query(&self, _query: &Query) -> Result<Page, StoreError> {
        unimplemented!()
    }

    /// Finishes what waits, moves it to the store, stops the threads; waits at most `limit`.
    pub fn close(&self, _limit: Duration) {
        unimplemented!()
    }
}
