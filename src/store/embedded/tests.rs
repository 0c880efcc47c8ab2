//! The store by itself: hand-overs repeated and cut off, partitions that end and that are damaged.

mod audit;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::store::fixture::{BEGIN_MS, event, id, sealed};
use crate::store::{Filter, Order};

const OURS: Uuid = Uuid::from_u128(1);

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, OURS).expect("the store opens")
}

fn all(store: &Embedded) -> Result<Vec<u64>, StoreError> {
    let query = Query {
        filter: Filter::default(),
        order: Order::Newest,
        after: None,
        limit: 100_000,
        time_max: Duration::from_secs(20),
    };
    Ok(store.query(&query)?.events.iter().rev().map(|found| found.sealed.sequence).collect())
}

fn partitions(directory: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(name).filter(|name| name != "tiles").collect();
    names.sort();
    names
}

pub(super) fn copied(from: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: PathBuf) {
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                copy(&entry.path(), to.join(entry.file_name()));
            }
        } else {
            fs::copy(from, to).unwrap();
        }
    }
    let to = tempfile::tempdir().unwrap();
    copy(from, to.path().to_owned());
    to
}

const FIRST: &str = "00000000000000000001";

#[test]
fn a_batch_is_taken_once_and_another_at_its_place_is_a_fork() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=60);
    let forked = sealed(entries[9].head(), 100..=149);
    let fork = |sequence| Err(StoreError::Fork { sequence }.to_string());
    type Case<'a> = (&'a str, &'a [Sealed], Result<(), String>, u64);
    let cases: [Case; 10] = [
        ("nothing", &[], Ok(()), 0),
        ("the first", &entries[..20], Ok(()), 20),
        ("the same again", &entries[..20], Ok(()), 20),
        ("an older part", &entries[3..7], Ok(()), 20),
        ("overlapping", &entries[10..40], Ok(()), 40),
        ("behind a hole", &entries[41..50], fork(42), 40),
        ("another at the same place", &forked[..20], fork(30), 40),
        ("another from a held place on", &forked, fork(40), 40),
        ("not a chain", &[entries[40].clone(), entries[42].clone()], fork(43), 40),
        ("the rest", &entries[40..], Ok(()), 60),
    ];
    for (what, batch, expected, head) in cases {
        assert_eq!(store.append(batch).map_err(|error| error.to_string()), expected, "{what}");
        assert_eq!(store.head().sequence, head, "{what}");
    }
    assert_eq!(store.head(), entries[59].head());
    assert_eq!(all(&store).unwrap(), (1..=60).collect::<Vec<u64>>());
    assert!(store.damage().is_empty());
}

#[test]
fn entries_are_those_of_the_events_that_a_question_finds() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(&sealed(store.head(), 1..=1_500)).unwrap();
    store.index(&|| false).unwrap();
    while store.pack_next(&|| false).unwrap() {}
    store.append(&sealed(store.head(), 1_501..=1_600)).unwrap();
    let filters = [
        Filter::default(),
        Filter { result: vec![crate::event::Outcome::Denied], ..Filter::default() },
        Filter { actor: vec!["u3".to_owned()], from: Some(event(1_400).time), ..Filter::default() },
        Filter { action: vec!["NOTHING".to_owned()], ..Filter::default() },
    ];
    for (filter, order) in
        filters.iter().flat_map(|filter| [Order::Newest, Order::Oldest].map(|order| (filter, order)))
    {
        for (after, limit) in [(None, 2_000), (None, 7), (Some(1_450), 100), (Some(3), 2)] {
            let time_max = Duration::from_secs(20);
            let query = Query { filter: filter.clone(), order, after, limit, time_max };
            let (entries, events) = (store.entries(&query).unwrap(), store.query(&query).unwrap());
            assert_eq!((entries.next, entries.is_cut), (events.next, events.is_cut), "{query:?}");
            assert_eq!(entries.events, events.into_entries().events, "{query:?}");
        }
    }
}

#[test]
fn an_entry_that_nobody_can_read_keeps_nobody_from_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let newer = br#"{"format":9,"id":"00000000-0000-0000-0000-000000000001","time":"2026-11-22T00:00:00Z"}"#;
    let mut head = store.head();
    for json in
        [&b"odd"[..], b"[]", b"{}", b"{\"id\":\"\xff\",\"time\":\"\"}", b"{\"id\":\"\",\"time\":\"\"", newer]
    {
        let entry = Sealed::after(head, [7; 16], Arc::from(json));
        head = entry.head();
        store.append(&[entry]).unwrap();
    }
    store.append(&sealed(head, 1..=2)).unwrap();
    assert_eq!(all(&store).unwrap(), [7, 8]);
    let time_max = Duration::from_secs(20);
    let query = Query { filter: Filter::default(), order: Order::Oldest, after: None, limit: 10, time_max };
    let entries = store.entries(&query).unwrap().events;
    // What a newer version wrote is handed on as it is stored.
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [6, 7, 8]);
}

#[test]
fn a_hand_over_cut_off_between_its_steps_makes_neither_duplicate_nor_hole() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=50);
    // Cut off after the partition's directory, after its note, after an empty database.
    fs::create_dir(directory.path().join(FIRST)).unwrap();
    fs::write(directory.path().join(FIRST).join("note.new"), "half").unwrap();
    drop(store);
    let store = open(directory.path());
    assert!(store.damage().is_empty() && partitions(directory.path()).is_empty());
    store.catalogue.begin([0; 32], &Tree::default()).unwrap();
    store.close();
    drop(store);
    let store = open(directory.path());
    store.append(&entries[..20]).unwrap();
    let old_note = fs::read(directory.path().join(FIRST).join("note")).unwrap();
    store.append(&entries[20..40]).unwrap();
    drop(store);
    // Cut off between the database and the note.
    fs::write(directory.path().join(FIRST).join("note"), old_note).unwrap();
    let store = open(directory.path());
    assert_eq!(store.head(), entries[39].head(), "the database is ahead of its note");
    store.append(&entries[20..]).unwrap();
    assert_eq!(all(&store).unwrap(), (1..=50).collect::<Vec<u64>>());
    assert_eq!(store.get(id(33)).unwrap().unwrap().event, event(33), "the note's spans have grown, too");
    assert!(store.damage().is_empty());
}

#[test]
fn a_partition_ends_with_its_day_and_midnight_does_not_tear_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    // Midnight lies between 1439 and 1440; some of the old day arrive late, and once a clock is set back.
    let numbers = [1, 1438, 1440, 1439, 1441, 2880, 2879, 2881, 3, 4];
    let entries = sealed(Head::default(), numbers);
    store.append(&entries[..4]).unwrap();
    store.append(&entries[4..]).unwrap();
    let firsts = ["00000000000000000001", "00000000000000000003", "00000000000000000006"];
    assert_eq!(partitions(directory.path()), firsts);
    drop(store);
    let store = open(directory.path());
    assert_eq!(all(&store).unwrap(), (1..=10).collect::<Vec<u64>>());
    for number in numbers {
        assert_eq!(store.get(id(number)).unwrap().unwrap().event, event(number));
    }
    assert!(store.get(id(2)).unwrap().is_none());
    let at = |minutes: i64| jiff::Timestamp::from_millisecond(BEGIN_MS + minutes * 60_000).unwrap();
    let filter = Filter { from: Some(at(1439)), to: Some(at(2880)), ..Filter::default() };
    let query =
        Query { filter, order: Order::Newest, after: None, limit: 10, time_max: Duration::from_secs(20) };
    let page = store.query(&query).unwrap();
    assert_eq!(page.events.iter().map(|found| found.sealed.sequence).collect::<Vec<_>>(), [7, 5, 4, 3]);
}

#[test]
fn many_partitions_are_read_with_few_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(&sealed(Head::default(), (0..9).map(|day| day * 1440))).unwrap();
    assert_eq!(partitions(directory.path()).len(), 9);
    assert_eq!(all(&store).unwrap().len(), 9);
    let is_ours = |fd: io::Result<fs::DirEntry>| {
        let path = fs::read_link(fd.unwrap().path()).unwrap_or_default();
        path.starts_with(directory.path()) && path.ends_with("events/db")
    };
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| is_ours(fd).then_some(())).count();
    assert!((2..=8).contains(&open), "two descriptors for each of at most four: {open}");
}

// THREATS S11
#[test]
fn no_flipped_byte_or_cut_makes_the_store_panic_or_silently_short() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=200);
    entries.chunks(50).for_each(|batch| store.append(batch).unwrap());
    drop(store);
    let files = ["events/db", "events/conf", "note"].map(|name| PathBuf::from(FIRST).join(name));
    let mut hits = 0;
    for file in &files {
        let length = fs::metadata(directory.path().join(file)).unwrap().len();
        let used = length.min(40_000);
        for at in (0..used).step_by((used as usize / 12).max(1)) {
            let copy = copied(directory.path());
            let mut bytes = fs::read(copy.path().join(file)).unwrap();
            if at % 2 == 0 {
                bytes[at as usize] ^= 0x10;
            } else {
                bytes.truncate(at as usize);
            }
            fs::write(copy.path().join(file), bytes).unwrap();
            let store = open(copy.path());
            let what = format!("{} at {at}", file.display());
            match all(&store) {
                Ok(found) if store.damage().is_empty() => {
                    assert_eq!(found, (1..=200).collect::<Vec<u64>>(), "{what}");
                }
                Ok(_) | Err(StoreError::Damaged { .. }) => hits += 1,
                Err(error) => panic!("{what}: {error}"),
            }
            // Whatever was lost, what comes next is taken.
            store.skip(200).unwrap();
            store.append(&sealed(entries[199].head(), 201..=210)).unwrap();
            assert_eq!(all(&store).unwrap().last(), Some(&210), "{what}");
        }
    }
    assert!(hits > 5, "{hits}");
}

#[test]
fn the_store_of_another_instance_is_set_aside_but_its_numbers_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.append(&sealed(Head::default(), 1..=20)).unwrap();
    drop(store);
    let store = Embedded::open(directory.path(), Uuid::from_u128(2)).unwrap();
    assert_eq!((store.head().sequence, store.floor().sequence), (0, 20));
    assert_eq!(store.damage().len(), 1);
    assert_eq!(partitions(directory.path()), [format!("{FIRST}.quarantined-1")]);
}

#[test]
fn an_event_of_the_largest_size_is_kept_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut large = event(2);
    let mut noise = 7u64;
    let text = (0..1_000_000).map(|_| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (noise >> 60) as u8)
    });
    large.details.insert("noise".to_owned(), text.collect::<String>().into());
    let mut entries = sealed(Head::default(), 1..=1);
    entries.push(Sealed::after(entries[0].head(), [2; 16], serde_json::to_vec(&large).unwrap().into()));
    entries.extend(sealed(entries[1].head(), 3..=30));
    store.append(&entries).unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(all(&store).unwrap().len(), 30);
    assert_eq!(store.get(id(2)).unwrap().unwrap().event, large);
    assert!(store.damage().is_empty());
}

// THREATS O11
#[test]
fn a_partition_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let partition = directory.path().join(FIRST);
    fs::create_dir(&partition).unwrap();
    let line = r#"{"format":3,"and":"more"}"#;
    let note = format!("{line}\n{:08x}\n", crc32fast::hash(line.as_bytes()));
    fs::write(partition.join("note"), &note).unwrap();
    let refused = Embedded::open(directory.path(), OURS).err().expect("a newer store is not opened");
    assert!(refused.to_string().contains("newer version"), "{refused}");
    assert_eq!(fs::read_to_string(partition.join("note")).unwrap(), note);
}

#[test]
fn a_partition_ends_when_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open_with(directory.path(), OURS, 20).unwrap();
    store.append(&sealed(Head::default(), 1..=50)).unwrap();
    assert_eq!(partitions(directory.path()).len(), 3);
    assert_eq!(all(&store).unwrap(), (1..=50).collect::<Vec<u64>>());
}

#[test]
fn a_nearly_full_disk_is_left_to_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let entries = sealed(Head::default(), 1..=20);
    store.free_bytes = |_| Ok(8 << 20);
    let refused = store.append(&entries).expect_err("there is no room");
    assert!(refused.to_string().contains("the disk has 8388608 bytes left"), "{refused}");
    assert_eq!(store.head().sequence, 0);
    store.free_bytes = |_| Ok(1 << 30);
    store.append(&entries).unwrap();
    store.free_bytes = |_| Ok(0);
    store.append(&entries).expect("what is held needs no room");
    assert_eq!(all(&store).unwrap(), (1..=20).collect::<Vec<u64>>());
}

#[test]
fn a_hand_over_that_fails_is_repeated_on_a_partition_that_opens_again_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=50);
    store.append(&entries[..20]).unwrap();
    // The note's place is taken: the database has the entries by then, and sled is let go of.
    let note = directory.path().join(FIRST).join("note.new");
    fs::create_dir(&note).unwrap();
    for _ in 0..3 {
        assert!(matches!(store.append(&entries[10..40]), Err(StoreError::Io(_))));
        match all(&store) {
            Ok(found) => assert_eq!(found[..20], (1..=20).collect::<Vec<u64>>(), "it can still be read"),
            // It was closed by then, and whoever opens it must write its note first.
            Err(error) => assert!(matches!(error, StoreError::Io(_)), "{error}"),
        }
    }
    fs::remove_dir(&note).unwrap();
    store.append(&entries[10..40]).unwrap();
    store.append(&entries[30..]).unwrap();
    assert_eq!(all(&store).unwrap(), (1..=50).collect::<Vec<u64>>());
    assert!(store.damage().is_empty(), "{:?}", store.damage());
    drop(store);
    assert_eq!(open(directory.path()).head(), entries[49].head());
}
