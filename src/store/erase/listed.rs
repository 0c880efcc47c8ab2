//! What an erasure has taken, kept outside the log: enough to take it again from a backup, and nothing of what it was.

use std::collections::BTreeMap;

use crate::store::check::Erased;
use crate::store::sealed::{Hash, Sealed};

/// What an entry has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its place.
    pub sequence: u64,
    /// Its leaf, which stays.
    pub leaf: Hash,
    /// Which of its personal values, counted from 0.
    pub places: Vec<usize>,
}

impl Loss {
    /// As events tell it: how many values.
    pub fn erased(&self) -> Erased {
        (self.sequence, self.places.len() as u64)
    }
}

/// Entries with the values that they have lost before, and are to lose again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed(BTreeMap<(u64, Hash), Vec<usize>>);

impl Listed {
    /// Adds values of an entry.
    pub fn add(&mut self, sequence: u64, leaf: Hash, places: &[usize]) {
        let held = self.0.entry((sequence, leaf)).or_default();
        held.extend(places);
        held.sort_unstable();
        held.dedup();
    }

    /// The values of an entry. Another entry at the same place is not meant.
    pub(in crate::store) fn of(&self, entry: &Sealed) -> Option<&[usize]> {
        self.0.get(&(entry.sequence, entry.leaf)).map(Vec::as_slice)
    }

    /// True when it has entries from the first to the last of these places.
    pub(in crate::store) fn is_within(&self, first: u64, last: u64) -> bool {
        self.0.range((first, [0; 32])..=(last, [0xff; 32])).next().is_some()
    }
}
