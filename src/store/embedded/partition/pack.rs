//! The packed form of a partition that takes no more: its blocks in one file, which is written once and never again.
//! A database takes three to four times as much of the disk, seconds of work and megabytes of memory to open, and a
//! thread; of a packed partition only the table at its end is read. Numbers are big-endian:
//!
//! ```text
//! blocks                       as block.rs has them, one after the other, 32 events each
//! table, 16 bytes a block      first sequence, 8; where the block begins, 8
//! where the table begins, 8    behind the last block
//! last sequence, 8
//! CRC-32 of all from the table on, 4
//! mark, 8                      "EWPACK", 0, 1: form 1
//! ```
//!
//! It holds what the database held, entry for entry and byte for byte; only the bounds of blocks are others. The blocks
//! have checksums of their own. No panic on any content.

mod exchange;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::block::{Packer, Row};
use super::{Pair, Trouble, sync_directory};

/// An open file.
#[derive(Debug)]
pub(in crate::store::embedded) struct Pack {
    file: File,
    /// In order.
    places: Vec<Place>,
    /// Behind the last block.
    end: u64,
    last: u64,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    first: u64,
    at: u64,
}

impl Pack {
    /// Opens that of a partition; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or its table is not as it was written.
    pub(super) fn open(partition: &Path) -> Result<Option<Pack>, Trouble> {
        Pack::open_file(&partition.join(NAME))
    }

    fn open_file(path: &Path) -> Result<Option<Pack>, Trouble> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_trouble(&error)),
        };
        let bytes = file.metadata().map_err(|error| io_trouble(&error))?.len();
        let damaged = || Trouble::Damaged("its table is damaged".to_owned());
        let mut tail = [0; TAIL_BYTES];
        let tail_at = bytes.checked_sub(TAIL_BYTES as u64).ok_or_else(damaged)?;
        read_at(&file, &mut tail, tail_at)?;
        let end = u64_of(&tail[..8]);
        let length = tail_at.checked_sub(end).and_then(|length| usize::try_from(length).ok());
        let mut table = vec![0; length.filter(|length| *length <= TABLE_BYTES_MAX).ok_or_else(damaged)?];
        read_at(&file, &mut table, end)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&table);
        sum.update(&tail[..16]);
        if tail[20..] != MARK || tail[16..20] != sum.finalize().to_be_bytes() {
            return Err(damaged());
        }
        let places: Vec<Place> = table
            .as_chunks::<16>()
            .0
            .iter()
            .map(|entry| Place { first: u64_of(&entry[..8]), at: u64_of(&entry[8..]) })
            .collect();
        let last = u64_of(&tail[8..16]);
        let is_rising = places.is_sorted_by(|one, next| one.first < next.first && one.at < next.at);
        let is_within = places.last().is_some_and(|place| place.first <= last && place.at < end);
        if !is_rising || !is_within {
            return Err(damaged());
        }
        Ok(Some(Pack { file, places, end, last }))
    }

    /// First and last sequence.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.places.first().map_or(0, |place| place.first), self.last)
    }

    /// About how much memory it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.places.len() * size_of::<Place>() + FILE_BYTES
    }

    /// The blocks that begin below `sequence`, last first.
    pub(super) fn blocks_below(&self, sequence: u64) -> impl Iterator<Item = Result<Pair, Trouble>> {
        let count = self.places.partition_point(|place| place.first < sequence);
        (0..count).rev().map(|index| self.read(index))
    }

    /// The blocks that begin at or after `sequence`, first first.
    pub(super) fn blocks_from(&self, sequence: u64) -> impl Iterator<Item = Result<Pair, Trouble>> {
        let from = self.places.partition_point(|place| place.first < sequence);
        (from..self.places.len()).map(|index| self.read(index))
    }

    fn read(&self, index: usize) -> Result<Pair, Trouble> {
        let Place { first, at } = self.places[index];
        let end = self.places.get(index + 1).map_or(self.end, |next| next.at);
        let length = usize::try_from(end - at).ok().filter(|length| *length <= BLOCK_BYTES_MAX);
        let length = length.ok_or_else(|| Trouble::Damaged(format!("block {first} is too long")))?;
        let mut value = vec![0; length];
        read_at(&self.file, &mut value, at)?;
        Ok((first, value))
    }
}

/// A packed partition in the making.
pub(in crate::store::embedded) struct Packing {
    path: PathBuf,
    file: BufWriter<File>,
    packer: Packer,
    places: Vec<Place>,
    at: u64,
    next: u64,
}

impl Packing {
    /// Begins that of a partition, whose first entry is to have this sequence, beside what is there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(in crate::store::embedded) fn begin(partition: &Path, first: u64) -> io::Result<Packing> {
        let path = partition.join(UNFINISHED);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let (file, packer) = (BufWriter::with_capacity(WRITE_BYTES, file), Packer::new()?);
        Ok(Packing { path, file, packer, places: Vec::new(), at: 0, next: first })
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(in crate::store::embedded) fn put(&mut self, row: &Row) -> io::Result<()> {
        let (rows, bytes) = self.packer.waiting();
        if rows == EVENTS_MAX || rows > 0 && bytes + row.payload_bytes() > RAW_BYTES_AIM {
            self.write()?;
        }
        self.next += 1;
        self.packer.put(row).map_err(io::Error::other)
    }

    fn write(&mut self) -> io::Result<()> {
        let (rows, _) = self.packer.waiting();
        let value = self.packer.finish().map_err(io::Error::other)?;
        self.file.write_all(&value)?;
        self.places.push(Place { first: self.next - rows as u64, at: self.at });
        self.at += value.len() as u64;
        Ok(())
    }

    /// Ends the file, and waits until it is on the disk. Gives it opened anew.
    ///
    /// # Errors
    /// When the disk refuses, or nothing was put in.
    pub(in crate::store::embedded) fn finish(mut self) -> Result<Pack, Trouble> {
        self.end().map_err(|error| io_trouble(&error))?;
        let finished = Pack::open_file(&self.path)?;
        finished.ok_or_else(|| Trouble::Io("what was packed is not there".to_owned()))
    }

    fn end(&mut self) -> io::Result<()> {
        self.write()?;
        let mut end = Vec::with_capacity(self.places.len() * 16 + TAIL_BYTES);
        for Place { first, at } in &self.places {
            [first, at].iter().for_each(|number| end.extend_from_slice(&number.to_be_bytes()));
        }
        [self.at, self.next - 1].iter().for_each(|number| end.extend_from_slice(&number.to_be_bytes()));
        end.extend_from_slice(&crc32fast::hash(&end).to_be_bytes());
        end.extend_from_slice(&MARK);
        self.file.write_all(&end)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}

/// True when a partition is packed.
pub(in crate::store::embedded) fn is_packed(partition: &Path) -> bool {
    partition.join(NAME).exists()
}

/// Gives what was packed its name: from now on it is the partition.
///
/// # Errors
/// When the disk refuses.
pub(in crate::store::embedded) fn put_in_place(partition: &Path) -> io::Result<()> {
    fs::rename(partition.join(UNFINISHED), partition.join(NAME))?;
    sync_directory(partition)
}

/// Removes what was not finished.
///
/// # Errors
/// When the disk refuses.
pub(in crate::store::embedded) fn remove_unfinished(partition: &Path) -> io::Result<()> {
    remove_file(&partition.join(UNFINISHED))
}

/// Removes the packed form, finished or not.
///
/// # Errors
/// When the disk refuses.
pub(in crate::store::embedded) fn remove(partition: &Path) -> io::Result<()> {
    remove_file(&partition.join(NAME))?;
    remove_unfinished(partition)
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that ends early is damaged; anything else may go better later.
fn read_at(file: &File, into: &mut [u8], at: u64) -> Result<(), Trouble> {
    file.read_exact_at(into, at).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => Trouble::Damaged("its packed file ends early".to_owned()),
        _ => io_trouble(&error),
    })
}

fn io_trouble(error: &io::Error) -> Trouble {
    Trouble::Io(error.to_string())
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// In a partition's folder.
const NAME: &str = "packed";
const UNFINISHED: &str = "packed.new";
const MARK: [u8; 8] = *b"EWPACK\0\x01";
const TAIL_BYTES: usize = 28;
/// Half as many as in a database: a page of rows from everywhere is read in half the time, for a tenth more of the disk.
const EVENTS_MAX: usize = 32;
const RAW_BYTES_AIM: usize = 96 << 10;
/// One event of the largest size, with room.
const BLOCK_BYTES_MAX: usize = 33 << 20;
/// Of a hundred million events.
const TABLE_BYTES_MAX: usize = 64 << 20;
const WRITE_BYTES: usize = 256 << 10;
/// What an open file takes beside its table.
const FILE_BYTES: usize = 1 << 10;

#[cfg(test)]
mod tests;
