//! The check of a store: as it was recorded, and as somebody made it who knows its files.

use std::ops::ControlFlow;

use super::*;
use crate::store::LeafCheck;
use crate::store::check::{Fault, Going};

fn checked(store: &Embedded) -> crate::store::Checked {
    let mut check = LeafCheck::forward(OURS);
    store.check(&mut check, &mut |_| ControlFlow::Continue(())).unwrap();
    check.finish()
}

/// Writes entries over those that a partition holds, as its own writer would.
fn overwrite(store: &Embedded, entries: &[Sealed]) {
    let facts: Vec<Facts> = entries.iter().map(|entry| Facts::of(&entry.json)).collect();
    let partition = store.catalogue.open(1).unwrap();
    let value = Packer::new().unwrap().encode(entries, &facts).unwrap();
    partition.replace(entries[0].sequence, value);
}

#[test]
fn a_store_is_as_it_was_recorded_over_partitions_and_tiles() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open_with(directory.path(), OURS, 700).unwrap();
    let entries = sealed(Head::default(), 1..=1400);
    entries.chunks(300).for_each(|batch| store.append(batch).unwrap());
    let found = checked(&store);
    assert!(found.is_sound(), "{:?}", found.faults);
    assert_eq!((found.count, found.root), (1400, Some(store.tree().root())));
    assert_eq!((0..6).filter(|index| store.catalogue.tiles.at(*index).is_some()).count(), 5);
    drop(store);
    assert_eq!(checked(&open(directory.path())).root, found.root);
}

// THREATS S01
#[test]
fn an_event_that_was_changed_in_its_block_is_named_and_one_that_was_forged_well_is_found_among_its_neighbours()
 {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=600);
    store.append(&entries).unwrap();
    let check = |change: &dyn Fn(&mut Sealed), expected: &str| {
        let mut block = entries[256..320].to_vec();
        change(&mut block[3]);
        overwrite(&store, &block);
        let told = checked(&store).to_string();
        assert!(told.starts_with(expected), "{told}");
        overwrite(&store, &entries[256..320]);
        assert!(checked(&store).is_sound());
    };
    let other = |entry: &Sealed| Sealed::at(260, entry.salt, Arc::from(&b"{\"other\":1}"[..]));
    check(&|entry| entry.json = other(entry).json, "event 260 is not as it was recorded");
    check(&|entry| entry.salt[0] ^= 1, "event 260 is not as it was recorded");
    check(
        &|entry| *entry = other(entry),
        "events 257 to 512 are not all as they were recorded: the file `tiles`",
    );
    check(&|entry| *entry = Sealed::removed(260, [1; 32]), "events 257 to 512 are not all");
}

// THREATS S01
#[test]
fn an_event_that_was_forged_with_its_tile_and_the_note_of_its_partition_is_found_where_the_next_one_begins() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open_with(directory.path(), OURS, 300).unwrap();
    let mut entries = sealed(Head::default(), 1..=900);
    store.append(&entries).unwrap();
    entries[99] = Sealed::at(100, [7; 16], Arc::from(&b"{\"forged\":true}"[..]));
    overwrite(&store, &entries[64..128]);
    let facts: Vec<Facts> = entries[..300].iter().map(|entry| Facts::of(&entry.json)).collect();
    let Grown { note, tiles } = Note::empty(OURS, [0; 32], &Tree::default()).grown(&entries[..300], &facts);
    let noted = store.catalogue.notes()[0].clone();
    let forged = Note { behind: note.behind, ..noted };
    forged.write(&store.catalogue.path(1)).unwrap();
    store.catalogue.tiles.put(&tiles).unwrap();
    drop(store);
    let store = Embedded::open_with(directory.path(), OURS, 300).unwrap();
    let by = "the store's note";
    assert_eq!(checked(&store).faults, [Fault::Replaced { from: 1, to: 300, by }]);
    // The same behind a partition of which only the note is left.
    store.catalogue.retire(301, &Arc::default());
    assert!(checked(&store).faults.contains(&Fault::Replaced { from: 1, to: 300, by }));
}

// THREATS S06
#[test]
fn events_of_which_a_policy_left_the_leaves_verify_and_are_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=100);
    store.append(&entries).unwrap();
    let mut block = entries[..64].to_vec();
    block[7] = Sealed::removed(8, block[7].leaf);
    overwrite(&store, &block);
    // Nobody has told it; the tree is as it was.
    let found = checked(&store);
    assert_eq!(found.faults, [Fault::Untold { from: 1, to: 100, count: 1 }]);
    assert_eq!(found.removed, 0);
    let left = all(&store).unwrap();
    assert_eq!((left.len(), left.contains(&8), store.get(id(8)).unwrap().is_none()), (99, false, true));
}

// THREATS S06
#[test]
fn what_was_told_to_be_removed_is_excused_behind_a_block_that_cannot_be_read_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=192);
    store.append(&entries).unwrap();
    let mut block = entries[128..].to_vec();
    block[1] = Sealed::removed(130, block[1].leaf);
    overwrite(&store, &block);
    store.catalogue.open(1).unwrap().replace(65, b"nothing".to_vec());
    let mut going = Going::default();
    going.take(130);
    let mut check = LeafCheck::forward(OURS);
    store.check(&mut check, &mut |_| ControlFlow::Continue(())).unwrap();
    check.tell(&[going.of(1, 192)]);
    let found = check.finish();
    assert_eq!(found.faults[..2], [Fault::Unreadable(65), Fault::Missing(65, 128)]);
    assert!(!found.faults.iter().any(|fault| matches!(fault, Fault::Untold { .. })), "{found}");
    assert_eq!(found.removed, 1);
}

#[test]
fn a_partition_that_is_purged_between_two_looks_is_checked_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open_with(directory.path(), OURS, 100).unwrap();
    store.append(&sealed(Head::default(), 1..=300)).unwrap();
    let note = store.catalogue.notes()[0].clone();
    store.catalogue.retire(1, &Arc::default());
    store.catalogue.put(note);
    let found = checked(&store);
    assert!(found.is_sound() && found.count == 300, "{found}");
}

// THREATS S06
#[test]
fn a_partition_that_is_gone_is_missing_and_the_tree_goes_on_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open_with(directory.path(), OURS, 100).unwrap();
    store.append(&sealed(Head::default(), 1..=300)).unwrap();
    drop(store);
    fs::remove_dir_all(directory.path().join("00000000000000000101")).unwrap();
    let found = checked(&open(directory.path()));
    assert_eq!(
        found.faults.iter().map(ToString::to_string).collect::<Vec<String>>(),
        ["events 101 to 200 are missing"]
    );
    assert_eq!(found.root, None);
}

#[test]
fn places_that_are_lost_stand_in_the_tree_and_it_is_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = sealed(Head::default(), 1..=30);
    store.append(&entries[..10]).unwrap();
    store.skip(20).unwrap();
    store.append(&entries[20..]).unwrap();
    let mut tree = Tree::default();
    for entry in &entries {
        tree.push(if (11..=20).contains(&entry.sequence) { leaf::lost(entry.sequence) } else { entry.leaf });
    }
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.tree(), tree);
    let told: Vec<String> = checked(&store).faults.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["events 11 to 20 are missing"]);
}
