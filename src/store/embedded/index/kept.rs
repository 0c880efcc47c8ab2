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
    /// How far those go that were read as a whole, or made, since the process began.
    known: HashMap<u64, u64>,
    /// Those that could not be made: how often in a row, and when last.
    failed: HashMap<u64, (u32, Instant)>,
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

    /// Keeps one that was made or extended.
    pub(in crate::store::embedded) fn put_made(&self, first: u64, index: Arc<Index>) {
        let mut kept = self.0.lock();
        kept.distrusted.remove(&first);
        kept.failed.remove(&first);
        kept.put(first, index);
    }

    /// Keeps one that was opened, unless it has grown meanwhile, or is to be made anew.
    pub(in crate::store::embedded) fn put_opened(&self, first: u64, index: Arc<Index>) {
        let mut kept = self.0.lock();
        let is_old = kept.known.get(&first).is_some_and(|covered| *covered > index.covered());
        if !is_old && !kept.distrusted.contains(&first) {
            kept.put(first, index);
        }
    }

    /// Closes what nobody has asked for a while.
    pub(in crate::store::embedded) fn close_idle(&self) {
        self.0.lock().open.retain(|_, (_, used)| used.elapsed() < IDLE_MAX);
    }

    /// Knows nothing of one any more, or of all.
    pub(in crate::store::embedded) fn forget(&self, which: Option<u64>) {
        let mut kept = self.0.lock();
        let Some(first) = which else {
            *kept = Kept::default();
            return;
        };
        let Kept { open, distrusted, done, known, failed, wholes } = &mut *kept;
        open.remove(&first);
        distrusted.remove(&first);
        done.remove(&first);
        known.remove(&first);
        failed.remove(&first);
        wholes.remove(&first);
    }

    /// From now on it is not used, until it was made anew. True when it was trusted before.
    pub(in crate::store::embedded) fn distrust(&self, first: u64) -> bool {
        let mut kept = self.0.lock();
        kept.open.remove(&first);
        kept.done.remove(&first);
        kept.known.remove(&first);
        kept.distrusted.insert(first)
    }

    /// How far one goes that was read as a whole, or made, since the process began.
    pub(in crate::store::embedded) fn known(&self, first: u64) -> Option<u64> {
        self.0.lock().known.get(&first).copied()
    }

    /// One that cannot be made is not tried again at once: the others come first. What is there of it is read as a whole
    /// before it is used again. True when it has failed too often for a full disk to be the reason.
    pub(in crate::store::embedded) fn put_off(&self, first: u64) -> bool {
        let mut kept = self.0.lock();
        kept.open.remove(&first);
        kept.known.remove(&first);
        let (times, when) = kept.failed.entry(first).or_insert((0, Instant::now()));
        (*times, *when) = (*times + 1, Instant::now());
        *times >= TRIES_MAX
    }

    pub(in crate::store::embedded) fn is_put_off(&self, first: u64) -> bool {
        self.0.lock().failed.get(&first).is_some_and(|(_, when)| when.elapsed() < PUT_OFF)
    }

    /// What a whole partition counts, if that is remembered.
    pub(in crate::store::embedded) fn whole(&self, first: u64) -> Option<Arc<Counts>> {
        self.0.lock().wholes.get(&first).cloned()
    }

    /// Remembers what a whole partition counts, if there is room; what is not remembered is read again.
    pub(in crate::store::embedded) fn put_whole(&self, first: u64, counts: Arc<Counts>) {
        let mut kept = self.0.lock();
        let held: usize = kept.wholes.values().map(|counts| counts.len()).sum();
        if held + counts.len() <= WHOLE_VALUES_MAX {
            kept.wholes.insert(first, counts);
        }
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

impl Kept {
    /// Those that were not used for a while, and the longest unused of too many, are closed.
    fn put(&mut self, first: u64, index: Arc<Index>) {
        self.known.insert(first, index.covered());
        self.open.insert(first, (index, Instant::now()));
        self.open.retain(|_, (_, used)| used.elapsed() < IDLE_MAX);
        while self.open.len() > OPEN_MAX {
            let Some(oldest) = self.open.iter().min_by_key(|(_, (_, used))| *used).map(|(first, _)| *first)
            else {
                return;
            };
            self.open.remove(&oldest);
        }
    }
}

/// An open index maps its files, and keeps a few tens of kilobytes; a search through a year of days opens them all.
const OPEN_MAX: usize = 400;
/// About a hundred bytes each.
const WHOLE_VALUES_MAX: usize = 300_000;
const IDLE_MAX: Duration = Duration::from_secs(600);
const PUT_OFF: Duration = Duration::from_secs(60);
/// In a row.
const TRIES_MAX: u32 = 10;
