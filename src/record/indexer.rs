//! The indexer: makes the store's index cover what was handed over, on a thread of its own, so that the mover never
//! waits for it. It begins once a thousand events wait, or a minute after the last time: what it has not reached is
//! looked at one by one, and a thousand are looked at in a few milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Inner, Log, RecordError, run_beside};
use crate::store::StoreError;

/// Tells the indexer that there is something to do.
#[derive(Default)]
pub(super) struct Call {
    is_wanted: Mutex<bool>,
    grown: Condvar,
    is_closing: AtomicBool,
}

impl Call {
    /// Says how many events the index does not cover.
    pub(super) fn tell(&self, unindexed: u64) {
        if unindexed >= UNINDEXED_MIN {
            *self.is_wanted.lock() = true;
            self.grown.notify_one();
        }
    }

    /// Asks the indexer to stop, whatever it does.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        *self.is_wanted.lock() = true;
        self.grown.notify_one();
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    fn wait(&self, time_max: Duration) {
        let mut is_wanted = self.is_wanted.lock();
        if !*is_wanted {
            self.grown.wait_for(&mut is_wanted, time_max);
        }
        *is_wanted = false;
    }
}

impl Log {
    /// From now on a thread makes the index cover what is recorded. Who only reads does without.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn index_beside(&self) -> Result<(), RecordError> {
        let (guard, ended) = std::sync::mpsc::channel::<()>();
        *self.inner.indexer_ended.lock() = Some(ended);
        run_beside("indexer", &self.inner, guard, run)
    }

    /// Makes the whole index anew, of what is in the store. Blocking, for minutes where there are millions.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn reindex(&self) -> Result<(), StoreError> {
        self.inner.store.forget_index()?;
        self.inner.store.index(&|| false)
    }
}

/// Indexes until the log closes.
pub(super) fn run(inner: &Arc<Inner>) {
    let call = &inner.call;
    while !call.is_closing() {
        let pause = match inner.store.index(&|| call.is_closing()) {
            Ok(()) => PAUSE,
            Err(error) => {
                tracing::error!(%error, "the index cannot be made; queries are slower");
                FAILED_PAUSE
            }
        };
        inner.metrics.unindexed.set(i64::try_from(inner.store.unindexed()).unwrap_or(i64::MAX));
        call.wait(pause);
    }
}

const UNINDEXED_MIN: u64 = 1000;
const PAUSE: Duration = Duration::from_secs(60);
const FAILED_PAUSE: Duration = Duration::from_secs(10);
