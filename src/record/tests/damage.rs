//! The log on data that was damaged, or is not its own.

use super::crash::copy_all;
use super::*;

#[test]
fn a_damaged_entry_costs_that_entry_alone_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Settings { segment_bytes_max: 64 << 20, ..slow() });
    (1..=9).for_each(|number| record(&log, number..=number));
    let copy = tempfile::tempdir().unwrap();
    copy_all(directory.path(), copy.path());
    close(log);
    let segment = copy.path().join("journal/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let log = open(copy.path(), brisk());
    assert!(matches!(log.state(), State::Troubled(_)), "{:?}", log.state());
    record(&log, 10..=12);
    let expected = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12];
    let sequences = |log: &Log| all(log).iter().map(|found| found.sealed.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(&log), expected);
    until("everything is in the store", || log.inner.store.head().sequence == 12);
    close(log);
    assert!(segment.with_file_name("00000000000000000001.log.damaged").is_file(), "kept as evidence");
    let log = open(copy.path(), brisk());
    assert_eq!(sequences(&log), expected);
    close(log);
}

// THREATS S02, as far as the chain alone tells
#[test]
fn a_store_that_does_not_fit_its_journal_is_told_and_events_are_still_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    record(&log, 1..=2);
    close(log);
    copy_all(directory.path(), other.path());
    let log = open(other.path(), brisk());
    record(&log, 20..=21);
    close(log);
    let log = open(directory.path(), slow());
    record(&log, 3..=5);
    let copy = tempfile::tempdir().unwrap();
    copy_all(&directory.path().join("journal"), copy.path());
    close(log);
    // The directory as it was before the last close, with the other one's store.
    for (part, from) in [("journal", copy.path()), ("store", &other.path().join("store"))] {
        let to = directory.path().join(part);
        fs::remove_dir_all(&to).unwrap();
        fs::create_dir(&to).unwrap();
        copy_all(from, &to);
    }

    let log = open(directory.path(), brisk());
    record(&log, 6..=6);
    until(
        "the fork is told",
        || matches!(log.state(), State::Troubled(told) if told[0].contains("entry 5 does not continue")),
    );
    assert!(!matches!(log.state(), State::NotRecording(_)));
    assert_eq!(all(&log).len(), 6);
    close(log);
    let log = open(directory.path(), slow());
    assert_eq!(log.head().sequence, 6, "what the store does not take stays in the journal");
    close(log);
}
