//! Damage: every length cut, every byte flipped. Nothing panics, and nothing is lost in silence.

use super::rig::{Rig, open_journal};
use super::*;
use crate::journal::format::entry::Entry;
use crate::journal::format::seal::Seal;

/// Segments as they stand on the disk.
type Files = Vec<(PathBuf, Vec<u8>)>;

fn path(number: u64) -> PathBuf {
    segment(Path::new("/journal"), number)
}

/// A journal of five small events in one file, each written for itself; and the entries' ends.
fn five() -> (Vec<u8>, Vec<usize>) {
    let mut rig = Rig::new(64 << 20);
    let write = |payload| {
        rig.commit(vec![vec![event(payload)]]);
        rig.disk.bytes(&path(1)).len()
    };
    let ends = ["{\"a\":1}", "{}", "{\"long\":\"value value\"}", "[]", "{\"z\":0}"].map(write).to_vec();
    (rig.disk.bytes(&path(1)), ends)
}

/// Two segments with all kinds of entries; every intent is closed in the end.
fn all_kinds() -> (Files, Vec<Sealed>) {
    let mut rig = Rig::new(545);
    rig.commit(vec![vec![intent(1, "{\"id\":1}"), event("{\"a\":1}")], vec![intent(2, "{\"id\":2}")]]);
    rig.commit(vec![vec![event("{\"b\":1}"), closed(1)], vec![event("{\"c\":1}")]]);
    rig.commit(vec![vec![intent(3, "{\"id\":3}")], vec![event("{\"d\":1}"), closed(2)]]);
    rig.commit(vec![vec![event("{\"e\":1}"), closed(3)]]);
    rig.commit(vec![vec![event("{\"f\":1}")]]);
    let files: Files = (1..=2).map(|number| (path(number), rig.disk.bytes(&path(number)))).collect();
    assert!(rig.intents.is_empty() && rig.disk.bytes(&path(3)).is_empty());
    (files, rig.events)
}

#[test]
fn a_journal_cut_at_any_length_keeps_every_entry_before_the_cut() {
    let (bytes, ends) = five();
    for length in 0..bytes.len() {
        let (mut journal, entries) = open_journal(&[(path(1), bytes[..length].to_vec())]);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(entries.len(), whole, "cut at {length}");
        assert!(journal.damage.is_empty(), "cut at {length}: {:?}", journal.damage);
        assert_eq!(journal.append("n").unwrap()[0].sequence, whole as u64 + 1, "cut at {length}");
        let (_, entries) = journal.reopened();
        assert_eq!(entries.len(), whole + 1, "cut at {length}");
        assert_is_dense(&entries);
    }
}

// THREATS S11
#[test]
fn a_flipped_byte_loses_at_most_the_entry_it_stands_in_and_nothing_in_silence() {
    let (bytes, ends) = five();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x55;
        let (mut journal, entries) = open_journal(&[(path(1), flipped)]);
        let hit = ends.iter().position(|end| at < *end).unwrap();
        let is_header = at < header::HEADER_BYTES;
        let expected: Vec<u64> = (1..=5).filter(|number| is_header || *number != hit as u64 + 1).collect();
        assert_eq!(numbers(&entries), expected, "byte {at}");
        // Damage in the last entry looks like a torn tail, which is cut and told as a warning.
        let is_tail = hit == 4 && !is_header;
        assert_eq!(journal.damage.is_empty(), is_tail, "byte {at}");
        let next = journal.append("n").unwrap();
        assert_eq!(next[0].sequence, if is_tail { 5 } else { 6 }, "byte {at}");
        journal.release(5);
        let names = journal.names();
        let is_aside = names.iter().any(|name| name.ends_with(".damaged"));
        assert_eq!(is_aside, !is_tail, "byte {at}: {names:?}");
    }
}

// THREATS S11
#[test]
fn of_all_kinds_of_entries_none_is_lost_in_silence_when_a_byte_flips_or_a_finished_file_is_short() {
    let (files, events) = all_kinds();
    let check = |files: &Files, why: String, is_tail: bool| {
        let (journal, entries) = open_journal(files);
        let missing = events.iter().filter(|event| !entries.contains(event)).count();
        assert!(entries.iter().all(|entry| events.contains(entry)), "{why}");
        assert!(missing <= 1 || why.starts_with("cut"), "{why}: {missing} are missing");
        let is_as_written = missing == 0 && journal.open.is_empty();
        assert!(is_as_written || is_tail || !journal.damage.is_empty(), "{why}");
    };
    let last_entry = files[1].1.len() - (8 + 34 + 16 + 7);
    for (which, (_, bytes)) in files.iter().enumerate() {
        for at in 0..bytes.len() {
            let mut files = files.clone();
            files[which].1[at] ^= 0x55;
            check(&files, format!("file {which}, byte {at}"), which == 1 && at >= last_entry);
        }
    }
    for length in 0..files[0].1.len() {
        let mut files = files.clone();
        files[0].1.truncate(length);
        check(&files, format!("cut at {length}"), false);
    }
}

#[test]
fn a_hole_in_the_last_write_is_a_tear_only_if_it_was_never_written() {
    let mut rig = Rig::new(64 << 20);
    rig.commit(vec![vec![event("{\"first\":1}")]]);
    let begin = rig.disk.bytes(&path(1)).len();
    let long = format!("\"{}\"", "x".repeat(600));
    rig.commit(vec![vec![event(&long)], vec![event(&long)], vec![event(&long)]]);
    let bytes = rig.disk.bytes(&path(1));
    let check = |from: usize, to: usize, byte: u8, expected: &[u64], is_told: bool| {
        let mut bytes = bytes.clone();
        bytes[from..to].fill(byte);
        let (journal, entries) = open_journal(&[(path(1), bytes)]);
        assert_eq!(numbers(&entries), expected, "{from}..{to} {byte}");
        assert_eq!(journal.damage.is_empty(), !is_told, "{from}..{to} {byte}: {:?}", journal.damage);
    };
    check(begin, 512, 0, &[1], false);
    check(begin + 80, 512, 0, &[1], false);
    check(512, 1024, 0, &[1], false);
    check(1024, 1536, 0, &[1, 2], false);
    check(600, 601, 7, &[1, 3, 4], true);
    check(600, 620, 0, &[1, 3, 4], true);
    check(512, 1024, 7, &[1, 4], true);
    // A write that came later shows that this one was on the disk.
    check(120, 180, 0, &[2, 3, 4], true);
}

// THREATS S13
#[test]
fn a_crafted_entry_with_a_right_checksum_is_not_taken_and_is_told() {
    let mut rig = Rig::new(64 << 20);
    rig.commit(vec![vec![intent(1, "{\"id\":1}")], vec![event("{}"), event("[]")]]);
    let bytes = rig.disk.bytes(&path(1));
    let last = rig.events.last().unwrap();
    let began = bytes.len() as u64;
    let check = |key: u8, number: u64, entry: Entry, is_ours: bool| {
        let place = entry::Place { write_began: began, sequence: 3 };
        let mut crafted = bytes.clone();
        let why = format!("{key} {number} {entry:?}");
        entry::write_entry(&mut crafted, place, &entry, &Seal::new(Some(&[key; 32])).stamp(number));
        let (mut journal, entries) = open_journal(&[(path(1), crafted)]);
        assert_eq!(entries.len(), if is_ours { 3 } else { 2 }, "{why}");
        assert_eq!(journal.damage.is_empty(), is_ours, "{why}: {:?}", journal.damage);
        assert_eq!(journal.open.len(), 1, "{why}: an intent cannot be closed by others");
        assert_eq!(journal.append("n").unwrap()[0].sequence, entries.len() as u64 + 1, "{why}");
        journal.release(9);
        assert_eq!(journal.names().iter().any(|name| name.ends_with(".damaged")), !is_ours, "{why}");
    };
    let forged = || Entry::Event(Sealed::after(last.head(), [1; 16], Arc::from(&b"{\"forged\":1}"[..])));
    check(7, 1, forged(), true);
    check(7, 2, forged(), false);
    check(8, 1, forged(), false);
    check(8, 1, Entry::Closed { id: Uuid::from_u128(1) }, false);
    check(8, 1, Entry::Intent { id: Uuid::from_u128(2), body: Arc::from(&b"{}"[..]) }, false);
}

// THREATS S13
#[test]
fn a_segment_sealed_with_another_key_is_set_aside_and_told() {
    let (files, events) = all_kinds();
    let (number, header) = (3, header::header_of(&files[1].1).unwrap());
    let continues = header::Reach { number: 1, bytes: 200 };
    let header = header::Header { number, before: events[5].head(), continues, ..header };
    let crafted = header::header_bytes(&header, &Seal::new(Some(&[8; 32]))).to_vec();
    let (journal, entries) = open_journal(&[files, vec![(path(3), crafted)]].concat());
    assert_eq!(entries, events, "it bounds no segment of ours");
    assert_eq!(journal.damage.len(), 1, "{:?}", journal.damage);
    assert!(journal.names().iter().any(|name| name.ends_with(".foreign")), "{:?}", journal.names());
}
