//! The one thread that writes: takes all that waits, writes it with one call, syncs it with one call, then
//! answers. While it syncs, the next batch gathers; so the disk sets the pace. When appends come fast, or
//! nobody waits for them, it lets a batch gather a moment longer: a sync and the switch of threads around
//! it cost more than the entries. It sleeps meanwhile, so that no append wakes it but the first that cannot
//! wait among those that can.
//!
//! After an error nothing half-written stays in the middle of a segment: the segment is cut back to its
//! last good length, or left behind for a new one. A sync that failed is never tried again on the same
//! file: the kernel may have dropped the pages and would say "done" the second time.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

use super::disk::{self, Disk, Segment};
use super::entry::{self, HEADER_BYTES, Header, PAYLOAD_BYTES_MAX};
use super::{JournalError, Urgency};
use crate::store::{Head, Sealed};

/// Payloads that wait, and who wants to know.
pub(super) struct Append {
    pub payloads: Vec<Arc<[u8]>>,
    pub urgency: Urgency,
    pub done: Done,
}

/// Told on the writer's thread, in the order of sequences; must be quick.
pub(super) type Done = Box<dyn FnOnce(Result<Vec<Sealed>, JournalError>) + Send>;

/// Told how long each write and sync took.
pub(super) type Observe = Box<dyn Fn(Duration) + Send>;

/// What the writer shares with the journal's other users.
#[derive(Default)]
pub(super) struct Shared {
    /// Segments that are written no more; the mover removes them.
    pub finished: Mutex<Vec<Finished>>,
    /// Why the last batch could not be written, and when that was; none when it could.
    pub trouble: Mutex<Option<(JournalError, Instant)>>,
}

/// A segment that is written no more.
#[derive(Debug)]
pub(super) struct Finished {
    pub path: PathBuf,
    /// No entry of it is above.
    pub last: u64,
    pub condition: Condition,
}

/// Whether a finished segment is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Removed when the store holds it.
    Good,
    /// Kept aside, as evidence, when the store holds what could be read.
    Damaged,
}

pub(super) struct Writer {
    pub directory: PathBuf,
    pub instance: Uuid,
    pub segment_bytes_max: u64,
    pub disk: Box<dyn Disk>,
    pub observe: Observe,
    pub shared: Arc<Shared>,
    pub head: Head,
    pub active: Option<Active>,
}

/// The segment that is written.
pub(super) struct Active {
    pub file: Box<dyn Segment>,
    pub path: PathBuf,
    pub first: u64,
    /// Its length as far as it is good.
    pub bytes: u64,
}

impl Writer {
    /// Writes until the last sender is gone and all that waited is answered.
    pub(super) fn run(mut self, queue: &Receiver<Append>) {
        let mut buffer = Vec::new();
        let mut pace = Pace { since: Instant::now(), appends_per_ms: 0.0 };
        while let Ok(first) = queue.recv() {
            let batch = gather(first, queue, &pace);
            pace.count(batch.len());
            self.commit(batch, &mut buffer);
        }
    }

    /// Opens a new segment behind the head unless one is open.
    pub(super) fn ensure_active(&mut self) -> Result<&mut Active, JournalError> {
        if self.active.is_none() {
            self.active = Some(self.new_segment()?);
        }
        self.active.as_mut().ok_or(JournalError::Closed)
    }

    fn commit(&mut self, batch: Vec<Append>, buffer: &mut Vec<u8>) {
        let mut head = self.head;
        buffer.clear();
        let mut answers = Vec::with_capacity(batch.len());
        for append in batch {
            if append.payloads.iter().any(|payload| payload.len() > PAYLOAD_BYTES_MAX) {
                (append.done)(Err(JournalError::TooLong));
                continue;
            }
            let seal = |payload| {
                let entry = Sealed::after(head, payload);
                head = entry.head();
                entry::write_entry(buffer, &entry);
                entry
            };
            answers.push((append.payloads.into_iter().map(seal).collect::<Vec<_>>(), append.done));
        }
        let started = Instant::now();
        let written = self.write(buffer);
        (self.observe)(started.elapsed());
        *self.shared.trouble.lock() = written.as_ref().err().map(|error| (error.clone(), Instant::now()));
        if written.is_ok() {
            self.head = head;
        }
        for (sealed, done) in answers {
            done(written.clone().map(|()| sealed));
        }
        buffer.shrink_to(BUFFER_BYTES_KEPT);
        self.roll();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let active = self.ensure_active()?;
        let good = active.bytes;
        let failed = |path: &PathBuf, error: &io::Error| JournalError::io("write", path, error);
        if let Err(error) = active.file.append(bytes) {
            let error = failed(&active.path, &error);
            if active.file.cut(good).is_err() {
                self.leave();
            }
            return Err(error);
        }
        if let Err(error) = active.file.sync() {
            let error = failed(&active.path, &error);
            // Only tidiness: the next segment's name already says from where on entries here do not count.
            let _ = active.file.cut(good);
            self.leave();
            return Err(error);
        }
        active.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Goes on in a new segment when the present one is full.
    fn roll(&mut self) {
        if self.active.as_ref().is_some_and(|active| active.bytes >= self.segment_bytes_max) {
            self.leave();
            // If this fails, the next batch tries again and tells its callers.
            let _ = self.ensure_active();
        }
    }

    /// Finishes the present segment. One that holds no acknowledged entry gives its name free.
    fn leave(&mut self) {
        let Some(active) = self.active.take() else { return };
        if active.first > self.head.sequence {
            let _ = std::fs::remove_file(&active.path);
        } else {
            let last = self.head.sequence;
            self.shared.finished.lock().push(Finished {
                path: active.path,
                last,
                condition: Condition::Good,
            });
        }
    }

    fn new_segment(&self) -> Result<Active, JournalError> {
        let first = self.head.sequence.saturating_add(1);
        let path = disk::segment_path(&self.directory, first);
        let header = entry::header_bytes(&Header { instance: self.instance, before: self.head });
        if path.symlink_metadata().is_ok() {
            tracing::warn!(path = %path.display(), "a file stood where a segment begins; it was set aside");
            disk::set_aside(&path, "unused").map_err(|error| JournalError::io("set aside", &path, &error))?;
        }
        let made = self.disk.create(&path).and_then(|mut file| {
            file.append(&header)?;
            file.sync()?;
            self.disk.sync_directory(&self.directory)?;
            Ok(file)
        });
        made.map(|file| Active { file, path: path.clone(), first, bytes: HEADER_BYTES as u64 }).map_err(
            |error| {
                let _ = std::fs::remove_file(&path);
                JournalError::io("make", &path, &error)
            },
        )
    }
}

/// How fast appends come.
struct Pace {
    since: Instant,
    appends_per_ms: f64,
}

impl Pace {
    /// Takes note of a batch: half of the estimate is the time since the batch before.
    fn count(&mut self, appends: usize) {
        let ms = (self.since.elapsed().as_secs_f64() * 1e3).max(1e-3);
        let now = f64::from(u32::try_from(appends).unwrap_or(u32::MAX)) / ms;
        self.appends_per_ms = (self.appends_per_ms + now) / 2.0;
        self.since = Instant::now();
    }

    /// How long a batch for which somebody waits may gather: nothing, unless company is to be expected.
    fn patience(&self) -> Duration {
        if self.appends_per_ms * GATHER_MAX.as_secs_f64() * 1e3 >= COMPANY_MIN {
            GATHER_MAX
        } else {
            Duration::ZERO
        }
    }
}

/// What is written together: all that waits, and all that comes while the batch may wait.
fn gather(first: Append, queue: &Receiver<Append>, pace: &Pace) -> Vec<Append> {
    let begun = Instant::now();
    let mut bytes = size(&first);
    let mut is_urgent = first.urgency == Urgency::Now;
    let mut batch = vec![first];
    loop {
        loop {
            if bytes >= BATCH_BYTES_MAX {
                return batch;
            }
            match queue.try_recv() {
                Ok(next) => {
                    bytes += size(&next);
                    is_urgent |= next.urgency == Urgency::Now;
                    batch.push(next);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return batch,
            }
        }
        let patience = if is_urgent { pace.patience() } else { SOON_MAX };
        let left = patience.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return batch;
        }
        if is_urgent {
            // Nothing wakes it: a switch of threads for each append is what gathering saves.
            thread::sleep(left);
        } else {
            // The first append that cannot wait ends this.
            thread::park_timeout(left);
        }
    }
}

fn size(append: &Append) -> usize {
    append.payloads.iter().map(|payload| payload.len()).sum()
}

/// How long a batch gathers at the most when somebody waits for it.
const GATHER_MAX: Duration = Duration::from_micros(700);
/// How long when nobody does.
const SOON_MAX: Duration = Duration::from_millis(20);
/// A batch gathers only if so many appends are to be expected meanwhile: a lone client is never slowed.
const COMPANY_MIN: f64 = 3.0;
/// A batch is written when so much waits: more would make its first callers wait for its last.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// What the buffer keeps between batches.
const BUFFER_BYTES_KEPT: usize = 1 << 20;
