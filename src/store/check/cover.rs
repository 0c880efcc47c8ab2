//! A tree that is read from its end: which of its subtrees are known, and whether that is all of it.

use crate::store::sealed::Hash;
use crate::store::tree::node;

/// What of a tree is known, from its end on.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// Full subtrees, the leftmost last, by level and index.
    nodes: Vec<(u32, u64, Hash)>,
    /// The highest sequence, and the lowest.
    pub(super) range: Option<(u64, u64)>,
    /// True when something between them is not known.
    pub(super) has_hole: bool,
    /// How many are known by the hashes above them alone.
    pub(super) left_out: u64,
}

impl Cover {
    /// Takes a full subtree that stands left of all others.
    pub(super) fn push(&mut self, level: u32, index: u64, hash: Hash) {
        let mut left = (level, index, hash);
        while let Some((level, index, right)) = self.nodes.last().copied() {
            let is_sibling = level == left.0 && left.1.is_multiple_of(2) && index == left.1 + 1;
            if !is_sibling {
                break;
            }
            self.nodes.pop();
            left = (level + 1, left.1 / 2, node(&left.2, &right));
        }
        self.nodes.push(left);
    }

    pub(super) fn reach(&mut self, sequence: u64) {
        let highest = self.range.map_or(sequence, |(highest, _)| highest);
        self.range = Some((highest, sequence));
    }

    /// The root of all, where all is known.
    pub(super) fn root(self) -> Option<Hash> {
        let hashes = self.nodes.into_iter().map(|(_, _, hash)| hash);
        hashes.reduce(|right, left| node(&left, &right)).filter(|_| !self.has_hole)
    }
}
