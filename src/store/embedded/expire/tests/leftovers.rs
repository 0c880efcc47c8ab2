//! What purges that did not come to their end have left beside partitions: it holds events that have left since.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A store with a day that is written anew beside the old one and not announced.
fn prepared_in(directory: &Path) -> (Embedded, Purge, PathBuf) {
    let store = days_in(directory, 3);
    let plan = planned(&store, &denied_first(), day(2));
    let purge = prepared(&store, &denied_first(), &plan.partitions[0]);
    let fresh = directory.join("00000000000000000001.rewritten");
    assert!(fresh.join("packed").exists());
    (store, purge, fresh)
}

// THREATS S06
#[test]
fn what_was_written_anew_for_a_purge_that_nobody_announced_is_removed_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, purge, fresh) = prepared_in(directory.path());
    drop(store);
    let store = open(directory.path());
    assert!(!fresh.exists());
    assert_eq!(sequences(&store), (1..=30).collect::<Vec<u64>>());
    drop(store);
    // What is announced, or may be, stays.
    let directory = tempfile::tempdir().unwrap();
    let (store, _, fresh) = prepared_in(directory.path());
    store.announce(&purge).unwrap();
    drop(store);
    drop(open(directory.path()));
    assert!(fresh.exists());
    fs::write(directory.path().join("pending-purge"), "damaged").unwrap();
    drop(open(directory.path()));
    assert!(fresh.exists());
}

// THREATS S06
#[test]
fn a_partition_that_goes_whole_takes_with_it_what_was_written_anew_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _, fresh) = prepared_in(directory.path());
    let plan = planned(&store, &rest(1), day(2));
    assert!(store.purge(&prepared(&store, &rest(1), &plan.partitions[0])).unwrap());
    assert!(!fresh.exists());
}

#[test]
fn what_was_written_anew_and_is_not_whole_takes_no_place_and_that_is_no_removal() {
    let directory = tempfile::tempdir().unwrap();
    let (store, purge, fresh) = prepared_in(directory.path());
    store.announce(&purge).unwrap();
    fs::remove_file(fresh.join("packed")).unwrap();
    let refused = store.purge(&purge).unwrap_err().to_string();
    assert!(refused.contains("is not whole"), "{refused}");
    assert_eq!((store.announced().unwrap(), fresh.exists()), (None, false));
    assert_eq!(sequences(&store), (1..=30).collect::<Vec<u64>>());
}
