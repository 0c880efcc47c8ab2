//! The index of one partition: a tantivy index in `index/`, beside the events that it is made of.
//!
//! It is derived. It may be missing, behind, damaged or of another version, and answers are the same then, only
//! slower; so nothing here is ever an error for who asks, and whatever is odd about an index is a reason to make
//! it anew. It says of itself up to which entry it goes and what that entry's leaf is, and is trusted only when
//! the events say the same. It never goes further than what is synced of the events.
//!
//! Making it gives way to everything else: it is made in pieces, of newly handed over events only once there are many,
//! by a thread of a lower priority, and whoever has it made may rest after each piece ([`Pace`]).
//!
//! Documents are sorted by sequence, the newest first, and read by stopping after a page; they are never scored.

mod build;
mod count;
mod cover;
mod drive;
mod kept;
mod plan;
mod schema;
mod trust;
mod whole;
mod writer;

use build::peek;
pub(super) use build::{Extent, Piece, Unmade, extend};
pub(super) use count::Bounds;
pub use cover::Pace;
pub(super) use kept::Indexes;
pub(super) use plan::Plan;
pub(super) use whole::kept as kept_whole;
pub(super) use writer::{Writer, give_way};
use writer::{is_written, tidied};

use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tantivy::columnar::ColumnValues;
use tantivy::directory::MmapDirectory;
use tantivy::{Directory, IndexSettings, IndexSortByField, ReloadPolicy, Searcher, SegmentReader};

use crate::store::sealed::Head;
use crate::store::{Order, hex};
use drive::{Candidates, Zones};
use schema::{SEQUENCE, TIME, schema};

/// An index as it was at its last commit.
pub(super) struct Index {
    searcher: Searcher,
    /// Newest first; their sequences do not overlap.
    segments: Vec<Segment>,
    mark: Mark,
}

/// A part of an index.
struct Segment {
    reader: SegmentReader,
    /// Descending.
    sequences: Arc<dyn ColumnValues<u64>>,
    times: Arc<dyn ColumnValues<i64>>,
    zones: Zones,
}

/// What an index says of itself, in the payload of its commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    format: u32,
    /// The first sequence of its partition.
    first: u64,
    /// The last one it covers.
    last: u64,
    /// The leaf of that entry, in hexadecimal.
    leaf: String,
    /// How many documents it has: the list of its parts has no checksum of its own.
    documents: u64,
}

impl Index {
    /// Opens the index of a partition and reads all of it once, for its checksums; `None` when there is none.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub(super) fn open(partition: &Path) -> Result<Option<Index>, String> {
        let Some(index) = opened(partition)? else { return Ok(None) };
        let mut sound = HashSet::new();
        let mut is_sound = |file: &PathBuf| {
            let directory = index.directory();
            match directory.exists(file) {
                Ok(true) if sound.contains(file) => true,
                Ok(true) => directory.validate_checksum(file).unwrap_or(false) && sound.insert(file.clone()),
                Ok(false) => !is_written(file),
                Err(_) => false,
            }
        };
        guarded(|| {
            loop {
                let files = index.load_metas()?.list_segment_files();
                let Some(damaged) = files.iter().find(|file| !is_sound(file)) else {
                    return Index::load(&index).map(Some);
                };
                // Whoever extends it meanwhile may have removed that.
                if index.load_metas()?.list_segment_files() == files {
                    return Err(odd(format!("{} is damaged", damaged.display())));
                }
            }
        })
    }

    /// Opens one that was read as a whole before, or made, since the process began.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub(super) fn reopen(partition: &Path) -> Result<Option<Index>, String> {
        let Some(index) = opened(partition)? else { return Ok(None) };
        guarded(|| Index::load(&index).map(Some))
    }

    /// The state of an index at its last commit.
    fn load(index: &tantivy::Index) -> tantivy::Result<Index> {
        // It may grow meanwhile.
        let (mark, searcher) = loop {
            let before = mark(index)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            if mark(index)? == before {
                break (before, reader.searcher());
            }
        };
        let mut segments = Vec::new();
        for reader in searcher.segment_readers() {
            let columns = reader.fast_fields();
            segments.push(Segment {
                sequences: columns.column_first_or_default(SEQUENCE)?,
                times: columns.column_first_or_default(TIME)?,
                zones: Zones::default(),
                reader: reader.clone(),
            });
        }
        let documents: u64 = segments.iter().map(|segment| u64::from(segment.reader.max_doc())).sum();
        if documents != mark.documents {
            return Err(odd("it has not the documents that it was made with".to_owned()));
        }
        segments.retain(|segment| segment.reader.max_doc() > 0);
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.sequences.get_val(0)));
        Ok(Index { searcher, segments, mark })
    }

    /// The last sequence it covers.
    pub(super) fn covered(&self) -> u64 {
        self.mark.last
    }

    /// True when it is of the partition that begins there, and `head` is an entry of it up to which it goes.
    pub(super) fn is_of(&self, first: u64, head: Head) -> bool {
        self.mark.first == first && self.mark.last == head.sequence && self.mark.leaf == hex(&head.leaf)
    }

    /// The sequences of events that may be meant, in that order, behind a place.
    pub(super) fn candidates<'i>(
        &'i self,
        plan: &Plan,
        order: Order,
        place: u64,
    ) -> Result<Candidates<'i>, String> {
        guarded(|| Candidates::new(self, plan, order, place))
    }
}

/// The index in a partition's directory, if there is one of this version.
fn opened(partition: &Path) -> Result<Option<tantivy::Index>, String> {
    let directory = partition.join(FOLDER);
    if !directory.join(LIST).exists() {
        return Ok(None);
    }
    guarded(|| {
        let mut index = tantivy::Index::open(MmapDirectory::open(&directory)?)?;
        let is_ours = index.schema() == schema().0 && *index.settings() == settings();
        if !is_ours || mark(&index)?.format != FORMAT {
            return Err(odd("it is of another version".to_owned()));
        }
        index.set_tokenizers(schema::tokenizers());
        Ok(Some(index))
    })
}

fn mark(index: &tantivy::Index) -> tantivy::Result<Mark> {
    let payload = index.load_metas()?.payload.unwrap_or_default();
    serde_json::from_str(&payload).map_err(|_| odd("it does not say what it covers".to_owned()))
}

fn settings() -> IndexSettings {
    IndexSettings {
        sort_by_field: Some(IndexSortByField { field: SEQUENCE.to_owned(), order: tantivy::Order::Desc }),
        docstore_compression: tantivy::store::Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// Runs what calls tantivy; a panic in there is one more reason to make an index anew.
///
/// # Errors
/// Its own, in words.
fn guarded<T>(run: impl FnOnce() -> tantivy::Result<T>) -> Result<T, String> {
    // Unwind safety: after a panic the index is distrusted, and nothing of it is used again.
    let run = panic::catch_unwind(AssertUnwindSafe(run));
    run.map_err(|_| "tantivy panicked".to_owned())?.map_err(|error| error.to_string())
}

fn odd(why: String) -> tantivy::TantivyError {
    tantivy::TantivyError::SystemError(why)
}

/// The list of its segments, as tantivy names it.
const LIST: &str = "meta.json";
/// Its folder in a partition's.
pub(super) const FOLDER: &str = "index";
/// Rises with every change of fields, terms or words.
const FORMAT: u32 = 2;

#[cfg(test)]
mod tests;
