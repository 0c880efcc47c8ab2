//! What the thread tells and keeps, of passes that go well and those that do not.

use std::time::Duration;

use jiff::Timestamp;

use super::state::{Kept, Last, Step};
use super::*;
use crate::config::{Keep, Limits};

fn terms() -> Retention {
    Retention { keep: Keep::For(Duration::from_secs(30 * 86_400)), ..Retention::default() }
}

fn last(events: u64, partitions: u64) -> Last {
    Last { at: Timestamp::UNIX_EPOCH + Duration::from_secs(1_000), events, partitions }
}

/// A worker over an empty log in a folder, after a process that has kept this.
fn worker(folder: &Path, retention: &Retention, kept: &Kept) -> (Worker, Arc<RwLock<Told>>, Arc<Metrics>) {
    let metrics = Metrics::new();
    let log = Log::open(folder, Some([1; 32]), &Limits::default(), Arc::clone(&metrics)).unwrap();
    state::write(folder, kept);
    let told = Arc::new(RwLock::new(Told::of(retention)));
    let worker = Worker::new(log, folder, Arc::clone(&metrics), Arc::clone(&told), Handle::current());
    (worker, told, metrics)
}

#[tokio::test]
async fn the_last_pass_is_known_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept { last: Some(last(5, 1)), ..Kept::default() };
    let (_worker, told, metrics) = worker(folder.path(), &terms(), &kept);
    assert_eq!(metrics.retention_last_timestamp_seconds.get(), 1_000);
    assert_eq!(told.read().last, kept.last);
}

#[tokio::test]
async fn a_purge_that_is_done_later_counts_among_what_the_pass_removed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Kept { last: Some(last(5, 1)), left: Some(3), ..Kept::default() };
    let (mut worker, told, _metrics) = worker(folder.path(), &terms(), &kept);
    for _ in 0..2 {
        assert!(worker.resume());
        assert_eq!(told.read().last, Some(last(8, 2)), "once");
    }
    assert_eq!(state::read(folder.path()), Kept { last: Some(last(8, 2)), ..Kept::default() });
}

#[tokio::test]
async fn what_failed_is_told_until_it_has_been_done() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, told, _metrics) = worker(folder.path(), &terms(), &Kept::default());
    worker.failed(Step::Plan, "no plan");
    worker.failed(Step::Resume, "no purge");
    assert_eq!(told.read().to_json()["failed"], "no purge; no plan");
    worker.plan();
    assert_eq!(told.read().to_json()["failed"], "no purge");
    worker.resume();
    assert_eq!(told.read().to_json()["failed"], Value::Null);
}

#[tokio::test]
async fn who_keeps_everything_is_asked_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (worker, told, metrics) = worker(folder.path(), &Retention::default(), &Kept::default());
    told.write().asks = Some("much would go".to_owned());
    metrics.retention_asks.set(1);
    worker.plan();
    assert_eq!((told.read().asks.clone(), metrics.retention_asks.get()), (None, 0));
}

#[tokio::test]
async fn what_nobody_hears_is_told_to_all_or_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, told, _metrics) = worker(folder.path(), &terms(), &Kept::default());
    let (asks, asked) = Asks::new(Duration::ZERO);
    assert_eq!(asks.ask(Ask::Plan).await, Asked::Waits);
    worker.answer(asked.recv().unwrap());
    assert!(told.read().plan.is_none(), "nobody waits for a plan");
    told.write().passes += 1;
    let confirmed = Some(("0123456789abcdef".to_owned(), "ben".to_owned()));
    assert_eq!(asks.ask(|answer| Ask::Pass(confirmed, answer)).await, Asked::Waits);
    assert_eq!(told.read().to_json()["isPassing"], true);
    worker.answer(asked.recv().unwrap());
    let told = told.read().to_json();
    assert_eq!((&told["isPassing"], &told["last"]), (&Value::Bool(false), &Value::Null));
    let failed = told["failed"].as_str().unwrap();
    assert!(failed.starts_with("another plan was confirmed than that of now"), "{failed}");
}
