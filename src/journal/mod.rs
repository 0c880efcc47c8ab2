//! The journal: append-only files where every event is synced before it counts as recorded. It knows
//! neither events nor the store: payloads in, sealed entries out, and word when they are on the disk.
//!
//! # Files
//! `<directory>/<first sequence, 20 digits>.log`, mode 0600, at most about 64 MiB each. The newest is
//! written; the others are removed when the store holds all they hold ([`Journal::release`]). Numbers are
//! big-endian.
//!
//! Header, 72 bytes:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `EWJOURNL` |
//! | 8 | 2 | format of the file, 1 |
//! | 10 | 2 | zero |
//! | 12 | 16 | instance: whose journal it is |
//! | 28 | 8 | first sequence |
//! | 36 | 32 | hash of the entry before the first |
//! | 68 | 4 | CRC-32 of bytes 0 to 67 |
//!
//! Entry:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of what follows offset 8 |
//! | 4 | 4 | CRC-32 of the length's four bytes and of what follows offset 8 |
//! | 8 | 1 | format of the entry, 1 |
//! | 9 | 1 | kind: 1 event; others are kept for intents and gaps |
//! | 10 | 8 | sequence |
//! | 18 | 32 | hash of the entry before |
//! | 50 | rest | payload: the event's JSON |
//!
//! The hash of an entry is not stored: `store/chain.rs` says over which bytes it is computed. An entry
//! whose sequence is not below the first of the *next* file was never acknowledged (its sync failed) and
//! does not count.
//!
//! # Opening
//! Segments are read in order, streamed. A torn tail, bytes that are no entry with no entry behind them,
//! is cut off, in the last file only. Any other damage loses nothing that can still be read: entries
//! before and behind it are taken, writing goes on in a new file, and the damaged one is renamed
//! `.damaged` once the store holds what was taken. A file of another instance is renamed `.foreign`.
//! Opening fails only when the directory cannot be used or a newer version wrote there.

mod disk;
mod entry;
mod open;
mod read;
mod writer;

pub use open::{Opened, Settings, instance_in, open};

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::store::Sealed;
use writer::{Append, Condition, Shared};

/// An open journal. Appends may come from any thread.
pub struct Journal {
    /// `None` once closed, which ends the writer. Not bounded here: who appends bounds what is under way.
    queue: Mutex<Option<Sender<Append>>>,
    shared: Arc<Shared>,
    directory: PathBuf,
    instance: Uuid,
    /// Told when an append cannot wait: it may sleep over those that can.
    writer: Thread,
    /// Hangs up when the writer has ended.
    ended: Mutex<Receiver<()>>,
}

/// How soon an append has to be synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Now,
    /// Nobody does: within a few hundredths of a second.
    Soon,
}

/// Why the journal refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The disk did not do what was asked.
    #[error("cannot {doing} {}: {why}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// A newer version wrote it; going on could lose what it knows and we do not.
    #[error("{} was written by a newer version", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// A payload is longer than an entry may be (16 MiB).
    #[error("a payload is too long for an entry")]
    TooLong,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

impl Journal {
    /// Appends payloads as consecutive entries. `done` is called on the writer's thread, in the order of
    /// sequences, when all of them are synced or none of them counts.
    pub fn append(
        &self,
        payloads: Vec<Arc<[u8]>>,
        urgency: Urgency,
        done: impl FnOnce(Result<Vec<Sealed>, JournalError>) + Send + 'static,
    ) {
        let append = Append { payloads, urgency, done: Box::new(done) };
        let refused = match &*self.queue.lock() {
            Some(queue) => queue.send(append).err().map(|error| error.0),
            None => Some(append),
        };
        match refused {
            Some(append) => (append.done)(Err(JournalError::Closed)),
            None if urgency == Urgency::Now => self.writer.unpark(),
            None => {}
        }
    }

    /// Reads again all that the segments on the disk hold, in order, and hands it to `take`. For repair:
    /// what is being written meanwhile may or may not be among it.
    pub fn replay(&self, take: &mut dyn FnMut(Sealed)) {
        open::replay(&self.directory, self.instance, take);
    }

    /// Removes finished segments that hold nothing above `sequence`; damaged ones are set aside instead.
    pub fn release(&self, sequence: u64) {
        self.shared.finished.lock().retain(|segment| {
            if segment.last > sequence {
                return true;
            }
            let removed = match segment.condition {
                Condition::Good => std::fs::remove_file(&segment.path),
                Condition::Damaged => disk::set_aside(&segment.path, "damaged").map(drop),
            };
            if let Err(error) = &removed {
                tracing::warn!(path = %segment.path.display(), %error, "a journal segment cannot be removed");
            }
            removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
    }

    /// Why the last batch could not be written; `None` when it could, or when nobody tried for ten seconds:
    /// a proxy that is taken out of service for this must not wait for traffic to be taken in again.
    pub fn trouble(&self) -> Option<JournalError> {
        let trouble = self.shared.trouble.lock();
        trouble.as_ref().filter(|(_, at)| at.elapsed() < TROUBLE_KEPT).map(|(error, _)| error.clone())
    }

    /// True when nothing is written any more, whether it was closed or its writer failed.
    pub fn has_ended(&self) -> bool {
        matches!(self.ended.lock().try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Takes no more appends; those that wait are still written.
    pub fn close(&self) {
        self.queue.lock().take();
        self.writer.unpark();
    }

    /// Waits until the writer has ended, at most `limit`; true when it has.
    pub fn wait(&self, limit: Duration) -> bool {
        matches!(self.ended.lock().recv_timeout(limit), Err(RecvTimeoutError::Disconnected))
    }
}

impl JournalError {
    fn io(doing: &'static str, path: &Path, error: &io::Error) -> JournalError {
        JournalError::Io { doing, path: path.to_owned(), why: error.to_string() }
    }
}

const TROUBLE_KEPT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
