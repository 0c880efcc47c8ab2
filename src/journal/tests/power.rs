//! Power cuts and kills at any moment, on a disk that forgets, reorders and tears what was not synced: what was
//! acknowledged is there, once, in order; what was begun and not ended is known; nothing is told that is not so.

use std::io::ErrorKind;

use super::random::Random;
use super::rig::Rig;
use super::*;

/// One life of a journal: some rounds of work, each ended by a power cut or a kill.
fn live(seed: u64) {
    let mut random = Random(seed);
    let segment_bytes_max = [200, 1_000, 10_000][random.below(3)];
    let has_faults = random.is_one_of(3);
    let mut rig = Rig::new(segment_bytes_max);
    for round in 0..4 {
        let why = format!("seed {seed}, round {round}");
        if has_faults {
            let from = random.below(30);
            let kind = [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::Interrupted][random.below(3)];
            rig.disk.fail(from..from + random.below(4), kind);
        }
        for _ in 0..random.below(9) {
            let appends = (0..random.below(4)).map(|_| rig.append(&mut random)).collect();
            rig.commit(appends);
            if random.is_one_of(3) {
                rig.hand_over(&mut random);
            }
        }
        rig.disk.fail(0..0, ErrorKind::Other);
        // Not after a sync that failed: what was read again would have to be kept, and the kernel, having dropped
        // it, does not say so a second time. Nobody was told that it was recorded.
        if !has_faults && random.is_one_of(4) {
            rig.reopen(&format!("{why}, killed"));
        }
        rig.cut_power(&mut random);
        rig.reopen(&why);
    }
}

#[test]
fn what_was_acknowledged_survives_any_power_cut() {
    let first: u64 = match std::env::var("EARWITNESS_TEST_SEED") {
        Ok(seed) => seed.parse().expect("EARWITNESS_TEST_SEED is a number"),
        Err(_) => 1,
    };
    println!("{RUNS} runs from EARWITNESS_TEST_SEED={first}");
    for seed in first..first + RUNS {
        live(seed);
    }
}

/// The same work again and again, its n-th call to the disk refused, until no call is left to refuse.
#[test]
fn a_disk_that_refuses_any_call_costs_no_acknowledged_entry() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::Interrupted] {
        for count in [1, 2, 3, 7, 1000] {
            let mut call = 0;
            while refuse(kind, call..call + count) > call {
                call += 1;
            }
            assert!(call > 30, "{call}");
        }
    }
}

/// A kill leaves the kernel whole, and so what it was doing half done: the next process builds on that, and then the
/// power goes.
#[test]
fn what_is_written_after_a_kill_at_any_call_survives_a_power_cut() {
    for call in 0..60 {
        for seed in 0..8 {
            build_on_a_kill(call, 0..0, seed);
        }
    }
}

/// The same where the disk was full just before: what it took of a write could not be cut off again.
#[test]
fn what_is_written_after_a_kill_on_a_full_disk_survives_a_power_cut() {
    for refused in 0..20 {
        for call in refused + 2..refused + 9 {
            for seed in 0..4 {
                build_on_a_kill(call, refused..refused + 2, seed);
            }
        }
    }
}

fn build_on_a_kill(call: usize, refused: std::ops::Range<usize>, seed: u64) {
    let why = format!("calls {refused:?} refused, killed at call {call}, seed {seed}");
    let mut random = Random(seed);
    let mut rig = Rig::new(600);
    rig.disk.fail(refused, ErrorKind::StorageFull);
    rig.disk.die(call);
    for _ in 0..8 {
        let twice = rig.append(&mut random);
        rig.commit(vec![
            twice.clone(),
            twice.into_iter().filter(|payload| matches!(payload, Payload::Event(_))).collect(),
        ]);
    }
    // After a sync that failed nobody knows what is read again: see `live`.
    if rig.disk.has_lost() {
        return;
    }
    rig.disk = rig.disk.after_kill();
    rig.reopen(&why);
    assert!(rig.commit(vec![vec![event("{}")]])[0].is_ok(), "{why}");
    rig.cut_power(&mut random);
    rig.reopen(&format!("{why}, and the power went later"));
}

/// Returns how many calls the work made.
fn refuse(kind: ErrorKind, calls: std::ops::Range<usize>) -> usize {
    let why = format!("{kind:?} at {calls:?}");
    let mut random = Random(7);
    let mut rig = Rig::new(1_500);
    rig.disk.fail(calls, kind);
    for _ in 0..14 {
        let appends = (0..2).map(|_| rig.append(&mut random)).collect();
        rig.commit(appends);
        rig.hand_over(&mut random);
    }
    let made = rig.disk.calls();
    rig.disk.fail(0..0, kind);
    let answers = rig.commit(vec![vec![event("{}")]]);
    assert!(answers[0].is_ok(), "{why}: it writes again as soon as it can: {answers:?}");
    assert!(rig.writer.shared.trouble.lock().is_none(), "{why}");
    rig.reopen(&why);
    rig.cut_power(&mut random);
    rig.reopen(&format!("{why}, and the power went"));
    made
}

const RUNS: u64 = 2000;
