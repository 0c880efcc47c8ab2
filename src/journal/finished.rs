//! What the writer shares with the journal's other users: segments that are written no more, until they are
//! removed, and the last trouble.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::Mutex;

use super::JournalError;
use super::disk::{self, Disk};

/// What the writer shares with the journal's other users.
#[derive(Default)]
pub(super) struct Shared {
    /// Segments that are written no more, oldest first; the mover removes them.
    pub finished: Mutex<VecDeque<Finished>>,
    /// Why the last batch could not be written, and when that was; none when it could.
    pub trouble: Mutex<Option<(JournalError, Instant)>>,
    /// Set by who wants what is written next to end its segment.
    pub is_to_turn: AtomicBool,
}

/// A segment that is written no more.
#[derive(Debug)]
pub(super) struct Finished {
    pub path: PathBuf,
    /// No event of it is above.
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
    /// Nothing in it was acknowledged but what its successor holds, too: removed at once.
    Superseded,
}

impl Shared {
    /// See [`super::Journal::release`]. The oldest goes first, and is gone for good before the next one goes: a
    /// segment that came back alone after a power cut would miss what its successor says of it.
    pub(super) fn release(&self, disk: &dyn Disk, directory: &Path, sequence: u64) {
        let mut finished = self.finished.lock();
        while let Some(oldest) = finished.front().filter(|segment| segment.last <= sequence) {
            let removed = disk.sync_directory(directory).and_then(|()| match oldest.condition {
                Condition::Good | Condition::Superseded => disk.remove(&oldest.path),
                Condition::Damaged => disk::set_aside(disk, &oldest.path, "damaged"),
            });
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let path = oldest.path.display();
                    tracing::warn!(%path, %error, "a journal segment cannot be removed");
                    return;
                }
                Ok(()) | Err(_) => drop(finished.pop_front()),
            }
        }
    }
}
