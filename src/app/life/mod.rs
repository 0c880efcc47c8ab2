//! The recorder's life, so that silence is never taken for health: a start, a stop and a moved clock are events, and
//! a small file says when the recorder last lived. A thread writes it, because a disk that hangs must hold up nobody.
//!
//! The file is `heartbeat` in the data directory. Whoever removes it hides when recording ended, not that it did: the
//! last event before the start, and the start itself, stand in the log.

mod beat;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

pub(super) use self::beat::Beat;
use crate::event::Event;
use crate::record::{Log, Urgency};

/// Beats until it is told to stop.
pub(super) struct Life {
    log: Log,
    path: PathBuf,
    /// Hung up to stop the thread.
    stop: Sender<()>,
    /// Hangs up when the thread has ended.
    ended: Receiver<()>,
}

impl Life {
    /// Tells what the last process has left open, and that recording starts. Before the first client is accepted.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) async fn begin(log: &Log, data_dir: &Path) -> std::io::Result<Life> {
        let path = data_dir.join("heartbeat");
        let (last, now) = (read(&path), beat(false));
        let recovered = log.recover().await;
        let event = beat::started(Uuid::now_v7(), &now, last.as_ref(), recovered);
        if event.details.contains_key("clockMovedS") {
            tracing::warn!("{}", event.message.text);
        }
        record(log, event).await;
        write(&path, &now);
        let (stop, stopped) = channel();
        let (guard, ended) = channel();
        let (own, told, handle) = (path.clone(), log.clone(), Handle::current());
        let thread = std::thread::Builder::new().name("heartbeat".to_owned());
        thread.spawn(move || {
            go_on(&own, now, &stopped, |event| {
                let log = told.clone();
                drop(handle.spawn(async move { record(&log, event).await }));
            });
            drop(guard);
        })?;
        Ok(Life { log: log.clone(), path, stop, ended })
    }

    /// Tells that recording stops. After this, nothing else may be recorded.
    pub(super) async fn end(self) {
        record(&self.log, beat::stopped(Uuid::now_v7(), Timestamp::now())).await;
        drop(self.stop);
        let Life { path, ended, .. } = self;
        let last = tokio::task::spawn_blocking(move || {
            // Hung up: there is never anything to receive.
            let _ = ended.recv_timeout(PATIENCE);
            write(&path, &beat(true));
        });
        // A disk that hangs is left alone.
        let _ = timeout(PATIENCE, last).await;
    }
}

/// Beats; tells of a clock that was moved in between.
fn go_on(path: &Path, mut last: Beat, stopped: &Receiver<()>, tell: impl Fn(Event)) {
    loop {
        if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let now = beat(false);
        let moved_s = now.clock_moved_s(&last);
        if moved_s != 0 {
            tracing::warn!(moved_s, "the clock was moved");
            tell(beat::clock_moved(Uuid::now_v7(), now.time, moved_s));
        }
        write(path, &now);
        last = now;
    }
}

/// Not for ever: what is not recorded by then stands in the gap, or is being written still.
async fn record(log: &Log, event: Event) {
    match timeout(PATIENCE, log.record(vec![event], Urgency::Now)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the recorder's own life could not be recorded"),
        Err(_) => tracing::error!("the disk did not take the record of the recorder's own life in time"),
    }
}

pub(super) fn beat(is_last: bool) -> Beat {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let awake = fs::read_to_string("/proc/uptime").ok();
    let awake = awake.and_then(|text| text.split(['.', ' ']).next()?.parse::<i64>().ok());
    Beat {
        time: Timestamp::now(),
        boot: boot.map(|boot| boot.trim().to_owned()),
        awake_ms: awake.map(|seconds| seconds.saturating_mul(1_000)),
        is_last,
    }
}

fn read(path: &Path) -> Option<Beat> {
    let text = fs::read_to_string(path).ok()?;
    let beat = serde_json::from_str(&text);
    if let Err(error) = &beat {
        tracing::warn!(%error, path = %path.display(), "the last heartbeat cannot be read");
    }
    beat.ok()
}

/// Whole or not at all, for whoever reads it next.
fn write(path: &Path, beat: &Beat) {
    let fresh = path.with_extension("new");
    let text = serde_json::to_string(beat).unwrap_or_default();
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path));
    if let Err(error) = written {
        tracing::debug!(%error, path = %path.display(), "a heartbeat could not be written");
    }
}

const PERIOD: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::event::Outcome;
    use crate::store::{Filter, Order, Query};
    use crate::telemetry::Metrics;

    fn events(log: &Log) -> Vec<Event> {
        let query = Query {
            filter: Filter::default(),
            order: Order::Newest,
            after: None,
            limit: 100,
            time_max: PATIENCE,
        };
        let mut events: Vec<Event> =
            log.query(&query).unwrap().events.into_iter().map(|found| found.event).collect();
        events.reverse();
        events
    }

    // THREATS E74
    #[tokio::test]
    async fn starts_and_stops_are_events_and_a_start_says_how_the_last_life_ended() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Log::open(folder.path(), Some([1; 32]), &Limits::default(), Metrics::new()).unwrap();
        let log = open();
        let life = Life::begin(&log, folder.path()).await.unwrap();
        life.end().await;
        let life = Life::begin(&log, folder.path()).await.unwrap();
        // Killed: nothing is told.
        std::mem::forget(life);
        Life::begin(&log, folder.path()).await.unwrap().end().await;
        let told: Vec<_> = events(&log)
            .into_iter()
            .map(|event| {
                let ended = event.details.get("ended").and_then(|ended| ended.as_str().map(str::to_owned));
                (event.action, event.result, ended)
            })
            .collect();
        let started = |result, ended: &str| ("RECORDING_STARTED".to_owned(), result, Some(ended.to_owned()));
        let stopped = ("RECORDING_STOPPED".to_owned(), Outcome::Success, None);
        assert_eq!(
            told,
            [
                started(Outcome::Success, "unknown"),
                stopped.clone(),
                started(Outcome::Success, "stopped"),
                started(Outcome::Failure, "killed"),
                stopped,
            ]
        );
        log.close(PATIENCE);
    }
}
