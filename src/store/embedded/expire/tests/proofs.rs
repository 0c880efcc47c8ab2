//! What can be proven after purges: what was true before them, and nothing else.

use std::fs;

use super::super::super::proofs::Ground;
use super::*;
use crate::store::{is_consistent, is_included};

/// A store of four days, so many events each, and what was recorded.
fn four_days(directory: &Path, a_day: u64) -> (Embedded, Vec<Sealed>) {
    let store = open(directory);
    let entries = sealed(Head::default(), (0..4).flat_map(|day| (1..=a_day).map(move |n| day * 1_440 + n)));
    store.append(&entries).unwrap();
    (store, entries)
}

/// The root of each size, from 1 on.
fn roots(store: &Embedded) -> Vec<Option<Hash>> {
    let mut ground = Ground::of(store, &[]);
    (1..=store.head().sequence).map(|size| ground.root_at(size).unwrap()).collect()
}

/// Purges the partition of that day.
fn purge(store: &Embedded, terms: &Terms, now: Timestamp, first: u64) {
    let plan = planned(store, terms, now);
    let leaving = plan.partitions.iter().find(|one| one.first == first).unwrap();
    assert!(store.purge(&prepared(store, terms, leaving)).unwrap());
}

/// Everything that is told must be as it was; and it must be told, unless it lies within what is gone.
fn check(store: &Embedded, entries: &[Sealed], old: &[Option<Hash>], gone: &[std::ops::RangeInclusive<u64>]) {
    let is_gone = |sequence: u64| gone.iter().any(|gone| gone.contains(&sequence));
    let is_within = |size: u64| gone.iter().any(|gone| gone.contains(&size) && gone.contains(&(size + 1)));
    let mut ground = Ground::of(store, &[]);
    let size = ground.tree().size();
    for (at, root) in (1..).zip(roots(store)) {
        assert!(root == old[at as usize - 1] || root.is_none() && is_within(at), "{at} {gone:?}");
        assert!(!is_within(at) || ground.is_purged_at(at), "{at}");
    }
    let step = (size / 40).max(1) as usize;
    for (first, second) in
        (1..=size).step_by(step).flat_map(|a| (a..=size).step_by(step).map(move |b| (a, b)))
    {
        let (one, two) = (old[first as usize - 1].unwrap(), old[second as usize - 1].unwrap());
        match ground.consistency(first, second).unwrap() {
            Some(hashes) => {
                assert!(is_consistent((first, &one), (second, &two), &hashes), "{first} {second}")
            }
            None => assert!(is_within(first) || is_within(second), "{first} {second} {gone:?}"),
        }
    }
    let root = ground.tree().root();
    for entry in entries.iter().filter(|entry| !is_gone(entry.sequence)) {
        let hashes = ground.inclusion(entry).unwrap();
        let hashes = hashes.unwrap_or_else(|| panic!("{} cannot be proven {gone:?}", entry.sequence));
        assert!(is_included(&entry.leaf, entry.sequence - 1, size, &hashes, &root));
    }
}

// THREATS S06
#[test]
fn roots_and_proofs_are_those_of_before_whatever_was_purged() {
    // Within one tile, and over its edges.
    for a_day in [10, 300] {
        let directory = tempfile::tempdir().unwrap();
        let (store, entries) = four_days(directory.path(), a_day);
        let old = roots(&store);
        assert!(old.iter().all(Option::is_some));
        check(&store, &entries, &old, &[]);
        // The second day goes, and the first one stays.
        let second = a_day + 1..=2 * a_day;
        purge(&store, &rest(1), day(5), a_day + 1);
        check(&store, &entries, &old, std::slice::from_ref(&second));
        // Of the first day some leave.
        purge(&store, &denied_first(), day(2), 1);
        check(&store, &entries, &old, std::slice::from_ref(&second));
        drop(store);
        // What the file of tiles lacks is made of what is there.
        fs::rename(directory.path().join("tiles"), directory.path().join("tiles.aside")).unwrap();
        let store = open(directory.path());
        for (now, before) in roots(&store).into_iter().zip(&old) {
            assert!(now.is_none() || now == *before);
        }
        drop(store);
        fs::rename(directory.path().join("tiles.aside"), directory.path().join("tiles")).unwrap();
        let store = open(directory.path());
        check(&store, &entries, &old, std::slice::from_ref(&second));
        // All of the first day and the third.
        purge(&store, &rest(1), day(9), 1);
        purge(&store, &rest(1), day(9), 2 * a_day + 1);
        check(&store, &entries, &old, &[1..=a_day, second, 2 * a_day + 1..=3 * a_day]);
    }
}

// THREATS S01
#[test]
fn a_tile_or_an_edge_that_was_forged_proves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = four_days(directory.path(), 300);
    let old = roots(&store);
    let plan = planned(&store, &rest(1), day(5));
    let mut purge = prepared(&store, &rest(1), &plan.partitions[1]);
    purge.edges = std::sync::Arc::new(purge.edges.iter().map(|_| [1; 32]).collect());
    assert!(store.purge(&purge).unwrap());
    let told = |sizes: [usize; 3]| {
        let now = roots(&store);
        assert!(now.iter().zip(&old).all(|(now, old)| now.is_none() || now == old));
        sizes.map(|size| now[size - 1].is_some())
    };
    assert_eq!(told([100, 256, 650]), [true, true, false]);
    store.catalogue.tiles.put(&[(0, [2; 32])]).unwrap();
    assert_eq!(told([100, 256, 650]), [true, false, false]);
}
