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

// THREATS S06
#[test]
fn what_went_while_it_was_read_is_excused_by_what_tells_it_behind_the_newest() {
    let entries = log(6);
    let tells = |installation: u128, values: u64| {
        let json = format!(
            r#"{{"action":"VALUES_ERASED","request":{{"method":"NONE","url":"earwitness:erasure"}},"details":{{"installation":"{}","events":[[2,{values}]]}}}}"#,
            Uuid::from_u128(installation)
        );
        Sealed::after(entries[5].head(), [9; 16], Arc::from(json.into_bytes()))
    };
    let check = |heard: Option<&Looked>, expected: usize| {
        let mut check = LeafCheck::backward(Some(Uuid::from_u128(5)));
        for entry in entries.iter().rev() {
            let erased = if entry.sequence == 2 { 3 } else { 0 };
            check.take(Some(Looked { erased, ..Looked::at(entry) }));
        }
        assert_eq!(check.first(), Some(6));
        heard.into_iter().for_each(|looked| check.hear(looked));
        let checked = check.finish();
        assert_eq!((checked.faults.len(), checked.count), (expected, 6), "{heard:?}");
        assert_eq!(checked.root, Some(root(&entries)), "what was heard is no part of the tree");
    };
    check(None, 1);
    check(Some(&Looked::at(&tells(5, 3))), 0);
    check(Some(&Looked::at(&tells(5, 2))), 1);
    check(Some(&Looked::at(&tells(6, 3))), 1);
    let forged = Sealed { leaf: [0; 32], ..tells(5, 3) };
    check(Some(&Looked::at(&forged)), 1);
}

/// The hashes that stand for these events.
fn between(entries: &[Sealed], first: u64, last: u64) -> Vec<Hash> {
    let of = |(from, to): (u64, u64)| root(&entries[from as usize..to as usize]);
    full(first - 1, last).into_iter().map(of).collect()
}

/// A check of some events of a log, with what stands for the others.
fn of_part(entries: &[Sealed], taken: &[u64]) -> LeafCheck {
    let mut check = LeafCheck::backward(None);
    let mut next = entries.len() as u64;
    for sequence in taken {
        if *sequence < next {
            check.take_between(sequence + 1, next, &between(entries, sequence + 1, next));
        }
        check.take(Some(Looked::at(&entries[*sequence as usize - 1])));
        next = sequence - 1;
    }
    if next > 0 {
        check.take_between(1, next, &between(entries, 1, next));
    }
    check
}

// THREATS S01, S04
#[test]
fn some_events_and_what_stands_for_the_others_lead_to_the_root_of_all() {
    for count in [1_u64, 2, 7, 8, 9, 64, 65, 100] {
        let entries = log(count);
        for taken in [vec![], vec![1], vec![count], vec![count, 1], (1..=count).rev().step_by(3).collect()] {
            let mut taken: Vec<u64> = taken;
            taken.dedup();
            let checked = of_part(&entries, &taken).finish();
            assert!(checked.is_sound(), "{count} {taken:?}: {:?}", checked.faults);
            assert_eq!((checked.root, checked.size), (Some(root(&entries)), count), "{count} {taken:?}");
            assert_eq!(checked.left_out + taken.len() as u64, count, "{count} {taken:?}");
        }
    }
}

// THREATS S04
#[test]
fn what_stands_for_others_fits_or_is_a_fault() {
    let entries = log(20);
    let hashes = between(&entries, 11, 20);
    let with = |first: u64, last: u64, hashes: &[Hash]| {
        let mut check = LeafCheck::backward(None);
        check.take_between(first, last, hashes);
        check.take(Some(Looked::at(&entries[9])));
        check.take_between(1, 9, &between(&entries, 1, 9));
        let checked = check.finish();
        (checked.is_sound(), checked.root == Some(root(&entries)))
    };
    assert_eq!(with(11, 20, &hashes), (true, true));
    let mut other = hashes.clone();
    other[0][0] ^= 1;
    // Nothing tells that by itself: the root does.
    assert_eq!(with(11, 20, &other), (true, false));
    for (first, last, hashes) in [
        (11, 20, &hashes[1..]),
        (11, 20, &[hashes.as_slice(), &hashes[..1]].concat()),
        (20, 11, &hashes),
        (0, 20, &hashes),
        (11, u64::MAX, &hashes),
        (11, 20, &[]),
    ] {
        assert!(!with(first, last, hashes).1, "{first} {last}");
    }
    let mut check = of_part(&entries, &[15]);
    check.take_between(1, 3, &between(&entries, 1, 3));
    assert_eq!(check.finish().faults, [Fault::Between(1, 3)]);
}

// THREATS S06
#[test]
fn what_is_not_there_and_should_be_must_be_told_whatever_stands_for_it() {
    let entries = log(6);
    let mut check = of_part(&entries, &[6, 5, 4]);
    check.miss_between(1, 3);
    assert_eq!(check.finish().faults, [Fault::Missing(1, 3)]);
    let mut check = of_part(&entries, &[6, 5, 4]);
    check.miss_between(1, 3);
    check.tell(&[Gone::whole(1, 3)]);
    let checked = check.finish();
    assert_eq!((checked.faults.as_slice(), checked.root), (&[][..], Some(root(&entries))));
}

// THREATS S06
#[test]
fn a_root_is_told_only_where_all_that_leads_to_it_is_there() {
    let entries = log(6);
    let mut check = LeafCheck::backward(None);
    [6, 5, 4].iter().for_each(|sequence: &usize| check.take(Some(Looked::at(&entries[sequence - 1]))));
    check.tell(&[Gone::whole(1, 3)]);
    let checked = check.finish();
    assert_eq!((checked.faults.as_slice(), checked.root), (&[][..], None));
}
