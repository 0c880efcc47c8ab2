//! The check of small logs: as they were recorded, and as nobody recorded them.

use std::sync::Arc;

use super::super::Head;
use super::super::fixture::sealed;
use super::super::tree::tests::root_of;
use super::*;

/// Oldest first.
fn log(count: u64) -> Vec<Sealed> {
    sealed(Head::default(), 1..=count)
}

fn root(entries: &[Sealed]) -> Hash {
    root_of(&entries.iter().map(|entry| entry.leaf).collect::<Vec<Hash>>())
}

fn forward(entries: &[Sealed], known: &[(u64, Hash)]) -> Checked {
    let mut check = LeafCheck::forward(Uuid::nil());
    known.iter().for_each(|(size, root)| check.know(*size, *root, "a checkpoint"));
    entries.iter().for_each(|entry| check.take(Some(Looked::at(entry))));
    check.finish()
}

fn backward(entries: &[Sealed]) -> Checked {
    let mut check = LeafCheck::backward(None);
    entries.iter().rev().for_each(|entry| check.take(Some(Looked::at(entry))));
    check.finish()
}

#[test]
fn a_log_as_it_was_recorded_is_sound_from_both_ends_and_has_one_root() {
    for count in (0..20).chain([63, 64, 65, 300]) {
        let entries = log(count);
        let (forward, backward) = (
            forward(&entries, &[(count / 2, root(&entries[..count as usize / 2]))][..usize::from(count > 1)]),
            backward(&entries),
        );
        assert!(forward.is_sound() && backward.is_sound(), "{count}: {:?}", forward.faults);
        assert_eq!(forward.root, Some(root(&entries)), "{count}");
        assert_eq!(backward.root, (count > 0).then(|| root(&entries)), "{count}");
        assert_eq!(forward.range, backward.range);
    }
}

#[test]
fn what_is_changed_missing_or_in_another_order_is_named() {
    let with = |change: &dyn Fn(&mut Vec<Sealed>)| {
        let mut entries = log(5);
        change(&mut entries);
        (forward(&entries, &[]).faults, backward(&entries).faults)
    };
    let both = |fault: Fault| (vec![fault.clone()], vec![fault]);
    assert_eq!(with(&|all| drop(all.remove(2))), both(Fault::Missing(3, 3)));
    assert_eq!(with(&|all| drop(all.remove(0))), both(Fault::Missing(1, 1)));
    assert_eq!(with(&|all| all[1].json = Arc::from(&b"{}"[..])), both(Fault::Changed(2)));
    let (forward, backward) = with(&|all| all.swap(1, 2));
    assert_eq!(forward, [Fault::Missing(2, 2), Fault::Disordered(2, 3)]);
    assert_eq!(backward, [Fault::Disordered(3, 2), Fault::Missing(2, 2), Fault::Missing(3, 3)]);
}

// THREATS S01
#[test]
fn an_entry_that_was_forged_with_its_leaf_is_found_by_the_root_that_was_told_before() {
    let entries = log(20);
    let known: Vec<(u64, Hash)> = [4, 12, 20].map(|size| (size, root(&entries[..size as usize]))).to_vec();
    let mut forged = entries.clone();
    forged[8] = Sealed::at(9, [0; 16], Arc::from(&b"{}"[..]));
    let faults = forward(&forged, &known).faults;
    assert_eq!(faults[0], Fault::Replaced { from: 5, to: 12, by: "a checkpoint" });
    let cut = forward(&entries[..15], &known).faults;
    assert_eq!(cut, [Fault::Shorter { by: "a checkpoint", size: 20, count: 15 }]);
    assert_ne!(backward(&forged).root, Some(root(&entries)));
}

// THREATS S01
#[test]
fn every_byte_of_a_small_log_is_covered() {
    let entries = log(3);
    let known = [(3, root(&entries))];
    let check = |why: String, entries: &[Sealed]| {
        assert!(!forward(entries, &known).is_sound(), "{why}");
        assert!(!backward(entries).is_sound(), "{why}");
    };
    for at in 0..3 {
        for byte in 0..entries[at].json.len() {
            let mut changed = entries.clone();
            let mut json = entries[at].json.to_vec();
            json[byte] ^= 1;
            changed[at].json = json.into();
            check(format!("{at} {byte}"), &changed);
        }
        for byte in 0..32 {
            let mut changed = entries.clone();
            changed[at].leaf[byte] ^= 1;
            check(format!("leaf {at} {byte}"), &changed);
            let mut changed = entries.clone();
            changed[at].salt[byte % 16] ^= 1;
            check(format!("salt {at} {byte}"), &changed);
        }
    }
}

// THREATS S06
#[test]
fn an_entry_of_which_only_the_leaf_is_left_verifies() {
    let mut entries = log(5);
    let known = [(5, root(&entries))];
    entries[2] = Sealed::removed(3, entries[2].leaf);
    assert!(forward(&entries, &known).is_sound());
    entries[2] = Sealed::removed(3, [0; 32]);
    assert!(!forward(&entries, &known).is_sound());
}

// THREATS S06
#[test]
fn what_an_imported_event_tells_of_another_log_excuses_nothing() {
    let (ours, others) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let json = format!(
        r#"{{"action":"EVENTS_PURGED","request":{{"method":"NONE","url":"earwitness:retention"}},"details":{{"installation":"{others}","first":1,"last":5,"gone":5}}}}"#
    );
    let telling = Sealed::at(6, [0; 16], Arc::from(json.as_bytes()));
    let check = |log: Option<Uuid>, expected: &[Fault]| {
        let mut check = LeafCheck::backward(log);
        check.take(Some(Looked::at(&telling)));
        assert_eq!(check.finish().faults, expected, "{log:?}");
    };
    check(Some(others), &[]);
    check(Some(ours), &[Fault::Missing(1, 5)]);
    // Whose an export is, nobody says.
    check(None, &[]);
    let mut forward = LeafCheck::forward(ours);
    forward.pass(Gone::whole(1, 5), &Tree::default(), Tree::of(5, Arc::new(vec![[1; 32]; 2])).unwrap());
    forward.take(Some(Looked::at(&telling)));
    assert_eq!(forward.finish().faults, [Fault::Untold { from: 1, to: 5, count: 5 }]);
}
