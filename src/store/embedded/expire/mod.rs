//! Expiry: events leave as their policies say, and the disk comes back, because whole directories go.
//!
//! A purge concerns one partition, and each of its steps is on the disk before the next one begins:
//!
//! ```text
//!    all of it leaves                  others stay
//! 1                                    <first>.rewritten/  written beside it: of what leaves the leaf only
//! 2  pending-purge     which purge is about to be told, and of which partition
//! 3  (the recorder)    an event says what leaves, synced
//! 4  <first>/purged    it is gone      <first> becomes <first>.replaced, <first>.rewritten becomes <first>
//! 5  <first>/events/   is removed      <first>.replaced is removed
//! 6  pending-purge     is removed
//! ```
//!
//! Cut off before 3, nothing has happened, and the next start forgets the purge; cut off later, the next start goes
//! on with 4. Readers that began before 4 read to their end: what they read is removed when the last of them is done.
//! The note stays: it tells what the partition held, and the tree before and behind it, so that the tree still
//! verifies; `purged` has the edges of it, so that its neighbours can still be proven. The newest partition leaves only
//! when its day is over: the event that tells it begins another one then.

mod erasing;
pub(super) mod marker;
mod plan;
pub(super) mod remove;
pub(super) mod rewrite;
mod survey;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;

pub use erasing::{Erasable, Erasing, Whose};
pub use marker::Purge;
pub use plan::{Leaving, Plan};
pub use rewrite::Prepared;
pub use terms::{Hold, Policy, Terms};

use super::Embedded;
use super::partition::note::{Note, day_of};
use super::partition::{decoded, guarded};
use crate::store::{StoreError, event_of};
use plan::Part;
use survey::Survey;

/// What was counted, for as long as terms and partitions are the same.
#[derive(Default)]
pub(super) struct Surveys {
    counted: Mutex<(Terms, BTreeMap<u64, Survey>)>,
}

impl Surveys {
    fn forget(&self, first: u64) {
        self.counted.lock().1.remove(&first);
    }
}

impl Embedded {
    /// What would leave at that moment. Partitions that were not counted with these terms are read, which takes
    /// seconds for a million events; `go_on` is asked before each of them.
    ///
    /// # Errors
    /// When a partition cannot be read, or it shall not go on.
    pub fn plan(
        &self,
        terms: &Terms,
        now: Timestamp,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Plan, StoreError> {
        let notes = self.catalogue.notes();
        let newest = self.catalogue.newest().map(|note| note.first);
        let floors = floors(&notes);
        let mut parts = Vec::new();
        for (note, floor) in notes.iter().zip(floors) {
            if !go_on() {
                return Err(StoreError::Io("the log is closing".to_owned()));
            }
            if note.count == 0 {
                continue;
            }
            parts.push(Part {
                first: note.first,
                last: note.head().sequence,
                bytes: remove::disk_bytes(&self.catalogue.path(note.first)),
                survey: self.survey(terms, note, floor)?,
                floor,
                may_leave: Some(note.first) != newest
                    || note.day.is_some_and(|day| day_of(now.as_millisecond()) > day),
            });
        }
        Ok(plan::plan(&parts, terms, now))
    }

    fn survey(&self, terms: &Terms, note: &Note, floor: i64) -> Result<Survey, StoreError> {
        {
            let mut counted = self.surveys.counted.lock();
            if counted.0 != *terms {
                *counted = (terms.clone(), BTreeMap::new());
            }
            if let Some(survey) = counted.1.get(&note.first)
                && survey.of == note.count
            {
                return Ok(survey.clone());
            }
        }
        let mut survey = Survey { of: note.count, ..Survey::default() };
        let partition = self.catalogue.open(note.first)?;
        let read = guarded(|| {
            for pair in partition.blocks_from(note.first) {
                let (first, value) = pair?;
                let block = decoded(first, &value)?;
                for (sequence, facts, json) in block.events() {
                    let Some(event) = event_of(sequence, json) else { continue };
                    survey.take(terms, &event, effective_day(note, floor, facts.time_ms));
                }
            }
            Ok(())
        });
        read.and_then(|read| read).map_err(|trouble| self.catalogue.refuse(note.first, trouble))?;
        self.surveys.counted.lock().1.insert(note.first, survey.clone());
        Ok(survey)
    }
}

/// The day that an event leaves by. What came after midnight beside others of the day before leaves with the
/// partition that both are in.
fn effective_day(note: &Note, floor: i64, time_ms: i64) -> i64 {
    let day = day_of(time_ms);
    let is_late = note.day == Some(day + 1);
    floor.max(if is_late { day + 1 } else { day })
}

/// The day of each partition, in days since 1970, that none of its events is taken to be before: of the five
/// partitions up to it the middle one, and never before that of an earlier partition. A clock that was set back, or
/// ahead, for a while moves none of them.
fn floors(notes: &[Note]) -> Vec<i64> {
    let mut highest = i64::MIN;
    (0..notes.len())
        .map(|index| {
            let mut days: Vec<i64> =
                notes[index.saturating_sub(4)..=index].iter().filter_map(|note| note.day).collect();
            days.sort_unstable();
            // Of two, the earlier: with so few nothing tells which one is right.
            let middle = days.get(days.len().saturating_sub(1) / 2).copied().unwrap_or(i64::MIN);
            highest = highest.max(middle);
            highest
        })
        .collect()
}
