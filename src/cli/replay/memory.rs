//! What rules remember of things, while a recording is played: as in service, but by the recording's clock.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;

use crate::derive::{Answer, Learned};
use crate::store::{Ceiling, Snapshots};

/// Things as they were seen last. Lives for one recording.
pub(super) struct Memory {
    snapshots: Snapshots,
    /// When each was seen.
    seen: RefCell<HashMap<String, Timestamp>>,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory { snapshots: Snapshots::open(None, CEILING), seen: RefCell::default() }
    }

    /// Keeps what an exchange of this time showed.
    pub(super) fn learn(&self, at: Timestamp, learned: Vec<(String, Learned)>) {
        self.seen.borrow_mut().extend(learned.iter().map(|(key, _)| (key.clone(), at)));
        self.snapshots.learn(learned);
    }

    /// What was seen last of a thing.
    pub(super) fn recall(&self, key: &str, now: Timestamp) -> Option<Answer> {
        let (value, _) = self.snapshots.recall(key)?;
        let seen = self.seen.borrow().get(key).copied().unwrap_or(now);
        let age_ms = u64::try_from(now.duration_since(seen).as_millis()).unwrap_or(0);
        Some(Answer::Remembered { value, age_ms })
    }
}

/// As a service has it by default, and then some: a recording is read in a moment.
const CEILING: Ceiling = Ceiling { count_max: 100_000, bytes_max: 256 << 20 };
