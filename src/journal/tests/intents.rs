//! Intents: open until they are closed, whatever happens in between.

use super::*;

fn found(directory: &Path, expected: &[u128], why: &str) -> Opened {
    let (opened, _) = reopen_with(Settings { segment_bytes_max: 300, ..settings(directory) });
    assert_eq!(open_ids(&opened), expected, "{why}: {:?}", opened.damage);
    opened
}

#[test]
fn an_intent_is_found_until_it_is_closed_and_takes_no_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let opened = found(directory.path(), &[], "nothing was begun");
    write(&opened.journal, vec![intent(1, "{}"), intent(2, "{\"b\":2}")]).unwrap();
    let events = write(&opened.journal, vec![event("a"), event("b"), closed(1)]).unwrap();
    assert_eq!(numbers(&events), [1, 2], "the events are answered, and nothing else");
    close(opened);
    let opened = found(directory.path(), &[2], "one was closed");
    assert_eq!(&*opened.open[0].body, b"{\"b\":2}");
    assert_eq!(opened.head, events[1].head());
    let events = write(&opened.journal, vec![closed(7), event("c"), closed(2)]).unwrap();
    assert_eq!(numbers(&events), [3]);
    assert_eq!(write(&opened.journal, vec![closed(2)]), Ok(Vec::new()), "closing twice does no harm");
    close(opened);
    let (opened, entries) = reopen(directory.path());
    assert_eq!((open_ids(&opened), numbers(&entries)), (vec![], vec![1, 2, 3]));
    assert_is_dense(&entries);
    assert!(opened.damage.is_empty(), "{:?}", opened.damage);
}

#[test]
fn an_open_intent_is_carried_from_segment_to_segment_so_that_old_ones_can_go() {
    let directory = tempfile::tempdir().unwrap();
    let opened = found(directory.path(), &[], "nothing was begun");
    write(&opened.journal, vec![intent(1, "{\"one\":1}"), intent(2, "{}")]).unwrap();
    for number in 0..20 {
        write(&opened.journal, vec![intent(10, "{}"), event("{\"some\":\"payload\"}"), closed(10)]).unwrap();
        if number == 9 {
            write(&opened.journal, vec![closed(2)]).unwrap();
        }
    }
    opened.journal.release(20);
    close(opened);
    let left = disk::segments(&RealDisk, directory.path()).unwrap();
    assert!(left.len() <= 2 && left[0].0 > 5, "{left:?}");
    let opened = found(directory.path(), &[1], "it was carried");
    assert_eq!((&*opened.open[0].body, opened.head.sequence), (&b"{\"one\":1}"[..], 20));
    // Segments that hold no event at all are finished and removed, too.
    for _ in 0..30 {
        write(&opened.journal, vec![intent(11, "{}"), closed(11)]).unwrap();
    }
    opened.journal.release(20);
    let left = disk::segments(&RealDisk, directory.path()).unwrap();
    assert!(left.len() <= 2, "{left:?}");
    close(opened);
    found(directory.path(), &[1], "it was carried again");
}

#[test]
fn however_a_journal_is_cut_an_intent_is_closed_only_by_its_own_closing() {
    let directory = tempfile::tempdir().unwrap();
    let (opened, _) = reopen(directory.path());
    let mut ends = Vec::new();
    let steps = [vec![intent(1, "{}")], vec![intent(2, "{}")], vec![event("{}"), event("[]"), closed(1)]];
    for step in steps {
        write(&opened.journal, step).unwrap();
        ends.push(fs::metadata(segment(directory.path(), 1)).unwrap().len() as usize);
    }
    close(opened);
    let bytes = fs::read(segment(directory.path(), 1)).unwrap();
    for length in 0..=bytes.len() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(segment(directory.path(), 1), &bytes[..length]).unwrap();
        let expected: &[u128] = match ends.iter().filter(|end| **end <= length).count() {
            0 => &[],
            1 => &[1],
            2 => &[1, 2],
            _ => &[2],
        };
        close(found(directory.path(), expected, &format!("cut at {length}")));
        found(directory.path(), expected, &format!("cut at {length}, opened again"));
    }
}

#[test]
fn a_damaged_closing_leaves_its_intent_open_and_a_damaged_carried_one_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (opened, _) = reopen_with(Settings { segment_bytes_max: 1, ..settings(directory.path()) });
    write(&opened.journal, vec![intent(1, "{}"), intent(2, "{}")]).unwrap();
    close(opened);
    let (opened, _) = reopen(directory.path());
    write(&opened.journal, vec![closed(1)]).unwrap();
    write(&opened.journal, vec![event("{}")]).unwrap();
    opened.journal.release(u64::MAX);
    close(opened);
    let path = segment(directory.path(), 2);
    assert!(!segment(directory.path(), 1).exists(), "its successor holds what it knew");
    let bytes = fs::read(&path).unwrap();
    let carried = header::HEADER_BYTES + 2 * (8 + 34 + 16 + 2);
    for (at, expected) in [(carried + 30, vec![1, 2]), (header::HEADER_BYTES + 30, vec![2])] {
        let copy = tempfile::tempdir().unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(copy.path().join(path.file_name().unwrap()), flipped).unwrap();
        let opened = found(copy.path(), &expected, &format!("byte {at}"));
        assert_eq!(opened.damage.len(), 1, "byte {at}");
    }
}

#[test]
fn what_open_intents_hold_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (opened, _) = reopen(directory.path());
    let body = "1".repeat(15 << 20);
    write(&opened.journal, vec![intent(1, &body)]).unwrap();
    write(&opened.journal, vec![intent(2, &body)]).unwrap();
    assert_eq!(write(&opened.journal, vec![intent(3, &body)]), Err(JournalError::TooManyOpen));
    assert_eq!(numbers(&write(&opened.journal, vec![event("{}"), closed(1)]).unwrap()), [1]);
    write(&opened.journal, vec![intent(3, &body)]).unwrap();
    close(opened);
    assert_eq!(open_ids(&reopen(directory.path()).0), [2, 3]);
}
