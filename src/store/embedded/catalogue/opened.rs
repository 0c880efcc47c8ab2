//! The partitions that are open. One is opened once, however many want it, and who wants another does not wait for that;
//! it is closed when nobody reads it and it was not wanted for a while, or others that were are more than there is
//! memory for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::partition::Partition;

/// Open partitions by their first sequence.
#[derive(Default)]
pub(in crate::store::embedded) struct Opened(Mutex<Kept>);

/// Locked for a moment only: nothing is opened, closed or read meanwhile.
#[derive(Default)]
struct Kept {
    /// Every partition that was wanted since the process began; each is locked while it is being opened.
    slots: HashMap<u64, Arc<Mutex<Weak<Partition>>>>,
    /// The last ones used, kept open, and when they were.
    recent: HashMap<u64, (Arc<Partition>, Instant)>,
    /// Those that were counted since the process began.
    checked: HashSet<u64>,
}

impl Opened {
    /// A partition, opened by `open` if it is not; which hears whether it was before, since the process began.
    ///
    /// # Errors
    /// Those of `open`.
    pub(super) fn one<E>(
        &self,
        first: u64,
        open: impl FnOnce(Known) -> Result<Partition, E>,
    ) -> Result<Arc<Partition>, E> {
        let (slot, known) = {
            let mut kept = self.0.lock();
            let known = if kept.checked.contains(&first) { Known::Checked } else { Known::Unchecked };
            (Arc::clone(kept.slots.entry(first).or_default()), known)
        };
        let mut held = slot.lock();
        let partition = match held.upgrade() {
            Some(partition) => partition,
            None => Arc::new(open(known)?),
        };
        *held = Arc::downgrade(&partition);
        drop(held);
        self.keep(first, &partition);
        Ok(partition)
    }

    /// Keeps a partition open that was just used.
    fn keep(&self, first: u64, partition: &Arc<Partition>) {
        let mut kept = self.0.lock();
        kept.checked.insert(first);
        kept.recent.insert(first, (Arc::clone(partition), Instant::now()));
        let mut closed = Vec::new();
        while let Some(oldest) = kept.too_many() {
            closed.extend(kept.recent.remove(&oldest));
        }
        drop(kept);
        // Closing a database takes a while, and nobody waits for that.
        drop(closed);
    }

    /// Closes what nobody has asked for a while.
    pub(in crate::store::embedded) fn close_idle(&self) {
        let mut kept = self.0.lock();
        let is_idle = |used: &Instant| used.elapsed() >= IDLE_MAX;
        let idle: Vec<_> = kept.recent.extract_if(|_, (_, used)| is_idle(used)).collect();
        drop(kept);
        drop(idle);
    }

    /// Lets go of a partition, or of all. Who still reads it keeps it open until done.
    pub(super) fn forget(&self, which: Option<u64>) {
        let mut kept = self.0.lock();
        let is_meant = |first: &u64| which.is_none_or(|which| which == *first);
        kept.checked.retain(|first| !is_meant(first));
        let closed: Vec<_> = kept.recent.extract_if(|first, _| is_meant(first)).collect();
        drop(kept);
        drop(closed);
    }

    /// True when somebody reads a partition, or is opening it.
    pub(super) fn is_open(&self, first: u64) -> bool {
        let slot = self.0.lock().slots.get(&first).map(Arc::clone);
        slot.is_some_and(|slot| slot.try_lock().is_none_or(|held| held.strong_count() > 0))
    }

    /// Does `work` while nobody has the partition open, and whoever wants it waits; `None` when somebody has it. It is
    /// counted again when it is opened next.
    pub(super) fn unopened<T>(&self, first: u64, work: impl FnOnce() -> T) -> Option<T> {
        self.forget(Some(first));
        let slot = Arc::clone(self.0.lock().slots.entry(first).or_default());
        let held = slot.lock();
        (held.strong_count() == 0).then(work)
    }
}

/// Whether a partition was counted since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Checked,
    Unchecked,
}

impl Kept {
    /// The longest unused, when all that are open take too much memory.
    fn too_many(&self) -> Option<u64> {
        let bytes: usize = self.recent.values().map(|(partition, _)| partition.memory_bytes()).sum();
        let oldest = self.recent.iter().min_by_key(|(_, (_, used))| *used).map(|(first, _)| *first);
        oldest.filter(|_| bytes > MEMORY_BYTES_MAX || self.recent.len() > FILES_MAX)
    }
}

/// Four databases; or packed partitions with a hundred million events.
const MEMORY_BYTES_MAX: usize = 64 << 20;
/// Each has a file open, or two.
const FILES_MAX: usize = 400;
const IDLE_MAX: Duration = Duration::from_secs(600);
