//! The check of a log: each leaf is computed anew over the stored bytes, each place must be held by one entry, and the
//! tree of all of them must be the one that was told of before: by checkpoints, by the store's own notes. Pure.
//!
//! A log is read from its first entry on, and every root on the way can be compared. An export comes newest first, so
//! that only its last root can be.

mod cover;
mod erasures;
mod outcome;
mod purges;

use std::collections::BTreeMap;

use uuid::Uuid;

pub(super) use self::erasures::tells;
pub use self::erasures::{ERASED, Erased, ToldErased};
pub use self::outcome::{Checked, Fault};
pub(super) use self::purges::{Going, joined, tells_purge};
pub use self::purges::{Gone, PURGED, Told};

use self::cover::Cover;
use self::erasures::Erasures;
use self::purges::Purges;
use super::sealed::{Hash, Sealed};
use super::tree::edges::full;
use super::tree::{TILE_LEAVES, Tree};

/// What was found at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    sequence: u64,
    leaf: Hash,
    is_right: bool,
    is_removed: bool,
    /// What it tells to be removed.
    tells: Option<Told>,
    /// How many of its values were erased.
    erased: u64,
    /// What it tells to be erased.
    tells_erased: Option<ToldErased>,
}

/// A check under way.
#[derive(Debug)]
pub struct LeafCheck {
    /// Whose log it is, if that is known: what imported events tell of others excuses nothing here.
    log: Option<Uuid>,
    count: u64,
    /// Sequences that were taken first and last.
    ends: Option<(u64, u64)>,
    direction: Direction,
    faults: Vec<Fault>,
    more_faults: u64,
    /// The full subtree that the last entry completed.
    tile: Option<Hash>,
    purges: Purges,
    erasures: Erasures,
}

#[derive(Debug)]
enum Direction {
    /// From event 1 on; the roots that are known, by size.
    Forward { tree: Tree, known: BTreeMap<u64, (Hash, &'static str)>, good: u64 },
    /// From the newest on.
    Backward(Cover),
}

impl Looked {
    /// Its place, when only the leaf is left.
    pub(super) fn removed(&self) -> Option<u64> {
        self.is_removed.then_some(self.sequence)
    }

    /// Computes an entry's leaf anew.
    pub fn at(entry: &Sealed) -> Looked {
        let is_right = entry.is_removed() || entry.computed().leaf == entry.leaf;
        Looked::sound(entry, is_right)
    }

    /// An entry whose leaf was computed just now; something else shows whether it is the one that was recorded.
    pub(super) fn sound(entry: &Sealed, is_right: bool) -> Looked {
        let Sealed { sequence, leaf, .. } = *entry;
        Looked {
            sequence,
            leaf,
            is_right,
            is_removed: entry.is_removed(),
            tells: Told::by(&entry.json),
            erased: entry.erased_count(),
            tells_erased: ToldErased::by(&entry.json),
        }
    }
}

impl LeafCheck {
    /// Of this log from its first entry on.
    pub fn forward(log: Uuid) -> LeafCheck {
        LeafCheck::of(
            Some(log),
            Direction::Forward { tree: Tree::default(), known: BTreeMap::new(), good: 0 },
        )
    }

    /// Of a log from its newest entry back to the first; of which one, an export does not say.
    pub fn backward(log: Option<Uuid>) -> LeafCheck {
        LeafCheck::of(log, Direction::Backward(Cover::default()))
    }

    fn of(log: Option<Uuid>, direction: Direction) -> LeafCheck {
        LeafCheck {
            log,
            count: 0,
            ends: None,
            direction,
            faults: Vec::new(),
            more_faults: 0,
            tile: None,
            purges: Purges::default(),
            erasures: Erasures::default(),
        }
    }

    /// Names the root that the tree must have had when it was of that size. The first to name one is believed; a check
    /// forward that has passed it does not look back.
    pub fn know(&mut self, size: u64, root: Hash, by: &'static str) {
        if let Direction::Forward { known, .. } = &mut self.direction {
            known.entry(size).or_insert((root, by));
        }
    }

    /// Takes the next entry; `None` for one that cannot be read.
    pub fn take(&mut self, looked: Option<Looked>) {
        self.count += 1;
        let Some(looked) = looked else { return self.fault(Fault::Unreadable(self.count)) };
        if looked.is_right {
            self.hear(&looked);
        } else {
            self.fault(Fault::Changed(looked.sequence));
        }
        self.erasures.find((looked.sequence, looked.erased));
        match &self.direction {
            Direction::Forward { .. } => self.take_next(&looked),
            Direction::Backward(_) => self.take_older(&looked),
        }
        let first = self.ends.map_or(looked.sequence, |(first, _)| first);
        self.ends = Some((first, looked.sequence));
    }

    /// Hears what an entry tells of removals, without taking it: one that was recorded after the check began tells of what
    /// went while it read.
    pub fn hear(&mut self, looked: &Looked) {
        if !looked.is_right {
            return;
        }
        let is_of_this = |log: Uuid| self.log.is_none_or(|own| own == log);
        let purged = looked.tells.iter().filter(|told| is_of_this(told.log));
        purged.for_each(|told| self.purges.tell(&told.gone));
        let erased = looked.tells_erased.iter().filter(|told| is_of_this(told.log));
        erased.for_each(|told| self.erasures.tell(&told.erased));
    }

    /// The sequence of the first entry that was taken: of a log that is read backward, its newest.
    pub fn first(&self) -> Option<u64> {
        self.ends.map(|(first, _)| first)
    }

    /// Takes an entry unless it was taken before.
    pub fn take_behind(&mut self, looked: Looked) {
        if self.ends.is_none_or(|(_, last)| last < looked.sequence) {
            self.take(Some(looked));
        }
    }

    fn take_next(&mut self, looked: &Looked) {
        let Direction::Forward { tree, .. } = &self.direction else { return };
        let (held, sequence) = (tree.size(), looked.sequence);
        if sequence <= held {
            return self.fault(Fault::Disordered(sequence, held));
        }
        if sequence > held + 1 {
            self.miss(sequence - 1);
        }
        self.push(looked.leaf);
    }

    /// Takes what purges have told, for a test without their events.
    #[cfg(test)]
    pub(super) fn tell(&mut self, told: &[Gone]) {
        self.purges.tell(told);
    }

    /// Takes what erasures have told, for a test without their events.
    #[cfg(test)]
    pub(super) fn tell_erased(&mut self, told: &[Erased]) {
        self.erasures.tell(told);
    }

    /// What is gone from a partition: it must have been told.
    pub(super) fn find_gone(&mut self, gone: Gone) {
        self.purges.find(gone);
    }

    /// Goes on behind a partition that is gone, with the tree that was noted behind it.
    pub(super) fn pass(&mut self, gone: Gone, before: &Tree, behind: Tree) {
        self.purges.find(gone);
        if !self.enter(before) {
            return;
        }
        let Direction::Forward { tree, known, .. } = &mut self.direction else { return };
        // Those on the way cannot be compared any more, this one can.
        let known = known.remove(&behind.size());
        let root = behind.root();
        *tree = behind;
        if let Some((_, by)) = known.filter(|(known, _)| *known != root) {
            self.fault(Fault::Replaced { from: gone.first, to: gone.last, by });
        }
    }

    /// Comes to a partition. The tree that was noted before it must be that of all entries before it; where some are
    /// missing, nothing can be compared, and the check goes on with what was noted. Without the comparison, whoever
    /// forges an event and the note of its own partition would be forgotten at the next one (THREATS S01). False when
    /// entries of it were taken already.
    pub(super) fn enter(&mut self, before: &Tree) -> bool {
        let Direction::Forward { tree, .. } = &mut self.direction else { return false };
        let (held, to) = (tree.size(), before.size());
        if held > to {
            self.fault(Fault::Disordered(to + 1, held));
            return false;
        }
        let found = std::mem::replace(tree, before.clone());
        if held < to {
            self.fault(Fault::Missing(held + 1, to));
        } else if found != *before && !self.has_named(to) {
            self.fault(Fault::Replaced { from: 1, to, by: "the store's note" });
        }
        true
    }

    /// Tells that entries up to `to` are missing, and goes on behind them.
    fn miss(&mut self, to: u64) {
        let Direction::Forward { tree, .. } = &mut self.direction else { return };
        let from = tree.size() + 1;
        if from <= to {
            tree.lose(to);
            self.fault(Fault::Missing(from, to));
        }
    }

    fn push(&mut self, leaf: Hash) {
        let Direction::Forward { tree, known, good } = &mut self.direction else { return };
        self.tile = tree.push(leaf);
        let (size, from) = (tree.size(), *good + 1);
        let Some((root, by)) = known.remove(&size) else { return };
        *good = size;
        if tree.root() != root {
            self.fault(Fault::Replaced { from, to: size, by });
        }
    }

    /// Compares the full subtree that ends here with what the store kept of it.
    pub(super) fn compare_tile(&mut self, kept: impl FnOnce(u64) -> Option<Hash>) {
        let (Some(tile), Direction::Forward { tree, .. }) = (self.tile.take(), &self.direction) else {
            return;
        };
        let (size, from) = (tree.size(), tree.size() - TILE_LEAVES + 1);
        let is_other = kept(size / TILE_LEAVES - 1).is_some_and(|kept| kept != tile);
        if is_other && !self.has_named(from) {
            self.fault(Fault::Replaced { from, to: size, by: "the file `tiles`" });
        }
    }

    /// True when something from that place on was named already.
    fn has_named(&self, from: u64) -> bool {
        self.faults.iter().any(|fault| match fault {
            Fault::Changed(sequence) => *sequence >= from,
            Fault::Missing(_, to) | Fault::Replaced { to, .. } => *to >= from,
            Fault::Unreadable(_)
            | Fault::Disordered(..)
            | Fault::Between(..)
            | Fault::Shorter { .. }
            | Fault::Untold { .. }
            | Fault::ErasedUntold { .. } => false,
        })
    }

    fn take_older(&mut self, looked: &Looked) {
        let sequence = looked.sequence;
        let Direction::Backward(cover) = &mut self.direction else { return };
        match cover.range.map(|(_, lowest)| lowest) {
            Some(after) if sequence >= after => {
                cover.reach(sequence);
                cover.has_hole = true;
                return self.fault(Fault::Disordered(sequence, after));
            }
            Some(after) if sequence + 1 < after => {
                cover.has_hole = true;
                self.purges.miss(sequence + 1, after - 1);
            }
            Some(_) | None => {}
        }
        cover.reach(sequence);
        match sequence.checked_sub(1) {
            None => self.fault(Fault::Disordered(0, 1)),
            Some(index) => cover.push(0, index, looked.leaf),
        }
    }

    /// Takes, in the place of events that an export does not have, the roots of the largest full subtrees that they make
    /// up, the leftmost first.
    pub fn take_between(&mut self, first: u64, last: u64, hashes: &[Hash]) {
        let Direction::Backward(cover) = &mut self.direction else { return };
        let is_next = cover.range.is_none_or(|(_, lowest)| last.checked_add(1) == Some(lowest));
        let places = if first == 0 || !is_next { Vec::new() } else { full(first - 1, last) };
        if places.is_empty() || places.len() != hashes.len() {
            return self.fault(Fault::Between(first, last));
        }
        for ((from, to), hash) in places.into_iter().zip(hashes).rev() {
            let level = (to - from).ilog2();
            cover.push(level, from >> level, *hash);
        }
        cover.left_out += last - first + 1;
        cover.reach(last);
        cover.reach(first);
    }

    /// Says that these events are not there though all should be: events of the log must tell why.
    pub fn miss_between(&mut self, first: u64, last: u64) {
        self.purges.miss(first, last);
    }

    /// The outcome. A log that does not begin with event 1 lacks what was before.
    pub fn finish(mut self) -> Checked {
        let root;
        let (mut range, mut left_out) = (self.ends, 0);
        let mut size = self.ends.map_or(0, |(first, last)| first.max(last));
        match std::mem::replace(&mut self.direction, Direction::Backward(Cover::default())) {
            Direction::Forward { tree, known, .. } => {
                range = self.ends.map(|(oldest, newest)| (newest, oldest));
                root = Some(tree.root());
                // Those within what is missing were passed over, and that was told.
                for (size, (_, by)) in known.into_iter().filter(|(size, _)| *size > tree.size()) {
                    self.fault(Fault::Shorter { by, size, count: tree.size() });
                }
            }
            Direction::Backward(mut cover) => {
                if let Some((_, lowest)) = cover.range.filter(|(_, lowest)| *lowest > 1) {
                    cover.has_hole = true;
                    self.purges.miss(1, lowest - 1);
                }
                (size, left_out) = (cover.range.map_or(0, |(highest, _)| highest), cover.left_out);
                root = cover.root();
            }
        }
        let (untold, removed) = std::mem::take(&mut self.purges).finish();
        let (untold_values, erased_values, erased_events) = std::mem::take(&mut self.erasures).finish();
        untold.into_iter().chain(untold_values).for_each(|fault| self.fault(fault));
        let is_whole = !self.faults.iter().any(|fault| {
            !matches!(fault, Fault::Replaced { .. } | Fault::Changed(_) | Fault::ErasedUntold { .. })
        });
        Checked {
            count: self.count,
            removed,
            erased_values,
            erased_events,
            range,
            size,
            left_out,
            root: root.filter(|_| is_whole),
            faults: self.faults,
            more_faults: self.more_faults,
        }
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

const FAULTS_MAX: usize = 100;

#[cfg(test)]
mod tests;
