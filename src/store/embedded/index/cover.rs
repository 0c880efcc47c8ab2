//! Which partitions the index covers, and making it cover the rest.

use std::fs;
use std::io;

use super::{Extent, FOLDER, Unmade, peek};
use crate::store::StoreError;
use crate::store::embedded::Embedded;
use crate::store::embedded::note::Note;

impl Embedded {
    /// How many of the newest events the index does not cover yet.
    pub fn unindexed(&self) -> u64 {
        let Some(note) = self.catalogue.newest() else { return 0 };
        let covered = self.catalogue.indexes.open(note.first).map_or(note.first - 1, |index| index.covered());
        note.head().sequence.saturating_sub(covered)
    }

    /// Makes the index cover everything, the newest partition first and again after each of the others, until
    /// `is_stopped`. One thread at a time; readers and the writer go on.
    ///
    /// # Errors
    /// When an index cannot be made, which takes nothing from the answers but their speed.
    pub fn index(&self, is_stopped: &dyn Fn() -> bool) -> Result<(), StoreError> {
        self.catalogue.indexes.close_idle();
        loop {
            let notes = self.catalogue.notes();
            let Some(newest) = notes.last() else { return Ok(()) };
            let is_covered =
                self.catalogue.index(newest).is_some_and(|index| index.covered() >= newest.head().sequence);
            let behind = notes.iter().rev().skip(1).find(|note| !self.is_finished(note));
            let (note, extent) = match behind {
                _ if !is_covered && newest.count > 0 => (newest, Extent::Growing),
                Some(note) => (note, Extent::Sealed),
                None => return Ok(()),
            };
            match self.catalogue.extend_index(note, extent, is_stopped) {
                Ok(()) => {}
                Err(Unmade::Stopped) => return Ok(()),
                Err(Unmade::Failed(why)) => {
                    self.catalogue.distrust_index(note, &why);
                    return Err(StoreError::Io(why));
                }
            }
            if is_stopped() {
                return Ok(());
            }
        }
    }

    /// Removes every index, so that [`Embedded::index`] makes them anew.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn forget_index(&self) -> Result<(), StoreError> {
        for note in self.catalogue.notes() {
            self.catalogue.indexes.forget(Some(note.first));
            match fs::remove_dir_all(self.catalogue.path(note.first).join(FOLDER)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Io(error.to_string()));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// True when the index of a partition that takes no more covers all of it, in one piece.
    fn is_finished(&self, note: &Note) -> bool {
        let indexes = &self.catalogue.indexes;
        if note.count == 0 || indexes.is_finished(note.first) {
            return true;
        }
        let whole = (note.head().sequence, 1);
        let is_whole =
            !indexes.is_distrusted(note.first) && peek(&self.catalogue.path(note.first)) == Some(whole);
        if is_whole {
            indexes.finish(note.first);
        }
        is_whole
    }
}
