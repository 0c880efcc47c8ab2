//! The table of requests.

use std::sync::atomic::Ordering;

use super::recorder::Recorder;
use super::table::{self, Case};
use super::{NEXT, answers, talk, tell};
use crate::rig::{Rig, eventually};

// THREATS E30, E31 (framing names), E32 (raw cases), E34
#[test]
fn every_request_in_the_table_is_refused_or_reaches_the_application_as_the_table_says() {
    let cases = table::read(include_str!("../../../raw/requests.txt"));
    assert!(cases.len() >= 110, "{} cases", cases.len());
    let mut wrong_ones = Vec::new();
    let mut recorder = Recorder::start();
    let mut rig = Rig::before(recorder.address);
    for case in &cases {
        if let Some(what) = wrong(case, &recorder, &rig) {
            wrong_ones.push((case.clone(), what));
        }
        if case.expected.iter().any(|word| word == "cut") {
            // What is left of a broken request may arrive late: not among what the next case sends.
            recorder = Recorder::start();
            rig = Rig::before(recorder.address);
        }
    }
    tell(&wrong_ones, cases.len());
}

/// What went wrong with a case, if anything did.
fn wrong(case: &Case, recorder: &Recorder, rig: &Rig) -> Option<String> {
    recorder.seen.lock().clear();
    let last = case.expected.last()?.as_str();
    let is_closing = matches!(last, "400" | "431" | "close");
    let words = &case.expected[..case.expected.len() - usize::from(is_closing)];
    let bytes = if case.is_ended { case.bytes.clone() } else { [&case.bytes, NEXT].concat() };
    let received = talk(rig.address, &bytes, case.is_ended);
    // What was sent before this is seen before this.
    talk(rig.address, b"GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false);
    eventually("what was begun is over", || recorder.under_way.load(Ordering::SeqCst) == 0);
    let seen = recorder.seen.lock().clone();
    let framings: Vec<&str> = seen
        .iter()
        .filter(|seen| !seen.starts_with("/probe "))
        .map(|seen| seen.split_once(' ').map_or("", |(_, framing)| framing))
        .collect();
    // Of a broken request the application sees a part, or nothing where it broke at once.
    let whole = |framings: &[&str]| framings.iter().filter(|word| **word != "cut").count();
    let cuts = framings.len() - whole(&framings);
    let mut expected: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut statuses = vec!["200"; whole(&expected)];
    match last {
        "400" | "431" => statuses.push(last),
        "close" => {}
        _ => {
            expected.push("-");
            statuses.push("200");
        }
    }
    let is_as_expected =
        framings.iter().filter(|word| **word != "cut").eq(expected.iter().filter(|word| **word != "cut"))
            && cuts <= expected.len() - whole(&expected);
    let answered = answers(&received, |_| false);
    let mut got: Vec<&str> = answered.iter().map(|answer| answer.status.as_str()).collect();
    if last == "close" && expected.contains(&"cut") && got.last().is_some_and(|last| last.starts_with('4')) {
        got.pop();
    }
    let is_mixed =
        seen.iter().any(|seen| seen.contains("smuggled") || (is_closing && seen.contains("/next")));
    (!is_as_expected || got != statuses || is_mixed)
        .then(|| format!("application saw {seen:?}\n  client got {}", received.escape_ascii()))
}
