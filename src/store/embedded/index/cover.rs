//! Which partitions the index covers, and making it cover the rest.

use std::fs;
use std::io;

use super::{Extent, FOLDER, Unmade, peek, tidied};
use crate::store::StoreError;
use crate::store::embedded::Embedded;
use crate::store::embedded::partition::note::Note;

/// What the one who has the index made goes by.
pub trait Pace {
    /// True when it is to end at once. Asked often.
    fn is_over(&self) -> bool;
    /// Called after each piece of work, of a second or so: waits for as long as others are to go first.
    fn rest(&self);
}

/// Without a rest, until it says so.
impl<F: Fn() -> bool> Pace for F {
    fn is_over(&self) -> bool {
        self()
    }

    fn rest(&self) {}
}

impl Embedded {
    /// So many events that the index does not cover are looked at quickly.
    pub const UNINDEXED_FEW: u64 = 10_000;

    /// How many of the newest events the index does not cover yet.
    pub fn unindexed(&self) -> u64 {
        let Some(note) = self.catalogue.newest() else { return 0 };
        let covered = self.catalogue.indexes.known(note.first).unwrap_or(note.first - 1);
        note.head().sequence.saturating_sub(covered)
    }

    /// Makes the index cover everything that is there now, piece by piece: the newest partition first and, when many
    /// more have come, again after each piece of another. One thread at a time; readers and the writer go on. An index
    /// that cannot be made keeps nobody from the others, and is tried again a minute later at the earliest.
    ///
    /// # Errors
    /// The first, when an index could not be made, which takes nothing from the answers but their speed; or when events
    /// could not be read.
    pub fn index(&self, pace: &dyn Pace) -> Result<(), StoreError> {
        self.catalogue.indexes.close_idle();
        let mut result = Ok(());
        // However fast the newest grows: once it is there, it is the others' turn.
        let mut aim = self.head_sequence();
        while !pace.is_over() {
            let notes = self.catalogue.notes();
            let Some((note, extent)) = self.behind(&notes, aim) else { break };
            let is_over = || pace.is_over();
            let made = self.catalogue.extend_index(note, extent, self.index_events_max, &is_over);
            let trouble = match made {
                Ok(()) => Ok(()),
                Err(Unmade::Stopped) => break,
                Err(Unmade::Failed(why)) => {
                    if self.catalogue.indexes.put_off(note.first) {
                        self.catalogue.distrust_index(note, &why);
                    }
                    Err(StoreError::Io(why))
                }
                Err(Unmade::Unread(trouble)) => {
                    self.catalogue.indexes.put_off(note.first);
                    Err(self.catalogue.refuse(note.first, trouble))
                }
            };
            result = result.and(trouble);
            if extent == Extent::Sealed && self.unindexed() >= Embedded::UNINDEXED_FEW {
                aim = self.head_sequence();
            }
            // Who waits until nobody reads any more does not wait for a rest.
            drop(notes);
            pace.rest();
        }
        result
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

    /// The next whose index is to be extended: the newest below `aim`, or the newest of the others.
    fn behind<'n>(&self, notes: &'n [Note], aim: u64) -> Option<(&'n Note, Extent)> {
        let is_put_off = |note: &Note| self.catalogue.indexes.is_put_off(note.first);
        let (newest, others) = notes.split_last()?;
        let covered = self.catalogue.index(newest).map_or(newest.first - 1, |index| index.covered());
        if covered < newest.head().sequence.min(aim) && !is_put_off(newest) {
            return Some((newest, Extent::Growing));
        }
        let mut behind = others.iter().rev().filter(|note| !is_put_off(note) && !self.is_finished(note));
        Some((behind.next()?, Extent::Sealed))
    }

    fn head_sequence(&self) -> u64 {
        self.catalogue.newest().map_or(0, |note| note.head().sequence)
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
            tidied(&self.catalogue.path(note.first));
            self.catalogue.see_to_whole(note);
            indexes.finish(note.first);
        }
        is_whole
    }
}
