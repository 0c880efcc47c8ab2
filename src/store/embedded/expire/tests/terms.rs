//! What becomes of an event, and what plans make of it.

use std::collections::BTreeSet;

use super::super::plan::{Cut, Part, Size, plan};
use super::super::survey::Survey;
use super::super::terms::{Fate, is_noise};
use super::*;

#[test]
fn the_first_policy_that_fits_decides_and_a_hold_wins_over_all() {
    let mut terms = Terms {
        policies: vec![
            policy("short", "DATA", Some(DAY)),
            policy("never", "SECURITY", None),
            policy("long", "DATA", Some(DAY * 9)),
        ],
        rest: Some(DAY * 5),
        ..Terms::default()
    };
    let check = |terms: &Terms, event: &Event, expected: Fate| assert_eq!(terms.fate(event, 10), expected);
    let at = |policy, days| Fate::Leaves { policy, at_ms: days * DAY_MS, held_ms: i64::MIN };
    let held_ms = 20 * DAY_MS;
    let other = with(|event| event.category = Some("OTHER".to_owned()));
    let security = with(|event| event.category = Some("security".to_owned()));
    check(&terms, &event(4), at(0, 12));
    check(&terms, &security, Fate::Held);
    check(&terms, &other, at(3, 16));
    check(&Terms { rest: None, ..terms.clone() }, &other, Fate::Stays { held_ms: i64::MIN });
    let hold = |until| Hold { name: "case".to_owned(), filter: of_category("DATA"), until };
    terms.holds = vec![hold(Some(Timestamp::from_millisecond(held_ms).unwrap()))];
    check(&terms, &event(4), Fate::Leaves { policy: 0, at_ms: held_ms, held_ms });
    check(&terms, &other, at(3, 16));
    check(&Terms { holds: terms.holds.clone(), ..Terms::default() }, &event(4), Fate::Stays { held_ms });
    terms.holds.push(hold(None));
    check(&terms, &event(4), Fate::Held);
}

// THREATS E46
#[test]
fn failures_rights_and_our_own_events_are_no_noise() {
    let check = |expected: bool, change: fn(&mut Event)| assert_eq!(is_noise(&with(change)), expected);
    check(true, |_| ());
    check(true, |event| event.category = None);
    check(false, |event| event.result = Outcome::Denied);
    check(false, |event| event.result = Outcome::Unknown);
    check(false, |event| event.category = Some("Security".to_owned()));
    check(false, |event| event.category = Some("ACCESS".to_owned()));
    check(false, |event| event.rule.id = "earwitness/gap".to_owned());
}

fn part(first: u64, terms: &Terms, events: &[Event]) -> Part {
    let mut survey = Survey::default();
    events.iter().for_each(|event| survey.take(terms, event, 10));
    let count = events.len() as u64;
    Part { first, last: first + count - 1, bytes: count * 100, survey, floor: 10, may_leave: true }
}

// THREATS E46
#[test]
fn a_store_that_is_too_large_loses_the_noise_of_who_floods_it_first() {
    let by = |actor: &'static str| with(|event| event.actor.id = Some(actor.to_owned()));
    let mut flood = vec![by("loud"); 90];
    flood.extend(vec![by("quiet"); 5]);
    flood.extend(vec![with(|event| event.result = Outcome::Denied); 5]);
    let check = |bytes_max: u64, expected: &[(u64, u64, bool)], bytes_after: u64| {
        let terms = Terms { bytes_max: Some(bytes_max), ..Terms::default() };
        let parts = [part(1, &terms, &flood), part(101, &terms, &flood)];
        let plan = plan(&parts, &terms, day(20));
        let heavy = |size: &Size| *size == Size::Of(BTreeSet::from(["loud".to_owned()]));
        let left: Vec<_> =
            plan.partitions.iter().map(|one| (one.first, one.events, heavy(&one.cut.size))).collect();
        assert_eq!((left.as_slice(), plan.bytes_after), (expected, bytes_after), "{bytes_max}");
    };
    check(20_000, &[], 20_000);
    check(15_000, &[(1, 90, true)], 11_000);
    check(5_000, &[(1, 90, true), (101, 90, true)], 2_000);
    check(1_800, &[(1, 95, false), (101, 90, true)], 1_500);
    // Noise is all that there is to lose.
    check(1, &[(1, 95, false), (101, 95, false)], 1_000);
}

// THREATS E46
#[test]
fn a_hold_keeps_from_a_store_that_is_too_large_until_it_ends_and_no_longer() {
    let events = vec![event(1); 10];
    let hold = Hold { name: "case".to_owned(), filter: of_category("DATA"), until: Some(day(20)) };
    for keep in [None, Some(DAY * 100_000)] {
        let terms = Terms { rest: keep, holds: vec![hold.clone()], bytes_max: Some(1), ..Terms::default() };
        let check = |now: Timestamp, leaving: u64| {
            let plan = plan(&[part(1, &terms, &events)], &terms, now);
            assert_eq!(plan.events, leaving, "{keep:?} {now}");
            // Whatever the plan said: none of them is taken from the partition that is written anew.
            let cut = Cut { now_ms: now.as_millisecond(), size: Size::Noise, floor: 10 };
            assert_eq!(cut.policy(&terms, &events[0], FIRST_DAY).is_some(), leaving > 0, "{keep:?} {now}");
        };
        check(day(19), 0);
        check(day(20), 10);
        check(day(21), 10);
    }
}
