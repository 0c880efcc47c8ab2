//! Reads a segment from its start to its end, streamed, and says how it ended. Nothing is changed here and
//! nothing panics: what the file holds is data, whoever wrote it.

use std::io::{BufReader, Read};
use std::path::Path;

use uuid::Uuid;

use super::super::JournalError;
use super::super::disk::Disk;
use super::super::format::entry::{self, Bad, Entry, Found, PREFIX_BYTES};
use super::super::format::header::{self, ALL, HEADER_BYTES, Header};
use super::super::format::seal::{Seal, Stamp};
use super::super::intents::Told;
use crate::store::{Head, Sealed};

/// What is expected of a segment.
pub(in crate::journal) struct Expected<'a> {
    /// The seal that it must bear.
    pub seal: &'a Seal,
    /// Whose it must be.
    pub instance: Uuid,
    /// Its number.
    pub number: u64,
    /// The last event of the segments before it, if any was read.
    pub after: Option<Head>,
    /// How far it counts.
    pub bound: Bound,
}

/// How far a segment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Bound {
    /// It is the newest: what was being written when the process or the machine ended is at its end.
    Newest,
    /// A later one says how many bytes were acknowledged.
    Known(u64),
    /// All that can be read.
    Unknown,
}

/// How a segment ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::journal) enum Ending {
    /// After a whole entry.
    Whole,
    /// With a write that did not come to its end.
    Torn,
    /// Something in it is not as it was written; what could be read was taken.
    Damaged(String),
    /// It is not ours, and why; nothing was taken.
    Foreign(String),
}

/// A segment that was read.
#[derive(Debug)]
pub(in crate::journal) struct Scan {
    /// The last event taken, or the one before the segment; `None` when nothing tells.
    pub end: Option<Head>,
    /// How many entries were taken.
    pub taken: u64,
    /// Its length up to the end of the last whole entry before any damage, in bytes; 0 without a header.
    pub good_bytes: u64,
    /// True when its header was read and all the intents that it begins with.
    pub is_begun: bool,
    /// What it says of intents.
    pub intents: Told,
    /// How it ended.
    pub ending: Ending,
}

/// Reads a segment and hands its events to `take`, in order.
///
/// # Errors
/// When the file cannot be opened, or a newer version wrote it.
pub(in crate::journal) fn scan(
    disk: &dyn Disk,
    path: &Path,
    expected: &Expected<'_>,
    take: &mut dyn FnMut(Sealed),
) -> Result<Scan, JournalError> {
    let io = |error| JournalError::io("read", path, &error);
    if !disk.is_plain(path).map_err(io)? {
        return Ok(Scan::of(Ending::Foreign("it is no plain file".to_owned())));
    }
    let file = disk.read(path, 0).map_err(io)?;
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    let stamp = expected.seal.stamp(expected.number);
    let mut reader = Reader { disk, path, file, expected, stamp, take, at: 0, scan: Scan::of(Ending::Whole) };
    match reader.read() {
        Err(Bad::Newer) => Err(JournalError::Newer { path: path.to_owned() }),
        Err(Bad::Older) => Err(JournalError::Older { path: path.to_owned() }),
        Ok(()) | Err(Bad::Short | Bad::Damaged | Bad::Forged) => Ok(reader.scan),
    }
}

/// A segment's header, if it can be read and bears the seal; with no seal given, whoever wrote it.
pub(in crate::journal) fn header_in(disk: &dyn Disk, path: &Path, seal: Option<&Seal>) -> Option<Header> {
    let mut bytes = [0; HEADER_BYTES];
    disk.read(path, 0).ok()?.read_exact(&mut bytes).ok()?;
    let is_sealed = seal.is_none_or(|seal| header::is_sealed(&bytes, seal));
    header::header_of(&bytes).ok().filter(|_| is_sealed)
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
    file: BufReader<Box<dyn Read>>,
    expected: &'a Expected<'a>,
    stamp: Stamp,
    take: &'a mut dyn FnMut(Sealed),
    /// Where the next entry begins, in bytes from the file's start.
    at: u64,
    scan: Scan,
}

impl Scan {
    fn of(ending: Ending) -> Scan {
        Scan { end: None, taken: 0, good_bytes: 0, is_begun: false, intents: Told::default(), ending }
    }
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Bad> {
        let mut bytes = Vec::new();
        self.fill(&mut bytes, HEADER_BYTES);
        let header = match header::header_of(&bytes) {
            Ok(header) => header,
            Err(bad @ (Bad::Newer | Bad::Older)) => return Err(bad),
            Err(Bad::Short | Bad::Damaged | Bad::Forged) => {
                self.scan.end = self.expected.after;
                return self.resume();
            }
        };
        if let Some(why) = self.foreign(&header, &bytes) {
            self.scan.ending = Ending::Foreign(why);
            return Ok(());
        }
        let before = self.expected.after;
        if before.is_some_and(|after| after.sequence == header.before.sequence && after != header.before) {
            self.damaged(&format!(
                "its first entry continues another log than that of {} entries",
                header.before.sequence
            ));
        }
        let after = before.filter(|after| after.sequence > header.before.sequence);
        self.scan.end = Some(after.unwrap_or(header.before));
        self.at = HEADER_BYTES as u64;
        self.scan.good_bytes = self.at;
        let mut carried = header.carried;
        let entries = self.entries(&mut carried);
        self.scan.is_begun = carried == 0;
        entries
    }

    fn foreign(&self, header: &Header, bytes: &[u8]) -> Option<String> {
        if header.instance != self.expected.instance {
            return Some("it belongs to another instance".to_owned());
        }
        if !header::is_sealed(bytes, self.expected.seal) {
            return Some("it was not written with this installation's key".to_owned());
        }
        let is_renamed = header.number != self.expected.number;
        is_renamed.then(|| format!("it was written as segment {}", header.number))
    }

    /// Reads entries; `carried` counts down the intents that were open when the segment was begun.
    fn entries(&mut self, carried: &mut u32) -> Result<(), Bad> {
        let (mut prefix, mut rest) = (Vec::new(), Vec::new());
        while self.at < self.bytes_max() {
            self.fill(&mut prefix, PREFIX_BYTES);
            if prefix.is_empty() {
                return self.ended_early();
            }
            let length = match entry::rest_length(&prefix) {
                Ok(length) => length,
                Err(_) => return self.resume(),
            };
            self.fill(&mut rest, length);
            match entry::entry_of(&prefix, &rest, &self.stamp) {
                Ok((place, entry)) => {
                    *carried -= u32::from(place.write_began == 0 && *carried > 0);
                    self.accept(entry);
                    self.at += (PREFIX_BYTES + length) as u64;
                }
                Err(bad @ (Bad::Newer | Bad::Older)) => return Err(bad),
                Err(Bad::Short | Bad::Damaged) => return self.resume(),
                Err(Bad::Forged) => {
                    self.damaged(&format!(
                        "what stands at byte {} was not written by this installation",
                        self.at
                    ));
                    self.at += (PREFIX_BYTES + length) as u64;
                }
            }
            if self.scan.ending == Ending::Whole {
                self.scan.good_bytes = self.at;
            }
        }
        Ok(())
    }

    /// After bytes that are no entry: looks for the next that is one. Here, and only here, the rest of a
    /// segment is in memory at once.
    fn resume(&mut self) -> Result<(), Bad> {
        let bytes = self.rest();
        if self.is_torn(&bytes) {
            self.torn();
            return Ok(());
        }
        let mut from = 0;
        while let Some(Found { at, length, entry, .. }) = entry::next_entry(&bytes, from, &self.stamp) {
            if at != from || from == 0 {
                self.lost(from, at);
            }
            self.accept(entry);
            from = at + length;
        }
        match self.expected.bound {
            Bound::Known(bytes_max) if bytes_max != ALL => {
                let end = usize::try_from(bytes_max.saturating_sub(self.at)).unwrap_or(usize::MAX);
                if from < end {
                    self.lost(from, end);
                }
            }
            Bound::Newest | Bound::Known(_) | Bound::Unknown => self.torn(),
        }
        Ok(())
    }

    /// True when the bytes from here on are a write that was cut off, though some of it behind the cut came to
    /// the disk: it was the last write, for no entry behind belongs to a later one, and what is missing was
    /// never written rather than spoilt.
    fn is_torn(&self, bytes: &[u8]) -> bool {
        let Some(first) = entry::next_entry(bytes, 0, &self.stamp) else { return false };
        let hole = first.at;
        let mut next = Some(first);
        while let Some(found) = next {
            if found.place.write_began > self.at {
                return false;
            }
            next = entry::next_entry(bytes, found.at + found.length, &self.stamp);
        }
        self.expected.bound == Bound::Newest && has_unwritten(&bytes[..hole], self.at)
    }

    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let limit = self.bytes_max().saturating_sub(self.at).min(RESUME_BYTES_MAX);
        let read =
            self.disk.read(self.path, self.at).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        if let Err(error) = read {
            self.damaged(&format!("it cannot be read: {error}"));
        }
        bytes
    }

    fn accept(&mut self, entry: Entry) {
        self.scan.taken += 1;
        match entry {
            Entry::Event(event) => self.accept_event(event),
            Entry::Intent { .. } | Entry::Closed { .. } => self.scan.intents.note(&entry),
        }
    }

    fn accept_event(&mut self, event: Sealed) {
        if let Some(end) = self.scan.end {
            if event.sequence <= end.sequence {
                return self.damaged(&format!("entry {} stands twice", event.sequence));
            }
            if event.sequence > end.sequence + 1 {
                self.damaged(&format!("entries {} to {} are missing", end.sequence + 1, event.sequence - 1));
            }
        }
        self.scan.end = Some(event.head());
        (self.take)(event);
    }

    /// How far it counts, in bytes.
    fn bytes_max(&self) -> u64 {
        match self.expected.bound {
            Bound::Known(bytes_max) => bytes_max,
            Bound::Newest | Bound::Unknown => ALL,
        }
    }

    /// At the file's end, where an entry could begin.
    fn ended_early(&mut self) -> Result<(), Bad> {
        let bytes_max = self.bytes_max();
        if bytes_max != ALL && self.scan.ending == Ending::Whole {
            self.damaged(&format!("it ends at byte {}, and {bytes_max} were written", self.at));
        }
        Ok(())
    }

    fn torn(&mut self) {
        if self.scan.ending == Ending::Whole {
            self.scan.ending = Ending::Torn;
        }
    }

    fn lost(&mut self, from: usize, to: usize) {
        let (from, to) = (self.at + from as u64, self.at + to as u64);
        self.damaged(&format!("bytes {from} to {to} are damaged"));
    }

    /// Notes the first damage; what follows from it is not noted again.
    fn damaged(&mut self, why: &str) {
        if !matches!(self.scan.ending, Ending::Damaged(_)) {
            self.scan.ending = Ending::Damaged(why.to_owned());
        }
    }

    /// Reads up to `length` bytes; fewer at the file's end or when it cannot be read further. A disk that
    /// fails is damage: what stands behind may be good, so nothing is cut off or removed for it.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: usize) {
        bytes.clear();
        if let Err(error) = (&mut self.file).take(length as u64).read_to_end(bytes) {
            self.damaged(&format!("it cannot be read: {error}"));
        }
    }
}

/// True when part of a sector reads as zeros up to the sector's end, or a longer run of zeros stands anywhere:
/// a file that grows reads so where it was never written. `at` is where the bytes begin in the file.
fn has_unwritten(bytes: &[u8], at: u64) -> bool {
    let to_sector_end = SECTOR_BYTES - usize::try_from(at % SECTOR_BYTES as u64).unwrap_or_default();
    let (first, _) = bytes.split_at(to_sector_end.min(bytes.len()));
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    first.len() == to_sector_end && is_zero(first) || bytes.windows(ZEROS_MIN).any(is_zero)
}

const BUFFER_BYTES: usize = 256 << 10;
/// More than any segment: rolled at 64 MiB, after at most one batch more.
const RESUME_BYTES_MAX: u64 = 256 << 20;
/// Disks write a sector as a whole or not at all, and few have smaller ones.
const SECTOR_BYTES: usize = 512;
/// No entry holds so many zeros in a row: numbers have 16 at the most.
const ZEROS_MIN: usize = 64;
