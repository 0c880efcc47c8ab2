//! The one thread that writes: takes all that waits, writes it with one call, syncs it with one call, then
//! answers. While it syncs, the next batch gathers; so the disk sets the pace.
//!
//! After an error nothing half-written stays in the middle of a segment: the segment is cut back to its
//! last good length, or left behind for a new one, whose header says how far the one before it counts. A sync
//! that failed is never tried again on the same file: the kernel may have dropped the pages and would say
//! "done" the second time.
//!
//! A new segment begins with the intents that are open, synced together with its header. Only then is the
//! one before it given to the mover for removal: what it alone knew is nothing but events.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::disk::space::{self, Reserve, is_full};
use super::disk::{self, Disk, Segment};
use super::finished::{Condition, Finished, Shared};
use super::format::entry::{self, Entry, PAYLOAD_BYTES_MAX, Place};
use super::format::header::{self, HEADER_BYTES, Header, Reach};
use super::format::seal::{Seal, Stamp};
use super::gather::{self, Pace};
use super::intents::{self, Intents};
use super::salts::Salts;
use super::{JournalError, Payload, Urgency};
use crate::store::{Head, Sealed};

/// Payloads that wait, and who wants to know.
pub(super) struct Append {
    pub payloads: Vec<Payload>,
    pub urgency: Urgency,
    pub done: Done,
}

/// Told on the writer's thread, in the order of sequences; must be quick.
pub(super) type Done = Box<dyn FnOnce(Result<Vec<Sealed>, JournalError>) + Send>;

/// Told how long each write and sync took.
pub(super) type Observe = Box<dyn Fn(Duration) + Send>;

pub(super) struct Writer {
    pub directory: PathBuf,
    pub instance: Uuid,
    pub seal: Seal,
    /// The seal for entries of the segment of the highest number.
    pub stamp: Stamp,
    pub segment_bytes_max: u64,
    pub disk: Arc<dyn Disk>,
    pub observe: Observe,
    pub shared: Arc<Shared>,
    pub head: Head,
    /// Intents that are acknowledged and not closed.
    pub open: Intents,
    pub active: Option<Active>,
    /// The highest number that a segment was given.
    pub number: u64,
    /// What the next segment continues.
    pub reach: Reach,
    /// Written no more, but needed until there is a successor.
    pub left: Vec<Finished>,
    pub reserve: Reserve,
    pub salts: Salts,
}

/// The segment that is written.
pub(super) struct Active {
    pub file: Box<dyn Segment>,
    pub path: PathBuf,
    /// Its length as far as it is good.
    pub bytes: u64,
    /// Its length when it was begun.
    pub begun_bytes: u64,
    /// The length for which space is set apart.
    pub allocated_bytes: u64,
}

/// A batch as it is to be written.
struct Draft<'a> {
    buffer: &'a mut Vec<u8>,
    stamp: Stamp,
    write_began: u64,
    head: Head,
    /// What becomes of intents when it is written.
    intents: Vec<Entry>,
    /// What they hold when it is, in bytes; closings are not counted yet.
    intents_bytes: usize,
}

impl Active {
    /// A segment that was written by a process before.
    pub(super) fn resumed(file: Box<dyn Segment>, path: PathBuf, bytes: u64) -> Active {
        Active { file, path, bytes, begun_bytes: 0, allocated_bytes: bytes }
    }
}

impl Writer {
    /// Writes until the last sender is gone and all that waited is answered.
    pub(super) fn run(mut self, queue: &Receiver<Append>) {
        let mut buffer = Vec::new();
        let mut pace = Pace::new();
        while let Ok(first) = queue.recv() {
            let batch = gather::gather(first, queue, &pace);
            pace.count(batch.len());
            self.commit(batch, &mut buffer);
        }
    }

    /// Begins a new segment unless one is open.
    pub(super) fn ensure_active(&mut self) -> Result<&mut Active, JournalError> {
        if self.active.is_none() {
            let made = match self.new_segment() {
                Err(error) if is_full(&error) && self.reserve.give_up(&*self.disk) => self.new_segment(),
                made => made,
            };
            let path = disk::segment_path(&self.directory, self.number);
            self.active = Some(made.map_err(|error| JournalError::io("make", &path, &error))?);
        }
        self.give_up_left();
        self.active.as_mut().ok_or(JournalError::Closed)
    }

    /// Writes a batch and answers it.
    pub(super) fn commit(&mut self, batch: Vec<Append>, buffer: &mut Vec<u8>) {
        let started = Instant::now();
        buffer.clear();
        self.reserve.restore(&*self.disk);
        let begun = self.ensure_active().map(|active| active.bytes);
        self.make_room(batch.iter().flat_map(|append| &append.payloads).map(entry::bytes_max).sum());
        let mut draft = Draft {
            buffer,
            stamp: self.stamp.clone(),
            write_began: *begun.as_ref().unwrap_or(&0),
            head: self.head,
            intents: Vec::new(),
            intents_bytes: self.open.bytes(),
        };
        let mut answers = Vec::with_capacity(batch.len());
        for Append { payloads, urgency, done } in batch {
            let refused = self.reserve.is_given_up() && !space::is_due(&payloads, urgency);
            let taken =
                if refused { Err(self.reserve.error()) } else { draft.take(payloads, &mut self.salts) };
            match taken {
                Ok(sealed) => answers.push((sealed, done)),
                Err(error) => answer(done, Err(error)),
            }
        }
        let Draft { buffer, head, intents, .. } = draft;
        let written = begun.and_then(|_| self.write(buffer));
        (self.observe)(started.elapsed());
        let full = self.reserve.is_given_up().then(|| self.reserve.error());
        let trouble = written.as_ref().err().cloned().or(full);
        *self.shared.trouble.lock() = trouble.map(|error| (error, Instant::now()));
        if written.is_ok() {
            self.head = head;
            self.know(intents);
        }
        for (sealed, done) in answers {
            answer(done, written.clone().map(|()| sealed));
        }
        buffer.shrink_to(BUFFER_BYTES_KEPT);
        self.roll();
    }

    /// Sets space apart for so many bytes more. When there is none, the reserve is given up.
    fn make_room(&mut self, bytes: u64) {
        let Some(active) = &mut self.active else { return };
        let wanted = active.bytes + bytes;
        if wanted <= active.allocated_bytes {
            return;
        }
        let extent = active.allocated_bytes + EXTENT_BYTES.min(self.segment_bytes_max);
        let lengths = [wanted.max(extent), wanted];
        let mut is_full = false;
        for length in lengths {
            match active.file.allocate(length) {
                Ok(()) => {
                    active.allocated_bytes = length;
                    return;
                }
                Err(error) => is_full = space::is_full(&error),
            }
        }
        // Not every file system can do it. There, a write that fails tells that the disk is full.
        if is_full {
            self.reserve.give_up(&*self.disk);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        let active = self.ensure_active()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let good = active.bytes;
        let failed = |path: &PathBuf, error: &io::Error| JournalError::io("write", path, error);
        if let Err(error) = active.file.append(bytes) {
            let told = failed(&active.path, &error);
            if active.file.cut(good).is_err() {
                self.leave();
            }
            if is_full(&error) {
                self.reserve.give_up(&*self.disk);
            }
            return Err(told);
        }
        if let Err(error) = active.file.sync() {
            let error = failed(&active.path, &error);
            // Only tidiness: the next segment's header says how far this one counts.
            let _ = active.file.cut(good);
            self.leave();
            return Err(error);
        }
        active.bytes += bytes.len() as u64;
        Ok(())
    }

    fn know(&mut self, intents: Vec<Entry>) {
        for entry in intents {
            match entry {
                Entry::Event(_) => {}
                Entry::Intent { id, body } => self.open.open(id, body),
                Entry::Closed { id } => drop(self.open.close(id)),
            }
        }
    }

    /// Goes on in a new segment when the present one is full, or somebody wants it to be over. The intents that it began with do not count, or
    /// many of them would fill each new one at once.
    fn roll(&mut self) {
        let carried = |active: &Active| active.begun_bytes.saturating_sub(HEADER_BYTES as u64);
        let limit = |active: &Active| self.segment_bytes_max.saturating_add(carried(active));
        let is_to_turn = self.shared.is_to_turn.swap(false, Ordering::AcqRel);
        if self.active.as_ref().is_some_and(|active| is_to_turn || active.bytes >= limit(active)) {
            self.leave();
            // If this fails, the next batch tries again and tells its callers.
            let _ = self.ensure_active();
        }
    }

    /// Finishes the present segment.
    fn leave(&mut self) {
        let Some(Active { path, bytes, begun_bytes, .. }) = self.active.take() else { return };
        let mut condition = Condition::Superseded;
        if bytes > begun_bytes {
            self.reach = Reach { number: self.number, bytes };
            condition = Condition::Good;
        }
        self.left.push(Finished { path, last: self.head.sequence, condition });
    }

    /// Hands over what was left: a successor is on the disk.
    fn give_up_left(&mut self) {
        for left in self.left.drain(..) {
            if left.condition == Condition::Superseded {
                // If it stays, the next start reads it, and finds nothing in it that counts.
                let _ = self.disk.remove(&left.path);
            } else {
                self.shared.finished.lock().push_back(left);
            }
        }
    }

    fn new_segment(&mut self) -> io::Result<Active> {
        self.number = self.number.saturating_add(1);
        self.stamp = self.seal.stamp(self.number);
        let path = disk::segment_path(&self.directory, self.number);
        let begun = self.beginning();
        let created = match self.disk.create(&path) {
            // Somebody removed the directory: what comes is recorded all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::error!(path = %self.directory.display(), "the journal's directory is gone; it is made anew");
                self.disk.make_directory(&self.directory).and_then(|()| self.disk.create(&path))
            }
            created => created,
        };
        let made = created.and_then(|mut file| {
            file.append(&begun)?;
            file.sync()?;
            self.disk.sync_directory(&self.directory)?;
            Ok(file)
        });
        let begun_bytes = begun.len() as u64;
        match made {
            Ok(file) => {
                let (bytes, allocated_bytes) = (begun_bytes, begun_bytes);
                Ok(Active { file, path, bytes, begun_bytes, allocated_bytes })
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::AlreadyExists {
                    let _ = self.disk.remove(&path);
                }
                Err(error)
            }
        }
    }

    /// What a segment begins with: its header, and the intents that are open.
    fn beginning(&self) -> Vec<u8> {
        let carried = self.open.iter();
        let header = Header {
            instance: self.instance,
            number: self.number,
            before: self.head,
            continues: self.reach,
            carried: u32::try_from(carried.len()).unwrap_or(u32::MAX),
        };
        let mut bytes = header::header_bytes(&header, &self.seal).to_vec();
        let place = Place { write_began: 0, sequence: self.head.sequence };
        for (id, body) in carried {
            entry::write_entry(&mut bytes, place, &Entry::Intent { id, body: Arc::clone(body) }, &self.stamp);
        }
        bytes
    }
}

/// Tells who waits. Should he panic, all others are answered, and the writer goes on.
fn answer(done: Done, result: Result<Vec<Sealed>, JournalError>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("who was to be told that his record is written, panicked");
    }
}

impl Draft<'_> {
    /// Adds an append's payloads, all or none.
    fn take(&mut self, payloads: Vec<Payload>, salts: &mut Salts) -> Result<Vec<Sealed>, JournalError> {
        if payloads.iter().any(|payload| payload.len() > PAYLOAD_BYTES_MAX) {
            return Err(JournalError::TooLong);
        }
        let opened: usize = payloads.iter().map(intent_bytes).sum();
        if opened > 0 && self.intents_bytes + opened > OPEN_BYTES_MAX {
            return Err(JournalError::TooManyOpen);
        }
        self.intents_bytes += opened;
        let events = payloads.iter().filter(|payload| matches!(payload, Payload::Event(_))).count();
        let mut salts = salts.take(events)?;
        let mut sealed = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let entry = match payload {
                Payload::Event(json) => {
                    let salt = salts.next().unwrap_or_default();
                    let event = Sealed::after(self.head, salt, json);
                    self.head = event.head();
                    sealed.push(event.clone());
                    Entry::Event(event)
                }
                Payload::Intent { id, body } => Entry::Intent { id, body },
                Payload::Closed { id } => Entry::Closed { id },
            };
            let place = Place { write_began: self.write_began, sequence: self.head.sequence };
            entry::write_entry(self.buffer, place, &entry, &self.stamp);
            if !matches!(entry, Entry::Event(_)) {
                self.intents.push(entry);
            }
        }
        Ok(sealed)
    }
}

fn intent_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Intent { body, .. } => intents::weight(body),
        Payload::Event(_) | Payload::Closed { .. } => 0,
    }
}

/// Space is set apart in pieces of this size, or less where segments are smaller.
const EXTENT_BYTES: u64 = 1 << 20;
/// What the buffer keeps between batches.
const BUFFER_BYTES_KEPT: usize = 1 << 20;
/// What open intents may hold together: each new segment begins with them.
const OPEN_BYTES_MAX: usize = 32 << 20;
