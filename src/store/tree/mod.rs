//! The tree of hashes over the log: RFC 6962, section 2.1. Entry n is leaf n - 1. Pure.
//!
//! A node is SHA-256 over `0x01`, its left child and its right child; [`leaf`] says what a leaf is over. Of a log
//! that only grows, it is enough to keep the roots of its full subtrees, at most one for each bit of its size: so an
//! append costs two hashes on average, and a partition opens without reading what it holds.
//!
//! Behind a place that was lost for ever the tree goes on with a leaf that says so ([`leaf::lost`]). It is another
//! tree than the one that was signed before, and every checkpoint tells.

pub(in crate::store) mod edges;
pub(in crate::store) mod erased;
pub(in crate::store) mod leaf;
pub(in crate::store) mod places;
pub(in crate::store) mod proof;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::sealed::Hash;

/// A tree as far as it is needed to go on: its size, and the roots of its full subtrees. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Largest and leftmost first: one for each bit that is set in `size`.
    peaks: Arc<Vec<Hash>>,
}

impl Tree {
    /// The tree of these peaks; `None` when there are not as many as its size wants.
    pub fn of(size: u64, peaks: Arc<Vec<Hash>>) -> Option<Tree> {
        let is_fit = peaks.len() == usize::try_from(size.count_ones()).unwrap_or(usize::MAX);
        is_fit.then_some(Tree { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its full subtrees, largest first.
    pub fn peaks(&self) -> &Arc<Vec<Hash>> {
        &self.peaks
    }

    /// Adds the next leaf. Gives the root of the full subtree of 256 leaves that this completes, if it does.
    pub fn push(&mut self, leaf: Hash) -> Option<Hash> {
        self.add(0, leaf)
    }

    /// Adds a full subtree of 256 leaves; only where one can stand, that is at a multiple of its size.
    pub fn push_tile(&mut self, tile: Hash) -> bool {
        let is_aligned = self.size.is_multiple_of(1 << TILE_LEVEL);
        if is_aligned {
            self.add(TILE_LEVEL, tile);
        }
        is_aligned
    }

    /// Goes on behind places that are lost, so that it has so many leaves.
    pub fn lose(&mut self, size: u64) -> Vec<(u64, Hash)> {
        let mut tiles = Vec::new();
        while self.size < size {
            let tile = self.push(leaf::lost(self.size + 1));
            tiles.extend(tile.map(|tile| (self.size / TILE_LEAVES - 1, tile)));
        }
        tiles
    }

    /// The hash that stands for the whole log. Of nothing: the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(last, |right, left| node(&left, &right))
    }

    fn add(&mut self, level: u32, subtree: Hash) -> Option<Hash> {
        let peaks = Arc::make_mut(&mut self.peaks);
        let (mut root, mut at, mut tile) = (subtree, level, None);
        while self.size >> at & 1 == 1 {
            let Some(left) = peaks.pop() else { break };
            root = node(&left, &root);
            at += 1;
            if at == TILE_LEVEL {
                tile = Some(root);
            }
        }
        peaks.push(root);
        self.size += 1 << level;
        tile
    }
}

/// The hash of a node: RFC 6962, section 2.1.
pub(in crate::store) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0; 65];
    bytes[0] = 0x01;
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// Subtrees of this height are kept, so that a proof needs the leaves of one of them and no others.
pub(in crate::store) const TILE_LEVEL: u32 = 8;
/// How many leaves such a subtree has.
pub(in crate::store) const TILE_LEAVES: u64 = 1 << TILE_LEVEL;

#[cfg(test)]
pub(in crate::store) mod tests {
    use super::*;
    use crate::store::sealed::{hex, unhex};

    /// RFC 6962, section 2.1, as it is written there: not as it is computed here.
    pub(in crate::store) fn root_of(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&root_of(left), &root_of(right))
            }
        }
    }

    pub(in crate::store) fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| Sha256::digest(n.to_be_bytes()).into()).collect()
    }

    fn tree_of(leaves: &[Hash]) -> Tree {
        let mut tree = Tree::default();
        for leaf in leaves {
            tree.push(*leaf);
        }
        tree
    }

    // THREATS S01, S04
    #[test]
    fn roots_are_those_of_rfc_6962() {
        // The test vectors of the reference implementation of Certificate Transparency.
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaf = |input: &&[u8]| Sha256::digest([&[0], *input].concat()).into();
        let leaves: Vec<Hash> = inputs.iter().map(leaf).collect();
        for (size, expected) in roots.iter().enumerate() {
            assert_eq!(hex(&tree_of(&leaves[..size]).root()), *expected, "{size}");
            assert_eq!(unhex(expected.as_bytes()), Some(root_of(&leaves[..size])), "{size}");
        }
    }

    #[test]
    fn a_tree_that_grows_is_the_tree_of_all_its_leaves_and_its_tiles_make_the_same() {
        let all = leaves(1000);
        let (mut tree, mut of_tiles) = (Tree::default(), Tree::default());
        for (index, leaf) in all.iter().enumerate() {
            if let Some(tile) = tree.push(*leaf) {
                assert_eq!(tile, root_of(&all[index - 255..=index]));
                assert!(of_tiles.push_tile(tile));
                assert_eq!(of_tiles, tree);
            }
            assert_eq!(tree.root(), root_of(&all[..=index]));
            assert_eq!(Tree::of(tree.size(), Arc::clone(tree.peaks())).as_ref(), Some(&tree));
        }
        assert!(!tree.push_tile([0; 32]) && Tree::of(3, Arc::new(vec![[0; 32]])).is_none());
    }
}
