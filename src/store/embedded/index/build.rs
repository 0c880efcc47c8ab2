//! Making an index: events that it does not cover are read from their partition and told, as documents and in order,
//! to the thread that writes them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::schema::schema;
use super::writer::{Told, Work, Writer};
use super::{FORMAT, Index, Mark, guarded, mark, opened};
use crate::store::embedded::partition::note::Note;
use crate::store::embedded::partition::{Partition, Trouble, decoded, guarded as sled_guarded};
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
    pub(in crate::store::embedded) writer: &'p Writer,
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
    let (index, covered) = match covered {
        Some(covered) => (opened(piece.directory).map_err(Unmade::Failed)?, covered),
        None => (None, 0),
    };
    let covered = match &index {
        Some(index) => {
            let mark = guarded(|| mark(index)).map_err(Unmade::Failed)?;
            if mark.last != covered {
                return Err(Unmade::Failed("it has grown since it was opened".to_owned()));
            }
            Covered { last: covered, documents: mark.documents }
        }
        None => Covered { last: piece.note.first - 1, documents: 0 },
    };
    let is_full = Arc::new(AtomicBool::new(false));
    // Each block is taken before the next is read.
    let (told, heard) = sync_channel(0);
    let work = Work {
        partition: piece.directory.to_owned(),
        is_anew: index.is_none(),
        is_full: Arc::clone(&is_full),
        heard,
    };
    let written = piece.writer.begin(work).map_err(Unmade::Failed)?;
    let fed = feed(piece, covered, told, &|| is_full.load(Ordering::Relaxed), is_over);
    let written = written.recv().unwrap_or_else(|_| Err("the index's thread has ended".to_owned()));
    fed.and_then(|()| written.map_err(Unmade::Failed))
}

/// What an index covers before a piece of work.
struct Covered {
    last: u64,
    documents: u64,
}

/// Tells a writer what is next, until it is full, there is enough, or no more. When the writer has ended, it says why.
fn feed(
    piece: &Piece,
    covered: Covered,
    told: SyncSender<Told>,
    is_full: &dyn Fn() -> bool,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Unmade> {
    let (end, fields) = (piece.note.head(), schema().1);
    let mut last = Head { sequence: covered.last, ..Head::default() };
    let mut documents = covered.documents;
    let mut blocks = piece.source.blocks_from(covered.last + 1);
    while last.sequence < end.sequence && last.sequence - covered.last < piece.events_max && !is_full() {
        let next = sled_guarded(|| blocks.next().transpose()).and_then(|next| next);
        let next = next.map_err(Unmade::Unread)?.filter(|(first, _)| *first == last.sequence + 1);
        // What is not there must not count as covered.
        let missing = || Unmade::Unread(Trouble::Damaged(format!("entry {} is missing", last.sequence + 1)));
        let (first, value) = next.ok_or_else(missing)?;
        let block = decoded(first, &value).map_err(Unmade::Unread)?;
        let events =
            block.events().filter_map(|(sequence, _, json)| Some((sequence, event_of(sequence, json)?)));
        let read: Vec<_> = events.map(|(sequence, event)| fields.document(sequence, &event)).collect();
        documents += read.len() as u64;
        last = block.entry(block.last()).map(|entry| entry.head()).ok_or_else(missing)?;
        if told.send(Told::Documents(read)).is_err() {
            return Ok(());
        }
        if is_over() {
            return Err(Unmade::Stopped);
        }
    }
    let is_last = last.sequence == end.sequence;
    let mark = Mark {
        format: FORMAT,
        first: piece.note.first,
        last: last.sequence,
        leaf: hex(if is_last { &end.leaf } else { &last.leaf }),
        documents,
    };
    let mark = (last.sequence > covered.last).then_some(mark);
    let extent = if is_last { piece.extent } else { Extent::Growing };
    // One that hears nothing any more says why.
    told.send(Told::End(mark, extent)).or(Ok(()))
}
