//! The mover: one thread that hands entries from the journal to the store, in order. An entry leaves the
//! tail, and its file the journal, only when the store has it on the disk; so a crash anywhere repeats the
//! hand-over, which the store notices, and never loses or doubles an entry.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Inner;
use super::tail::{Tail, Work};
use crate::journal::Journal;
use crate::store::{Sealed, Store, StoreError};

/// The way from the journal to the store, whichever store that is: a test puts one in place that fails or dies at a
/// call.
pub(super) struct Way<'a> {
    pub journal: &'a Journal,
    pub tail: &'a Tail,
    pub store: &'a dyn Store,
    /// Where entries are told that nobody holds.
    pub damage: &'a Mutex<Vec<String>>,
}

/// Moves until the log closes and nothing is left, or the store refuses for good.
pub(super) fn run(inner: &Arc<Inner>, age_max: Duration) {
    while let Work::Move(entries) = inner.tail.next(age_max) {
        let handed = inner.stillness.pass(|| inner.tail.presses(), || go_on(inner, &entries));
        match handed {
            Ok(()) => {
                *inner.store_trouble.lock() = None;
            }
            Err(error) => {
                let is_fork = matches!(error, StoreError::Fork { .. });
                let before = inner.store_trouble.lock().replace(error.to_string());
                // Told once, not at every try; `/readyz` goes on telling.
                if before.is_none() {
                    tracing::error!(%error, "the store does not take events; they stay in the journal");
                }
                // At the end there is no other try: the journal keeps them for the next start.
                if inner.tail.pause(if is_fork { FORK_PAUSE } else { RETRY_PAUSE }) {
                    return;
                }
            }
        }
    }
}

fn go_on(inner: &Inner, entries: &[Sealed]) -> Result<(), StoreError> {
    let Inner { journal, tail, store, damage, .. } = inner;
    Way { journal, tail, store, damage }.hand_over(entries)?;
    inner.call.tell(store.unindexed());
    inner.metrics.queue_depth.set(i64::try_from(tail.len()).unwrap_or(i64::MAX));
    Ok(())
}

impl Way<'_> {
    /// Hands over entries that follow each other; then the tail and the journal let go of them.
    pub(super) fn hand_over(&self, entries: &[Sealed]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        if first.sequence > self.store.head().sequence + 1 {
            self.close_hole(first)?;
        }
        self.store.append(entries)?;
        self.tail.release(last.sequence);
        self.journal.release(self.store.head().sequence);
        Ok(())
    }

    /// The store lacks entries below `first`. Where a partition was set aside, the journal may still hold
    /// them; what nobody holds is lost, and told.
    fn close_hole(&self, first: &Sealed) -> Result<(), StoreError> {
        let head = self.store.head();
        let mut run: Vec<Sealed> = Vec::new();
        let mut result = Ok(());
        self.journal.replay(&mut |entry| {
            let is_wanted = (head.sequence + 1..first.sequence).contains(&entry.sequence);
            if !is_wanted || result.is_err() {
                return;
            }
            if run.last().is_some_and(|last| !entry.continues(last.head())) || run.len() >= RUN_ENTRIES_MAX {
                result = self.take_run(&std::mem::take(&mut run));
            }
            run.push(entry);
        });
        result?;
        self.take_run(&run)?;
        self.skip_to(first)
    }

    fn take_run(&self, run: &[Sealed]) -> Result<(), StoreError> {
        let Some(first) = run.first() else { return Ok(()) };
        self.skip_to(first)?;
        self.store.append(run)
    }

    fn skip_to(&self, first: &Sealed) -> Result<(), StoreError> {
        let (from, to) = (self.store.head().sequence + 1, first.sequence);
        if from >= to {
            return Ok(());
        }
        tracing::error!(from, below = to, "entries are lost: neither journal nor store holds them");
        self.damage.lock().push(format!("entries {from} to {} are lost", to - 1));
        self.store.skip(to - 1)
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// A fork does not go away by itself: it is told now and then until somebody looks.
const FORK_PAUSE: Duration = Duration::from_secs(60);
const RUN_ENTRIES_MAX: usize = 1024;
