//! Which index is made next, whatever comes meanwhile and whatever fails.

use std::cell::{Cell, RefCell};

use super::super::{Extent, Pace, Unmade};
use super::*;
use crate::store::StoreError;

/// Partitions that begin at 1, 71, 141 and 211, the last of 30 events; none has an index.
fn unindexed(directory: &Path) -> Embedded {
    let mut store = Embedded::open_with(directory, Uuid::from_u128(1), 70).unwrap();
    store.index_events_max = 20;
    store.append(&sealed(Head::default(), 1..=240)).unwrap();
    store
}

fn is_whole(store: &Embedded, first: u64) -> bool {
    let notes = store.catalogue.notes();
    let note = notes.iter().find(|note| note.first == first).unwrap();
    let index = store.catalogue.index(note);
    index.is_some_and(|index| index.covered() == note.head().sequence)
}

/// Something is recorded after each piece of work.
struct Busy<'s> {
    store: &'s Embedded,
    rests: Cell<u64>,
}

impl Pace for Busy<'_> {
    fn is_over(&self) -> bool {
        self.rests.get() > 50
    }

    fn rest(&self) {
        self.rests.set(self.rests.get() + 1);
        let head = self.store.head();
        self.store.append(&sealed(head, head.sequence + 1..=head.sequence + 1)).unwrap();
    }
}

#[test]
fn whoever_records_without_end_keeps_no_partition_from_its_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = unindexed(directory.path());
    let busy = Busy { store: &store, rests: Cell::new(0) };
    store.index(&busy).unwrap();
    assert!([1, 71, 141].into_iter().all(|first| is_whole(&store, first)));
    // Pieces of two blocks and a bit: three of each, and one for the newest as it was at the beginning.
    assert!(busy.rests.get() < 20, "{}", busy.rests.get());
    assert!((1..50).contains(&store.unindexed()), "{}", store.unindexed());
}

#[test]
fn an_index_that_cannot_be_made_keeps_no_other_from_being_made() {
    let directory = tempfile::tempdir().unwrap();
    let store = unindexed(directory.path());
    // A file where the folder should be.
    fs::write(store.catalogue.path(71).join("index"), "").unwrap();
    let rests = RefCell::new(Vec::new());
    assert!(matches!(store.index(&|| false), Err(StoreError::Io(_))));
    assert_eq!([1, 71, 141, 211].map(|first| is_whole(&store, first)), [true, false, true, true]);
    // It is put off, not tried at once.
    store
        .index(&|| {
            rests.borrow_mut().push(());
            false
        })
        .unwrap();
    assert_eq!(rests.borrow().len(), 1);
    let filter = Filter { target_id: vec!["b-80".to_owned()], ..Filter::default() };
    assert_eq!(answered(&store, &filter, Order::Newest, 9, None), [80]);
}

#[test]
fn events_that_are_not_there_do_not_count_as_covered() {
    let directory = tempfile::tempdir().unwrap();
    let store = unindexed(directory.path());
    let mut note = store.catalogue.newest().unwrap();
    note.count += 5;
    let made = store.catalogue.extend_index(&note, Extent::Growing, 1000, &|| false);
    assert!(matches!(made, Err(Unmade::Unread(_))), "{made:?}");
    assert!(!is_whole(&store, note.first));
}

#[test]
fn it_may_be_stopped_anywhere_and_goes_on_from_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = unindexed(directory.path());
    let filter = Filter { action: vec!["moved".to_owned()], ..Filter::default() };
    let right = answered(&store, &filter, Order::Newest, 100, None);
    for asked_max in 1..12 {
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > asked_max
        };
        store.index(&stop).unwrap();
        assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right, "{asked_max}");
    }
    store.index(&|| false).unwrap();
    assert!([1, 71, 141, 211].into_iter().all(|first| is_whole(&store, first)));
    assert_eq!(answered(&store, &filter, Order::Newest, 100, None), right);
}

#[cfg(target_os = "linux")]
#[test]
fn the_thread_that_writes_an_index_gives_way_and_the_one_that_has_it_made_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = unindexed(directory.path());
    let own = rustix::process::getpriority_process(None).unwrap();
    let seen = RefCell::new(Vec::new());
    let look = || {
        for thread in fs::read_dir("/proc/self/task").unwrap().flatten() {
            // One that has ended meanwhile is gone.
            let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else { continue };
            let (name, rest) = stat.rsplit_once(')').unwrap();
            if name.contains("index-writer") {
                seen.borrow_mut().push(rest.split(' ').nth(17).unwrap().parse::<i32>().unwrap());
            }
        }
        false
    };
    store.index(&look).unwrap();
    assert!(seen.borrow().contains(&own.max(10)), "{seen:?}");
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), own);
}
