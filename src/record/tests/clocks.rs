//! Clocks that jump, stand still and run backwards: no order and no file depends on them.

use super::*;
use crate::event::Event;

/// An event of the given time, which its id has, too.
fn event_at(number: u64, ms: u64) -> Event {
    let id = Uuid::from_u128(u128::from(ms) << 80 | 0x7 << 76 | 0x8 << 60 | u128::from(number));
    let time = jiff::Timestamp::from_millisecond(ms as i64).unwrap();
    Event { id, time, ..event(number) }
}

// THREATS S08, as far as it concerns keeping: nothing is dropped for a time that it bears
#[test]
fn a_clock_that_jumps_stands_still_or_runs_backwards_disorders_nothing() {
    const DAY_MS: u64 = 86_400_000;
    const NOW_MS: u64 = 1_770_000_000_000;
    let directory = tempfile::tempdir().unwrap();
    let clocks: [fn(u64) -> u64; 6] = [
        |number| NOW_MS + number,
        |_| NOW_MS,
        |number| NOW_MS - number * DAY_MS / 4,
        |number| NOW_MS + 3650 * DAY_MS * (number % 2),
        |number| NOW_MS - 3650 * DAY_MS * (number % 2),
        // 2016-12-31T23:59:59 to the next day, over the last leap second, again and again.
        |number| 1_483_228_799_000 + number % 3 * 500,
    ];
    let mut events = Vec::new();
    for (clock, time) in clocks.iter().enumerate() {
        let log = open(directory.path(), brisk());
        for _ in 0..40 {
            let number = events.len() as u64 + 1;
            let event = event_at(number, time(number));
            run(log.record(vec![event.clone()], Urgency::Now)).unwrap();
            events.push(event);
        }
        until("the mover has moved", || log.inner.store.head().sequence > 20 * clock as u64);
        assert_eq!(log.state(), State::Ready, "clock {clock}");
        close(log);
    }
    let log = open(directory.path(), brisk());
    assert_eq!(log.state(), State::Ready);
    let found = all(&log);
    assert_is_whole(&found, events.len() as u64);
    assert!(found.iter().map(|found| &found.event).eq(&events));
    for event in events.iter().step_by(7) {
        assert_eq!(log.get(event.id).unwrap().map(|found| found.event).as_ref(), Some(event));
    }
    close(log);
    let partitions = fs::read_dir(directory.path().join("store")).unwrap().count();
    assert!(partitions <= 12, "{partitions}: each jump to and fro begins no partition of its own");
}
