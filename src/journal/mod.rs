//! The journal: append-only files where everything is synced before it counts as recorded. It knows
//! neither events nor the store: payloads in, sealed entries out, and word when they are on the disk.
//!
//! Three kinds of entries. An *event* has a sequence and is a leaf of the tree of hashes; it goes on to the
//! store. An *intent* says that something is about to happen, and its *closing* that it is over; they have no
//! sequence and stay here. An intent whose closing is not found at the next start tells what was under way.
//!
//! # Files
//! `<directory>/<number, 20 digits>.log`, mode 0600, at most about 64 MiB each. The newest is written; the
//! others are removed when the store holds all their events ([`Journal::release`]). Numbers are big-endian.
//!
//! Header, 116 bytes:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `EWJOURNL` |
//! | 8 | 2 | format of the file, 3 |
//! | 10 | 2 | zero |
//! | 12 | 16 | instance: whose journal it is |
//! | 28 | 8 | number of the segment |
//! | 36 | 8 | sequence of the first event |
//! | 44 | 32 | leaf of the event before the first |
//! | 76 | 8 | number of the segment that this one continues; 0 for none |
//! | 84 | 8 | how many bytes of that one count; all ones for all that can be read |
//! | 92 | 4 | how many intents follow at once: those that were open |
//! | 96 | 16 | seal: see `seal.rs` |
//! | 112 | 4 | CRC-32 of bytes 0 to 111 |
//!
//! Entry:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of what follows offset 8 |
//! | 4 | 4 | CRC-32 of the length's four bytes and of what follows offset 8 |
//! | 8 | 1 | format of the entry, 3 |
//! | 9 | 1 | kind: 1 event, 2 intent, 3 closing |
//! | 10 | 8 | sequence; for intents and closings that of the last event before |
//! | 18 | 8 | offset at which the write began that this entry was part of |
//! | 26 | 16 | seal: see `seal.rs` |
//! | 42 | 16 | an event: its salt; an intent or closing: its id |
//! | then | rest | an event: its JSON; an intent: its body, JSON, too; a closing: nothing |
//!
//! The leaf of an event is not stored: `store/tree/leaf.rs` says over which bytes it is computed. What stands
//! behind the length that the next segment names was never acknowledged (its sync failed) and does not count.
//! A segment begins with all intents that were open, so what the ones before it say of intents is done with.
//!
//! A file `reserve` beside the segments holds a few MiB of the disk for what has begun when the disk gets full.
//!
//! # Opening
//! Segments are read in order, streamed. A write that did not come to its end, in the newest file, is cut
//! off: it was never acknowledged. It is known by having nothing behind it that a later write put there, and
//! by being unwritten rather than spoilt. Any other damage loses nothing that can still be read: entries
//! before and behind it are taken, writing goes on in a new file, and the damaged one is renamed
//! `.damaged` once the store holds what was taken. An entry without our seal is not taken, and is such damage. A
//! file of another instance, or whose header was sealed with another key, is renamed `.foreign`.
//! Opening fails only when the directory cannot be used or a newer version wrote there.

mod disk;
mod finished;
mod format;
mod gather;
mod intents;
mod open;
mod salts;
mod writer;

pub use open::{OpenIntent, Opened, Settings, instance_in, open};

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::store::Sealed;
use disk::Disk;
use finished::Shared;
use format::seal::Seal;
use writer::Append;

/// An open journal. Appends may come from any thread.
pub struct Journal {
    /// `None` once closed, which ends the writer. Not bounded here: who appends bounds what is under way.
    queue: Mutex<Option<Sender<Append>>>,
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    instance: Uuid,
    seal: Seal,
    /// Told when an append cannot wait: it may sleep over those that can.
    writer: Thread,
    /// Hangs up when the writer has ended.
    ended: Mutex<Receiver<()>>,
}

/// What is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An event's JSON; it gets a sequence and a salt.
    Event(Arc<[u8]>),
    /// Something is about to happen. It stays known, whatever ends the process, until its closing.
    Intent {
        /// What its closing will name. One that is open under this id gives way.
        id: Uuid,
        /// What is known of it, as JSON.
        body: Arc<[u8]>,
    },
    /// It is over. Closing what is not open does no harm.
    Closed {
        /// Which intent.
        id: Uuid,
    },
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
    /// A version that was never released wrote it.
    #[error("{} is of a format that no released version wrote: begin a new data directory", .path.display())]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// No random bytes can be had for salts.
    #[error("no random bytes can be had: {0}")]
    NoSalt(String),
    /// A payload is longer than an entry may be (16 MiB).
    #[error("a payload is too long for an entry")]
    TooLong,
    /// Open intents hold more than 32 MiB.
    #[error("too many intents are open")]
    TooManyOpen,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

impl Journal {
    /// Appends payloads as consecutive entries. `done` is called on the writer's thread, in the order of
    /// sequences, when all of them are synced or none of them counts; it gets the events. After a crash before
    /// that, the first ones may be found and the others not: what has to be known of an end comes last.
    pub fn append(
        &self,
        payloads: Vec<Payload>,
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

    /// Reads again all events that the segments on the disk hold, in order, and hands it to `take`. For repair:
    /// what is being written meanwhile may or may not be among it.
    pub fn replay(&self, take: &mut dyn FnMut(Sealed)) {
        open::survey::replay(&*self.disk, &self.directory, (self.instance, &self.seal), take);
    }

    /// Ends the segment that is written with what is written next, so that it can be removed: what was erased from the
    /// store must not stay here until a segment is full.
    pub fn turn(&self) {
        self.shared.is_to_turn.store(true, Ordering::Release);
    }

    /// Removes finished segments that hold no event above `sequence`; damaged ones are set aside instead.
    pub fn release(&self, sequence: u64) {
        self.shared.release(&*self.disk, &self.directory, sequence);
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

impl Payload {
    /// The length of what it brings along, in bytes.
    fn len(&self) -> usize {
        match self {
            Payload::Event(bytes) | Payload::Intent { body: bytes, .. } => bytes.len(),
            Payload::Closed { .. } => 0,
        }
    }
}

impl JournalError {
    fn io(doing: &'static str, path: &Path, error: &io::Error) -> JournalError {
        JournalError::Io { doing, path: path.to_owned(), why: error.to_string() }
    }
}

const TROUBLE_KEPT: Duration = Duration::from_secs(10);

#[cfg(test)]
pub(crate) mod tests;
