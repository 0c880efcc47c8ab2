//! The indexes that are open. They are few, and those that nobody has asked for a while are closed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Index;
use crate::store::tally::Counts;

/// Open indexes by the first sequence of their partition.
#[derive(Default)]
pub(in crate::store::embedded) struct Indexes(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    open: HashMap<u64, (Arc<Index>, Instant)>,
    /// Those that are to be made anew.
    distrusted: HashSet<u64>,
    /// Those that cover a partition that takes no more, in one piece.
    done: HashSet<u64>,
    /// What whole partitions count.
    wholes: HashMap<u64, Arc<Counts>>,
}

impl Indexes {
    pub(in crate::store::embedded) fn open(&self, first: u64) -> Option<Arc<Index>> {
        let mut kept = self.0.lock();
        let (index, used) = kept.open.get_mut(&first)?;
        *used = Instant::now();
        Some(Arc::clone(index))
    }

    /// Keeps one open; those that were not used for a while, and the longest unused of too many, are closed.
    pub(in crate::store::embedded) fn put(&self, first: u64, index: Arc<Index>) {
        let mut kept = self.0.lock();
        kept.distrusted.remove(&first);
        kept.open.insert(first, (index, Instant::now()));
        kept.open.retain(|_, (_, used)| used.elapsed() < IDLE_MAX);
        while kept.open.len() > OPEN_MAX {
            let Some(oldest) = kept.open.iter().min_by_key(|(_, (_, used))| *used).map(|(first, _)| *first)
            else {
                return;
            };
            kept.open.remove(&oldest);
        }
    }

    /// Closes what nobody has asked for a while.
    pub(in crate::store::embedded) fn close_idle(&self) {
        self.0.lock().open.retain(|_, (_, used)| used.elapsed() < IDLE_MAX);
    }

    /// Knows nothing of one any more, or of all.
    pub(in crate::store::embedded) fn forget(&self, which: Option<u64>) {
        let mut kept = self.0.lock();
        let Kept { open, distrusted, done, wholes } = &mut *kept;
        wholes.retain(|first, _| which.is_some_and(|which| which != *first));
        open.retain(|first, _| which.is_some_and(|which| which != *first));
        distrusted.retain(|first| which.is_some_and(|which| which != *first));
        done.retain(|first| which.is_some_and(|which| which != *first));
    }

    /// From now on it is not used, until it was made anew. True when it was trusted before.
    pub(in crate::store::embedded) fn distrust(&self, first: u64) -> bool {
        let mut kept = self.0.lock();
        kept.open.remove(&first);
        kept.done.remove(&first);
        kept.distrusted.insert(first)
    }

    /// What a whole partition counts, if that is remembered.
    pub(in crate::store::embedded) fn whole(&self, first: u64) -> Option<Arc<Counts>> {
        self.0.lock().wholes.get(&first).cloned()
    }

    /// Remembers what a whole partition counts. Should it become too much, the rest is counted again.
    pub(in crate::store::embedded) fn put_whole(&self, first: u64, counts: Arc<Counts>) {
        let mut kept = self.0.lock();
        let held: usize = kept.wholes.values().map(|counts| counts.len()).sum();
        if held + counts.len() > WHOLE_VALUES_MAX {
            kept.wholes.clear();
        }
        kept.wholes.insert(first, counts);
    }

    pub(in crate::store::embedded) fn is_distrusted(&self, first: u64) -> bool {
        self.0.lock().distrusted.contains(&first)
    }

    pub(in crate::store::embedded) fn finish(&self, first: u64) {
        self.0.lock().done.insert(first);
    }

    pub(in crate::store::embedded) fn is_finished(&self, first: u64) -> bool {
        self.0.lock().done.contains(&first)
    }
}

/// An open index maps its files, and keeps a few tens of kilobytes.
const OPEN_MAX: usize = 64;
/// About a hundred bytes each.
const WHOLE_VALUES_MAX: usize = 100_000;
const IDLE_MAX: Duration = Duration::from_secs(600);
