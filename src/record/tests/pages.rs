//! Pages while events arrive.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::store::{Hash, is_consistent, is_included};

/// Reads the whole log page by page, while another thread records and the mover moves.
fn read_while_writing(limits: &[usize], events: u64) {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=50);
    let writer = {
        let log = log.clone();
        thread::spawn(move || (51..=events).for_each(|number| record(&log, number..=number)))
    };
    loop {
        let is_last = writer.is_finished();
        let (mut below, mut seen, mut pages) = (None, Vec::new(), 0);
        loop {
            let page = log.query(&question(below, limits[pages % limits.len()])).unwrap();
            seen.extend(page.events.iter().map(|found| found.sealed.sequence));
            pages += 1;
            below = page.next;
            if below.is_none() {
                break;
            }
        }
        let newest = seen.first().copied().unwrap_or_default();
        assert_eq!(seen, (1..=newest).rev().collect::<Vec<u64>>(), "limits {limits:?}");
        if is_last {
            assert_eq!(newest, events);
            break;
        }
    }
    writer.join().unwrap();
    close(log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn pages_neither_skip_nor_repeat_while_events_arrive(
        limits in prop::collection::vec(1usize..60, 1..5),
        events in 60u64..160,
    ) {
        read_while_writing(&limits, events);
    }
}

#[test]
fn a_page_knows_whether_another_follows_wherever_its_end_falls() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=6);
    close(log);
    let log = open(directory.path(), slow());
    record(&log, 7..=10);
    for (below, limit, expected, next) in [
        (None, 3, vec![10, 9, 8], Some(8)),
        (None, 4, vec![10, 9, 8, 7], Some(7)),
        (None, 5, vec![10, 9, 8, 7, 6], Some(6)),
        (None, 10, (1..=10).rev().collect(), None),
        (None, 99, (1..=10).rev().collect(), None),
        (Some(8), 1, vec![7], Some(7)),
        (Some(7), 6, vec![6, 5, 4, 3, 2, 1], None),
        (Some(1), 6, vec![], None),
        (Some(0), 6, vec![], None),
        (Some(u64::MAX), 1, vec![10], Some(10)),
        (Some(3), 0, vec![2], Some(2)),
    ] {
        let page = log.query(&question(below, limit)).unwrap();
        let sequences: Vec<u64> = page.events.iter().map(|found| found.sealed.sequence).collect();
        assert_eq!((sequences, page.next, page.is_cut), (expected, next, false), "{below:?} {limit}");
    }
    close(log);
}

#[test]
fn a_query_without_time_still_goes_on_from_page_to_page() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=50);
    close(log);
    let log = open(directory.path(), slow());
    record(&log, 51..=60);
    let filter = Filter { actor: vec!["u3".to_owned()], ..Filter::default() };
    let (mut below, mut seen, mut cuts) = (None, Vec::new(), 0);
    loop {
        let query = Query {
            filter: filter.clone(),
            order: Order::Newest,
            after: below,
            limit: 5,
            time_max: Duration::ZERO,
        };
        let page = log.query(&query).unwrap();
        assert!(page.next.is_none_or(|next| below.is_none_or(|below| next < below)), "{page:?}");
        seen.extend(page.events.iter().map(|found| found.sealed.sequence));
        cuts += u64::from(page.is_cut);
        below = page.next;
        if below.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=60).rev().filter(|number| number % 7 == 3).collect::<Vec<u64>>());
    assert!(cuts > 5, "{cuts}");
    close(log);
}

// THREATS S01
#[test]
fn the_tree_of_journal_and_store_is_one_and_a_check_takes_both() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=300);
    until("the mover has moved", || log.inner.store.head().sequence == 300);
    close(log);
    let log = open(directory.path(), slow());
    record(&log, 301..=310);
    let (tree, known) = (log.tree(), [(310, log.tree().root(), "the test"), (305, [1; 32], "a lie")]);
    assert_eq!((tree.size(), log.inner.store.head().sequence), (310, 300));
    let mut told = 0;
    let mut check = |known: &[(u64, Hash, &'static str)]| {
        log.check(known, &mut |count| {
            told = count;
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let found = check(&known[..1]);
    assert!(found.is_sound() && found.root == Some(tree.root()), "{:?}", found.faults);
    assert!(!check(&known).is_sound());
    assert_eq!(told, 300);
    close(log);
}

// THREATS S01
#[test]
fn every_event_in_journal_and_store_can_be_proven_and_every_older_tree_is_the_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=600);
    until("the mover has moved", || log.inner.store.head().sequence == 600);
    close(log);
    let log = open(directory.path(), slow());
    record(&log, 601..=605);
    let root = log.tree().root();
    let all = all(&log);
    for found in all.iter().step_by(37).chain(&all[598..]) {
        let (tree, hashes) = log.inclusion(&found.sealed).unwrap().unwrap();
        assert_eq!((tree.size(), tree.root()), (605, root));
        assert!(is_included(&found.sealed.leaf, found.sealed.sequence - 1, 605, &hashes, &root));
    }
    let mut other = all[4].sealed.clone();
    other.leaf[0] ^= 1;
    assert_eq!(log.inclusion(&other).unwrap(), None);
    for old in [1, 2, 255, 256, 257, 511, 600, 604, 605] {
        let old_root = log.root_at(old).unwrap().unwrap();
        let hashes = log.consistency(old, 605).unwrap().unwrap();
        assert!(is_consistent((old, &old_root), (605, &root), &hashes), "{old}");
    }
    assert_eq!((log.root_at(605).unwrap(), log.root_at(606).unwrap()), (Some(root), None));
    assert_eq!(log.consistency(5, 606).unwrap(), None);
    close(log);
}
