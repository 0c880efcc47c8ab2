//! What is written, and what a stop may have left of it.

use std::cell::Cell;
use std::sync::Arc;

use super::super::{Extent, Index, Pace, Unmade};
use super::*;
use crate::store::StoreError;

fn newest(store: &Embedded) -> std::path::PathBuf {
    store.catalogue.path(store.catalogue.newest().unwrap().first)
}

#[test]
fn what_a_stop_left_is_removed_and_what_is_of_the_index_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let partition = newest(&store);
    let index = partition.join("index");
    let orphan = format!("{}.idx", Uuid::from_u128(7).simple());
    fs::write(index.join(&orphan), "half of it").unwrap();
    fs::write(index.join(".tmp0815"), "half of it").unwrap();
    fs::create_dir(index.join("aside")).unwrap();
    fs::write(index.join("aside").join("meta.json"), "{").unwrap();
    store.append(&sealed(store.head(), 201..=205)).unwrap();
    store.index(&|| false).unwrap();
    let left = |name: &str| index.join(name).exists();
    assert_eq!((left(&orphan), left(".tmp0815"), left("aside")), (false, false, false));
    assert!(Index::open(&partition).unwrap().is_some_and(|index| index.covered() == 205));
    let filter = Filter { action: vec!["moved".to_owned()], ..Filter::default() };
    let all: Vec<_> = (1..=205).filter(|n| n % 50 != 49).map(|n| (n, varied(n))).collect();
    let right = expected(&all, &filter, Order::Newest, None);
    assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right);
}

#[test]
fn what_a_stop_left_of_the_last_work_on_a_partition_is_removed_too() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let orphan = directory.path().join("00000000000000000001/index/orphan.idx");
    fs::write(&orphan, "half of it").unwrap();
    let store = Embedded::open_with(directory.path(), Uuid::from_u128(1), 70).unwrap();
    store.index(&|| false).unwrap();
    assert!(!orphan.exists());
    assert_eq!(store.unindexed(), 0);
}

/// 200 events, all of them in the index.
fn indexed(directory: &Path) -> Embedded {
    let store = store(directory);
    store.index(&|| false).unwrap();
    store
}

fn extended(store: &Embedded) -> Result<(), Unmade> {
    let note = store.catalogue.newest().unwrap();
    store.catalogue.extend_index(&note, Extent::Growing, 1000, &|| false)
}

fn covered(store: &Embedded) -> Option<u64> {
    Some(store.catalogue.index(&store.catalogue.newest().unwrap())?.covered())
}

#[test]
fn what_cannot_be_extended_stays_as_it_is_and_is_extended_later() {
    let directory = tempfile::tempdir().unwrap();
    let store = indexed(directory.path());
    let index = newest(&store).join("index");
    let before = names(&index);
    store.append(&sealed(store.head(), 201..=205)).unwrap();
    // A file where a folder should be made.
    fs::write(index.join("aside"), "").unwrap();
    assert!(matches!(store.index(&|| false), Err(StoreError::Io(_))));
    assert_eq!(covered(&store), Some(200));
    fs::remove_file(index.join("aside")).unwrap();
    extended(&store).unwrap();
    assert_eq!(covered(&store), Some(205));
    let after = names(&index);
    assert!(before.iter().all(|name| after.contains(name)), "{before:?} {after:?}");
}

#[test]
fn what_fails_again_and_again_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let store = indexed(directory.path());
    let note = store.catalogue.newest().unwrap();
    let is_given_up: Vec<bool> = (0..10).map(|_| store.catalogue.indexes.put_off(note.first)).collect();
    assert_eq!(is_given_up, [[false; 9].as_slice(), &[true]].concat());
    store.catalogue.distrust_index(&note, "it fails");
    assert_eq!(covered(&store), None);
    extended(&store).unwrap();
    assert_eq!(covered(&store), Some(200));
    assert!(!store.catalogue.indexes.put_off(note.first), "it is counted anew");
}

#[test]
fn an_index_that_was_opened_before_it_grew_is_not_extended() {
    let directory = tempfile::tempdir().unwrap();
    let store = indexed(directory.path());
    let note = store.catalogue.newest().unwrap();
    let old = store.catalogue.index(&note).unwrap();
    store.append(&sealed(store.head(), 201..=205)).unwrap();
    extended(&store).unwrap();
    // A reader who was slow.
    store.catalogue.indexes.put_opened(note.first, Arc::clone(&old));
    assert_eq!(covered(&store), Some(205));
    // One with a list of partitions from before finds it right, too.
    store.catalogue.indexes.forget(Some(note.first));
    assert_eq!(store.catalogue.index(&note).map(|index| index.covered()), Some(205));
    store.catalogue.indexes.forget(Some(note.first));
    store.catalogue.indexes.put_opened(note.first, old);
    store.append(&sealed(store.head(), 206..=207)).unwrap();
    assert!(matches!(extended(&store), Err(Unmade::Failed(_))));
    store.catalogue.indexes.put_off(note.first);
    extended(&store).unwrap();
    assert!(Index::open(&newest(&store)).unwrap().is_some_and(|index| index.covered() == 207));
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect()
}

// THREATS S11
#[test]
fn a_change_of_any_file_of_an_index_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let partition = newest(&store(directory.path()));
    let files: Vec<_> =
        fs::read_dir(partition.join("index")).unwrap().map(|file| file.unwrap().path()).collect();
    let parts: Vec<_> =
        files.iter().filter(|file| !file.to_string_lossy().contains("tantivy-meta")).collect();
    assert!(parts.len() > 6, "{files:?}");
    assert!(Index::open(&partition).is_ok());
    for file in parts {
        let whole = fs::read(file).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 0x10;
        fs::write(file, changed).unwrap();
        assert!(Index::open(&partition).is_err(), "{}", file.display());
        fs::remove_file(file).unwrap();
        assert!(!matches!(Index::open(&partition), Ok(Some(_))), "{}", file.display());
        fs::write(file, whole).unwrap();
    }
}

#[test]
fn a_piece_of_work_ends_when_its_memory_is_full() {
    struct Counting(Cell<u32>);
    impl Pace for Counting {
        fn is_over(&self) -> bool {
            false
        }
        fn rest(&self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path(), Uuid::from_u128(1)).unwrap();
    for n in 1..=24 {
        let words: Vec<String> = (0..6000).map(|at| format!("w{n}x{at}")).collect();
        let event = Event { reason: Some(words.join(" ")), ..varied(n) };
        let json = serde_json::to_vec(&event).unwrap().into();
        store.append(&[Sealed::after(store.head(), [0; 16], json)]).unwrap();
    }
    let pieces = Counting(Cell::new(0));
    store.index(&pieces).unwrap();
    assert!((2..10).contains(&pieces.0.get()), "{}", pieces.0.get());
    assert_eq!(store.unindexed(), 0);
    let filter = Filter { search: Clause::parse_all("w17x5999").unwrap(), ..Filter::default() };
    assert_eq!(answered(&store, &filter, Order::Newest, 9, None), [17]);
}
