//! Packed partitions: as they are written and read, whole and damaged; how a database becomes one, wherever that is cut
//! off; and that nobody who asks sees a difference.

use std::ops::ControlFlow;
use std::time::Duration;

use uuid::Uuid;

use super::super::block::Facts;
use super::super::decoded;
use super::*;
use crate::store::embedded::Embedded;
use crate::store::fixture::{event, id, sealed};
use crate::store::{Filter, Head, LeafCheck, Order, Query, Sealed, Store, StoreError};

const FIRST: &str = "00000000000000000001";

fn opened(directory: &Path) -> Embedded {
    Embedded::open_with(directory, Uuid::from_u128(1), 100).unwrap()
}

/// Three partitions, the last of which grows: events 1 to 100, 101 to 200 and 201 to 230.
fn stored(directory: &Path) -> (Embedded, Vec<Sealed>) {
    let store = opened(directory);
    let entries = sealed(Head::default(), 1..=230);
    // Each hand-over makes a block, or more.
    entries.chunks(7).for_each(|batch| store.append(batch).unwrap());
    (store, entries)
}

fn pack_all(store: &Embedded) {
    while store.pack_next(&|| false).unwrap() {}
}

fn page(store: &Embedded, filter: Filter, order: Order) -> Result<Vec<u64>, StoreError> {
    let query = Query { filter, order, after: None, limit: 1_000, time_max: Duration::from_secs(20) };
    Ok(store.query(&query)?.events.iter().map(|found| found.sealed.sequence).collect())
}

fn all(store: &Embedded) -> Result<Vec<u64>, StoreError> {
    page(store, Filter::default(), Order::Oldest)
}

fn is_sound(store: &Embedded) -> bool {
    let mut check = LeafCheck::forward(Uuid::from_u128(1));
    store.check(&mut check, &mut |_| ControlFlow::Continue(())).unwrap();
    let checked = check.finish();
    checked.is_sound() && checked.root == Some(store.tree().root())
}

/// A file with these entries.
fn packed(folder: &Path, entries: &[Sealed]) -> Pack {
    let mut packing = Packing::begin(folder, entries[0].sequence).unwrap();
    for entry in entries {
        packing.put(&Row::of(entry, Facts::of(&entry.json))).unwrap();
    }
    packing.finish().unwrap()
}

fn firsts<'p>(blocks: impl Iterator<Item = Result<Pair, Trouble>> + 'p) -> Vec<u64> {
    blocks.map(|pair| pair.unwrap().0).collect()
}

fn entries_of(pack: &Pack) -> Result<Vec<Sealed>, Trouble> {
    let mut entries = Vec::new();
    for pair in pack.blocks_from(0) {
        let (first, value) = pair?;
        let block = decoded(first, &value)?;
        entries.extend((block.first()..=block.last()).filter_map(|sequence| block.entry(sequence)));
    }
    Ok(entries)
}

#[test]
fn a_packed_partition_has_what_was_put_in_and_finds_each_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = sealed(Head::default(), 1..=100).split_off(10);
    entries[20] = Sealed::removed(31, [7; 32]);
    let pack = packed(folder.path(), &entries);
    assert_eq!((pack.range(), entries_of(&pack).unwrap()), ((11, 100), entries));
    let check = |below: u64, expected: &[u64], from: u64, onwards: &[u64]| {
        assert_eq!(
            (firsts(pack.blocks_below(below)), firsts(pack.blocks_from(from))),
            (expected.to_vec(), onwards.to_vec())
        );
    };
    check(0, &[], 0, &[11, 43, 75]);
    check(11, &[], 11, &[11, 43, 75]);
    check(12, &[11], 12, &[43, 75]);
    check(75, &[43, 11], 75, &[75]);
    check(u64::MAX, &[75, 43, 11], 76, &[]);
}

// THREATS S11
#[test]
fn no_flipped_byte_or_cut_of_a_packed_file_panics_or_returns_other_entries() {
    let folder = tempfile::tempdir().unwrap();
    let entries = sealed(Head::default(), 1..=70);
    drop(packed(folder.path(), &entries));
    let path = folder.path().join(UNFINISHED);
    let bytes = fs::read(&path).unwrap();
    let (mut refused, mut read) = (0, 0);
    for at in (0..bytes.len()).step_by(7).chain(bytes.len() - 76..bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x21;
        for changed in [flipped, bytes[..at].to_vec()] {
            fs::write(&path, changed).unwrap();
            let found = Pack::open_file(&path).and_then(|pack| entries_of(&pack.unwrap()));
            match found {
                Ok(found) => {
                    // A label's spans say nothing of the entries.
                    assert_eq!(found, entries, "byte {at}");
                    read += 1;
                }
                Err(Trouble::Damaged(_)) => refused += 1,
                Err(Trouble::Io(why)) => panic!("byte {at}: {why}"),
            }
        }
    }
    assert!(refused > 10 * read, "{refused} refused, {read} read");
}

#[test]
fn what_takes_no_more_is_packed_and_answers_are_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (store, entries) = stored(directory.path());
    store.index(&|| false).unwrap();
    pack_all(&store);
    let is_packed = |first: u64| {
        let path = store.catalogue.path(first);
        (path.join("packed").exists(), path.join("events").exists(), path.join("index").exists())
    };
    assert_eq!([1, 101, 201].map(is_packed), [(true, false, true), (true, false, true), (false, true, true)]);
    let look = |store: &Embedded| {
        let of_one = Filter { actor: vec!["u3".to_owned()], ..Filter::default() };
        assert_eq!(all(store).unwrap(), (1..=230).collect::<Vec<u64>>());
        let expected: Vec<u64> = (1..=230).rev().filter(|n| n % 7 == 3).collect();
        assert_eq!(page(store, of_one, Order::Newest).unwrap(), expected);
        for n in [1, 32, 33, 100, 101, 230] {
            assert_eq!(store.get(id(n)).unwrap().unwrap().event, event(n));
        }
        assert!(is_sound(store) && store.damage().is_empty());
    };
    look(&store);
    // The old hand-over is known, and the next one is taken.
    store.append(&entries[90..]).unwrap();
    drop(store);
    let store = opened(directory.path());
    look(&store);
    let more = sealed(store.head(), 231..=320);
    store.append(&more).unwrap();
    pack_all(&store);
    assert!(is_sound(&store));
    assert!(store.catalogue.path(201).join("packed").exists());
}

#[test]
fn packing_that_is_cut_off_anywhere_is_done_or_not_done_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = stored(directory.path());
    let copy = tempfile::tempdir().unwrap();
    let events = store.catalogue.path(1).join("events");
    store.close();
    fs::create_dir(copy.path().join("events")).unwrap();
    for file in ["db", "conf"] {
        fs::copy(events.join(file), copy.path().join("events").join(file)).unwrap();
    }
    // While it is written.
    fs::write(store.catalogue.path(1).join(UNFINISHED), "half").unwrap();
    drop(store);
    let store = opened(directory.path());
    assert!(!store.catalogue.path(1).join(UNFINISHED).exists());
    assert!(!store.is_packed(&store.catalogue.notes()[0]));
    // Stopped: nothing is left, and it is done later.
    assert!(!store.pack_next(&|| true).unwrap());
    assert!(!store.catalogue.path(101).join(UNFINISHED).exists());
    pack_all(&store);
    drop(store);
    // Before the database was removed.
    let events = directory.path().join(FIRST).join("events");
    fs::rename(copy.path().join("events"), &events).unwrap();
    let store = opened(directory.path());
    assert!(!events.exists() && is_sound(&store));
    assert_eq!(all(&store).unwrap(), (1..=230).collect::<Vec<u64>>());
}

#[test]
fn what_is_read_is_packed_when_its_reader_is_done_and_takes_his_time() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = stored(directory.path());
    let reader = store.catalogue.open(101).unwrap();
    let exchange = || store.catalogue.unopened(101, || panic!("somebody reads it"));
    assert!(!exchange().unwrap());
    assert_eq!(firsts(reader.blocks_from(0)).first(), Some(&101));
    drop(reader);
    pack_all(&store);
    assert!(store.is_packed(&store.catalogue.notes()[1]));
}

#[test]
fn a_database_that_was_changed_is_packed_as_it_is_and_found_by_a_check() {
    let directory = tempfile::tempdir().unwrap();
    let (store, entries) = stored(directory.path());
    let forged = sealed(entries[6].head(), 1_008..=1_014);
    let facts: Vec<Facts> = forged.iter().map(|entry| Facts::of(&entry.json)).collect();
    let value = Packer::new().unwrap().encode(&forged, &facts).unwrap();
    store.catalogue.open(1).unwrap().replace(8, value);
    assert!(!is_sound(&store));
    pack_all(&store);
    assert!(!is_sound(&store) && store.damage().is_empty());
}

#[test]
fn what_comes_behind_a_packed_partition_begins_another() {
    let directory = tempfile::tempdir().unwrap();
    let (store, entries) = stored(directory.path());
    store.turn().unwrap();
    pack_all(&store);
    drop(store);
    // The newest is gone, and with it the only one that takes more.
    fs::remove_dir_all(directory.path().join("00000000000000000231")).unwrap();
    let store = opened(directory.path());
    assert_eq!(store.head(), entries[229].head());
    store.append(&sealed(entries[229].head(), 230..=231)).unwrap();
    assert_eq!(store.catalogue.newest().map(|note| (note.first, note.count)), Some((231, 2)));
    assert!(is_sound(&store));
}

#[test]
fn a_partition_that_cannot_be_packed_stays_and_keeps_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = stored(directory.path());
    let free_bytes = store.free_bytes;
    store.free_bytes = |_| Ok(1 << 20);
    let refused = store.pack_next(&|| false).unwrap_err().to_string();
    assert!(refused.contains("too few to pack a partition"), "{refused}");
    store.free_bytes = free_bytes;
    pack_all(&store);
    let packed: Vec<bool> = store.catalogue.notes().iter().map(|note| store.is_packed(note)).collect();
    assert_eq!((packed, all(&store).unwrap().len()), (vec![true, false, false], 230));
}
