//! What is written, and what a stop may have left of it.

use std::cell::Cell;

use super::super::{Index, Pace};
use super::*;

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
