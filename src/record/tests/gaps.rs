//! Intents, what is left of them after a crash, and what could not be recorded: all of it is told.

use std::sync::mpsc;

use super::*;
use crate::event::own::{self, Own};
use crate::event::{Event, GAP, Intent, Note, Outcome};
use crate::journal::Payload;

/// An event that stands for a request of that exchange.
fn of_exchange(exchange: u128) -> Event {
    Event { exchange_id: Uuid::from_u128(exchange), ..event(1) }
}

fn intent(exchange: u128) -> Intent {
    let Event { time, actor, client, request, .. } = event(1);
    Intent { id: Uuid::from_u128(exchange), time, candidates: Vec::new(), actor, client, request }
}

fn intend(log: &Log, exchange: u128, limit_ms: u64) -> Result<(), RecordError> {
    let intent = intent(exchange);
    run(log.intend(&intent, intent.client.ip, Duration::from_millis(limit_ms)))
}

fn finish(log: &Log, exchange: u128, events: Vec<Event>) {
    run(log.finish(Uuid::from_u128(exchange), events, Urgency::Now)).expect("it is recorded");
}

fn events(log: &Log) -> Vec<Event> {
    all(log).into_iter().map(|found| found.event).collect()
}

/// Keeps the writer busy until what comes back is dropped: a disk that does not answer.
fn hang(log: &Log) -> mpsc::Sender<()> {
    let (guard, wait) = mpsc::channel::<()>();
    let (begun, is_begun) = mpsc::channel();
    log.inner.journal.append(vec![Payload::Closed { id: Uuid::nil() }], Urgency::Now, move |_| {
        begun.send(()).unwrap();
        let _ = wait.recv();
    });
    is_begun.recv().unwrap();
    guard
}

// THREATS E74
#[test]
fn what_was_under_way_at_a_crash_is_told_once_as_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    for exchange in 1..=4 {
        intend(&log, exchange, 10_000).unwrap();
    }
    finish(&log, 1, vec![of_exchange(1)]);
    finish(&log, 2, Vec::new());
    // What has no end when the log closes has none for a crash either.
    close(log);
    for expected in [2, 0] {
        let log = open(directory.path(), brisk());
        assert_eq!(run(log.recover()), expected);
        let told = events(&log);
        let mut unknown: Vec<Uuid> = told
            .iter()
            .filter(|event| event.result == Outcome::Unknown)
            .inspect(|event| assert_eq!(event.notes, [Note::plain(NoteCode::Recovered)]))
            .map(|event| event.exchange_id)
            .collect();
        unknown.sort();
        assert_eq!(unknown, [Uuid::from_u128(3), Uuid::from_u128(4)]);
        assert_eq!(told.len(), 3);
        close(log);
    }
}

#[test]
fn an_intent_that_cannot_be_read_is_told_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    let id = Uuid::from_u128(9);
    log.inner.journal.append(vec![Payload::Intent { id, body: Arc::from(*b"{}") }], Urgency::Now, |_| {});
    close(log);
    let log = open(directory.path(), brisk());
    assert_eq!(run(log.recover()), 1);
    let told = events(&log);
    assert_eq!(
        (told[0].exchange_id, told[0].result, told[0].action.as_str()),
        (id, Outcome::Unknown, "UNKNOWN")
    );
    close(log);
}

// THREATS E45, D01
#[test]
fn a_disk_that_hangs_is_waited_for_once_and_then_everything_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), brisk());
    let hanging = hang(&log);
    assert_eq!(intend(&log, 1, 1), Err(RecordError::Late));
    // Known by now: however patient the caller is, he is not kept.
    assert_eq!(intend(&log, 2, 3_600_000), Err(RecordError::Late));
    let State::NotRecording(why) = log.state() else { panic!("{:?}", log.state()) };
    assert!(why.contains("has not answered"), "{why}");
    // Nobody waits for it, and it is not lost.
    run(log.finish(Uuid::from_u128(2), vec![of_exchange(2)], Urgency::Soon)).unwrap();
    drop(hanging);
    until("the disk answers", || log.state() == State::Ready);
    intend(&log, 3, 10_000).unwrap();
    finish(&log, 3, vec![of_exchange(3)]);
    assert_eq!(events(&log), [of_exchange(2), of_exchange(3)]);
    close(log);
    // What came too late was written: nothing says what became of it.
    let log = open(directory.path(), brisk());
    assert_eq!(run(log.recover()), 1);
    close(log);
}

// THREATS E45
#[test]
fn one_client_cannot_make_all_wait() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Settings { intents_max: 4, ..brisk() });
    let hanging = hang(&log);
    assert_eq!(intend(&log, 1, 1), Err(RecordError::Late));
    assert_eq!(intend(&log, 2, 1), Err(RecordError::Full));
    let intent = intent(3);
    let other = "198.51.100.1".parse().unwrap();
    assert_eq!(run(log.intend(&intent, other, Duration::from_millis(1))), Err(RecordError::Late));
    drop(hanging);
    close(log);
}

// THREATS E44
#[test]
fn what_could_not_be_recorded_is_told_by_itself_when_writing_works_again() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Settings { tail_bytes_max: 1, room_wait: Duration::ZERO, ..slow() });
    record(&log, 1..=1);
    // Full, whatever the store has taken meanwhile.
    log.inner.tail.claim(1);
    intend(&log, 7, 10_000).unwrap();
    let refused = run(log.finish(Uuid::from_u128(7), vec![of_exchange(7)], Urgency::Now));
    assert_eq!(refused, Err(RecordError::Full));
    let State::NotRecording(why) = log.state() else { panic!("{:?}", log.state()) };
    assert!(why.contains("1 events since"), "{why}");
    let metrics = Arc::clone(&log.inner.metrics);
    assert_eq!(metrics.gap_events.get(), 1);
    log.inner.tail.give_back(1);
    close(log);
    assert_eq!((metrics.gap_events.get(), metrics.gaps.get()), (0, 1));

    let log = open(directory.path(), brisk());
    assert_eq!(run(log.recover()), 0, "the gap names it, and so closes it");
    let told = events(&log);
    assert_eq!((told[0].clone(), told[1].action.as_str()), (event(1), GAP));
    assert_eq!(told[1].details["missed"][0]["actor"], crate::value::json!("u1"));
    assert_eq!(told[1].details["reasons"], crate::value::json!({"full": 1}));
    // By itself, without any traffic.
    let time = event(1).time;
    let (rule, action, title, text) = ("x", "LOST", "Lost", String::new());
    let own = Own { id: id(50), time, rule, action, title, text, result: Outcome::Unknown };
    log.lose(&own::event(own), None, "panic");
    until("the gap is told", || events(&log).len() == 3);
    assert_eq!(events(&log)[2].details["missed"][0]["action"], crate::value::json!("LOST"));
    close(log);
}

#[test]
fn a_record_that_is_given_up_while_it_waits_for_room_stands_in_the_gap() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Settings { tail_bytes_max: 1, room_wait: PATIENCE, ..slow() });
    record(&log, 1..=1);
    log.inner.tail.claim(1);
    run(async {
        let waiting = log.record(vec![event(2)], Urgency::Now);
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
    });
    assert_eq!(log.inner.metrics.gap_events.get(), 1);
    log.inner.tail.give_back(1);
    close(log);
    let log = open(directory.path(), brisk());
    assert_eq!(events(&log)[1].details["reasons"], crate::value::json!({"abandoned": 1}));
    close(log);
}

const PATIENCE: Duration = Duration::from_secs(3_600);
