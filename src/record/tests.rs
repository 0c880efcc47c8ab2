//! The log as its users see it: what is acknowledged is there, at once and after everything.

mod clocks;
mod crash;
mod damage;
mod gaps;
mod machine;
mod pages;

use std::fs;
use std::future::Future;
use std::path::Path;

use super::*;
use crate::event::NoteCode;
use crate::store::fixture::{event, id};
use crate::store::{Filter, Order, Query, Sealed};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Moves at once and rolls often, so that a short test meets every step.
fn brisk() -> Settings {
    Settings {
        key: Some([5; 32]),
        segment_bytes_max: 16 << 10,
        move_age_max: Duration::from_millis(2),
        room_wait: Duration::from_millis(50),
        ..Settings::default()
    }
}

/// Never moves by itself before it closes.
fn slow() -> Settings {
    Settings { move_age_max: Duration::from_secs(3600), ..brisk() }
}

fn open(directory: &Path, settings: Settings) -> Log {
    Log::open_with(directory, settings, Metrics::new()).expect("the log opens")
}

fn close(log: Log) {
    log.close(Duration::from_secs(20));
}

fn record(log: &Log, numbers: std::ops::RangeInclusive<u64>) {
    run(log.record(numbers.map(event).collect(), Urgency::Now)).expect("the events are recorded");
}

fn question(below: Option<u64>, limit: usize) -> Query {
    Query {
        filter: Filter::default(),
        order: Order::Newest,
        after: below,
        limit,
        time_max: Duration::from_secs(20),
    }
}

/// Everything in the log, oldest first, page by page.
fn all(log: &Log) -> Vec<Found> {
    let (mut found, mut below) = (Vec::new(), None);
    loop {
        let page = log.query(&question(below, 97)).expect("the log can be read");
        found.extend(page.events);
        below = page.next;
        if below.is_none() {
            found.reverse();
            return found;
        }
    }
}

fn assert_is_whole(found: &[Found], count: u64) {
    let sequences: Vec<u64> = found.iter().map(|found| found.sealed.sequence).collect();
    assert_eq!(sequences, (1..=count).collect::<Vec<u64>>());
    for Found { sealed, .. } in found {
        let again = Sealed::at(sealed.sequence, sealed.salt, Arc::clone(&sealed.json));
        assert_eq!(again, *sealed);
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::yield_now();
    }
}

#[test]
fn an_event_is_seen_at_once_and_after_the_move_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), slow());
    record(&log, 1..=5);
    assert_is_whole(&all(&log), 5);
    assert_eq!(log.get(id(3)).unwrap().unwrap().event, event(3));
    assert_eq!((log.head().sequence, log.inner.store.head().sequence), (5, 0));
    close(log);

    let log = open(directory.path(), brisk());
    assert_eq!((log.head().sequence, log.inner.store.head().sequence), (5, 5));
    assert_is_whole(&all(&log), 5);
    assert_eq!(log.get(id(3)).unwrap().unwrap().event, event(3));
    assert!(log.get(id(6)).unwrap().is_none());
    record(&log, 6..=7);
    until("the mover has moved", || log.inner.store.head().sequence == 7);
    assert_is_whole(&all(&log), 7);
    assert_eq!(log.state(), State::Ready);
    close(log);
}

#[test]
fn a_closed_log_refuses_and_counts() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    log.close(Duration::from_secs(20));
    assert_eq!(run(log.record(vec![event(1), event(2)], Urgency::Soon)), Err(RecordError::Closed));
    assert_eq!(log.inner.metrics.drops.with_label_values(&["closed"]).get(), 2);
    assert!(matches!(log.state(), State::NotRecording(_)));
}

#[test]
fn a_second_process_is_refused_and_told_who_holds_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    let refused =
        Log::open(directory.path(), None, &Limits::default(), Metrics::new()).err().expect("it is held");
    assert!(refused.to_string().contains(&format!("in use by process {}", std::process::id())), "{refused}");
    close(log);
    close(Log::open(directory.path(), None, &Limits::default(), Metrics::new()).expect("it was given back"));
}

#[test]
fn an_event_that_is_too_large_is_recorded_as_a_minimal_one() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    let mut large = event(1);
    large.details.insert("x".to_owned(), "y".repeat(2 << 20).into());
    run(log.record(vec![large], Urgency::Now)).unwrap();
    let found = all(&log);
    assert_eq!(found[0].event.notes[0].code, NoteCode::EventMinimal);
    close(log);
}

#[test]
fn a_full_tail_refuses_after_a_while_and_takes_again_when_there_is_room() {
    let tail = Tail::new(1000, Duration::from_millis(20));
    let reserve = |bytes| run(tail.reserve(bytes));
    assert!(reserve(5000), "a batch larger than the limit goes alone");
    assert!(tail.is_full() && !reserve(1));
    run(async {
        let (taken, ()) = tokio::join!(tail.reserve(400), async {
            tokio::task::yield_now().await;
            tail.give_back(5000);
        });
        assert!(taken);
    });
    assert!(reserve(600) && !reserve(1));
}

#[test]
fn a_damaged_partition_is_told_and_no_sequence_is_given_out_twice() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=40);
    close(log);
    let partition = directory.path().join("store/00000000000000000001");
    // The database loses its tail, as after a power cut that a lying disk survived.
    let db = fs::OpenOptions::new().write(true).open(partition.join("events/db")).unwrap();
    db.set_len(1000).unwrap();
    fs::remove_dir_all(directory.path().join("journal")).unwrap();

    let log = open(directory.path(), brisk());
    let State::Troubled(troubles) = log.state() else { panic!("{:?}", log.state()) };
    assert!(troubles[0].contains("set aside"), "{troubles:?}");
    record(&log, 41..=42);
    let found = all(&log);
    assert_eq!(found.iter().map(|found| found.sealed.sequence).collect::<Vec<_>>(), [41, 42]);
    until("the hole is told", || matches!(log.state(), State::Troubled(told) if told.len() == 2));
    close(log);
    let log = open(directory.path(), brisk());
    assert_eq!(all(&log).len(), 2);
    assert!(partition.with_file_name("00000000000000000001.quarantined-1").is_dir());
    close(log);
}

#[test]
fn what_a_damaged_partition_held_comes_back_from_the_journal_as_far_as_it_reaches() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Settings { segment_bytes_max: 64 << 20, ..brisk() });
    record(&log, 1..=30);
    close(log);
    let partition = directory.path().join("store/00000000000000000001");
    fs::write(partition.join("note"), "nonsense").unwrap();
    let log = open(directory.path(), brisk());
    assert_is_whole(&all(&log), 30);
    record(&log, 31..=31);
    until("everything is in the store again", || log.inner.store.head().sequence == 31);
    assert_is_whole(&all(&log), 31);
    close(log);
}

#[test]
fn a_lost_instance_file_is_written_again_from_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=3);
    close(log);
    fs::remove_file(directory.path().join("instance")).unwrap();
    let log = open(directory.path(), brisk());
    assert_eq!(log.state(), State::Ready);
    assert_is_whole(&all(&log), 3);
    close(log);
}

#[test]
fn what_takes_no_more_is_packed_beside_and_not_while_somebody_copies() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=9);
    record(&log, 1_441..=1_449);
    until("both days are in the store", || log.inner.store.head().sequence == 18);
    let day = directory.path().join("store/00000000000000000001");
    let still = Still::hold(directory.path()).unwrap();
    log.index_beside().unwrap();
    until("its index is made", || day.join("index/counts").exists());
    assert!(!day.join("packed.new").exists() && !day.join("packed").exists());
    drop(still);
    until("the day is packed", || day.join("packed").exists() && !day.join("events").exists());
    assert_eq!(all(&log).len(), 18);
    close(log);
}
