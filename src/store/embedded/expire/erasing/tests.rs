//! Erasures in a store: what they find, cut off after each of their steps, and what no file has any more.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::super::remove::Step;
use super::*;
use crate::event::Actor;
use crate::store::fixture::event;
use crate::store::{Checked, Erased, Fault, Filter, Hash, Head, LeafCheck, Store};

const MAIL: &str = "anna@example.org";

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, Uuid::from_u128(1)).unwrap()
}

/// A store with three days of ten events each, every third of them of Anna; the second is packed.
fn stored(directory: &Path) -> Embedded {
    let store = open(directory);
    let mut head = Head::default();
    let entries: Vec<Sealed> = (0..30)
        .map(|n| {
            let mut event = event(n / 10 * 1_440 + n % 10 + 1);
            if n % 3 == 0 {
                let email = Some(MAIL.to_owned());
                event.actor = Actor { email, name: Some("Anna Meyer".to_owned()), ..Actor::default() };
                event.title = "Moved by Anna Meyer".to_owned();
            }
            let entry = Sealed::after(head, [9; 16], Arc::from(serde_json::to_vec(&event).unwrap()));
            head = entry.head();
            entry
        })
        .collect();
    store.append(&entries).unwrap();
    assert!(store.pack_next(&|| false).unwrap());
    store
}

fn erasing(holds: Vec<Hold>) -> Erasing {
    Erasing {
        whose: Whose::Person(Subject::parse([MAIL]).unwrap()),
        person: "0123456789abcdef".to_owned(),
        holds,
        now: Timestamp::UNIX_EPOCH,
    }
}

fn checked(store: &Embedded, told: &[Erased]) -> Checked {
    let mut check = LeafCheck::forward(Uuid::from_u128(1));
    store.check(&mut check, &mut |_| ControlFlow::Continue(())).unwrap();
    check.tell_erased(told);
    check.finish()
}

fn erase(store: &Embedded, first: u64) -> Vec<Erased> {
    lost(store, &erasing(Vec::new()), first).iter().map(Loss::erased).collect()
}

fn lost(store: &Embedded, erasing: &Erasing, first: u64) -> Vec<Loss> {
    let gone = store.prepare_erasure(erasing, first).unwrap();
    let exchange = store.exchange(Uuid::from_u128(7), first).unwrap();
    store.announce(&exchange).unwrap();
    assert!(store.purge(&exchange).unwrap());
    gone
}

/// True when some file below has these bytes, also in what is compressed.
fn has(store: &Embedded, text: &str) -> bool {
    let notes = store.catalogue.notes();
    notes.iter().any(|note| {
        let partition = store.catalogue.open(note.first).unwrap();
        partition.blocks_from(note.first).any(|pair| {
            let (first, value) = pair.unwrap();
            let block = decoded(first, &value).unwrap();
            block.events().any(|(_, _, json)| memchr::memmem::find(json, text.as_bytes()).is_some())
        })
    })
}

// THREATS P01, S06
#[test]
fn what_is_erased_is_nowhere_and_the_tree_stays_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = stored(directory.path());
    let root = |checked: &Checked| checked.root;
    let before: Option<Hash> = root(&checked(&store, &[]));
    let erasable = store.erasable(&erasing(Vec::new()), || true).unwrap();
    assert_eq!((erasable.events, erasable.values, erasable.settled), (10, 40, 7));
    assert_eq!((erasable.partitions.as_slice(), erasable.sample.len()), (&[1, 11, 21][..], 10));
    assert_eq!(erasable.also, [("Anna Meyer".to_owned(), 10)].into());
    assert_eq!(erasable.fields, [("actor", 20), ("client", 10), ("title", 10)].into());
    // The newest is written no more.
    store.turn().unwrap();
    store.turn().unwrap();
    let told: Vec<Erased> = [1, 11, 21].into_iter().flat_map(|first| erase(&store, first)).collect();
    assert_eq!(told, (0..10).map(|n| (n * 3 + 1, 4)).collect::<Vec<_>>());
    assert!(!has(&store, "Anna") && !has(&store, MAIL) && has(&store, "erased:0123456789abcdef"));
    let after = checked(&store, &told);
    assert!(after.is_sound(), "{after}");
    assert_eq!((after.erased_values, after.erased_events, root(&after)), (40, 10, before));
    assert!(after.to_string().contains("40 values of 10 events were erased"), "{after}");
    // One value that nobody told is a fault, and the tree is not to blame.
    let short: Vec<Erased> =
        told.iter().map(|(sequence, values)| (*sequence, values.min(&3).to_owned())).collect();
    assert_eq!(checked(&store, &short).faults[0], Fault::ErasedUntold { sequence: 1, values: 4 });
    assert_eq!(checked(&store, &told[1..]).faults, [Fault::ErasedUntold { sequence: 1, values: 4 }]);
    // It goes on, and is the same when it is opened anew.
    let head = store.head();
    drop(store);
    let store = open(directory.path());
    assert_eq!((store.head(), store.damage()), (head, Vec::new()));
    store.append(&crate::store::fixture::sealed(head, 9_000..9_002)).unwrap();
    assert!(checked(&store, &told).is_sound());
    assert_eq!(store.erasable(&erasing(Vec::new()), || true).unwrap(), Erasable::default());
}

#[test]
fn what_is_held_keeps_its_values_until_the_hold_ends() {
    let directory = tempfile::tempdir().unwrap();
    let store = stored(directory.path());
    let hold = |until| Hold { name: "case".to_owned(), filter: Filter::default(), until };
    let held = |until| {
        let erasing = erasing(vec![hold(until)]);
        let erasable = store.erasable(&erasing, || true).unwrap();
        (erasable.held, erasable.events, store.prepare_erasure(&erasing, 1).unwrap().len())
    };
    assert_eq!(held(None), (10, 0, 0));
    assert!(!directory.path().join("00000000000000000001.rewritten").exists(), "nothing is left of it");
    assert_eq!(held(Some(Timestamp::MAX)), (10, 0, 0));
    assert_eq!(held(Some(Timestamp::UNIX_EPOCH)), (0, 10, 4));
}

// THREATS P01
#[test]
fn an_erasure_that_is_cut_off_after_any_step_is_done_or_not_done_at_the_next_start() {
    for stop in [None, Some(Step::Mark), Some(Step::Swap), Some(Step::Remove), Some(Step::Forget)] {
        let directory = tempfile::tempdir().unwrap();
        let store = stored(directory.path());
        let gone = store.prepare_erasure(&erasing(Vec::new()), 11).unwrap();
        let gone: Vec<Erased> = gone.iter().map(Loss::erased).collect();
        let exchange = store.exchange(Uuid::from_u128(7), 11).unwrap();
        store.announce(&exchange).unwrap();
        if stop.is_some() {
            let mut step = |step| if Some(step) == stop { Err(io::Error::other("cut off")) } else { Ok(()) };
            store.purge_by_steps(&exchange, &mut step).unwrap_err();
        }
        drop(store);
        let store = open(directory.path());
        assert_eq!(store.damage(), Vec::<String>::new());
        let announced = store.announced().unwrap().unwrap();
        match stop {
            // The event was not recorded.
            None => store.withdraw(&announced).unwrap(),
            Some(_) => assert!(store.purge(&announced).unwrap()),
        }
        let left = store.erasable(&erasing(Vec::new()), || true).unwrap().partitions;
        let (expected, told): (&[u64], &[Erased]) = match stop {
            None => (&[1, 11, 21], &[]),
            Some(_) => (&[1, 21], &gone),
        };
        assert_eq!(left, expected, "{stop:?}");
        assert!(checked(&store, told).is_sound(), "{stop:?}");
        let names: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|name| name.unwrap().file_name()).collect();
        assert_eq!(names.len(), 4, "three partitions and the tiles: {names:?}");
    }
}

// THREATS P02
#[test]
fn what_was_listed_is_taken_from_a_copy_and_from_no_other_entry_at_its_place() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, restored) = (stored(folder.path()), stored(copy.path()));
    // The newest partition is written no more.
    store.turn().unwrap();
    restored.turn().unwrap();
    let gone: Vec<Loss> =
        [1, 11, 21].into_iter().flat_map(|first| lost(&store, &erasing(Vec::new()), first)).collect();
    let mut listed = Listed::default();
    gone.iter().for_each(|loss| listed.add(loss.sequence, loss.leaf, &loss.places));
    let by_list = |listed: &Listed| Erasing { whose: Whose::Listed(listed.clone()), ..erasing(Vec::new()) };

    let mut other = Listed::default();
    gone.iter().for_each(|loss| other.add(loss.sequence, [0; 32], &loss.places));
    assert_eq!(restored.erasable(&by_list(&other), || true).unwrap().events, 0, "of another log");

    let erasable = restored.erasable(&by_list(&listed), || true).unwrap();
    let values: u64 = gone.iter().map(|loss| loss.erased().1).sum();
    assert_eq!((erasable.partitions.as_slice(), erasable.values), (&[1, 11, 21][..], values));
    let again: Vec<Loss> =
        [1, 11, 21].into_iter().flat_map(|first| lost(&restored, &by_list(&listed), first)).collect();
    assert_eq!(again, gone);
    assert!(!has(&restored, MAIL) && !has(&restored, "Anna Meyer"));
    let told: Vec<Erased> = again.iter().map(Loss::erased).collect();
    let (one, two) = (checked(&store, &told), checked(&restored, &told));
    assert!(one.is_sound() && two.is_sound() && one.root == two.root, "{:?}", two.faults);
    assert_eq!(restored.erasable(&by_list(&listed), || true).unwrap().events, 0, "once is enough");
}
