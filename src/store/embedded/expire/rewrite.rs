//! A purge prepared: what will be gone, computed from the stored bytes; and where others of the partition stay, the
//! partition written anew beside the old one, with nothing but the leaf of what leaves.
//!
//! Nothing is purged that is not as it was recorded: that would remove the proof of it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::super::Embedded;
use super::super::catalogue::io_error;
use super::super::partition::block::{Block, Facts, Row};
use super::super::partition::note::Note;
use super::super::partition::pack::{Packing, put_in_place};
use super::super::partition::{Partition, Trouble, decoded, guarded, remove_folder, sync_directory};
use super::plan::{Cut, Leaving};
use super::terms::{DAY_MS, Terms};
use super::{effective_day, marker::Kind};
use crate::store::check::{Going, Gone, Told, joined};
use crate::store::sealed::{Hash, Sealed};
use crate::store::tree::edges::Edges;
use crate::store::{StoreError, event_of};

/// What a purge will leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Whose log it is: the event that tells it names it, for it may be imported elsewhere.
    pub log: Uuid,
    /// What will be gone from the partition, with what is gone already.
    pub gone: Gone,
    /// What events told that leave with it: to be told again.
    pub earlier: Vec<Gone>,
    pub(super) kind: Kind,
    /// See [`Purge`](super::Purge).
    pub(super) edges: Arc<Vec<Hash>>,
}

impl Embedded {
    /// Prepares what the plan says of one partition. Nothing is removed yet.
    ///
    /// # Errors
    /// When the partition cannot be read, is not as it was recorded, or there is no room to write it anew.
    pub fn prepare(&self, terms: &Terms, leaving: &Leaving) -> Result<Prepared, StoreError> {
        let note = self.note_of(leaving.first)?;
        match leaving.is_whole {
            true => self.prepare_whole(&note, &self.catalogue.open(note.first)?),
            false => self.prepare_rest(terms, leaving, &note),
        }
    }

    fn prepare_whole(&self, note: &Note, partition: &Arc<Partition>) -> Result<Prepared, StoreError> {
        let mut edges = Edges::from(note.first - 1);
        let told = self.walk(note, partition, |_, entry| {
            edges.push(entry.leaf);
            Ok(())
        })?;
        let earlier = joined(told);
        if earlier.len() > EARLIER_MAX {
            let why = "more was removed in pieces than one event can tell again: let whole days leave";
            return Err(StoreError::Io(why.to_owned()));
        }
        let gone = Gone::whole(note.first, note.head().sequence);
        let log = self.catalogue.instance();
        Ok(Prepared { log, gone, earlier, kind: Kind::Whole, edges: Arc::new(edges.hashes()) })
    }

    /// Writes what stays beside the old partition.
    fn prepare_rest(&self, terms: &Terms, leaving: &Leaving, note: &Note) -> Result<Prepared, StoreError> {
        let mut going = Going::default();
        self.rewrite(note, leaving.bytes_before, |block, entry| {
            let (entry, facts) = kept(terms, &leaving.cut, note, block, entry);
            if entry.is_removed() {
                going.take(entry.sequence);
            }
            (entry, facts)
        })?;
        let gone = going.of(note.first, note.head().sequence);
        let log = self.catalogue.instance();
        Ok(Prepared { log, gone, earlier: Vec::new(), kind: Kind::Rewritten, edges: Arc::default() })
    }

    pub(super) fn note_of(&self, first: u64) -> Result<Note, StoreError> {
        let notes = self.catalogue.notes();
        let note = notes.iter().find(|note| note.first == first).cloned();
        note.ok_or_else(|| StoreError::Io(format!("there is no partition {first}")))
    }

    /// Writes a partition anew beside the old one, which takes so many bytes: each entry as `change` gives it.
    pub(super) fn rewrite(
        &self,
        note: &Note,
        bytes: u64,
        mut change: impl FnMut(&Block, Sealed) -> (Sealed, Facts),
    ) -> Result<(), StoreError> {
        let partition = self.catalogue.open(note.first)?;
        let fresh = self.catalogue.path(note.first).with_extension(REWRITTEN);
        let mut write = || {
            let mut packing = self.packing(&fresh, note, bytes)?;
            self.walk(note, &partition, |block, entry| {
                let (entry, facts) = change(block, entry);
                packing.put(&Row::of(&entry, facts)).map_err(io_error)
            })?;
            packing.finish().map_err(Trouble::of_another)?;
            put_in_place(&fresh).and_then(|()| note.write(&fresh)).map_err(io_error)?;
            sync_directory(&self.directory).map_err(io_error)
        };
        // What is half written nobody wants, and it holds events.
        write().inspect_err(|_| drop(remove_folder(&fresh)))
    }

    /// Hands over every entry, and gives what events told of purges of this log; compares the tree with the note's.
    fn walk(
        &self,
        note: &Note,
        partition: &Arc<Partition>,
        mut take: impl FnMut(&Block, Sealed) -> Result<(), StoreError>,
    ) -> Result<Vec<Gone>, StoreError> {
        let refuse = |trouble| self.catalogue.refuse(note.first, trouble);
        let mut blocks = guarded(|| partition.blocks_from(note.first)).map_err(refuse)?;
        let (mut tree, mut told) = (note.tree_before(), Vec::new());
        while let Some(pair) = guarded(|| blocks.next()).map_err(refuse)? {
            let block = pair.and_then(|(first, value)| decoded(first, &value)).map_err(refuse)?;
            for sequence in block.first()..=block.last() {
                let entry = block.entry(sequence).filter(|entry| block.is_as_marked(entry));
                let Some(entry) = entry else { return Err(not_as_recorded(note)) };
                tree.push(entry.leaf);
                let of_this = Told::by(&entry.json).filter(|told| told.log == self.catalogue.instance());
                told.extend(of_this.into_iter().flat_map(|told| told.gone));
                take(&block, entry)?;
            }
        }
        if tree == note.tree() { Ok(told) } else { Err(not_as_recorded(note)) }
    }

    /// A new partition there, packed: it takes no more.
    fn packing(&self, fresh: &Path, note: &Note, bytes: u64) -> Result<Packing, StoreError> {
        let free = (self.free_bytes)(&self.directory).map_err(io_error)?;
        if free < bytes.saturating_add(ROOM_BYTES_MIN) {
            let why = format!("the disk has {free} bytes left, too few to write a partition anew");
            return Err(StoreError::Io(why));
        }
        remove_folder(fresh).map_err(io_error)?;
        DirBuilder::new().mode(0o700).create(fresh).map_err(io_error)?;
        Packing::begin(fresh, note.first).map_err(io_error)
    }
}

/// True when a partition that was written anew is what the old one's note says. A copy of a data directory may hold
/// one that was not finished.
pub(super) fn is_whole(fresh: &Path, note: &Note) -> bool {
    Partition::open_checked(fresh, note).is_ok_and(|(_, found)| found.note == *note)
}

/// An entry as it is from now on.
fn kept(terms: &Terms, cut: &Cut, note: &Note, block: &Block, entry: Sealed) -> (Sealed, Facts) {
    let nothing = nothing(note);
    let Some(facts) = block.facts(entry.sequence).filter(|_| !entry.is_removed()) else {
        return (entry, nothing);
    };
    let event = event_of(entry.sequence, &entry.json);
    let day = effective_day(note, cut.floor, facts.time_ms);
    match event.and_then(|event| cut.policy(terms, &event, day)) {
        Some(_) => (Sealed::removed(entry.sequence, entry.leaf), nothing),
        None => (entry, facts),
    }
}

/// What was removed tells nothing of itself any more.
pub(super) fn nothing(note: &Note) -> Facts {
    Facts { id: Uuid::nil(), time_ms: note.day.unwrap_or_default().saturating_mul(DAY_MS) }
}

fn not_as_recorded(note: &Note) -> StoreError {
    let partition = format!("{:020}", note.first);
    StoreError::Damaged {
        partition,
        why: "it is not as it was recorded, so nothing of it is removed".to_owned(),
    }
}

/// The ending of a partition that was written anew and is not in its place yet.
pub(in crate::store::embedded) const REWRITTEN: &str = "rewritten";
/// Far below what an event may be long.
const EARLIER_MAX: usize = 2_000;
const ROOM_BYTES_MIN: u64 = 64 << 20;
