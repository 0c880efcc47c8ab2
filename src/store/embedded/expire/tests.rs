//! Terms, plans, and purges that are cut off after each of their steps.

mod counts;
mod leftovers;
mod proofs;
mod terms;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::remove::Step;
use super::terms::DAY_MS;
use super::*;
use crate::event::{Event, Outcome};
use crate::store::fixture::{BEGIN_MS, event, sealed};
use crate::store::{Filter, Gone, Hash, Head, LeafCheck, Order, PURGED, Query, Sealed, Store};

const DAY: Duration = Duration::from_secs(86_400);
const FIRST_DAY: i64 = BEGIN_MS / DAY_MS;

fn of_category(category: &str) -> Filter {
    Filter { category: vec![category.to_owned()], ..Filter::default() }
}

fn policy(name: &str, category: &str, keep: Option<Duration>) -> Policy {
    Policy { name: name.to_owned(), filter: of_category(category), keep }
}

fn rest(days: u32) -> Terms {
    Terms { rest: Some(DAY * days), ..Terms::default() }
}

fn with(change: impl FnOnce(&mut Event)) -> Event {
    let mut event = event(4);
    change(&mut event);
    event
}

/// The beginning of the n-th day.
fn day(n: i64) -> Timestamp {
    Timestamp::from_millisecond((FIRST_DAY + n) * DAY_MS).unwrap()
}

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, Uuid::from_u128(1)).unwrap()
}

/// A store with a partition for each of so many days, of ten events each; those between the first and the last are
/// packed.
fn days_in(directory: &Path, count: u64) -> Embedded {
    let store = open(directory);
    let entries = sealed(Head::default(), (0..count).flat_map(|day| (1..=10).map(move |n| day * 1_440 + n)));
    store.append(&entries).unwrap();
    (2..count).for_each(|_| assert!(store.pack_next(&|| false).unwrap()));
    store
}

fn sequences(store: &Embedded) -> Vec<u64> {
    let query = Query {
        filter: Filter::default(),
        order: Order::Newest,
        after: None,
        limit: 100_000,
        time_max: Duration::from_secs(20),
    };
    store.query(&query).unwrap().events.iter().rev().map(|found| found.sealed.sequence).collect()
}

fn planned(store: &Embedded, terms: &Terms, now: Timestamp) -> Plan {
    store.plan(terms, now, || true).unwrap()
}

fn prepared(store: &Embedded, terms: &Terms, leaving: &Leaving) -> Purge {
    Purge::new(Uuid::from_u128(7), &store.prepare(terms, leaving).unwrap())
}

/// What a check of the store finds, when these purges were told.
fn checked(store: &Embedded, told: &[Gone]) -> (bool, u64, Option<Hash>) {
    let mut check = LeafCheck::forward(Uuid::from_u128(1));
    store.check(&mut check, &mut |_| ControlFlow::Continue(())).unwrap();
    check.tell(told);
    let checked = check.finish();
    (checked.is_sound(), checked.removed, checked.root)
}

// THREATS S08
#[test]
fn an_event_is_as_old_as_its_neighbours_whatever_its_clock_said() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    // Days 10 to 13; on day 12 the clock was once at day 0, on day 13 at day 5000.
    let on = |day: u64| (0..1_200).map(move |n| day * 1_440 + n);
    let numbers =
        on(10).chain(on(11)).chain(on(12)).chain(on(0)).chain(on(13)).chain(5_000 * 1_440..5_000 * 1_440 + 3);
    let numbers = numbers.chain(on(14)).chain(on(15)).chain(on(16));
    store.append(&sealed(Head::default(), numbers)).unwrap();
    let leaving = |now: i64| {
        let plan = planned(&store, &rest(3), day(now));
        plan.partitions.iter().map(|one| (one.first / 1_200, one.is_whole)).collect::<Vec<_>>()
    };
    assert_eq!(leaving(13), []);
    assert_eq!(leaving(14), [(0, true)]);
    // That of day 0 goes with those of day 11, not first.
    assert_eq!(leaving(15), [(0, true), (1, true), (3, true)]);
    assert_eq!(leaving(16), [(0, true), (1, true), (2, true), (3, true)]);
}

#[test]
fn whole_days_leave_and_the_newest_partition_stays_while_it_may_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 4);
    assert_eq!(planned(&store, &Terms::default(), day(9_000)).events, 0);
    let plan = planned(&store, &rest(1), day(3));
    let firsts: Vec<u64> = plan.partitions.iter().map(|one| one.first).collect();
    assert_eq!((firsts, plan.events, plan.total), (vec![1, 11], 20, 40));
    assert_eq!(plan.next, Some(day(4)));
    assert!(plan.bytes > plan.bytes_after);
    // On its own day the newest stays whatever is said.
    assert_eq!(planned(&store, &Terms { rest: Some(Duration::ZERO), ..Terms::default() }, day(3)).events, 30);
}

/// Opens the store anew and goes on with what was announced, as a start does; `is_told` when the event is there.
fn start(directory: &Path, is_told: bool) -> Embedded {
    let store = open(directory);
    assert_eq!(store.damage(), Vec::<String>::new());
    if let Some(purge) = store.announced().unwrap() {
        if is_told {
            assert!(store.purge(&purge).unwrap());
        } else {
            store.withdraw(&purge).unwrap();
        }
    }
    store
}

// THREATS S06
#[test]
fn a_purge_that_is_cut_off_after_any_step_is_done_or_not_done_at_the_next_start() {
    for stop in [None, Some(Step::Mark), Some(Step::Remove), Some(Step::Forget)] {
        let directory = tempfile::tempdir().unwrap();
        let store = days_in(directory.path(), 3);
        let head = store.head();
        let plan = planned(&store, &rest(1), day(2));
        let purge = prepared(&store, &rest(1), &plan.partitions[0]);
        store.announce(&purge).unwrap();
        if stop.is_none() {
            // The event was not recorded.
            drop(store);
            let store = start(directory.path(), false);
            assert_eq!(sequences(&store), (1..=30).collect::<Vec<u64>>());
            continue;
        }
        let mut step = |step| if Some(step) == stop { Err(io::Error::other("cut off")) } else { Ok(()) };
        store.purge_by_steps(&purge, &mut step).unwrap_err();
        drop(store);
        let store = start(directory.path(), true);
        assert_eq!(sequences(&store), (11..=30).collect::<Vec<u64>>(), "{stop:?}");
        assert_eq!(store.announced().unwrap(), None);
        assert!(!directory.path().join("00000000000000000001/events").exists());
        drop(store);
        // Once more, and what comes then continues what was there.
        let store = start(directory.path(), true);
        assert_eq!(store.head(), head);
        store.append(&sealed(head, 5_000..5_003)).unwrap();
        assert_eq!(sequences(&store), (11..=33).collect::<Vec<u64>>());
    }
}

#[test]
fn readers_read_to_their_end_and_go_on_behind_what_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 3);
    let plan = planned(&store, &rest(1), day(2));
    let purge = prepared(&store, &rest(1), &plan.partitions[0]);
    let notes = store.catalogue.notes();
    std::thread::scope(|scope| {
        let purging = scope.spawn(|| store.purge(&purge).unwrap());
        // It has left the list, and this reader still reads it.
        while store.catalogue.notes().len() == 3 {
            std::thread::yield_now();
        }
        let partition = store.catalogue.open(notes[0].first).unwrap();
        assert_eq!(partition.blocks_from(1).count(), 1);
        assert!(!purging.is_finished());
        drop(partition);
        drop(notes);
        assert!(purging.join().unwrap());
    });
    let query = Query {
        filter: Filter::default(),
        order: Order::Newest,
        after: Some(8),
        limit: 10,
        time_max: Duration::from_secs(20),
    };
    let page = store.query(&query).unwrap();
    assert!(page.events.is_empty() && page.next.is_none());
}

#[test]
fn the_newest_partition_is_not_removed_and_a_damaged_mark_sets_its_partition_aside() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 2);
    let plan = planned(&store, &rest(1), day(9));
    assert_eq!(plan.events, 20);
    assert!(!store.purge(&prepared(&store, &rest(1), &plan.partitions[1])).unwrap());
    assert!(store.purge(&prepared(&store, &rest(1), &plan.partitions[0])).unwrap());
    drop(store);
    let mark = directory.path().join("00000000000000000001/purged");
    let mut bytes = std::fs::read(&mark).unwrap();
    bytes[3] ^= 1;
    std::fs::write(&mark, bytes).unwrap();
    assert_eq!(open(directory.path()).damage().len(), 2);
}

/// Denied ones leave after a day, all others after nine.
fn denied_first() -> Terms {
    let filter = Filter { result: vec![Outcome::Denied], ..Filter::default() };
    let denied = Policy { name: "denied".to_owned(), filter, keep: Some(DAY) };
    Terms { policies: vec![denied], ..rest(9) }
}

// THREATS S06
#[test]
fn of_a_mixed_partition_only_what_may_leave_does_wherever_it_is_cut_off() {
    for stop in [None, Some(Step::Mark), Some(Step::Swap), Some(Step::Remove), Some(Step::Forget)] {
        let directory = tempfile::tempdir().unwrap();
        let store = days_in(directory.path(), 3);
        let (_, _, root) = checked(&store, &[]);
        let plan = planned(&store, &denied_first(), day(2));
        let leaving = &plan.partitions[0];
        // Of 1 to 10, those that three divides.
        assert_eq!((leaving.events, leaving.is_whole), (3, false));
        let prepared = store.prepare(&denied_first(), leaving).unwrap();
        let purge = Purge::new(Uuid::from_u128(7), &prepared);
        store.announce(&purge).unwrap();
        let mut step = |step| if Some(step) == stop { Err(io::Error::other("cut off")) } else { Ok(()) };
        if stop.is_some() {
            store.purge_by_steps(&purge, &mut step).unwrap_err();
        }
        drop(store);
        let store = start(directory.path(), stop.is_some());
        let left: Vec<u64> = (1..=30).filter(|n| stop.is_none() || *n > 10 || n % 3 != 0).collect();
        assert_eq!(sequences(&store), left, "{stop:?}");
        let removed = if stop.is_some() { 3 } else { 0 };
        assert_eq!(checked(&store, &[prepared.gone]), (true, removed, root), "{stop:?}");
        assert_eq!(checked(&store, &[]).0, stop.is_none());
        let mut names: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "tiles")
            .collect();
        names.sort();
        assert_eq!(names, [1, 11, 21].map(|first| format!("{first:020}")), "{stop:?}");
        if stop.is_some() {
            // There is nothing more to remove today, and on the ninth day the rest goes.
            assert!(planned(&store, &denied_first(), day(2)).partitions.iter().all(|one| one.first > 1));
            let plan = planned(&store, &denied_first(), day(10));
            assert_eq!((plan.partitions[0].events, plan.partitions[0].is_whole), (7, true));
        }
    }
}

// THREATS S06
#[test]
fn a_partition_that_was_removed_by_hand_is_missing_and_one_that_a_policy_removed_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = days_in(directory.path(), 3);
    let (_, _, root) = checked(&store, &[]);
    let plan = planned(&store, &rest(1), day(2));
    let gone = store.prepare(&rest(1), &plan.partitions[0]).unwrap().gone;
    assert!(gone.is_whole());
    assert!(store.purge(&prepared(&store, &rest(1), &plan.partitions[0])).unwrap());
    assert_eq!(checked(&store, &[gone]), (true, 10, root));
    // The mark alone excuses nothing.
    assert!(!checked(&store, &[]).0);
    drop(store);
    std::fs::remove_dir_all(directory.path().join("00000000000000000001")).unwrap();
    let store = open(directory.path());
    // Its note stays, and tells what the tree was.
    assert!(!checked(&store, &[gone]).0);
}

#[test]
fn events_that_tell_of_purges_leave_last_and_are_told_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut head = Head::default();
    let mut append = |event: Event| {
        let json = serde_json::to_vec(&event).unwrap();
        let entry = Sealed::after(head, [3; 16], json.into());
        head = entry.head();
        store.append(&[entry]).unwrap();
    };
    let telling = |n, log: u128| {
        let mut event = event(n);
        (event.action, event.request.method) = (PURGED.to_owned(), "NONE".to_owned());
        event.request.url = "earwitness:retention".to_owned();
        event.rule.id = "earwitness/retention".to_owned();
        event.result = Outcome::Denied;
        let mut details = Gone::whole(90 + n, 99).to_json();
        details["installation"] = serde_json::json!(Uuid::from_u128(log));
        event.details = serde_json::from_value(details).unwrap();
        event
    };
    append(event(1));
    append(telling(3, 1));
    // One that was imported tells nothing of this log.
    append(telling(4, 2));
    append(event(6));
    append(event(1_441));
    append(event(2_881));
    let plan = planned(&store, &denied_first(), day(2));
    assert_eq!((plan.partitions[0].events, plan.partitions[0].is_whole), (1, false));
    let gone = store.prepare(&denied_first(), &plan.partitions[0]).unwrap().gone;
    assert_eq!(gone.count, 1);
    let plan = planned(&store, &denied_first(), day(11));
    assert_eq!((plan.partitions[0].events, plan.partitions[0].is_whole), (4, true));
    let earlier = store.prepare(&denied_first(), &plan.partitions[0]).unwrap().earlier;
    assert_eq!(earlier, [Gone::whole(93, 99)]);
}
