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
mod erase;
mod indexer;
mod mover;
mod proofs;
mod purge;
mod read;
mod still;
mod tail;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::config::Limits;
use crate::journal::{self, Journal, JournalError, OpenIntent};
use crate::store::{Embedded, Found, Head, Page, Query, Sealed, Store, StoreError};
use crate::telemetry::Metrics;
use directory::Directory;
use indexer::Call;
use still::Stillness;
use tail::{Reading, Tail};
use write::gaps::{self, Gaps, Room};
use write::waits::Waits;

pub use crate::journal::Urgency;
pub use directory::{COPY_LEAVES_OUT, COPY_LEAVES_OUT_BELOW};
pub use erase::Erasure;
pub use purge::PurgeError;
pub use still::Still;
pub use write::receipts::hand_out_receipts;

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
    /// Too much waits: events for the store, or intents for the disk.
    #[error("more waits to be recorded than the limit allows")]
    Full,
    /// The disk has not answered in time.
    #[error("the disk has not answered in time")]
    Late,
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
    /// The same for the one who purges: two threads cannot share one lock.
    purge_stillness: Stillness,
    /// Held by the one who purges or erases: one partition at a time is written anew.
    purging: Mutex<()>,
    /// Also held by what the journal calls back.
    gaps: Arc<Gaps>,
    waits: Arc<Waits>,
    /// Wakes the indexer.
    call: Call,
    /// What the last process has left open, until it is recovered.
    open: Mutex<Vec<OpenIntent>>,
    /// What was found damaged or lost, a sentence each.
    damage: Mutex<Vec<String>>,
    /// Why the store did not take the last hand-over.
    store_trouble: Mutex<Option<String>>,
    is_closed: AtomicBool,
    /// Hangs up when the mover has ended.
    mover_ended: Mutex<Receiver<()>>,
    /// Hangs up when the thread that tells of gaps has ended.
    teller_ended: Mutex<Receiver<()>>,
    /// Hangs up when the indexer has ended; none where there is none.
    indexer_ended: Mutex<Option<Receiver<()>>>,
    /// Last, so that the lock is given back after everything else is closed.
    directory: Directory,
}

/// How a log is kept, beyond what operators set.
struct Settings {
    key: Option<[u8; 32]>,
    tail_bytes_max: usize,
    intents_max: usize,
    segment_bytes_max: u64,
    /// An event is handed to the store after so long at the latest.
    move_age_max: Duration,
    /// How long a full tail is waited for.
    room_wait: Duration,
}

impl Log {
    /// Opens journal and store in `directory` (made if it is not there), replays what the store lacks.
    /// Damage is told and set aside, and does not keep it from opening. `key` is the installation's: what the
    /// journal holds that was not written with it is damage. Without one, all that is there is read; that is
    /// for readers, nothing is to be recorded then.
    ///
    /// # Errors
    /// When the directory cannot be used, another process holds it, or a newer version wrote there.
    pub fn open(
        directory: &Path,
        key: Option<[u8; 32]>,
        limits: &Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Log, RecordError> {
        let (tail_bytes_max, intents_max) = (limits.tail_bytes_max, limits.intents_max);
        let settings = Settings { key, tail_bytes_max, intents_max, ..Settings::default() };
        Log::open_with(directory, settings, metrics)
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
            key: settings.key,
            segment_bytes_max: settings.segment_bytes_max,
            reserve_bytes: RESERVE_BYTES,
            floor: store.floor(),
            observe: Box::new(move |took| observed.journal_sync_seconds.observe(took.as_secs_f64())),
        };
        let mut reading = Reading::new(&tail, store.head());
        let journal::Opened { journal, head, damage, open } =
            journal::open(journal, &mut |entry| reading.take(entry))?;
        journal.release(reading.held());
        tail.set_head(head);
        metrics.queue_depth.set(i64::try_from(tail.len()).unwrap_or(i64::MAX));
        let (guard, mover_ended) = mpsc::channel::<()>();
        let (teller_guard, teller_ended) = mpsc::channel::<()>();
        let inner = Arc::new(Inner {
            journal,
            tail,
            store,
            gaps: Arc::new(Gaps::new(Arc::clone(&metrics))),
            waits: Waits::new(settings.intents_max),
            call: Call::default(),
            open: Mutex::new(open),
            metrics,
            stillness: Stillness::new(path),
            purge_stillness: Stillness::new(path),
            purging: Mutex::default(),
            damage: Mutex::new(damage),
            store_trouble: Mutex::default(),
            is_closed: AtomicBool::new(false),
            mover_ended: Mutex::new(mover_ended),
            teller_ended: Mutex::new(teller_ended),
            indexer_ended: Mutex::default(),
            directory,
        });
        let age_max = settings.move_age_max;
        run_beside("mover", &inner, guard, move |inner| mover::run(inner, age_max))?;
        run_beside("gaps", &inner, teller_guard, gaps::run)?;
        Ok(Log { inner })
    }

    /// Tells whether anybody holds a data directory, which must be there.
    ///
    /// # Errors
    /// [`RecordError::Held`] when another process does.
    pub fn holder(directory: &Path) -> Result<(), RecordError> {
        Directory::try_hold(directory)
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
        self.inner.call.ask();
        read::query(&self.inner.tail, &self.inner.store, query)
    }

    /// The same page without what its events say. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn entries(&self, query: &Query) -> Result<Page<Sealed>, StoreError> {
        self.inner.call.ask();
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
        let with_gap = |why: String| match inner.gaps.told() {
            Some(gap) => format!("{why}; {gap}"),
            None => why,
        };
        if let Some(error) = inner.journal.trouble() {
            return State::NotRecording(with_gap(RecordError::from(error).to_string()));
        }
        if inner.gaps.is_stalled() {
            return State::NotRecording(with_gap(RecordError::Late.to_string()));
        }
        let has_mover = inner.mover_ended.try_lock().is_none_or(|ended| !is_hung_up(ended.try_recv()));
        let no_mover = (!has_mover).then(|| "the mover has ended".to_owned());
        let store_trouble = inner.store_trouble.lock().clone().or(no_mover);
        if inner.tail.is_full() {
            let why = store_trouble.unwrap_or_else(|| "it is slower than events come".to_owned());
            return State::NotRecording(with_gap(format!("{}; the store: {why}", RecordError::Full)));
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
        inner.call.close();
        inner.gaps.close();
        // Hung up: there is never anything to receive.
        let _ = inner.teller_ended.lock().recv_timeout(left());
        gaps::flush(inner, Room::Taken);
        inner.journal.close();
        let is_written = inner.journal.wait(left());
        // The mover ends when the tail is empty, so it must be told after the journal's last entry.
        inner.tail.close();
        let ended = inner.mover_ended.lock().recv_timeout(left());
        let is_moved = matches!(ended, Err(RecvTimeoutError::Disconnected));
        if !is_written || !is_moved {
            tracing::warn!(events = inner.tail.len(), "closed before all events were in the store");
        }
        if let Some(ended) = &*inner.indexer_ended.lock() {
            let _ = ended.recv_timeout(left());
        }
        inner.store.close();
        if let Some(missing) = inner.gaps.told() {
            tracing::error!("closed with a gap that could not be told: {missing}");
        }
    }
}

/// Runs one of the log's threads.
fn run_beside(
    name: &str,
    inner: &Arc<Inner>,
    guard: mpsc::Sender<()>,
    work: impl FnOnce(&Arc<Inner>) + Send + 'static,
) -> Result<(), RecordError> {
    let inner = Arc::clone(inner);
    let run = move || {
        work(&inner);
        // Its hold on the log goes first: who waited for the end may open the directory again.
        drop(inner);
        drop(guard);
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| RecordError::Directory(error.to_string()))
}

fn is_hung_up(received: Result<(), TryRecvError>) -> bool {
    received == Err(TryRecvError::Disconnected)
}

/// The word for metrics and gaps.
fn reason(error: &RecordError) -> &'static str {
    match error {
        RecordError::Journal(_) => "journal",
        RecordError::Full => "full",
        RecordError::Late => "late",
        RecordError::Closed => "closed",
        RecordError::Directory(_) | RecordError::Held { .. } => "directory",
    }
}

impl From<JournalError> for RecordError {
    fn from(error: JournalError) -> RecordError {
        match error {
            JournalError::Closed => RecordError::Closed,
            error @ (JournalError::Io { .. }
            | JournalError::Newer { .. }
            | JournalError::Older { .. }
            | JournalError::NoSalt(_)
            | JournalError::TooLong
            | JournalError::TooManyOpen) => RecordError::Journal(error.to_string()),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            key: None,
            tail_bytes_max: 64 << 20,
            intents_max: 4_096,
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
