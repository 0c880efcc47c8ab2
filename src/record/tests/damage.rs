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

// THREATS S02, as far as journal and store alone tell
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
        || matches!(log.state(), State::Troubled(told) if told[0].contains("entry 4 does not continue")),
    );
    assert!(!matches!(log.state(), State::NotRecording(_)));
    assert_eq!(all(&log).len(), 6);
    close(log);
    let log = open(directory.path(), slow());
    assert_eq!(log.head().sequence, 6, "what the store does not take stays in the journal");
    close(log);
}

// THREATS S12
#[test]
fn a_link_in_place_of_a_file_of_ours_is_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("victim");
    for name in ["lock", "instance", "journal/00000000000000000009.log"] {
        let directory = tempfile::tempdir().unwrap();
        close(open(directory.path(), brisk()));
        fs::write(&target, "not ours").unwrap();
        let _ = fs::remove_file(directory.path().join(name));
        std::os::unix::fs::symlink(&target, directory.path().join(name)).unwrap();
        match Log::open_with(directory.path(), brisk(), Metrics::new()) {
            Ok(log) => {
                let State::Troubled(told) = log.state() else { panic!("{name}: {:?}", log.state()) };
                assert!(told[0].contains("no plain file"), "{name}: {told:?}");
                close(log);
            }
            Err(error) => assert!(!name.starts_with("journal"), "{name}: {error}"),
        }
        assert_eq!(fs::read(&target).unwrap(), b"not ours", "{name}");
    }
}

// THREATS S13
#[test]
fn a_journal_of_another_key_is_set_aside_and_a_reader_without_a_key_sees_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), slow());
    record(&log, 1..=3);
    let copies = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    copies.iter().for_each(|copy| copy_all(directory.path(), copy.path()));
    close(log);
    let log = open(copies[0].path(), Settings { key: None, ..slow() });
    assert_eq!(log.state(), State::Ready);
    assert_is_whole(&all(&log), 3);
    close(log);
    let log = open(copies[1].path(), Settings { key: Some([6; 32]), ..slow() });
    let State::Troubled(told) = log.state() else { panic!("{:?}", log.state()) };
    assert!(told[0].contains("key"), "{told:?}");
    assert!(all(&log).is_empty());
    assert!(copies[1].path().join("journal/00000000000000000001.log.foreign").is_file());
    close(log);
}
