//! Space on the disk. What is written next is set apart first, so that a disk fills up between two writes and
//! not within one. And a reserve is kept beside the segments, a file of no content: when the disk is full it is
//! given up, and what it held is for what has begun already: ends of exchanges, gaps, the last events before a
//! shutdown. New intents are refused until it is held again; so nothing begins whose end could not be kept.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::{JournalError, Payload, Urgency};
use super::Disk;

/// The reserve.
pub(in crate::journal) struct Reserve {
    path: PathBuf,
    bytes: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is there.
    Held,
    /// There is none, though the disk is not full: not every file system can set space apart.
    Missing,
    /// The disk is full.
    GivenUp,
}

impl Reserve {
    /// Sets a reserve of so many bytes apart in a directory.
    pub(in crate::journal) fn of(disk: &dyn Disk, directory: &Path, bytes: u64) -> Reserve {
        let state = State::Missing;
        let mut reserve = Reserve { path: directory.join("reserve"), bytes, state };
        reserve.hold(disk);
        reserve
    }

    /// Holds it again if it was given up and there is room.
    pub(in crate::journal) fn restore(&mut self, disk: &dyn Disk) {
        if self.is_given_up() {
            self.hold(disk);
        }
    }

    fn hold(&mut self, disk: &dyn Disk) {
        let was_full = self.is_given_up();
        self.state = match disk.hold(&self.path, self.bytes) {
            Ok(()) => State::Held,
            // What was made of it would be in the way of what must be written.
            Err(error) if is_full(&error) => {
                let _ = disk.remove(&self.path);
                State::GivenUp
            }
            Err(_) => State::Missing,
        };
        match (was_full, self.is_given_up()) {
            (false, true) => tracing::error!("the disk is full: what is left is kept for what has begun"),
            (true, false) => tracing::info!("the disk has room again"),
            (false, false) | (true, true) => {}
        }
    }

    /// Gives it up because the disk is full; true when that made room.
    pub(in crate::journal) fn give_up(&mut self, disk: &dyn Disk) -> bool {
        let was_held = self.state == State::Held;
        if !self.is_given_up() {
            tracing::error!("the disk is full: what is left is kept for what has begun");
        }
        self.state = State::GivenUp;
        was_held && disk.remove(&self.path).is_ok()
    }

    /// True while the disk is full.
    pub(in crate::journal) fn is_given_up(&self) -> bool {
        self.state == State::GivenUp
    }

    /// What is said while it is given up.
    pub(in crate::journal) fn error(&self) -> JournalError {
        let why = "the disk is full: what is left is kept for what has begun".to_owned();
        JournalError::Io { doing: "write beside", path: self.path.clone(), why }
    }
}

/// True for an append that may use what the reserve held: one that begins nothing, and that ends something or
/// that somebody waits for.
pub(in crate::journal) fn is_due(payloads: &[Payload], urgency: Urgency) -> bool {
    let begins = payloads.iter().any(|payload| matches!(payload, Payload::Intent { .. }));
    let ends = payloads.iter().any(|payload| matches!(payload, Payload::Closed { .. }));
    !begins && (ends || urgency == Urgency::Now)
}

/// True when an error says that there is no room.
pub(in crate::journal) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
