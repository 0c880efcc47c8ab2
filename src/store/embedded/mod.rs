//! The store that needs nothing but a directory: one partition per UTC day, or per million events. The one that grows
//! is a sled 0.34 database; those that take no more are packed, a file each.
//! The only folder that names sled and tantivy; its readers know pages and events.
//!
//! ```text
//! <directory>/
//!     tiles         hashes of the tree, so that a proof reads few events (see proofs/tiles.rs)
//!     <first sequence, 20 digits>/
//!         note      how many events, the tree before and behind them (see partition/note.rs),
//!                   synced after each hand-over
//!         events/   the database (see partition/database.rs for keys, partition/block.rs for values)
//!         packed    in its place once the partition takes no more (see partition/pack.rs)
//!         index/    what finds events in it (see index/mod.rs); may be removed
//!         purged    there when a policy has removed the events (see expire/)
//! ```
//!
//! A hand-over is: blocks and mark in atomic batches, flush, sync, note. Cut off anywhere, it is repeated
//! from the journal: what the database already holds is compared and skipped. A partition that does not
//! open, or does not hold what its note says, is renamed `<name>.quarantined-<n>` and told; opening goes on
//! with the rest. Never silently short, and never a reason not to start.

mod ask;
mod catalogue;
mod expire;
mod index;
mod partition;
mod proofs;
mod shelf;

pub use expire::{Erasable, Erasing, Hold, Leaving, Plan, Policy, Prepared, Purge, Terms, Whose};
pub use index::Pace;
pub use proofs::Ground;
pub use shelf::SledShelf;

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::tree::Tree;
use super::tree::leaf;
use super::{Counts, Found, Head, LeafCheck, Page, Query, Sealed, Store, StoreError, Tally};
use catalogue::{Catalogue, io_error};
use partition::block::{Facts, Packer};
use partition::guarded;
use partition::note::{Grown, Note, day_of};

/// The embedded store.
pub struct Embedded {
    catalogue: Catalogue,
    end: RwLock<End>,
    /// A partition that holds so many takes no more.
    partition_events_max: u64,
    /// So many are indexed at once.
    index_events_max: u64,
    directory: PathBuf,
    /// How many bytes the disk has left; a test puts a full one in its place.
    free_bytes: fn(&Path) -> io::Result<u64>,
    /// Held while a batch is written: there is one writer, with one packer.
    writer: Mutex<Packer>,
    /// What was counted for the last plan of a purge.
    surveys: expire::Surveys,
    /// Partitions that could not be packed, by their first sequence.
    unpackable: Mutex<BTreeSet<u64>>,
}

/// How the log ends: its last entry, and the tree of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct End {
    head: Head,
    tree: Tree,
}

impl End {
    fn of(catalogue: &Catalogue) -> End {
        let last = catalogue.last();
        last.map_or_else(End::default, |note| End { head: note.head(), tree: note.tree() })
    }
}

impl Embedded {
    /// Opens the store of an instance in `directory`, made if it is not there. The newest partition is
    /// counted now, older ones when they are first read.
    ///
    /// # Errors
    /// When the directory cannot be used, or a newer version wrote there. Damage is no error: see
    /// [`Embedded::damage`].
    pub fn open(directory: &Path, instance: Uuid) -> Result<Embedded, StoreError> {
        Embedded::open_with(directory, instance, PARTITION_EVENTS_MAX)
    }

    fn open_with(
        directory: &Path,
        instance: Uuid,
        partition_events_max: u64,
    ) -> Result<Embedded, StoreError> {
        let catalogue = Catalogue::read(directory, instance)?;
        while let Some(newest) = catalogue.newest() {
            match catalogue.open(newest.first) {
                Ok(_) => break,
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => {
                    // A full disk, say: the journal keeps what comes, and the next hand-over tries again.
                    tracing::error!(%error, "the newest partition cannot be opened");
                    break;
                }
            }
        }
        let end = RwLock::new(End::of(&catalogue));
        Ok(Embedded {
            catalogue,
            end,
            partition_events_max,
            index_events_max: INDEX_EVENTS_MAX,
            directory: directory.to_owned(),
            free_bytes: |path| fs2::available_space(path),
            writer: Mutex::new(Packer::new().map_err(|error| StoreError::Io(error.to_string()))?),
            surveys: expire::Surveys::default(),
            unpackable: Mutex::default(),
        })
    }

    /// The highest entry known, also from partitions that were set aside: lower sequences were given out.
    pub fn floor(&self) -> Head {
        let (head, lost) = (self.head(), self.catalogue.lost());
        if lost.sequence > head.sequence { lost } else { head }
    }

    /// What was found damaged or missing, a sentence each; already logged.
    pub fn damage(&self) -> Vec<String> {
        self.catalogue.damage()
    }

    /// Takes all entries into a check, from the first on. `told` hears now and then how far it is, and may end it.
    ///
    /// # Errors
    /// When a partition cannot be read.
    pub fn check(
        &self,
        check: &mut LeafCheck,
        told: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        proofs::check(&self.catalogue, check, told)
    }

    /// Hands over the entries from the first sequence to the last, both included, as far as these partitions have
    /// them.
    fn entries_between(
        &self,
        notes: &[Note],
        from: u64,
        to: u64,
        take: &mut dyn FnMut(Sealed),
    ) -> Result<(), StoreError> {
        for note in notes {
            let (from, to) = (from.max(note.first), to.min(note.head().sequence));
            if from > to {
                continue;
            }
            let partition = self.catalogue.open(note.first)?;
            let read = guarded(|| partition.entries_between(from, to, take)).and_then(|result| result);
            read.map_err(|trouble| self.catalogue.refuse(note.first, trouble))?;
        }
        Ok(())
    }

    /// Closes all partitions that nobody reads. The store stays usable: they open again on demand.
    pub fn close(&self) {
        self.catalogue.forget(None);
    }

    /// The part of a batch that is not held yet. What is held must be the same.
    fn fresh<'a>(&self, batch: &'a [Sealed]) -> Result<&'a [Sealed], StoreError> {
        let head = self.head();
        let held = batch.iter().take_while(|entry| entry.sequence <= head.sequence).count();
        let (held, fresh) = batch.split_at(held);
        if let Some(last) = held.last() {
            let is_same = if last.sequence == head.sequence {
                last.leaf == head.leaf
            } else {
                self.entry_at(last.sequence)?.is_some_and(|entry| entry.leaf == last.leaf)
            };
            if !is_same {
                return Err(StoreError::Fork { sequence: last.sequence });
            }
        }
        match fresh.first() {
            Some(first) if !first.continues(head) => Err(StoreError::Fork { sequence: first.sequence }),
            Some(_) | None => Ok(fresh),
        }
    }

    fn entry_at(&self, sequence: u64) -> Result<Option<Sealed>, StoreError> {
        let holds = |note: &&Note| (note.first..=note.head().sequence).contains(&sequence);
        let notes = self.catalogue.notes();
        let Some(note) = notes.iter().find(holds) else { return Ok(None) };
        let partition = self.catalogue.open(note.first)?;
        let read = guarded(|| partition.block_of(sequence)).and_then(|result| result);
        let block = read.map_err(|trouble| self.catalogue.refuse(note.first, trouble))?;
        Ok(block.and_then(|block| block.entry(sequence)))
    }

    /// Refuses while the disk is nearly full. sled that meets a full disk fails from then on, and letting go
    /// of it may wait for ever; and the last free bytes are better kept for the journal.
    fn check_room(&self, entries: &[Sealed]) -> Result<(), StoreError> {
        let wanted: usize = entries.iter().map(|entry| entry.json.len() * WRITES_PER_BYTE).sum();
        let wanted = ROOM_BYTES_MIN.saturating_add(wanted as u64);
        let free = (self.free_bytes)(&self.directory).map_err(|error| StoreError::Io(error.to_string()))?;
        if free >= wanted {
            return Ok(());
        }
        Err(StoreError::Io(format!(
            "the disk has {free} bytes left; {wanted} are wanted for the next events"
        )))
    }

    /// The partition that takes the next entry: the newest, or one that is begun for it.
    fn partition_for(&self, facts: Facts) -> Result<Note, StoreError> {
        let end = self.end.read().clone();
        match self.catalogue.newest() {
            Some(note) if note.head() == end.head && self.takes(&note, facts) && !self.is_packed(&note) => {
                Ok(note)
            }
            Some(_) | None => self.catalogue.begin(end.head.leaf, &end.tree),
        }
    }

    /// True when an event belongs into a partition. Events of one midnight arrive mixed, so one of the day
    /// before stays with the newer day; a clock set back by more begins a partition of its own, but not a
    /// small one, so that a clock that jumps to and fro does not make thousands.
    fn takes(&self, note: &Note, facts: Facts) -> bool {
        let day = day_of(facts.time_ms);
        let is_of_day = note.day.is_none_or(|began| {
            let is_set_back = day < began - 1 && note.count >= SET_BACK_EVENTS_MIN;
            facts.id.is_nil() || day <= began && !is_set_back
        });
        is_of_day && note.count < self.partition_events_max
    }

    /// Hands over the first entries of `entries`, as many as one partition takes; returns how many.
    fn hand_over(
        &self,
        packer: &mut Packer,
        entries: &[Sealed],
        facts: &[Facts],
    ) -> Result<usize, StoreError> {
        let (Some(first), Some(_)) = (facts.first(), entries.first()) else { return Ok(0) };
        let note = self.partition_for(*first)?;
        let mut after = Note { day: note.day.or(Some(day_of(first.time_ms))), ..note.clone() };
        let fits = |facts: &&Facts| {
            let fits = self.takes(&after, **facts);
            after.count += 1;
            fits
        };
        let count = facts.iter().take_while(fits).count();
        let (entries, facts) = (&entries[..count], &facts[..count]);
        let (first, path) = (note.first, self.catalogue.path(note.first));
        let partition = self.catalogue.open(first)?;
        let Grown { note: grown, tiles } = note.grown(entries, facts);
        self.catalogue.tiles.put(&tiles).map_err(io_error)?;
        let written = partition.write(packer, entries, facts).and_then(|()| partition.sync(&path, &grown));
        if let Err(trouble) = written {
            // After an error sled refuses everything until it is opened anew.
            self.catalogue.abandon(first, partition);
            return Err(self.catalogue.refuse(first, trouble));
        }
        *self.end.write() = End { head: grown.head(), tree: grown.tree() };
        self.catalogue.put(grown);
        Ok(count)
    }

    /// Opens the newest partition if an error closed it: it may hold more than was known.
    fn refresh_head(&self) -> Result<(), StoreError> {
        let Some(newest) = self.catalogue.newest() else { return Ok(()) };
        drop(self.catalogue.open(newest.first)?);
        let known = End::of(&self.catalogue);
        let mut end = self.end.write();
        if known.head.sequence > end.head.sequence {
            *end = known;
        }
        Ok(())
    }

    /// A partition was set aside while it was written: what it held is held no more, and whoever hands
    /// over sees by the head that it is wanted again.
    fn fall_back(&self, error: StoreError) -> StoreError {
        if matches!(error, StoreError::Damaged { .. }) {
            *self.end.write() = End::of(&self.catalogue);
        }
        error
    }
}

impl Store for Embedded {
    fn append(&self, batch: &[Sealed]) -> Result<(), StoreError> {
        let mut packer = self.writer.lock();
        let broken = batch.windows(2).find(|pair| !pair[1].continues(pair[0].head()));
        if let Some(pair) = broken {
            return Err(StoreError::Fork { sequence: pair[1].sequence });
        }
        self.refresh_head().map_err(|error| self.fall_back(error))?;
        let mut entries = self.fresh(batch)?;
        if !entries.is_empty() {
            self.check_room(entries)?;
        }
        let facts: Vec<Facts> = entries.iter().map(|entry| Facts::of(&entry.json)).collect();
        let mut facts = &facts[..];
        while !entries.is_empty() {
            let count = self.hand_over(&mut packer, entries, facts).map_err(|error| self.fall_back(error))?;
            if count == 0 {
                return Err(StoreError::Io("a partition takes nothing".to_owned()));
            }
            (entries, facts) = (&entries[count..], &facts[count..]);
        }
        Ok(())
    }

    fn skip(&self, to: u64) -> Result<(), StoreError> {
        let _one = self.writer.lock();
        let mut end = self.end.write();
        if to < end.head.sequence {
            return Err(StoreError::Fork { sequence: to });
        }
        if to > end.head.sequence {
            let tiles = end.tree.lose(to);
            self.catalogue.tiles.put(&tiles).map_err(io_error)?;
            end.head = Head { sequence: to, leaf: leaf::lost(to) };
        }
        Ok(())
    }

    fn head(&self) -> Head {
        self.end.read().head
    }

    fn tree(&self) -> Tree {
        self.end.read().tree.clone()
    }

    fn get(&self, id: Uuid) -> Result<Option<Found>, StoreError> {
        ask::get(&self.catalogue, id)
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        ask::query(&self.catalogue, query)
    }

    fn entries(&self, query: &Query) -> Result<Page<Sealed>, StoreError> {
        ask::query(&self.catalogue, query)
    }

    fn tally(&self, tally: &Tally) -> Result<Counts, StoreError> {
        ask::tally(&self.catalogue, tally)
    }
}

const PARTITION_EVENTS_MAX: u64 = 1_000_000;
/// About a second's work; what is not committed is read again after a stop.
const INDEX_EVENTS_MAX: u64 = 20_000;
const ROOM_BYTES_MIN: u64 = 8 << 20;
/// sled writes each compressed byte about five times.
const WRITES_PER_BYTE: usize = 2;
const SET_BACK_EVENTS_MIN: u64 = 1000;

#[cfg(test)]
mod tests;
