//! The erasure of a person's values from the store: what would go, and a partition written anew without it. What is
//! written beside the old one takes its place as after a purge, when an event has told which values are erased.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::super::Embedded;
use super::super::catalogue::io_error;
use super::super::partition::block::{Block, Facts};
use super::super::partition::note::Note;
use super::super::partition::{decoded, guarded};
use super::marker::Purge;
use super::terms::Hold;
use crate::event::Event;
use crate::store::erase::{Listed, Loss, Subject, Taken, taken, taken_again};
use crate::store::sealed::Sealed;
use crate::store::{StoreError, event_of};

/// Who is erased, and what keeps it from being.
#[derive(Clone, Debug)]
pub struct Erasing {
    /// What goes.
    pub whose: Whose,
    /// What he is called from then on: 16 hexadecimal digits.
    pub person: String,
    /// What nothing is erased from.
    pub holds: Vec<Hold>,
    /// When it is asked for.
    pub now: Timestamp,
}

/// What an erasure takes.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Whatever has this person in it.
    Person(Subject),
    /// What an earlier erasure has taken, of a log that was restored since.
    Listed(Listed),
}

/// What would be erased.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasable {
    /// Events that would lose values.
    pub events: u64,
    /// Values that would go.
    pub values: u64,
    /// Events that keep theirs, because something holds them.
    pub held: u64,
    /// Events of which nobody but the client says that the actor is this person.
    pub claimed: u64,
    /// Values by the member of the event in which they stand.
    pub fields: BTreeMap<&'static str, u64>,
    /// What else events call this person, and how many do; of many the first.
    pub also: BTreeMap<String, u64>,
    /// The sequences of the first few events.
    pub sample: Vec<u64>,
    /// First sequences of the partitions that would be written anew.
    #[serde(skip)]
    pub partitions: Vec<u64>,
    /// Events of all partitions but the newest: what a plan is known by, while the log goes on.
    #[serde(skip)]
    pub settled: u64,
}

impl Erasing {
    /// What goes from an entry.
    fn taken(&self, entry: &Sealed, event: &Event) -> Option<Taken> {
        match &self.whose {
            Whose::Person(subject) => taken(entry, event, subject, &self.person),
            Whose::Listed(listed) => taken_again(entry, event, listed.of(entry)?, &self.person),
        }
    }

    /// True when something from the first to the last of these places may be meant.
    fn may_be_within(&self, first: u64, last: u64) -> bool {
        match &self.whose {
            Whose::Person(_) => true,
            Whose::Listed(listed) => listed.is_within(first, last),
        }
    }

    fn is_held(&self, event: &Event) -> bool {
        let holds = self.holds.iter().filter(|hold| hold.until.is_none_or(|until| until > self.now));
        holds.into_iter().any(|hold| hold.filter.matches(event))
    }

    /// The event of an entry that may be meant.
    fn event(&self, entry: &Sealed) -> Option<Event> {
        let is_there = match &self.whose {
            Whose::Person(subject) => subject.may_be_in(&entry.json.to_ascii_lowercase()),
            Whose::Listed(listed) => listed.of(entry).is_some(),
        };
        is_there.then(|| event_of(entry.sequence, &entry.json)).flatten()
    }
}

impl Erasable {
    fn take(&mut self, erasing: &Erasing, entry: &Sealed) {
        let Some(event) = erasing.event(entry) else { return };
        let Some(taken) = erasing.taken(entry, &event) else { return };
        if erasing.is_held(&event) {
            self.held += 1;
            return;
        }
        self.events += 1;
        self.values += taken.fields.len() as u64;
        self.claimed += u64::from(taken.is_claimed);
        taken.fields.into_iter().for_each(|field| *self.fields.entry(field).or_default() += 1);
        for name in taken.also {
            if self.also.len() < ALSO_MAX || self.also.contains_key(&name) {
                *self.also.entry(name).or_default() += 1;
            }
        }
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push(entry.sequence);
        }
    }
}

impl Embedded {
    /// What an erasure would take from the store as it is; `go_on` is asked before each partition is read.
    ///
    /// # Errors
    /// When a partition cannot be read, or it shall not go on.
    pub fn erasable(
        &self,
        erasing: &Erasing,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Erasable, StoreError> {
        let notes = self.catalogue.notes();
        let mut erasable = Erasable::default();
        for (index, note) in notes.iter().enumerate().filter(|(_, note)| note.count > 0) {
            if !go_on() {
                return Err(StoreError::Io("the log is closing".to_owned()));
            }
            if !erasing.may_be_within(note.first, note.head().sequence) {
                continue;
            }
            let before = erasable.events;
            let partition = self.catalogue.open(note.first)?;
            let read = guarded(|| {
                for pair in partition.blocks_from(note.first) {
                    let (first, value) = pair?;
                    let block = decoded(first, &value)?;
                    let entries = (block.first()..=block.last()).filter_map(|sequence| block.entry(sequence));
                    entries.for_each(|entry| erasable.take(erasing, &entry));
                }
                Ok(())
            });
            read.and_then(|read| read).map_err(|trouble| self.catalogue.refuse(note.first, trouble))?;
            if erasable.events > before {
                erasable.partitions.push(note.first);
            }
            if index + 1 < notes.len() {
                erasable.settled = erasable.events;
            }
        }
        Ok(erasable)
    }

    /// Writes a partition anew beside the old one, without the values of the person. Gives what is gone then, to be
    /// told before [`Embedded::purge`] puts it in its place; nothing when nothing of his is in it.
    ///
    /// # Errors
    /// When the partition cannot be read, is not as it was recorded, or there is no room to write it anew.
    pub fn prepare_erasure(&self, erasing: &Erasing, first: u64) -> Result<Vec<Loss>, StoreError> {
        let note = self.note_of(first)?;
        let mut gone = Vec::new();
        self.rewrite(&note, super::remove::disk_bytes(&self.catalogue.path(first)), |block, entry| {
            let facts = facts(&note, block, &entry);
            let event = erasing.event(&entry).filter(|event| !erasing.is_held(event));
            match event.and_then(|event| erasing.taken(&entry, &event)) {
                None => (entry, facts),
                Some(Taken { left, places, .. }) => {
                    gone.push(Loss { sequence: left.sequence, leaf: left.leaf, places });
                    (left, facts)
                }
            }
        })?;
        if gone.is_empty() {
            super::remove::remove_fresh(&self.catalogue.path(first)).map_err(io_error)?;
        }
        Ok(gone)
    }

    /// The exchange of a partition for the one that was written anew, told by that event.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn exchange(&self, event: Uuid, first: u64) -> Result<Purge, StoreError> {
        let note = self.note_of(first)?;
        Ok(Purge::rewritten(event, note.first, note.head().sequence))
    }

    /// Begins another partition, so that the one that is written now is written no more. Gives the first sequence of
    /// the new one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn turn(&self) -> Result<u64, StoreError> {
        let _one = self.writer.lock();
        self.refresh_head()?;
        match self.catalogue.newest().filter(|newest| newest.count == 0) {
            Some(newest) => Ok(newest.first),
            None => {
                let end = self.end.read().clone();
                Ok(self.catalogue.begin(end.head.leaf, &end.tree)?.first)
            }
        }
    }
}

/// What the store reads of an entry; of a removed one nothing but the day of its partition.
fn facts(note: &Note, block: &Block, entry: &Sealed) -> Facts {
    block.facts(entry.sequence).unwrap_or_else(|| super::rewrite::nothing(note))
}

const ALSO_MAX: usize = 50;
const SAMPLE_MAX: usize = 20;

#[cfg(test)]
mod tests;
