//! Reads a segment from its start to its end, streamed, and says how it ended. Nothing is changed here and
//! nothing panics: what the file holds is data, whoever wrote it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use uuid::Uuid;

use super::JournalError;
use super::entry::{self, Bad, HEADER_BYTES, PREFIX_BYTES};
use crate::store::{Head, Sealed};

/// What is expected of a segment.
pub(super) struct Expected {
    /// Whose it must be.
    pub instance: Uuid,
    /// The first sequence of the segment after it: entries from there on were never acknowledged, because
    /// their sync failed and the next segment took their place.
    pub below: Option<u64>,
}

/// How a segment ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// After a whole entry.
    Whole,
    /// With bytes that are no entry, and no entry after them.
    Torn,
    /// Something in it is not as it was written; what could be read was taken.
    Damaged(String),
    /// It belongs to another instance; nothing was taken.
    Foreign,
}

/// A segment that was read.
#[derive(Debug)]
pub(super) struct Scan {
    /// The last entry taken, or the one before the segment; `None` when not even its header could be read.
    pub end: Option<Head>,
    /// How many entries were taken.
    pub taken: u64,
    /// Its length up to the end of the last whole entry before any damage, in bytes; 0 without a header.
    pub good_bytes: u64,
    /// How it ended.
    pub ending: Ending,
}

/// Reads a segment and hands its entries to `take`, in order.
///
/// # Errors
/// When the file cannot be opened, or a newer version wrote it.
pub(super) fn scan(
    path: &Path,
    expected: &Expected,
    take: &mut dyn FnMut(Sealed),
) -> Result<Scan, JournalError> {
    let io = |error| JournalError::io("read", path, &error);
    let is_file = path.symlink_metadata().map_err(io)?.is_file();
    if !is_file {
        return Ok(Scan { end: None, taken: 0, good_bytes: 0, ending: Ending::Foreign });
    }
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(io)?);
    let mut reader = Reader { file, expected, take, at: 0, scan: Scan::new() };
    match reader.read() {
        Err(Bad::Newer) => Err(JournalError::Newer { path: path.to_owned() }),
        Ok(()) | Err(Bad::Short | Bad::Damaged) => Ok(reader.scan),
    }
}

/// The instance that wrote a segment, if its header says so.
pub(super) fn instance_of(path: &Path) -> Option<Uuid> {
    let mut bytes = [0; HEADER_BYTES];
    File::open(path).ok()?.read_exact(&mut bytes).ok()?;
    entry::header_of(&bytes).ok().map(|header| header.instance)
}

struct Reader<'a> {
    file: BufReader<File>,
    expected: &'a Expected,
    take: &'a mut dyn FnMut(Sealed),
    /// Where the next entry begins, in bytes from the file's start.
    at: u64,
    scan: Scan,
}

/// Whether to go on after an entry.
#[derive(PartialEq, Eq)]
enum Next {
    Entry,
    Stop,
}

impl Scan {
    fn new() -> Scan {
        Scan { end: None, taken: 0, good_bytes: 0, ending: Ending::Whole }
    }
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Bad> {
        let mut header = Vec::new();
        self.fill(&mut header, HEADER_BYTES);
        match entry::header_of(&header) {
            Ok(header) if header.instance != self.expected.instance => {
                self.scan.ending = Ending::Foreign;
                return Ok(());
            }
            Ok(header) => self.scan.end = Some(header.before),
            Err(Bad::Newer) => return Err(Bad::Newer),
            Err(Bad::Short) => {
                if self.scan.ending == Ending::Whole {
                    self.scan.ending = Ending::Torn;
                }
                return Ok(());
            }
            Err(Bad::Damaged) => {
                self.damaged("its header is damaged");
                return self.resume();
            }
        }
        self.at = HEADER_BYTES as u64;
        self.scan.good_bytes = self.at;
        self.entries()
    }

    fn entries(&mut self) -> Result<(), Bad> {
        let (mut prefix, mut rest) = (Vec::new(), Vec::new());
        loop {
            self.fill(&mut prefix, PREFIX_BYTES);
            if prefix.is_empty() {
                return Ok(());
            }
            let length = match entry::rest_length(&prefix) {
                Ok(length) => length,
                Err(_) => return self.resume(),
            };
            self.fill(&mut rest, length);
            match entry::entry_of(&prefix, &rest) {
                Ok(entry) => {
                    if self.accept(entry) == Next::Stop {
                        return Ok(());
                    }
                    self.at += (PREFIX_BYTES + length) as u64;
                }
                Err(Bad::Newer) => return Err(Bad::Newer),
                Err(Bad::Short | Bad::Damaged) => return self.resume(),
            }
            if self.scan.ending == Ending::Whole {
                self.scan.good_bytes = self.at;
            }
        }
    }

    /// After bytes that are no entry: looks for the next that is one. None means a torn tail. Here, and
    /// only here, the rest of a segment is in memory at once.
    fn resume(&mut self) -> Result<(), Bad> {
        let mut bytes = Vec::new();
        if self.file.seek(SeekFrom::Start(self.at)).is_ok() {
            let read = (&mut self.file).take(RESUME_BYTES_MAX).read_to_end(&mut bytes);
            if let Err(error) = read {
                self.damaged(&format!("it cannot be read: {error}"));
            }
        }
        let mut from = 0;
        while let Some((at, length, entry)) = entry::next_entry(&bytes, from) {
            if at != from || from == 0 {
                self.damaged(&format!(
                    "bytes {} to {} are damaged",
                    self.at + from as u64,
                    self.at + at as u64
                ));
            }
            if self.accept(entry) == Next::Stop {
                return Ok(());
            }
            from = at + length;
        }
        if self.scan.ending == Ending::Whole {
            self.scan.ending = Ending::Torn;
        }
        Ok(())
    }

    fn accept(&mut self, entry: Sealed) -> Next {
        if self.expected.below.is_some_and(|below| entry.sequence >= below) {
            return Next::Stop;
        }
        if let Some(end) = self.scan.end {
            if entry.sequence <= end.sequence {
                self.damaged(&format!("entry {} stands twice", entry.sequence));
                return Next::Entry;
            }
            if entry.sequence == end.sequence + 1 && !entry.continues(end) {
                self.damaged(&format!("entry {} does not continue the chain", entry.sequence));
                return Next::Entry;
            }
            if entry.sequence > end.sequence + 1 {
                self.damaged(&format!("entries {} to {} are missing", end.sequence + 1, entry.sequence - 1));
            }
        }
        self.scan.end = Some(entry.head());
        self.scan.taken += 1;
        (self.take)(entry);
        Next::Entry
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

const BUFFER_BYTES: usize = 256 << 10;
/// More than any segment: rolled at 64 MiB, after at most one batch more.
const RESUME_BYTES_MAX: u64 = 256 << 20;
