//! The list of partitions as one reader has it: none of them is removed before the reader is done with the list.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::super::partition::note::Note;

/// What each partition holds, oldest first. As long as somebody has this, none of them is removed.
pub(in crate::store::embedded) struct Notes {
    notes: Vec<Note>,
    _reader: Arc<()>,
}

impl Notes {
    /// These, for whoever holds `reader` from before the list was taken.
    pub(super) fn new(notes: Vec<Note>, reader: Arc<()>) -> Notes {
        Notes { notes, _reader: reader }
    }
}

impl Deref for Notes {
    type Target = [Note];

    fn deref(&self) -> &[Note] {
        &self.notes
    }
}

impl DerefMut for Notes {
    fn deref_mut(&mut self) -> &mut [Note] {
        &mut self.notes
    }
}

impl IntoIterator for Notes {
    type Item = Note;
    type IntoIter = NotesRead;

    fn into_iter(self) -> NotesRead {
        NotesRead { notes: self.notes.into_iter(), _reader: self._reader }
    }
}

/// The same, one after the other.
pub(in crate::store::embedded) struct NotesRead {
    notes: std::vec::IntoIter<Note>,
    _reader: Arc<()>,
}

impl Iterator for NotesRead {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.notes.next()
    }
}
