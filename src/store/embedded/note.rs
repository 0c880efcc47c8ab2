//! The note beside a partition's database: how many events it holds and how their chain ends, written and
//! synced by us after each hand-over. A database that lost its tail opens without a word; the note is how
//! the loss shows.
//!
//! The file `note` has two lines: the note as JSON, and the CRC-32 of that line as eight hex digits. It is
//! replaced by rename, so it is either the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::block::{Facts, Span, id_ms};
use crate::store::chain::{Hash, Head};

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Note {
    /// Of the note itself.
    pub format: u32,
    /// Whose store it is.
    pub instance: Uuid,
    /// Its first sequence, also its directory's name.
    pub first: u64,
    /// How many events it holds.
    pub count: u64,
    /// Hash of its last entry; of the entry before it while it is empty.
    #[serde(with = "hex")]
    pub hash: Hash,
    /// The day it was begun for, in days since 1970; none while it is empty.
    pub day: Option<i64>,
    /// Lowest and highest event time, in milliseconds since 1970.
    pub times: Option<Span<i64>>,
    /// Lowest and highest time in an event id, in milliseconds since 1970.
    pub ids: Option<Span<u64>>,
}

/// Why a note cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not as it was written.
    Damaged(String),
    /// A newer version wrote the partition: its format rises with every change of note, blocks or keys.
    Newer,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl From<String> for Unreadable {
    fn from(why: String) -> Unreadable {
        Unreadable::Damaged(why)
    }
}

impl Note {
    /// The note of an empty partition behind `before`.
    pub(super) fn empty(instance: Uuid, before: Head) -> Note {
        let first = before.sequence.saturating_add(1);
        Note {
            format: FORMAT,
            instance,
            first,
            count: 0,
            hash: before.hash,
            day: None,
            times: None,
            ids: None,
        }
    }

    /// The last entry it holds, or the one before it.
    pub(super) fn head(&self) -> Head {
        Head { sequence: (self.first + self.count).saturating_sub(1), hash: self.hash }
    }

    /// The note after more events, the last of which ends the chain at `head`.
    pub(super) fn grown(self, head: Head, facts: &[Facts]) -> Note {
        let times = Span::of(facts.iter().map(|facts| facts.time_ms));
        let ids = Span::of(facts.iter().map(|facts| id_ms(facts.id)));
        self.widened(head, times, ids)
    }

    /// As [`Note::grown`], from spans.
    pub(super) fn widened(self, head: Head, times: Option<Span<i64>>, ids: Option<Span<u64>>) -> Note {
        Note {
            count: (head.sequence + 1).saturating_sub(self.first),
            hash: head.hash,
            // The newest: what is older came late.
            day: self.day.or_else(|| times.map(|times| day_of(times.max))),
            times: joined(self.times, times),
            ids: joined(self.ids, ids),
            ..self
        }
    }

    /// Writes it beside the database and syncs it.
    pub(super) fn write(&self, partition: &Path) -> io::Result<()> {
        let line = serde_json::to_string(self)?;
        let fresh = partition.join("note.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{line}\n{:08x}", crc32fast::hash(line.as_bytes()))?;
        file.sync_all()?;
        fs::rename(&fresh, partition.join(NAME))?;
        File::open(partition)?.sync_all()
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub(super) fn read(partition: &Path) -> Result<Option<Note>, Unreadable> {
        let file = match File::open(partition.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its note cannot be opened: {error}").into()),
        };
        let mut text = String::new();
        file.take(NOTE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| format!("its note cannot be read: {error}"))?;
        let (line, sum) = text.split_once('\n').unwrap_or_default();
        if sum.trim_end() != format!("{:08x}", crc32fast::hash(line.as_bytes())) {
            return Err("its note is damaged".to_owned().into());
        }
        let Version { format } = serde_json::from_str(line).map_err(|error| format!("its note: {error}"))?;
        if format > FORMAT {
            return Err(Unreadable::Newer);
        }
        let note: Note = serde_json::from_str(line).map_err(|error| format!("its note: {error}"))?;
        if format == 0 || note.first.checked_add(note.count).is_none() || note.first == 0 {
            return Err("its note says what cannot be".to_owned().into());
        }
        Ok(Some(note))
    }
}

/// The UTC day of a time in milliseconds since 1970, in days since 1970.
pub(super) fn day_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(24 * 60 * 60 * 1000)
}

fn joined<T: Ord + Copy>(left: Option<Span<T>>, right: Option<Span<T>>) -> Option<Span<T>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.and(right)),
        (one, None) | (None, one) => one,
    }
}

/// Hashes as hex digits, as people and other tools write them.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::store::chain::{self, Hash};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&chain::hex(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Option<Vec<u8>> =
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| D::Error::custom("no SHA-256 in hex"))
    }
}

const NAME: &str = "note";
const FORMAT: u32 = 1;
const NOTE_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_written_and_no_flipped_byte_passes() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(directory.path()), Ok(None));
        let facts = Facts { id: Uuid::from_u128(5 << 80), time_ms: 90_000_000 };
        let note = Note::empty(Uuid::from_u128(3), Head { sequence: 7, hash: [1; 32] })
            .grown(Head { sequence: 8, hash: [0xab; 32] }, &[facts]);
        assert_eq!((note.first, note.count, note.day), (8, 1, Some(1)));
        note.write(directory.path()).unwrap();
        assert_eq!(Note::read(directory.path()), Ok(Some(note)));
        let bytes = fs::read(directory.path().join(NAME)).unwrap();
        for at in 0..bytes.len() - 1 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(directory.path().join(NAME), &flipped).unwrap();
            assert!(Note::read(directory.path()).is_err(), "byte {at}");
        }
    }
}
