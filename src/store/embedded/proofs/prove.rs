//! Proofs over what is stored: roots of ranges, out of tiles where they are full, else out of the entries themselves,
//! of what notes tell of the trees before and behind each partition, and of the edges of those that are gone.
//!
//! Nothing that is read here is believed for itself. Each answer is tried against the tree as it is now, which grew with
//! the entries: what does not lead to its root is not given away.

use std::collections::{BTreeMap, HashMap};

use super::super::Embedded;
use super::super::catalogue::Purged;
use super::super::catalogue::listed::Notes;
use crate::store::sealed::{Hash, Sealed};
use crate::store::tree::proof::{self, is_consistent, is_included, left_leaves};
use crate::store::tree::{TILE_LEAVES, Tree, edges, node};
use crate::store::{StoreError, tree::leaf};

/// The log as proofs need it: the store, and behind it what is recorded and not stored yet.
pub struct Ground<'a> {
    store: &'a Embedded,
    tail: &'a [Sealed],
    notes: Notes,
    purged: BTreeMap<u64, Purged>,
    tree: Tree,
    /// Tiles whose leaves were read.
    read: HashMap<u64, Tile>,
    /// What was computed, by its first place and the one behind its last.
    roots: HashMap<(u64, u64), Hash>,
}

/// What is known of a tile's inside.
struct Tile {
    /// `None` for one that is not there.
    leaves: Vec<Option<Hash>>,
    /// Roots of full subtrees that are told.
    told: HashMap<(u64, u64), Hash>,
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
        let (notes, purged) = (store.catalogue.notes(), store.catalogue.purged());
        Ground { store, tail, notes, purged, tree, read: HashMap::new(), roots: HashMap::new() }
    }

    /// The tree of all that is there.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The root of the first so many leaves; `None` when there are fewer, or when it cannot be told any more, because
    /// that place lies within what was removed or set aside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn root_at(&mut self, size: u64) -> Result<Option<Hash>, StoreError> {
        let now = self.tree.size();
        if size == 0 {
            return Ok(Some(Tree::default().root()));
        }
        if size >= now {
            return Ok((size == now).then(|| self.tree.root()));
        }
        let Some(root) = found(self.root(0, size))? else { return Ok(None) };
        let hashes = found(proof::consistency(size, now, &mut |from, to| self.root(from, to)))?;
        let is_beginning =
            |hashes: Vec<Hash>| is_consistent((size, &root), (now, &self.tree.root()), &hashes);
        Ok(hashes.is_some_and(is_beginning).then_some(root))
    }

    /// True when that place lies within what a policy removed whole, so that the root there cannot be told.
    pub fn is_purged_at(&self, size: u64) -> bool {
        self.is_purged(size) && self.is_purged(size.saturating_add(1))
    }

    /// The hashes that lead from an entry to the root of the tree as it is now; `None` when they cannot be had.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn inclusion(&mut self, entry: &Sealed) -> Result<Option<Vec<Hash>>, StoreError> {
        let (index, size, root) = (entry.sequence.saturating_sub(1), self.tree.size(), self.tree.root());
        let hashes = found(proof::inclusion(index, size, &mut |from, to| self.root(from, to)))?;
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

    /// The roots of the largest full subtrees that these events make up, the leftmost first; `None` when one of them cannot
    /// be had. They are not tried here: whoever adds what stands beside them comes to the root, or finds that they lie.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn subtrees(&mut self, first: u64, last: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        if first == 0 || last > self.tree.size() {
            return Ok(None);
        }
        let places = edges::full(first - 1, last);
        found(places.into_iter().map(|(from, to)| self.root(from, to)).collect())
    }

    fn root(&mut self, from: u64, to: u64) -> Result<Hash, Unknown> {
        if let Some(root) = self.roots.get(&(from, to)) {
            return Ok(*root);
        }
        let leaves = to - from;
        let known = if leaves < TILE_LEAVES { self.told(from, to)? } else { self.kept(from, to) };
        let root = match known {
            Some(root) => root,
            None if leaves == 1 => return Err(Unknown::Gone),
            None => {
                let middle = from + left_leaves(leaves);
                node(&self.root(from, middle)?, &self.root(middle, to)?)
            }
        };
        self.roots.insert((from, to), root);
        Ok(root)
    }

    /// The root of so many tiles, where the file has them all.
    fn kept(&self, from: u64, to: u64) -> Option<Hash> {
        let leaves = to - from;
        let is_run = leaves.is_power_of_two() && from.is_multiple_of(leaves) && leaves <= RUN_LEAVES_MAX;
        let count = usize::try_from(leaves / TILE_LEAVES).ok().filter(|_| is_run)?;
        let mut nodes = self.store.catalogue.tiles.range(from / TILE_LEAVES, count)?;
        while nodes.len() > 1 {
            nodes = nodes.chunks_exact(2).map(|pair| node(&pair[0], &pair[1])).collect();
        }
        nodes.pop()
    }

    /// A leaf, or the root of a full subtree within a tile that something tells.
    fn told(&mut self, from: u64, to: u64) -> Result<Option<Hash>, Unknown> {
        let index = from / TILE_LEAVES;
        if !self.read.contains_key(&index) {
            let tile = self.read_tile(index).map_err(Unknown::Store)?;
            self.read.insert(index, tile);
        }
        let Some(tile) = self.read.get(&index) else { return Ok(None) };
        let place = usize::try_from(from % TILE_LEAVES).ok().filter(|_| to - from == 1);
        let leaf = place.and_then(|place| tile.leaves.get(place)).copied().flatten();
        Ok(leaf.or_else(|| tile.told.get(&(from, to)).copied()))
    }

    fn read_tile(&self, index: u64) -> Result<Tile, StoreError> {
        let from = index * TILE_LEAVES;
        Ok(Tile { leaves: self.read_leaves(from)?, told: self.told_within(from) })
    }

    /// The leaves of a tile from its first index on, as far as the tree goes.
    fn read_leaves(&self, from: u64) -> Result<Vec<Option<Hash>>, StoreError> {
        let to = self.tree.size().min(from + TILE_LEAVES);
        let mut leaves: Vec<Option<Hash>> = vec![None; usize::try_from(to - from).unwrap_or_default()];
        let mut put = |sequence: u64, leaf: Hash| {
            let place = sequence.checked_sub(from + 1).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place.and_then(|place| leaves.get_mut(place)) {
                *place = Some(leaf);
            }
        };
        // Where nothing is held and nothing was purged, an entry may have been lost; or its partition was set aside,
        // and then what is made of this does not lead to the root.
        let lost = (from + 1..=to).filter(|sequence| !self.is_purged(*sequence));
        lost.for_each(|sequence| put(sequence, leaf::lost(sequence)));
        let mut take = |entry: Sealed| put(entry.sequence, entry.leaf);
        self.store.entries_between(&self.notes, from + 1, to, &mut take)?;
        self.tail.iter().for_each(|entry| put(entry.sequence, entry.leaf));
        Ok(leaves)
    }

    /// The roots of full subtrees within a tile: those of the trees that ended in it before and behind partitions, and
    /// those of partitions that are gone.
    fn told_within(&self, tile: u64) -> HashMap<(u64, u64), Hash> {
        let gone = || self.purged.values().map(|purged| &purged.note);
        let notes = || self.notes.iter().chain(gone());
        let ends =
            notes().flat_map(|note| [(note.first - 1, &note.before), (note.head().sequence, &note.behind)]);
        let ends = ends.filter(|(size, _)| size - size % TILE_LEAVES == tile);
        let mut told = HashMap::new();
        for (size, peaks) in ends {
            let places = edges::places(tile, size);
            told.extend(places.iter().copied().rev().zip(peaks.iter().copied().rev()));
        }
        for purged in self.purged.values() {
            let (from, to) = (purged.note.first - 1, purged.note.head().sequence);
            if from < tile + TILE_LEAVES && tile < to {
                told.extend(edges::places(from, to).into_iter().zip(purged.edges.iter().copied()));
            }
        }
        told
    }

    fn is_purged(&self, sequence: u64) -> bool {
        let before = self.purged.range(..=sequence).next_back();
        before.is_some_and(|(_, purged)| sequence <= purged.note.head().sequence)
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

/// So many are read at once: 64 KiB of tiles.
const RUN_LEAVES_MAX: u64 = 2_048 * TILE_LEAVES;
