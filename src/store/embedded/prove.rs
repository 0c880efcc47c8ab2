//! Proofs over what is stored: roots of ranges, out of tiles where they are full, else out of the entries themselves.

use std::collections::HashMap;

use super::Embedded;
use super::listed::Notes;
use crate::store::sealed::{Hash, Sealed};
use crate::store::tree::proof::{self, is_consistent, is_included, left_leaves};
use crate::store::tree::{TILE_LEAVES, Tree, node};
use crate::store::{StoreError, tree::leaf};

/// The log as proofs need it: the store, and behind it what is recorded and not stored yet.
pub struct Ground<'a> {
    store: &'a Embedded,
    tail: &'a [Sealed],
    notes: Notes,
    tree: Tree,
    /// Leaves of tiles that were read; `None` for one that is not there.
    read: HashMap<u64, Vec<Option<Hash>>>,
}

impl<'a> Ground<'a> {
    /// That of a store, and of entries that may stand behind it.
    pub fn of(store: &'a Embedded, tail: &'a [Sealed]) -> Ground<'a> {
        let mut tree = crate::store::Store::tree(store);
        for entry in tail {
            if entry.sequence > tree.size() {
                tree.lose(entry.sequence - 1);
                tree.push(entry.leaf);
            }
        }
        Ground { store, tail, notes: store.catalogue.notes(), tree, read: HashMap::new() }
    }

    /// The tree of all that is there.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The root of the first so many leaves; `None` when there are fewer, or when it cannot be told any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn root_at(&mut self, size: u64) -> Result<Option<Hash>, StoreError> {
        if size > self.tree.size() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(Tree::default().root()));
        }
        found(self.root(0, size))
    }

    /// The hashes that lead from an entry to the root of the tree as it is now; `None` when they cannot be had.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inclusion(&mut self, entry: &Sealed) -> Result<Option<Vec<Hash>>, StoreError> {
        let (index, size, root) = (entry.sequence.saturating_sub(1), self.tree.size(), self.tree.root());
        let hashes = found(proof::inclusion(index, size, &mut |from, to| self.root(from, to)))?;
        // Tiles and notes are believed only when they lead to the root.
        Ok(hashes.filter(|hashes| is_included(&entry.leaf, index, size, hashes, &root)))
    }

    /// The hashes that show the first tree to be the beginning of the second; `None` when they cannot be had.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn consistency(&mut self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let (Some(old_root), Some(new_root)) = (self.root_at(old)?, self.root_at(new)?) else {
            return Ok(None);
        };
        let hashes = found(proof::consistency(old, new, &mut |from, to| self.root(from, to)))?;
        Ok(hashes.filter(|hashes| is_consistent((old, &old_root), (new, &new_root), hashes)))
    }

    fn root(&mut self, from: u64, to: u64) -> Result<Hash, Unknown> {
        let leaves = to - from;
        let is_tile = leaves == TILE_LEAVES && from.is_multiple_of(TILE_LEAVES);
        if let Some(tile) = is_tile.then(|| self.store.catalogue.tiles.at(from / TILE_LEAVES)).flatten() {
            return Ok(tile);
        }
        if let Some(peak) = self.noted(from, to) {
            return Ok(peak);
        }
        if leaves == 1 {
            return self.leaf(from);
        }
        let middle = from + left_leaves(leaves);
        Ok(node(&self.root(from, middle)?, &self.root(middle, to)?))
    }

    /// The root of a full subtree that ends before a partition whose events are gone on its left side.
    fn noted(&self, from: u64, to: u64) -> Option<Hash> {
        let leaves = to - from;
        let is_full = leaves.is_power_of_two() && leaves < TILE_LEAVES && from.is_multiple_of(leaves);
        let is_gone = |index: u64| {
            !self.notes.iter().any(|note| (note.first - 1..note.head().sequence).contains(&index))
        };
        if !is_full || from >= self.tree.size() || !is_gone(from) {
            return None;
        }
        self.notes.iter().find_map(|note| {
            let before = note.tree_before();
            // A peak for each bit of the size, the largest first.
            let is_peak = before.size() & leaves != 0 && before.size() & !(2 * leaves - 1) == from;
            let place = (before.size() & !(2 * leaves - 1)).count_ones();
            before.peaks().get(place as usize).copied().filter(|_| is_peak)
        })
    }

    fn leaf(&mut self, index: u64) -> Result<Hash, Unknown> {
        let tile = index / TILE_LEAVES;
        if !self.read.contains_key(&tile) {
            let leaves = self.read_tile(tile * TILE_LEAVES).map_err(Unknown::Store)?;
            self.read.insert(tile, leaves);
        }
        let place = usize::try_from(index % TILE_LEAVES).unwrap_or_default();
        let known = self.read.get(&tile).and_then(|leaves| leaves.get(place)).copied().flatten();
        known.ok_or(Unknown::Gone)
    }

    /// The leaves of a tile from its first index on, as far as the tree goes.
    fn read_tile(&self, from: u64) -> Result<Vec<Option<Hash>>, StoreError> {
        let to = self.tree.size().min(from + TILE_LEAVES);
        let mut leaves: Vec<Option<Hash>> = vec![None; usize::try_from(to - from).unwrap_or_default()];
        let mut put = |sequence: u64, leaf: Hash| {
            let place = sequence.checked_sub(from + 1).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place.and_then(|place| leaves.get_mut(place)) {
                *place = Some(leaf);
            }
        };
        // Where nothing is held, an entry may have been lost; a leaf that says so proves itself or does not.
        (from + 1..=to).for_each(|sequence| put(sequence, leaf::lost(sequence)));
        self.store.entries_between(from + 1, to, &mut |entry| put(entry.sequence, entry.leaf))?;
        self.tail.iter().for_each(|entry| put(entry.sequence, entry.leaf));
        Ok(leaves)
    }
}

/// Why a hash is not known.
enum Unknown {
    Gone,
    Store(StoreError),
}

fn found<T>(result: Result<T, Unknown>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Unknown::Gone) => Ok(None),
        Err(Unknown::Store(error)) => Err(error),
    }
}
