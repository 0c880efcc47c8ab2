//! The tail: entries that are synced in the journal and not yet in the store, in memory, so that a query
//! sees an event as soon as it is recorded. Bounded in bytes; who finds it full waits a little.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::store::{Head, Sealed};

/// Entries between journal and store, oldest first.
pub(super) struct Tail {
    inner: Mutex<Inner>,
    /// Wakes the mover.
    grown: Condvar,
    /// Bytes that are on their way into the journal or in the tail.
    bytes: AtomicUsize,
    bytes_max: usize,
    room_wait: Duration,
    /// Wakes those who wait for room.
    room: Notify,
}

struct Inner {
    entries: VecDeque<Sealed>,
    /// When the oldest entry came.
    since: Instant,
    head: Head,
    is_closing: bool,
}

/// Takes what a journal holds at the start: what the store lacks waits for it again.
pub(super) struct Reading<'a> {
    tail: &'a Tail,
    stored: Head,
    held: u64,
}

/// What the mover is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Hand these over; never empty.
    Move(Vec<Sealed>),
    /// Nothing is left, and nothing will come.
    End,
}

impl Tail {
    pub(super) fn new(bytes_max: usize, room_wait: Duration) -> Tail {
        let inner = Inner {
            entries: VecDeque::new(),
            since: Instant::now(),
            head: Head::default(),
            is_closing: false,
        };
        Tail {
            inner: Mutex::new(inner),
            grown: Condvar::new(),
            bytes: AtomicUsize::new(0),
            bytes_max,
            room_wait,
            room: Notify::new(),
        }
    }

    /// Waits for room for so many bytes, a limited time; true when they are reserved. Dropping the future
    /// reserves nothing.
    pub(super) async fn reserve(&self, bytes: usize) -> bool {
        if self.try_reserve(bytes) {
            return true;
        }
        let waiting = async {
            loop {
                // Made before the next try, so that room given in between is not missed.
                let room = self.room.notified();
                tokio::pin!(room);
                room.as_mut().enable();
                if self.try_reserve(bytes) {
                    return;
                }
                room.await;
            }
        };
        tokio::time::timeout(self.room_wait, waiting).await.is_ok()
    }

    /// Gives back what was reserved for entries that did not come.
    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.room.notify_waiters();
    }

    /// Takes room, whether there is some or not.
    pub(super) fn claim(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Takes entries that are synced, in order. Their bytes were reserved before.
    pub(super) fn push(&self, entries: &[Sealed]) {
        let Some(last) = entries.last() else { return };
        let mut inner = self.inner.lock();
        if inner.entries.is_empty() {
            inner.since = Instant::now();
        }
        inner.head = last.head();
        inner.entries.extend(entries.iter().cloned());
        if inner.entries.len() >= MOVE_ENTRIES_MIN || self.is_heavy() {
            self.grown.notify_one();
        }
    }

    /// Takes an entry that was found in the journal at the start, whatever room there is.
    pub(super) fn push_found(&self, entry: Sealed) {
        self.claim(weight(&entry));
        self.push(std::slice::from_ref(&entry));
    }

    /// The last entry that is synced.
    pub(super) fn head(&self) -> Head {
        self.inner.lock().head
    }

    /// Sets the head where nothing is in the tail.
    pub(super) fn set_head(&self, head: Head) {
        self.inner.lock().head = head;
    }

    /// How many entries wait.
    pub(super) fn len(&self) -> usize {
        self.inner.lock().entries.len()
    }

    /// True when there is no room at all.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.bytes_max
    }

    /// True when entries cannot wait any longer: half of the room is taken, or nothing else will come.
    pub(super) fn presses(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.bytes_max / 2 || self.inner.lock().is_closing
    }

    /// The entries as they are now, oldest first. Payloads are shared, not copied.
    pub(super) fn entries(&self) -> Vec<Sealed> {
        self.inner.lock().entries.iter().cloned().collect()
    }

    /// Waits until there is enough to move, or the oldest waited `age_max`, or the log closes. A larger
    /// hand-over makes fuller blocks, which are smaller on disk and faster to read.
    pub(super) fn next(&self, age_max: Duration) -> Work {
        let mut inner = self.inner.lock();
        loop {
            let is_due = inner.entries.len() >= MOVE_ENTRIES_MIN
                || self.is_heavy()
                || inner.since.elapsed() >= age_max;
            if !inner.entries.is_empty() && (is_due || inner.is_closing) {
                return Work::Move(first_run(&inner));
            }
            if inner.is_closing {
                return Work::End;
            }
            let wait = match inner.entries.is_empty() {
                true => age_max,
                false => age_max.saturating_sub(inner.since.elapsed()),
            };
            self.grown.wait_for(&mut inner, wait.max(Duration::from_millis(1)));
        }
    }

    /// Waits before another try; ends early when the log closes. True when it closes.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let mut inner = self.inner.lock();
        let until = Instant::now() + pause;
        while !inner.is_closing && !self.grown.wait_until(&mut inner, until).timed_out() {}
        inner.is_closing
    }

    /// Lets go of entries that the store holds, up to `sequence`.
    pub(super) fn release(&self, sequence: u64) {
        let mut inner = self.inner.lock();
        let count = inner.entries.partition_point(|entry| entry.sequence <= sequence);
        let bytes = inner.entries.drain(..count).map(|entry| weight(&entry)).sum();
        inner.since = Instant::now();
        MutexGuard::unlock_fair(inner);
        self.give_back(bytes);
    }

    /// Nothing more will come: what is there is to be moved at once.
    pub(super) fn close(&self) {
        self.inner.lock().is_closing = true;
        self.grown.notify_all();
    }

    /// True when the tail should not wait for more before it is moved.
    fn is_heavy(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.bytes_max / 4
    }

    fn try_reserve(&self, bytes: usize) -> bool {
        // A batch larger than the limit itself goes alone.
        let fits = |held: usize| (held == 0 || held + bytes <= self.bytes_max).then_some(held + bytes);
        self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
    }
}

impl<'a> Reading<'a> {
    /// Beside a store that ends there.
    pub(super) fn new(tail: &'a Tail, stored: Head) -> Reading<'a> {
        Reading { tail, stored, held: stored.sequence }
    }

    /// Takes an entry, in order.
    pub(super) fn take(&mut self, entry: Sealed) {
        // Another entry at the place of the last one: the store will refuse it, and so all behind it.
        let is_fork = entry.sequence == self.stored.sequence && entry.leaf != self.stored.leaf;
        self.held -= u64::from(is_fork);
        if is_fork || entry.sequence > self.stored.sequence {
            self.tail.push_found(entry);
        }
    }

    /// The last entry that the journal need not keep.
    pub(super) fn held(&self) -> u64 {
        self.held
    }
}

/// What an entry counts: its payload, and about what holds it.
pub(super) fn weight(entry: &Sealed) -> usize {
    payload_weight(entry.json.len())
}

/// As [`weight`], before the entry is made.
pub(super) fn payload_weight(bytes: usize) -> usize {
    bytes + ENTRY_BYTES
}

/// The first entries, as far as they follow each other, at most one hand-over's.
fn first_run(inner: &Inner) -> Vec<Sealed> {
    let mut run: Vec<Sealed> = Vec::new();
    let mut bytes = 0;
    for entry in inner.entries.iter().take(MOVE_ENTRIES_MAX) {
        bytes += weight(entry);
        let is_next = run.last().is_none_or(|last| entry.continues(last.head()));
        if !is_next || bytes > MOVE_BYTES_MAX && !run.is_empty() {
            break;
        }
        run.push(entry.clone());
    }
    run
}

const ENTRY_BYTES: usize = 120;
const MOVE_ENTRIES_MIN: usize = 1024;
const MOVE_ENTRIES_MAX: usize = 4096;
const MOVE_BYTES_MAX: usize = 4 << 20;
