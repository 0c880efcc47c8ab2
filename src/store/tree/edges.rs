//! The edges of a part of the tree: the roots of its largest full subtrees that are smaller than a tile. With these, what
//! stands beside the part in its first and its last tile can still be proven when the part itself is gone; the tiles
//! between them are kept anyway. Pure.

use super::{TILE_LEAVES, TILE_LEVEL, node};
use crate::store::sealed::Hash;

/// A part, as its leaves come.
#[derive(Debug)]
pub(in crate::store) struct Edges {
    /// The place of the next leaf, from 0.
    next: u64,
    /// Level, index within the level, root; the leftmost first.
    nodes: Vec<(u32, u64, Hash)>,
}

impl Edges {
    /// Of a part that begins at this place.
    pub(in crate::store) fn from(place: u64) -> Edges {
        Edges { next: place, nodes: Vec::new() }
    }

    /// Takes the next leaf.
    pub(in crate::store) fn push(&mut self, leaf: Hash) {
        let mut last = (0, self.next, leaf);
        self.next += 1;
        while let Some((level, index, left)) = self.nodes.last().copied() {
            let is_sibling = level == last.0 && index.is_multiple_of(2) && last.1 == index + 1;
            if !is_sibling {
                break;
            }
            self.nodes.pop();
            last = (level + 1, index / 2, node(&left, &last.2));
        }
        if last.0 < TILE_LEVEL {
            self.nodes.push(last);
        }
    }

    /// The roots, the leftmost first: where they stand, says [`places`].
    pub(in crate::store) fn hashes(self) -> Vec<Hash> {
        self.nodes.into_iter().map(|(_, _, hash)| hash).collect()
    }
}

/// Where the largest full subtrees stand that make up a part, the leftmost first: at most two of each size.
pub(in crate::store) fn full(from: u64, to: u64) -> Vec<(u64, u64)> {
    let (mut at, mut places) = (from, Vec::new());
    while at < to {
        let fitting = 1 << (to - at).ilog2();
        let leaves = if at == 0 { fitting } else { fitting.min(1 << at.trailing_zeros()) };
        places.push((at, at + leaves));
        at += leaves;
    }
    places
}

/// Where the subtrees of a part stand, each from its first place to the one behind its last: at most 16.
pub(in crate::store) fn places(from: u64, to: u64) -> Vec<(u64, u64)> {
    let (mut at, mut places) = (from, Vec::new());
    while at < to {
        let fitting = 1 << (to - at).ilog2();
        let leaves = if at == 0 { fitting } else { fitting.min(1 << at.trailing_zeros()) };
        if leaves >= TILE_LEAVES {
            at = to - to % TILE_LEAVES;
        } else {
            places.push((at, at + leaves));
            at += leaves;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::super::tests::{leaves, root_of};
    use super::*;

    #[test]
    fn the_edges_are_the_largest_full_subtrees_beside_whole_tiles() {
        let all = leaves(900);
        for (from, to) in
            [(0, 0), (0, 900), (1, 900), (10, 20), (255, 257), (3, 255), (200, 800), (256, 512), (511, 899)]
        {
            let mut edges = Edges::from(from as u64);
            all[from..to].iter().for_each(|leaf| edges.push(*leaf));
            let (hashes, places) = (edges.hashes(), places(from as u64, to as u64));
            assert!(hashes.len() == places.len() && places.len() <= 16, "{from} {to}: {places:?}");
            for (hash, (first, end)) in hashes.iter().zip(&places) {
                assert_eq!(*hash, root_of(&all[*first as usize..*end as usize]), "{from} {to}");
                assert!((end - first).is_power_of_two() && first.is_multiple_of(end - first));
            }
            let covered: u64 = places.iter().map(|(first, end)| end - first).sum();
            assert!(((to - from) as u64 - covered).is_multiple_of(TILE_LEAVES), "{from} {to}");
        }
        assert_eq!(places(10, 20), [(10, 12), (12, 16), (16, 20)]);
        assert_eq!(places(1, u64::MAX).len(), 16);
    }
}
