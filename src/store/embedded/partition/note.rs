//! The note beside a partition's database: how many events it holds and the tree before and behind them, written and
//! synced by us after each hand-over. A database that lost its tail opens without a word; the note is how
//! the loss shows.
//!
//! See [`super::lines`] for its form.

use std::cmp::Ordering;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::block::{Facts, Span, id_ms};
use super::lines;
use crate::store::sealed::{Hash, Head, Sealed};
use crate::store::tree::{TILE_LEAVES, Tree};

/// What a partition holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::store::embedded) struct Note {
    /// Of the note itself.
    pub format: u32,
    /// Whose store it is.
    pub instance: Uuid,
    /// Its first sequence, also its directory's name.
    pub first: u64,
    /// How many events it holds.
    pub count: u64,
    /// The leaf of its last entry; of the entry before it while it is empty.
    #[serde(with = "one")]
    pub leaf: Hash,
    /// The tree that its first entry continues: the roots of its full subtrees, its size being `first` - 1.
    #[serde(with = "peaks")]
    pub before: Arc<Vec<Hash>>,
    /// The same of the tree that ends with its last entry.
    #[serde(with = "peaks")]
    pub behind: Arc<Vec<Hash>>,
    /// The day it was begun for, in days since 1970; none while it is empty.
    pub day: Option<i64>,
    /// Lowest and highest event time, in milliseconds since 1970.
    pub times: Option<Span<i64>>,
    /// Lowest and highest time in an event id, in milliseconds since 1970.
    pub ids: Option<Span<u64>>,
}

/// A note after more events, and the full subtrees that they completed, by their index.
pub(in crate::store::embedded) struct Grown {
    pub note: Note,
    pub tiles: Vec<(u64, Hash)>,
}

/// Why a note cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store::embedded) enum Unreadable {
    /// It is not as it was written.
    Damaged(String),
    /// A newer version wrote the partition: its format rises with every change of note, blocks or keys.
    Newer,
    /// A version that was never released wrote it.
    Older,
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
    /// The note of an empty partition behind the log that ends so.
    pub(in crate::store::embedded) fn empty(instance: Uuid, leaf: Hash, before: &Tree) -> Note {
        let first = before.size().saturating_add(1);
        Note {
            format: FORMAT,
            instance,
            first,
            count: 0,
            leaf,
            before: Arc::clone(before.peaks()),
            behind: Arc::clone(before.peaks()),
            day: None,
            times: None,
            ids: None,
        }
    }

    /// The last entry it holds, or the one before it.
    pub(in crate::store::embedded) fn head(&self) -> Head {
        Head { sequence: (self.first + self.count).saturating_sub(1), leaf: self.leaf }
    }

    /// The tree that its first entry continues.
    pub(in crate::store::embedded) fn tree_before(&self) -> Tree {
        // The sizes fit: looked at when the note was read, and kept so since.
        Tree::of(self.first - 1, Arc::clone(&self.before)).unwrap_or_default()
    }

    /// The tree that ends with its last entry.
    pub(in crate::store::embedded) fn tree(&self) -> Tree {
        Tree::of(self.head().sequence, Arc::clone(&self.behind)).unwrap_or_default()
    }

    /// The note after more events.
    pub(in crate::store::embedded) fn grown(self, entries: &[Sealed], facts: &[Facts]) -> Grown {
        let times = Span::of(facts.iter().map(|facts| facts.time_ms));
        let ids = Span::of(facts.iter().map(|facts| id_ms(facts.id)));
        self.widened(entries.iter().map(Sealed::head), times, ids)
    }

    /// As [`Note::grown`], from leaves and spans.
    pub(in crate::store::embedded) fn widened(
        self,
        entries: impl Iterator<Item = Head>,
        times: Option<Span<i64>>,
        ids: Option<Span<u64>>,
    ) -> Grown {
        let (mut tree, mut leaf, mut tiles) = (self.tree(), self.leaf, Vec::new());
        for entry in entries {
            let tile = tree.push(entry.leaf);
            tiles.extend(tile.map(|tile| (tree.size() / TILE_LEAVES - 1, tile)));
            leaf = entry.leaf;
        }
        let note = Note {
            count: (tree.size() + 1).saturating_sub(self.first),
            leaf,
            behind: Arc::clone(tree.peaks()),
            // The newest: what is older came late.
            day: self.day.or_else(|| times.map(|times| day_of(times.max))),
            times: joined(self.times, times),
            ids: joined(self.ids, ids),
            ..self
        };
        Grown { note, tiles }
    }

    /// Writes it beside the database and syncs it.
    pub(in crate::store::embedded) fn write(&self, partition: &Path) -> io::Result<()> {
        lines::write(partition, NAME, self)
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub(in crate::store::embedded) fn read(partition: &Path) -> Result<Option<Note>, Unreadable> {
        let line =
            lines::read(partition, NAME, lines::BYTES_MAX).map_err(|error| format!("its note: {error}"))?;
        let Some(line) = line else { return Ok(None) };
        let Version { format } = serde_json::from_str(&line).map_err(|error| format!("its note: {error}"))?;
        match format.cmp(&FORMAT) {
            Ordering::Greater => return Err(Unreadable::Newer),
            Ordering::Less => return Err(Unreadable::Older),
            Ordering::Equal => {}
        }
        let note: Note = serde_json::from_str(&line).map_err(|error| format!("its note: {error}"))?;
        let has_trees = |note: &Note| {
            Tree::of(note.first - 1, Arc::clone(&note.before)).is_some()
                && Tree::of(note.head().sequence, Arc::clone(&note.behind)).is_some()
        };
        if note.first == 0 || note.first.checked_add(note.count).is_none() || !has_trees(&note) {
            return Err("its note says what cannot be".to_owned().into());
        }
        Ok(Some(note))
    }
}

/// The UTC day of a time in milliseconds since 1970, in days since 1970.
pub(in crate::store::embedded) fn day_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(24 * 60 * 60 * 1000)
}

fn joined<T: Ord + Copy>(left: Option<Span<T>>, right: Option<Span<T>>) -> Option<Span<T>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.and(right)),
        (one, None) | (None, one) => one,
    }
}

/// Hashes as hex digits, as people and other tools write them.
mod one {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::store::sealed::{Hash, hex, unhex};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(text.as_bytes()).ok_or_else(|| D::Error::custom("no SHA-256 in hex"))
    }
}

/// Several of them, one after the other.
pub(in crate::store::embedded) mod peaks {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::store::sealed::{Hash, hex, unhex};

    pub(in crate::store::embedded) fn serialize<S: Serializer>(
        hashes: &Arc<Vec<Hash>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(hashes.as_flattened()))
    }

    pub(in crate::store::embedded) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Vec<Hash>>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hashes: Option<Vec<Hash>> = text.as_bytes().chunks(64).map(unhex).collect();
        hashes.map(Arc::new).ok_or_else(|| D::Error::custom("no SHA-256 in hex"))
    }
}

const NAME: &str = "note";
const FORMAT: u32 = 2;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_note_is_read_as_written_and_no_flipped_byte_passes() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(directory.path()), Ok(None));
        let facts = Facts { id: Uuid::from_u128(5 << 80), time_ms: 90_000_000 };
        let before = Tree::of(7, Arc::new(vec![[1; 32], [2; 32], [3; 32]])).unwrap();
        let entry = Sealed::removed(8, [0xab; 32]);
        let note = Note::empty(Uuid::from_u128(3), [1; 32], &before).grown(&[entry], &[facts]).note;
        assert_eq!((note.first, note.count, note.day), (8, 1, Some(1)));
        assert_eq!((note.tree_before(), note.tree().size(), note.head().leaf), (before, 8, [0xab; 32]));
        note.write(directory.path()).unwrap();
        assert_eq!(Note::read(directory.path()), Ok(Some(note.clone())));
        let bytes = fs::read(directory.path().join(NAME)).unwrap();
        for at in 0..bytes.len() - 1 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(directory.path().join(NAME), &flipped).unwrap();
            assert!(Note::read(directory.path()).is_err(), "byte {at}");
        }
    }
}
