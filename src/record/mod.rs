//! The recorder: events in, receipts out; and the log as readers see it, journal and store as one.
//!
//! ```text
//! derive ─► Log::record ─► journal (group commit) ─► receipt
//!                              └─► tail ─► mover ─► store
//! ```
//!
//! An event is first synced in the journal, then visible in the tail, then acknowledged, then moved into
//! the store in larger pieces. A reader looks at the tail first and asks the store only for what lies below
//! it; since the tail lets go of an entry only when the store holds it, nothing is missed or seen twice.

mod directory;
mod minimal;
mod mover;
mod read;
mod still;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::event::Event;
use crate::journal::{self, Journal, JournalError, Payload};
use crate::store::{Embedded, Found, Head, Page, Query, Sealed, Store, StoreError};
use crate::telemetry::Metrics;
use directory::Directory;
use still::Stillness;
use tail::Tail;

pub use crate::journal::Urgency;
pub use directory::COPY_LEAVES_OUT;
pub use still::Still;

/// Where events go and where they are read. Cheap to clone; the last clone's drop does not stop the
/// threads: [`Log::close`] does.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

/// Why an event could not be recorded, or the log not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The journal could not be written or synced.
    #[error("the journal cannot be used: {0}")]
    Journal(String),
    /// Too many events wait for the store.
    #[error("more events wait for the store than the limit allows")]
    Full,
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// The data directory cannot be used.
    #[error("the data directory cannot be used: {0}")]
    Directory(String),
    /// Another process uses the data directory.
    #[error("the data directory {} is in use by process {by}", .directory.display())]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// The process's id, as it wrote it.
        by: String,
    },
}

/// How the log is, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Events are recorded and nothing is wrong.
    Ready,
    /// Events are recorded; something needs a person, a sentence each.
    Troubled(Vec<String>),
    /// Events are not recorded now, and why.
    NotRecording(String),
}

/// Shared by all clones and by the mover.
struct Inner {
    journal: Journal,
    tail: Arc<Tail>,
    store: Embedded,
    metrics: Arc<Metrics>,
    /// Whether somebody copies the data directory.
    stillness: Stillness,
    /// What was found damaged or lost, a sentence each.
    damage: Mutex<Vec<String>>,
    /// Why the store did not take the last hand-over.
    store_trouble: Mutex<Option<String>>,
    is_closed: AtomicBool,
    /// Hangs up when the mover has ended.
    mover_ended: Mutex<Receiver<()>>,
    /// Last, so that the lock is given back after everything else is closed.
    _directory: Directory,
}

/// How a log is kept, beyond what operators set.
struct Settings {
    tail_bytes_max: usize,
    segment_bytes_max: u64,
    /// An event is handed to the store after so long at the latest.
    move_age_max: Duration,
    /// How long a full tail is waited for.
    room_wait: Duration,
}

impl Log {
    /// Opens journal and store in `directory` (made if it is not there), replays what the store lacks.
    /// Damage is told and set aside, and does not keep it from opening.
    ///
    /// # Errors
    /// When the directory cannot be used, another process holds it, or a newer version wrote there.
    pub fn open(directory: &Path, tail_bytes_max: usize, metrics: Arc<Metrics>) -> Result<Log, RecordError> {
        Log::open_with(directory, Settings { tail_bytes_max, ..Settings::default() }, metrics)
    }

    fn open_with(path: &Path, settings: Settings, metrics: Arc<Metrics>) -> Result<Log, RecordError> {
        let directory = Directory::hold(path)?;
        let store = Embedded::open(&directory.store(), directory.instance)
            .map_err(|error| RecordError::Directory(error.to_string()))?;
        let tail = Arc::new(Tail::new(settings.tail_bytes_max, settings.room_wait));
        let observed = Arc::clone(&metrics);
        let journal = journal::Settings {
            directory: directory.journal(),
            instance: directory.instance,
            segment_bytes_max: settings.segment_bytes_max,
            reserve_bytes: RESERVE_BYTES,
            floor: store.floor(),
            observe: Box::new(move |took| observed.journal_sync_seconds.observe(took.as_secs_f64())),
        };
        let stored = store.head().sequence;
        let mut take = |entry: Sealed| {
            if entry.sequence > stored {
                tail.push_found(entry);
            }
        };
        let journal::Opened { journal, head, damage, open: _ } = journal::open(journal, &mut take)?;
        journal.release(stored);
        tail.set_head(head);
        metrics.queue_depth.set(i64::try_from(tail.len()).unwrap_or(i64::MAX));
        let (guard, mover_ended) = mpsc::channel::<()>();
        let inner = Arc::new(Inner {
            journal,
            tail,
            store,
            metrics,
            stillness: Stillness::new(path),
            damage: Mutex::new(damage),
            store_trouble: Mutex::default(),
            is_closed: AtomicBool::new(false),
            mover_ended: Mutex::new(mover_ended),
            _directory: directory,
        });
        let moved = Arc::clone(&inner);
        thread::Builder::new()
            .name("mover".to_owned())
            .spawn(move || {
                mover::run(&moved, settings.move_age_max);
                // Its hold on the log goes first: who waited for the end may open the directory again.
                drop(moved);
                drop(guard);
            })
            .map_err(|error| RecordError::Directory(error.to_string()))?;
        Ok(Log { inner })
    }

    /// Tells whether anybody holds a data directory, which must be there.
    ///
    /// # Errors
    /// [`RecordError::Held`] when another process does.
    pub fn holder(directory: &Path) -> Result<(), RecordError> {
        Directory::try_hold(directory)
    }

    /// Records events of one exchange, in order. With [`Urgency::Now`] the answer comes when they are synced:
    /// from then on they survive a crash, and every query sees them. When the future is dropped before, they
    /// may or may not be recorded; either way none is half recorded. How long the disk may take is for the
    /// caller to limit. With [`Urgency::Soon`] the answer comes when the journal has been given them.
    ///
    /// # Errors
    /// When they could not be; counted as drops. What fails after a `Soon` was answered is counted and told
    /// in our own log.
    pub async fn record(&self, events: Vec<Event>, urgency: Urgency) -> Result<(), RecordError> {
        let inner = &self.inner;
        if events.is_empty() {
            return Ok(());
        }
        let results: Vec<_> = events.iter().map(|event| event.result).collect();
        let payloads: Vec<_> = events.iter().map(minimal::bytes_of).collect();
        drop(events);
        if inner.is_closed.load(Ordering::Acquire) {
            inner.count_drops(&RecordError::Closed, results.len());
            return Err(RecordError::Closed);
        }
        let bytes = payloads.iter().map(|payload| tail::payload_weight(payload.len())).sum();
        if !inner.tail.reserve(bytes).await {
            inner.metrics.limits_hit.with_label_values(&["tail_bytes_max"]).inc();
            inner.count_drops(&RecordError::Full, results.len());
            return Err(RecordError::Full);
        }
        let (tell, told) = match urgency {
            Urgency::Now => Some(oneshot::channel()).unzip(),
            Urgency::Soon => (None, None),
        };
        let (tail, metrics) = (Arc::clone(&inner.tail), Arc::clone(&inner.metrics));
        let payloads = payloads.into_iter().map(Payload::Event).collect();
        inner.journal.append(payloads, urgency, move |written| {
            let answer = match written {
                Ok(entries) => {
                    tail.push(&entries);
                    metrics.queue_depth.set(i64::try_from(tail.len()).unwrap_or(i64::MAX));
                    for result in &results {
                        metrics.events.with_label_values(&[result.as_str()]).inc();
                    }
                    Ok(())
                }
                Err(error) => {
                    tail.give_back(bytes);
                    let error = RecordError::from(error);
                    count_drops(&metrics, &error, results.len());
                    if urgency == Urgency::Soon {
                        tracing::error!(%error, events = results.len(), "events were not recorded");
                    }
                    Err(error)
                }
            };
            if let Some(tell) = tell {
                // Nobody waits any more when the caller's future was dropped.
                let _ = tell.send(answer);
            }
        });
        match told {
            Some(told) => told.await.unwrap_or(Err(RecordError::Closed)),
            None => Ok(()),
        }
    }

    /// The event of that id, in journal or store. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        read::get(&self.inner.tail, &self.inner.store, id)
    }

    /// A page, newest first, over journal and store as one. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn query(&self, query: &Query) -> Result<Page, StoreError> {
        read::query(&self.inner.tail, &self.inner.store, query)
    }

    /// The last recorded entry.
    pub fn head(&self) -> Head {
        self.inner.tail.head()
    }

    /// How the log is.
    pub fn state(&self) -> State {
        let inner = &self.inner;
        if inner.is_closed.load(Ordering::Acquire) {
            return State::NotRecording(RecordError::Closed.to_string());
        }
        if inner.journal.has_ended() {
            return State::NotRecording("the journal's writer has ended".to_owned());
        }
        if let Some(error) = inner.journal.trouble() {
            return State::NotRecording(RecordError::from(error).to_string());
        }
        let has_mover = inner.mover_ended.try_lock().is_none_or(|ended| !is_hung_up(ended.try_recv()));
        let no_mover = (!has_mover).then(|| "the mover has ended".to_owned());
        let store_trouble = inner.store_trouble.lock().clone().or(no_mover);
        if inner.tail.is_full() {
            let why = store_trouble.unwrap_or_else(|| "it is slower than events come".to_owned());
            return State::NotRecording(format!("{}; the store: {why}", RecordError::Full));
        }
        let damage = inner.damage.lock().clone();
        let troubles: Vec<String> =
            store_trouble.into_iter().chain(damage).chain(inner.store.damage()).collect();
        if troubles.is_empty() { State::Ready } else { State::Troubled(troubles) }
    }

    /// Finishes what waits, moves it to the store, stops the threads; waits at most `limit`. What is not
    /// moved by then stays in the journal and is moved after the next start.
    pub fn close(&self, limit: Duration) {
        let deadline = Instant::now().checked_add(limit);
        let left = || deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
        let inner = &self.inner;
        inner.is_closed.store(true, Ordering::Release);
        inner.journal.close();
        let is_written = inner.journal.wait(left());
        // The mover ends when the tail is empty, so it must be told after the journal's last entry.
        inner.tail.close();
        let ended = inner.mover_ended.lock().recv_timeout(left());
        let is_moved = matches!(ended, Err(RecvTimeoutError::Disconnected));
        if !is_written || !is_moved {
            tracing::warn!(events = inner.tail.len(), "closed before all events were in the store");
        }
        inner.store.close();
    }
}

impl Inner {
    fn count_drops(&self, error: &RecordError, events: usize) {
        count_drops(&self.metrics, error, events);
    }
}

fn is_hung_up(received: Result<(), TryRecvError>) -> bool {
    received == Err(TryRecvError::Disconnected)
}

fn count_drops(metrics: &Metrics, error: &RecordError, events: usize) {
    let reason = match error {
        RecordError::Journal(_) => "journal",
        RecordError::Full => "full",
        RecordError::Closed => "closed",
        RecordError::Directory(_) | RecordError::Held { .. } => "directory",
    };
    metrics.drops.with_label_values(&[reason]).inc_by(events as u64);
}

impl From<JournalError> for RecordError {
    fn from(error: JournalError) -> RecordError {
        match error {
            JournalError::Closed => RecordError::Closed,
            error @ (JournalError::Io { .. }
            | JournalError::Newer { .. }
            | JournalError::TooLong
            | JournalError::TooManyOpen) => RecordError::Journal(error.to_string()),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tail_bytes_max: 64 << 20,
            segment_bytes_max: 64 << 20,
            move_age_max: Duration::from_secs(5),
            room_wait: Duration::from_secs(2),
        }
    }
}

/// Kept back on the disk for the ends of a few thousand exchanges.
const RESERVE_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests;
