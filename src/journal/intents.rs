//! The intents that are open: begun, and not closed yet. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::format::entry::Entry;

/// Intents without a closing, by id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Intents {
    bodies: BTreeMap<Uuid, Arc<[u8]>>,
    bytes: usize,
}

impl Intents {
    /// Adds one; one of the same id gives way.
    pub(super) fn open(&mut self, id: Uuid, body: Arc<[u8]>) {
        self.bytes += weight(&body);
        if let Some(body) = self.bodies.insert(id, body) {
            self.bytes -= weight(&body);
        }
    }

    /// Takes one away; true when it was there.
    pub(super) fn close(&mut self, id: Uuid) -> bool {
        let closed = self.bodies.remove(&id);
        self.bytes -= closed.as_ref().map_or(0, weight);
        closed.is_some()
    }

    /// What they hold, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (Uuid, &Arc<[u8]>)> {
        self.bodies.iter().map(|(id, body)| (*id, body))
    }
}

/// What a segment says of intents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    opened: Intents,
    /// Closed here, opened in a segment before.
    closed: BTreeSet<Uuid>,
}

impl Told {
    /// Takes note of an entry; events say nothing of intents.
    pub(super) fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Event(_) => {}
            Entry::Intent { id, body } => self.opened.open(*id, Arc::clone(body)),
            Entry::Closed { id } => {
                if !self.opened.close(*id) {
                    self.closed.insert(*id);
                }
            }
        }
    }

    /// What is open behind a segment whose beginning is whole: it began with all that were open then.
    pub(super) fn alone(self) -> Intents {
        self.opened
    }

    /// What is open behind a segment that continues others, its beginning being damaged.
    pub(super) fn after(self, mut before: Intents) -> Intents {
        for id in self.closed {
            before.close(id);
        }
        for (id, body) in self.opened.bodies {
            before.open(id, body);
        }
        before
    }
}

/// What an intent counts: its body, and about what holds it.
pub(super) fn weight(body: &Arc<[u8]>) -> usize {
    body.len() + 64
}
