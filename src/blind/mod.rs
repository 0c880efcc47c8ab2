//! Blind spots: requests that may have changed something and of which no rule has made a record.
//!
//! Grouped by method and learned path template, counted, with a sample that holds names and sizes but no
//! values. The learning is pure (`table`); a small file keeps it across restarts (`file`). Beside them stand the rules that
//! have stopped firing (`silent`), because what they were for may be among the blind spots now.
//!
//! Everything is bounded. What a stranger sends cannot push out what matters: only answers that say "done" or
//! "go there" teach a template (THREATS E12), and when the table is full, templates without a success make room
//! first (THREATS E75).

mod file;
mod seen;
mod segment;
mod silent;
mod spot;
mod table;

pub use seen::{Answered, Sample, Seen, is_telling};
pub use silent::{Like, Silent, trouble};
pub use spot::{Row, Value};

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use self::silent::Pulses;
use self::table::Table;
use crate::rules::model::RuleSet;

/// The blind spots of this installation. Shared by all workers and the audit listener; cheap to clone.
#[derive(Clone, Default)]
pub struct Blind {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    table: Mutex<Table>,
    pulses: Mutex<Pulses>,
    /// Ends the thread that writes the file when it is dropped; taken by [`Blind::close`].
    writing: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Blind {
    /// What the data directory holds, which it is written back to every minute and at the end. What cannot be
    /// read is set aside and told; the table begins anew then.
    pub fn open(directory: &Path) -> Blind {
        let path = directory.join("blind-spots.json");
        let pulses_path = directory.join("rule-pulses.json");
        let inner = Arc::new(Inner {
            table: Mutex::new(file::read(&path, Table::read)),
            pulses: Mutex::new(file::read(&pulses_path, Pulses::read)),
            writing: Mutex::new(None),
        });
        let (stop, stopped) = channel::<()>();
        let shared = Arc::downgrade(&inner);
        let thread = std::thread::Builder::new().name("blind-spots".to_owned()).spawn(move || {
            loop {
                let is_last = stopped.recv_timeout(WRITE_PAUSE) != Err(RecvTimeoutError::Timeout);
                let Some(inner) = shared.upgrade() else { return };
                let spots = inner.table.lock().take_changed();
                let pulses = inner.pulses.lock().take_changed(Timestamp::now());
                for (path, text) in [(&path, spots), (&pulses_path, pulses)] {
                    if let Some(Err(error)) = text.map(|text| file::write(path, &text)) {
                        let path = path.display();
                        tracing::warn!(%error, %path, "what is blind cannot be kept for the next start");
                    }
                }
                if is_last {
                    return;
                }
            }
        });
        match thread {
            Ok(thread) => *inner.writing.lock() = Some((stop, thread)),
            Err(error) => tracing::warn!(%error, "the blind spots are kept until the next start only"),
        }
        Blind { inner }
    }

    /// True when a request's template is known: then no sample of it is wanted. Allocates nothing.
    pub fn knows(&self, method: &str, target: &str) -> bool {
        self.inner.table.lock().knows(method, target)
    }

    /// Counts a request, and learns its template where its answer may teach one.
    pub fn saw(&self, seen: &Seen<'_>) {
        self.inner.table.lock().saw(seen);
        // Whoever invents addresses must not make rules look silent.
        if matches!(seen.status, 101 | 200..=399) {
            self.inner.pulses.lock().deed();
        }
    }

    /// These rules are in force from now on.
    pub fn watch(&self, rules: &RuleSet) {
        self.inner.pulses.lock().watch(rules);
    }

    /// A request that came then was recorded, by these rules.
    pub fn recorded<'r>(&self, rules: impl Iterator<Item = &'r str>, at: Timestamp) {
        let mut pulses = self.inner.pulses.lock();
        pulses.deed();
        rules.for_each(|rule| pulses.fired(rule, at));
    }

    /// The rules in force that have gone silent, those first that fired last.
    pub fn silent(&self, now: Timestamp) -> Vec<Silent> {
        self.inner.pulses.lock().silent(now, || self.rows())
    }

    /// How many templates there are.
    pub fn count(&self) -> usize {
        self.inner.table.lock().count()
    }

    /// All of them: those that succeeded first, then the most frequent.
    pub fn rows(&self) -> Vec<Row> {
        self.inner.table.lock().rows()
    }

    /// Requests that are in none of them, by class of status from 1xx: failures at unknown paths, and what
    /// found the table full.
    pub fn unlearned(&self) -> [u64; 5] {
        self.inner.table.lock().unlearned()
    }

    /// Writes the file a last time. What is seen afterwards is lost.
    pub fn close(&self) {
        let writing = self.inner.writing.lock().take();
        if let Some((stop, thread)) = writing {
            drop(stop);
            // A thread that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

const WRITE_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
