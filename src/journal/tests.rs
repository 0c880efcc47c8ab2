//! The journal as its users see it, on a real disk.

mod damage;
pub(crate) mod driven;
mod intents;
mod power;
pub(crate) mod random;
mod rig;
pub(crate) mod sim;
mod space;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use uuid::Uuid;

use super::disk::RealDisk;
use super::format::{entry, header};
use super::open::read;
use super::*;
use crate::store::{Head, Sealed};

const OURS: Uuid = Uuid::from_u128(1);

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_owned(),
        instance: OURS,
        key: Some([7; 32]),
        segment_bytes_max: 64 << 20,
        reserve_bytes: 3000,
        floor: Head::default(),
        observe: Box::new(|_| ()),
    }
}

fn append(journal: &Journal, payloads: &[&str]) -> Result<Vec<Sealed>, JournalError> {
    write(journal, payloads.iter().map(|text| event(text)).collect())
}

fn write(journal: &Journal, payloads: Vec<Payload>) -> Result<Vec<Sealed>, JournalError> {
    let (tell, told) = mpsc::channel();
    journal.append(payloads, Urgency::Now, move |result| drop(tell.send(result)));
    told.recv_timeout(Duration::from_secs(10)).expect("the writer answers")
}

fn event(text: &str) -> Payload {
    Payload::Event(Arc::from(text.as_bytes()))
}

fn intent(id: u128, body: &str) -> Payload {
    Payload::Intent { id: Uuid::from_u128(id), body: Arc::from(body.as_bytes()) }
}

fn closed(id: u128) -> Payload {
    Payload::Closed { id: Uuid::from_u128(id) }
}

/// The ids of the intents that were found open.
fn open_ids(opened: &Opened) -> Vec<u128> {
    opened.open.iter().map(|intent| intent.id.as_u128()).collect()
}

fn reopen_with(settings: Settings) -> (Opened, Vec<Sealed>) {
    let mut entries = Vec::new();
    let opened = open(settings, &mut |entry| entries.push(entry)).unwrap();
    (opened, entries)
}

fn reopen(directory: &Path) -> (Opened, Vec<Sealed>) {
    reopen_with(settings(directory))
}

fn close(opened: Opened) {
    opened.journal.close();
    assert!(opened.journal.wait(Duration::from_secs(10)));
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn segment(directory: &Path, number: u64) -> PathBuf {
    disk::segment_path(directory, number)
}

fn numbers(entries: &[Sealed]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}

fn assert_is_dense(entries: &[Sealed]) {
    for pair in entries.windows(2) {
        assert!(pair[1].continues(pair[0].head()), "{} after {}", pair[1].sequence, pair[0].sequence);
    }
}

/// A journal of five small entries in one file.
fn five() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (opened, _) = reopen(directory.path());
    append(&opened.journal, &["{}"; 5]).unwrap();
    close(opened);
    fs::read(segment(directory.path(), 1)).unwrap()
}

#[test]
fn what_was_appended_is_read_again_and_the_log_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (opened, entries) = reopen(directory.path());
    assert!(entries.is_empty());
    let first = append(&opened.journal, &["a", "b"]).unwrap();
    assert_eq!(numbers(&first), [1, 2]);
    close(opened);
    let (opened, entries) = reopen(directory.path());
    assert_eq!(entries, first);
    assert_eq!(opened.head, first[1].head());
    append(&opened.journal, &["c"]).unwrap();
    close(opened);
    let (opened, entries) = reopen(directory.path());
    assert_eq!(numbers(&entries), [1, 2, 3]);
    assert_is_dense(&entries);
    assert!(opened.damage.is_empty());
    assert_eq!(append(&opened.journal, &[]), Ok(Vec::new()));
    opened.journal.close();
    assert_eq!(append(&opened.journal, &["d"]), Err(JournalError::Closed));
}

#[test]
fn segments_roll_and_are_removed_only_when_the_store_holds_them() {
    let directory = tempfile::tempdir().unwrap();
    let small = || Settings { segment_bytes_max: 200, ..settings(directory.path()) };
    let (opened, _) = reopen_with(small());
    for _ in 0..9 {
        append(&opened.journal, &["{\"some\":\"payload of a certain length\"}"]).unwrap();
    }
    let segments = disk::segments(&RealDisk, directory.path()).unwrap();
    assert!(segments.len() >= 4, "{segments:?}");
    let first_of_second = read::header_in(&RealDisk, &segments[1].1, None).unwrap().before.sequence + 1;
    opened.journal.release(first_of_second - 1);
    assert!(!segments[0].1.exists() && segments[1].1.exists());
    close(opened);
    let (opened, entries) = reopen_with(small());
    assert_eq!(entries.last().map(|entry| entry.sequence), Some(9));
    opened.journal.release(9);
    let (left, _) = (disk::segments(&RealDisk, directory.path()).unwrap(), close(opened));
    assert_eq!(left.len(), 1, "the newest stays: it knows the head");
    assert_eq!(reopen_with(small()).0.head.sequence, 9);
}

// THREATS S12
#[test]
fn a_segment_of_another_instance_is_set_aside_and_does_not_bound_ours() {
    let bytes = five();
    let directory = tempfile::tempdir().unwrap();
    fs::write(segment(directory.path(), 1), &bytes).unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let foreign = Settings { instance: Uuid::from_u128(2), ..settings(theirs.path()) };
    close(reopen_with(foreign).0);
    fs::copy(segment(theirs.path(), 1), segment(directory.path(), 3)).unwrap();
    let (opened, entries) = reopen(directory.path());
    assert_eq!(numbers(&entries), [1, 2, 3, 4, 5]);
    assert_eq!(opened.damage.len(), 1);
    assert!(files(directory.path()).contains(&"00000000000000000003.log.foreign".to_owned()));
    assert_eq!(instance_in(directory.path()), Some(OURS));
}

// THREATS O11
#[test]
fn a_journal_of_a_newer_version_is_left_alone() {
    let mut bytes = five();
    bytes[9] = 4;
    let sum = crc32fast::hash(&bytes[..112]);
    bytes[112..116].copy_from_slice(&sum.to_be_bytes());
    let directory = tempfile::tempdir().unwrap();
    fs::write(segment(directory.path(), 1), &bytes).unwrap();
    let refused = open(settings(directory.path()), &mut |_| ());
    assert!(matches!(refused, Err(JournalError::Newer { .. })));
    assert_eq!(fs::read(segment(directory.path(), 1)).unwrap(), bytes);
}

#[test]
fn a_missing_segment_is_told_and_no_sequence_is_given_out_twice() {
    let directory = tempfile::tempdir().unwrap();
    let small = || Settings { segment_bytes_max: 100, ..settings(directory.path()) };
    let (opened, _) = reopen_with(small());
    for _ in 0..5 {
        append(&opened.journal, &["{}"]).unwrap();
    }
    close(opened);
    fs::remove_file(segment(directory.path(), 3)).unwrap();
    let (opened, entries) = reopen_with(small());
    assert_eq!(numbers(&entries), [1, 2, 4, 5]);
    assert_eq!(opened.damage.len(), 1, "{:?}", opened.damage);
    close(opened);
    let floor = Head { sequence: 70, leaf: [7; 32] };
    let (opened, _) = reopen_with(Settings { floor, ..small() });
    let next = append(&opened.journal, &["{}"]).unwrap();
    assert!(next[0].continues(floor), "what the store knows counts, too");
}

#[test]
fn who_panics_when_he_is_told_keeps_nobody_else_from_his_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (opened, _) = reopen(directory.path());
    opened.journal.append(vec![event("a")], Urgency::Now, |_| panic!("as a test wants it"));
    assert_eq!(append(&opened.journal, &["b"]).unwrap()[0].sequence, 2);
    close(opened);
}

#[test]
fn a_directory_that_is_removed_is_noticed_and_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (opened, _) = reopen(&path);
    append(&opened.journal, &["a"]).unwrap();
    fs::remove_dir_all(&path).unwrap();
    let told = append(&opened.journal, &["b"]).unwrap_err();
    assert!(told.to_string().contains("removed under us"), "{told}");
    assert!(opened.journal.trouble().is_some());
    assert_eq!(append(&opened.journal, &["c"]).unwrap()[0].sequence, 2);
    opened.journal.release(2);
    close(opened);
    let (opened, entries) = reopen(&path);
    // Its place tells that another was before it, which nobody has any more.
    let left: Vec<(u64, &[u8])> = entries.iter().map(|entry| (entry.sequence, &*entry.json)).collect();
    assert_eq!(left, [(2, &b"c"[..])]);
    close(opened);
}
