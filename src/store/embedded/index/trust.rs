//! Which index of a partition is used: one that was compared with what it is the index of.

use std::path::Path;
use std::sync::Arc;

use super::{Bounds, Extent, Index, Piece, Unmade, extend, whole};
use crate::store::StoreError;
use crate::store::embedded::catalogue::Catalogue;
use crate::store::embedded::partition::guarded;
use crate::store::embedded::partition::note::Note;

impl Catalogue {
    /// The index of a partition, opened if it is not; `None` when there is none that can be trusted.
    pub(in crate::store::embedded) fn index(&self, note: &Note) -> Option<Arc<Index>> {
        if let Some(index) = self.indexes.open(note.first) {
            return Some(index);
        }
        if self.indexes.is_distrusted(note.first) {
            return None;
        }
        let path = self.path(note.first);
        let opened = match self.indexes.known(note.first) {
            Some(_) => Index::reopen(&path),
            None => Index::open(&path),
        };
        let opened = opened.and_then(|index| match index {
            Some(index) if !self.is_of(&index, note) => Err("it is of other events".to_owned()),
            Some(index) => Ok(Some(Arc::new(index))),
            None => Ok(None),
        });
        match opened {
            Ok(Some(index)) => {
                self.indexes.put_opened(note.first, Arc::clone(&index));
                Some(index)
            }
            Ok(None) => None,
            Err(why) => {
                self.distrust_index(note, &why);
                None
            }
        }
    }

    /// An index turned out to be unusable: events are looked at one by one until it was made anew.
    pub(in crate::store::embedded) fn distrust_index(&self, note: &Note, why: &str) {
        if self.indexes.distrust(note.first) {
            tracing::warn!(
                partition = note.first,
                why,
                "an index is to be made anew; queries are slower until then"
            );
        }
    }

    /// Extends the index of a partition towards what its note says, by so many events at most; makes it if there is
    /// none.
    ///
    /// # Errors
    /// See [`Unmade`].
    pub(in crate::store::embedded) fn extend_index(
        &self,
        note: &Note,
        extent: Extent,
        events_max: u64,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), Unmade> {
        let failed = |error: StoreError| Unmade::Failed(error.to_string());
        let covered = self.index(note).map(|index| index.covered());
        let partition = self.open(note.first).map_err(failed)?;
        let directory = self.path(note.first);
        let writer = &self.index_writer;
        let piece = Piece { writer, source: &partition, directory: &directory, note, extent, events_max };
        let index = extend(&piece, covered, is_over)?;
        let is_whole = index.covered() == note.head().sequence;
        if extent == Extent::Sealed && is_whole {
            keep_whole(&index, &directory, note);
            self.indexes.finish(note.first);
        }
        self.indexes.put_made(note.first, index);
        Ok(())
    }

    /// Sees to it that of a finished index it is known what its partition counts as a whole.
    pub(super) fn see_to_whole(&self, note: &Note) {
        let path = self.path(note.first);
        if whole::is_kept(&path) {
            return;
        }
        // While it is open, no other takes its place; and the index is the one that is there, not one from before.
        let held = self.open(note.first);
        if let (Ok(_), Ok(Some(index))) = (&held, Index::open(&path)) {
            keep_whole(&index, &path, note);
        }
    }

    /// True when the events of a partition say the same as its index about where that ends.
    fn is_of(&self, index: &Index, note: &Note) -> bool {
        let head = note.head();
        if index.covered() == head.sequence {
            return index.is_of(note.first, head);
        }
        let block = self.open(note.first).ok().and_then(|partition| {
            guarded(|| partition.block_of(index.covered())).and_then(|block| block).ok().flatten()
        });
        let entry = block.and_then(|block| block.entry(index.covered()));
        entry.is_some_and(|entry| index.is_of(note.first, entry.head()))
    }
}

fn keep_whole(index: &Index, partition: &Path, note: &Note) {
    let bounds = Bounds { below: note.head().sequence.saturating_add(1), deadline: None };
    if let Some(counts) = index.whole(note, &bounds) {
        whole::keep(partition, note, &counts);
    }
}
