//! Making an index: events that it does not cover are read from their partition and added, in order.
//!
//! A writer takes tens of megabytes, and is dropped after a piece of work. Each piece makes a segment, or a few; they are
//! merged like the digits of a number, so that an event is written a few times,
//! and into a single one once the partition takes no more.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, NoMergePolicy};
use tantivy::{IndexWriter, TantivyDocument};

use super::schema::{Fields, schema, tokenizers};
use super::{FOLDER, FORMAT, Index, Mark, guarded, mark, opened, settings};
use crate::store::embedded::partition::note::Note;
use crate::store::embedded::partition::{
    Partition, Trouble, decoded, guarded as sled_guarded, remove_folder,
};
use crate::store::{Head, event_of, hex};

/// Whether a partition takes more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::embedded) enum Extent {
    /// It is the newest.
    Growing,
    /// It is not.
    Sealed,
}

/// Why an index was not made.
#[derive(Debug)]
pub(in crate::store::embedded) enum Unmade {
    /// There was no time.
    Stopped,
    /// The disk, or what is there already; in words.
    Failed(String),
    /// The events.
    Unread(Trouble),
}

/// A piece of work on an index.
pub(in crate::store::embedded) struct Piece<'p> {
    /// The events.
    pub(in crate::store::embedded) source: &'p Partition,
    /// The partition's.
    pub(in crate::store::embedded) directory: &'p Path,
    pub(in crate::store::embedded) note: &'p Note,
    pub(in crate::store::embedded) extent: Extent,
    /// About how many are added at most.
    pub(in crate::store::embedded) events_max: u64,
}

/// Up to where an index on disk goes, and in how many pieces, without reading it; `None` when it is unusable.
pub(in crate::store::embedded) fn peek(partition: &Path) -> Option<(u64, usize)> {
    let index = opened(partition).ok()??;
    guarded(|| Ok((mark(&index)?.last, index.searchable_segment_metas()?.len()))).ok()
}

/// Extends the index of a partition towards what its note says, from what it covers on; without that it is begun anew.
///
/// # Errors
/// See [`Unmade`]. What is there stays usable.
pub(in crate::store::embedded) fn extend(
    piece: &Piece,
    covered: Option<u64>,
    is_over: &dyn Fn() -> bool,
) -> Result<Arc<Index>, Unmade> {
    let index = match covered {
        Some(_) => opened(piece.directory).map_err(Unmade::Failed)?,
        None => None,
    };
    let (index, covered, documents) = match (index, covered) {
        (Some(index), Some(covered)) => {
            let mark = guarded(|| mark(&index)).map_err(Unmade::Failed)?;
            (index, covered, mark.documents)
        }
        (Some(_) | None, _) => (begun(piece.directory).map_err(Unmade::Failed)?, piece.note.first - 1, 0),
    };
    let writer = writer(&index).map_err(Unmade::Failed)?;
    let mut building = Building { writer, fields: schema().1, note: piece.note, documents };
    let covered = building.add(piece, covered, is_over)?;
    let is_last = covered == piece.note.head().sequence;
    let extent = if is_last { piece.extent } else { Extent::Growing };
    building.merge(&index, extent).map_err(Unmade::Failed)?;
    let Building { writer, .. } = building;
    guarded(|| {
        writer.garbage_collect_files().wait()?;
        writer.wait_merging_threads()?;
        Index::load(&index).map(Arc::new)
    })
    .map_err(Unmade::Failed)
}

/// A writer whose threads let others go first. They inherit that from the thread that begins them, which is one of its
/// own: the caller holds locks that others wait for.
fn writer(index: &tantivy::Index) -> Result<IndexWriter, String> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(WRITER_BYTES_MAX)
        .build();
    let begin = || {
        give_way();
        guarded(|| {
            let writer: IndexWriter = index.writer_with_options(options)?;
            writer.set_merge_policy(Box::new(NoMergePolicy));
            Ok(writer)
        })
    };
    thread::scope(|scope| {
        let begun = thread::Builder::new().name("index-writer".to_owned()).spawn_scoped(scope, begin);
        begun.map_err(|error| error.to_string())?.join().map_err(|_| "its writer panicked".to_owned())?
    })
}

/// This thread, and those that it begins, take a tenth of a core where all cores are wanted. Elsewhere than on Linux the
/// whole process would.
pub(in crate::store::embedded) fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the index's threads keep their priority");
    }
}

/// An index without events.
fn begun(directory: &Path) -> Result<tantivy::Index, String> {
    let directory = directory.join(FOLDER);
    remove_folder(&directory).map_err(|error| error.to_string())?;
    fs::create_dir(&directory).map_err(|error| error.to_string())?;
    guarded(|| {
        let builder = tantivy::Index::builder().schema(schema().0.clone()).settings(settings());
        builder.tokenizers(tokenizers()).open_or_create(MmapDirectory::open(&directory)?)
    })
}

struct Building<'n> {
    writer: IndexWriter<TantivyDocument>,
    fields: Fields,
    note: &'n Note,
    /// All that it has.
    documents: u64,
}

impl Building<'_> {
    /// Adds what is next; returns up to where it goes then.
    fn add(&mut self, piece: &Piece, covered: u64, is_over: &dyn Fn() -> bool) -> Result<u64, Unmade> {
        let end = self.note.head();
        let mut last = Head { sequence: covered, ..Head::default() };
        let mut blocks = piece.source.blocks_from(covered + 1);
        while last.sequence < end.sequence && last.sequence - covered < piece.events_max {
            let next = sled_guarded(|| blocks.next().transpose()).and_then(|next| next);
            let next = next.map_err(Unmade::Unread)?.filter(|(first, _)| *first == last.sequence + 1);
            // What is not there must not count as covered.
            let missing =
                || Unmade::Unread(Trouble::Damaged(format!("entry {} is missing", last.sequence + 1)));
            let (first, value) = next.ok_or_else(missing)?;
            let block = decoded(first, &value).map_err(Unmade::Unread)?;
            for (sequence, _, json) in block.events() {
                let Some(event) = event_of(sequence, json) else { continue };
                let document = self.fields.document(sequence, &event);
                guarded(|| self.writer.add_document(document)).map_err(Unmade::Failed)?;
                self.documents += 1;
            }
            last = block.entry(block.last()).map(|entry| entry.head()).ok_or_else(missing)?;
            if is_over() {
                return Err(Unmade::Stopped);
            }
        }
        if last.sequence > covered {
            self.commit(if last.sequence == end.sequence { end } else { last }).map_err(Unmade::Failed)?;
        }
        Ok(last.sequence)
    }

    fn commit(&mut self, last: Head) -> Result<(), String> {
        let mark = Mark {
            format: FORMAT,
            first: self.note.first,
            last: last.sequence,
            leaf: hex(&last.leaf),
            documents: self.documents,
        };
        let payload = serde_json::to_string(&mark).map_err(|error| error.to_string())?;
        guarded(|| {
            let mut commit = self.writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit().map(drop)
        })
    }

    /// Merges what is due; all into one when the partition takes no more.
    fn merge(&mut self, index: &tantivy::Index, extent: Extent) -> Result<(), String> {
        loop {
            let loaded = guarded(|| Index::load(index))?;
            let newest_first: Vec<_> = loaded.segments.iter().map(|segment| &segment.reader).collect();
            let sizes: Vec<u32> = newest_first.iter().map(|reader| reader.max_doc()).collect();
            let count = match extent {
                Extent::Sealed => sizes.len(),
                Extent::Growing => due(&sizes),
            };
            if count < 2 {
                return Ok(());
            }
            let ids: Vec<_> = newest_first[..count].iter().map(|reader| reader.segment_id()).collect();
            guarded(|| self.writer.merge(&ids).wait().map(drop))?;
        }
    }
}

/// How many of the newest segments are to become one: once there are eight of one size, these and all that are
/// newer. `sizes` are the newest first.
fn due(sizes: &[u32]) -> usize {
    let tier = |size: u32| (size / SMALL_DOCUMENTS).checked_ilog(MERGE_SEGMENTS).map_or(0, |tier| tier + 1);
    let mut tiers: Vec<u32> = sizes.iter().map(|size| tier(*size)).collect();
    tiers.sort_unstable();
    tiers.dedup();
    let run = |most: u32| sizes.iter().take_while(move |size| tier(**size) <= most);
    let is_due = |most: u32| run(most).filter(|size| tier(**size) == most).count() >= MERGE_SEGMENTS as usize;
    tiers.into_iter().find(|most| is_due(*most)).map_or(0, |most| run(most).count())
}

/// The least that tantivy takes: some ten thousand events, which then make a segment.
const WRITER_BYTES_MAX: usize = 15_000_000;
/// A process of the usual priority gets ten times as much of a core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
const MERGE_SEGMENTS: u32 = 8;
const SMALL_DOCUMENTS: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_of_one_size_are_merged_with_what_is_newer() {
        let check = |sizes: &[u32], expected: usize| assert_eq!(due(sizes), expected, "{sizes:?}");
        check(&[], 0);
        check(&[1; 7], 0);
        check(&[1; 8], 8);
        check(&[1, 2000, 3, 4, 5, 6, 7, 8, 600_000], 8);
        check(&[1, 1, 5000, 5000, 600_000], 0);
        check(&[[1].as_slice(), &[5000; 8], &[600_000]].concat(), 9);
        check(&[[5000].as_slice(), &[1; 8]].concat(), 0);
    }

    #[test]
    fn each_event_is_merged_a_few_times() {
        let (mut sizes, mut written) = (Vec::new(), 0u64);
        for _ in 0..1000 {
            sizes.insert(0, 1000);
            let count = due(&sizes);
            let merged: u32 = sizes.drain(..count).sum();
            written += u64::from(merged);
            sizes.splice(..0, (count > 0).then_some(merged));
            assert!(sizes.len() <= 28, "{sizes:?}");
        }
        assert!(written < 4 * 1000 * 1000, "{written}");
    }
}
