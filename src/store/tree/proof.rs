//! Proofs: that a leaf is in a tree, and that a tree is the beginning of a larger one. RFC 6962, section 2.1; they are
//! checked as RFC 9162, sections 2.1.3.2 and 2.1.4.2, says, which takes exact lengths and no size of zero. Pure.

use super::super::sealed::Hash;
use super::node;

/// The root of the leaves from the first place up to the second, which is not among them; places count from 0.
pub(in crate::store) type Roots<'a, E> = &'a mut dyn FnMut(u64, u64) -> Result<Hash, E>;

/// The hashes beside the way from a leaf to the root, the lowest first.
///
/// # Errors
/// Those of `roots`.
pub(in crate::store) fn inclusion<E>(index: u64, size: u64, roots: Roots<'_, E>) -> Result<Vec<Hash>, E> {
    let (mut from, mut to, mut hashes) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + left_leaves(to - from);
        if index < middle {
            hashes.push(roots(middle, to)?);
            to = middle;
        } else {
            hashes.push(roots(from, middle)?);
            from = middle;
        }
    }
    hashes.reverse();
    Ok(hashes)
}

/// The hashes that show the tree of `old` leaves to be the beginning of that of `new` leaves; 0 < `old` <= `new`.
///
/// # Errors
/// Those of `roots`.
pub(in crate::store) fn consistency<E>(old: u64, new: u64, roots: Roots<'_, E>) -> Result<Vec<Hash>, E> {
    let (mut from, mut to, mut hashes, mut is_known) = (0, new, Vec::new(), true);
    while old != to {
        let middle = from + left_leaves(to - from);
        if old <= middle {
            hashes.push(roots(middle, to)?);
            to = middle;
        } else {
            hashes.push(roots(from, middle)?);
            (from, is_known) = (middle, false);
        }
    }
    if !is_known {
        hashes.push(roots(from, to)?);
    }
    hashes.reverse();
    Ok(hashes)
}

/// True when these hashes lead from a leaf to the root.
pub fn is_included(leaf: &Hash, index: u64, size: u64, hashes: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut found) = (index, size - 1, *leaf);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            found = node(hash, &found);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            found = node(&found, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && found == *root
}

/// True when these hashes show that the tree of the first size and root is the beginning of that of the second.
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), hashes: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return hashes.is_empty() && old_root == new_root;
    }
    // Of a full tree, the root itself is where the proof begins, and is not in it.
    let (first, hashes) = match hashes.split_first() {
        _ if old_size.is_power_of_two() => (old_root, hashes),
        Some(split) => split,
        None => return false,
    };
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut old_found, mut new_found) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old_found = node(hash, &old_found);
            new_found = node(hash, &new_found);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            new_found = node(&new_found, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && old_found == *old_root && new_found == *new_root
}

/// How many leaves the left subtree of so many has: the largest power of two below.
pub(in crate::store) fn left_leaves(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::tests::{leaves, root_of};
    use super::*;

    fn included(all: &[Hash], index: u64) -> Vec<Hash> {
        let mut roots =
            |from: u64, to: u64| Ok::<Hash, Infallible>(root_of(&all[from as usize..to as usize]));
        inclusion(index, all.len() as u64, &mut roots).unwrap()
    }

    fn consistent(all: &[Hash], old: u64) -> Vec<Hash> {
        let mut roots =
            |from: u64, to: u64| Ok::<Hash, Infallible>(root_of(&all[from as usize..to as usize]));
        consistency(old, all.len() as u64, &mut roots).unwrap()
    }

    /// Section 2.1.1 of RFC 6962, as it is written there.
    fn path(index: usize, all: &[Hash]) -> Vec<Hash> {
        if all.len() <= 1 {
            return Vec::new();
        }
        let (left, right) = all.split_at(all.len().next_power_of_two() / 2);
        let (mut below, beside) = match index < left.len() {
            true => (path(index, left), root_of(right)),
            false => (path(index - left.len(), right), root_of(left)),
        };
        below.push(beside);
        below
    }

    // THREATS S04
    #[test]
    fn proofs_are_those_of_rfc_6962_and_hold() {
        for size in 1..=40 {
            let all = leaves(size);
            let root = root_of(&all);
            for index in 0..size {
                let hashes = included(&all, index);
                assert_eq!(hashes, path(index as usize, &all), "{index} {size}");
                assert!(is_included(&all[index as usize], index, size, &hashes, &root), "{index} {size}");
            }
            for old in 1..=size {
                let old_root = root_of(&all[..old as usize]);
                let hashes = consistent(&all, old);
                assert!(is_consistent((old, &old_root), (size, &root), &hashes), "{old} {size}");
            }
        }
        // Section 2.1.3 of RFC 6962: the tree of seven leaves.
        let all = leaves(7);
        let (abcd, gh) = (root_of(&all[..4]), root_of(&all[4..]));
        assert_eq!(consistent(&all, 4), [gh]);
        assert_eq!(consistent(&all, 3), [all[2], all[3], root_of(&all[..2]), gh]);
        assert_eq!(consistent(&all, 6), [root_of(&all[4..6]), all[6], abcd]);
    }

    // THREATS S01, S04
    #[test]
    fn no_proof_holds_after_any_change_of_it() {
        for (size, index, old) in
            [(1, 0, 1), (2, 1, 1), (7, 3, 3), (8, 7, 4), (13, 12, 6), (21, 5, 16), (21, 20, 20)]
        {
            let all = leaves(size);
            let (root, leaf) = (root_of(&all), all[index as usize]);
            let hashes = included(&all, index);
            let fails = |leaf: &Hash, index: u64, size: u64, hashes: &[Hash], root: &Hash| {
                assert!(!is_included(leaf, index, size, hashes, root), "{index} {size} {hashes:?}");
            };
            for byte in 0..32 {
                let flip = |hash: &Hash| {
                    let mut flipped = *hash;
                    flipped[byte] ^= 1;
                    flipped
                };
                fails(&flip(&leaf), index, size, &hashes, &root);
                fails(&leaf, index, size, &hashes, &flip(&root));
                for at in 0..hashes.len() {
                    let mut other = hashes.clone();
                    other[at] = flip(&other[at]);
                    fails(&leaf, index, size, &other, &root);
                }
            }
            // Every other index and size, shorter, longer, and in another order.
            (0..64)
                .filter(|other| *other != index)
                .for_each(|other| fails(&leaf, other, size, &hashes, &root));
            fails(&leaf, index, 0, &hashes, &root);
            fails(&leaf, size, size, &hashes, &root);
            fails(&leaf, index, size, &[&hashes[..], &[root]].concat(), &root);
            for at in 0..hashes.len() {
                fails(&leaf, index, size, &[&hashes[..at], &hashes[at + 1..]].concat(), &root);
            }
            let old_root = root_of(&all[..old as usize]);
            let hashes = consistent(&all, old);
            let fails = |old: (u64, &Hash), new: (u64, &Hash), hashes: &[Hash]| {
                assert!(!is_consistent(old, new, hashes), "{old:?} {new:?}");
            };
            let mut other = old_root;
            other[31] ^= 1;
            fails((old, &other), (size, &root), &hashes);
            fails((old, &old_root), (size, &other), &hashes);
            fails((0, &old_root), (size, &root), &hashes);
            fails((size + 1, &old_root), (size, &root), &hashes);
            fails((old, &old_root), (size, &root), &[&hashes[..], &[root]].concat());
            for at in 0..hashes.len() {
                let mut flipped = hashes.clone();
                flipped[at][0] ^= 1;
                fails((old, &old_root), (size, &root), &flipped);
                fails((old, &old_root), (size, &root), &[&hashes[..at], &hashes[at + 1..]].concat());
            }
        }
    }
}
