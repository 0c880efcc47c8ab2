//! Packing a partition: its database is copied into a file beside it, the file is read back and compared with it entry
//! for entry, then takes its place. Each step is on the disk before the next one begins, and the note says the same
//! before and after:
//!
//! ```text
//! 1  packed.new   written, synced, compared; cut off here, the next start removes it
//! 2  packed       is its name from now on; whoever opens the partition reads this
//! 3  events/      is removed; cut off before, the next start removes it
//! ```
//!
//! Nothing is judged on the way: what somebody changed in the database is packed as it stands, and is found by a check
//! as it was before. The index stays, for no entry changes its place.

use std::path::Path;
use std::thread;

use super::super::block::Block;
use super::super::note::Note;
use super::super::{DATABASE, Partition, Trouble, decoded, guarded, remove_folder};
use super::{Pack, Packing, is_packed, put_in_place, remove_unfinished};
use crate::store::StoreError;
use crate::store::embedded::Embedded;
use crate::store::embedded::catalogue::io_error;
use crate::store::embedded::expire::remove::{disk_bytes, wait_for};
use crate::store::embedded::index::give_way;

/// How a piece of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// There was no time.
    Stopped,
}

impl Embedded {
    /// Packs a partition that takes no more, the newest first; false when none is left to be packed. Takes about ten
    /// seconds for a million events, on a thread that gives way to others; the index of what comes meanwhile is made in
    /// between. Whoever calls this sees to it that nothing is purged or copied at the same time.
    ///
    /// # Errors
    /// When it cannot be packed: it stays as it is, and is not tried again before the next start.
    pub fn pack_next(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<bool, StoreError> {
        self.catalogue.opened.close_idle();
        let notes = self.catalogue.notes();
        let Some((_, others)) = notes.split_last() else { return Ok(false) };
        let is_due = |note: &&Note| {
            note.count > 0 && !self.is_packed(note) && !self.unpackable.lock().contains(&note.first)
        };
        let Some(note) = others.iter().rev().find(is_due) else { return Ok(false) };
        let packed = thread::scope(|scope| {
            let work = || {
                give_way();
                self.pack(note, is_over)
            };
            let begun = thread::Builder::new().name("packer".to_owned()).spawn_scoped(scope, work);
            let begun = begun.map_err(io_error)?;
            begun.join().unwrap_or_else(|_| Err(StoreError::Io("the packer panicked".to_owned())))
        });
        if packed.is_err() {
            self.unpackable.lock().insert(note.first);
        }
        packed.map(|end| end == End::Done)
    }

    /// True when a partition takes no more for ever.
    pub(in crate::store::embedded) fn is_packed(&self, note: &Note) -> bool {
        is_packed(&self.catalogue.path(note.first))
    }

    fn pack(&self, note: &Note, is_over: &dyn Fn() -> bool) -> Result<End, StoreError> {
        let path = self.catalogue.path(note.first);
        let written = self.write_packed(note, &path, is_over);
        let end = match written {
            Ok(End::Done) if self.exchange_for_packed(note, &path)? => End::Done,
            Ok(End::Done | End::Stopped) => End::Stopped,
            Err(error) => {
                remove_unfinished(&path).map_err(io_error)?;
                return Err(error);
            }
        };
        if end == End::Stopped {
            remove_unfinished(&path).map_err(io_error)?;
        }
        Ok(end)
    }

    /// Copies the database, and compares the copy with it.
    fn write_packed(&self, note: &Note, path: &Path, is_over: &dyn Fn() -> bool) -> Result<End, StoreError> {
        let refuse = |trouble| self.catalogue.refuse(note.first, trouble);
        let free = (self.free_bytes)(&self.directory).map_err(io_error)?;
        if free < disk_bytes(path).saturating_add(ROOM_BYTES_MIN) {
            return Err(StoreError::Io(format!(
                "the disk has {free} bytes left, too few to pack a partition"
            )));
        }
        let partition = self.catalogue.open(note.first)?;
        let mut packing = Packing::begin(path, note.first).map_err(io_error)?;
        let mut blocks = guarded(|| partition.blocks_from(note.first)).map_err(refuse)?;
        let mut count = 0u64;
        while let Some(pair) = guarded(|| blocks.next()).map_err(refuse)? {
            let block = pair.and_then(|(first, value)| decoded(first, &value)).map_err(refuse)?;
            let rows = (block.first()..=block.last()).filter_map(|sequence| block.row(sequence));
            rows.into_iter().try_for_each(|row| packing.put(&row)).map_err(io_error)?;
            count += 1;
            if is_over() {
                return Ok(End::Stopped);
            }
            if count.is_multiple_of(LOOK_BLOCKS) && self.unindexed() >= Embedded::UNINDEXED_FEW {
                self.index(&|| is_over())?;
            }
        }
        drop(blocks);
        let pack = packing.finish().map_err(Trouble::of_another)?;
        if pack.range() != (note.first, note.head().sequence)
            || !is_same(&partition, &pack).map_err(refuse)?
        {
            return Err(StoreError::Io("what was packed is not what the database has".to_owned()));
        }
        Ok(End::Done)
    }

    /// Puts the copy in the database's place; false when somebody reads that for too long.
    fn exchange_for_packed(&self, note: &Note, path: &Path) -> Result<bool, StoreError> {
        let exchange = || self.catalogue.unopened(note.first, || put_in_place(path));
        if !wait_for(exchange).map_err(io_error)? {
            return Ok(false);
        }
        remove_folder(&path.join(DATABASE)).map_err(io_error)?;
        Ok(true)
    }
}

/// True when both have the same entries, byte for byte.
fn is_same(partition: &Partition, pack: &Pack) -> Result<bool, Trouble> {
    let mut packed = pack.blocks_from(0);
    let mut held: Option<Block> = None;
    let mut blocks = guarded(|| partition.blocks_from(0))?;
    while let Some(pair) = guarded(|| blocks.next())? {
        let block = pair.and_then(|(first, value)| decoded(first, &value))?;
        for sequence in block.first()..=block.last() {
            if !held.as_ref().is_some_and(|held| held.holds(sequence)) {
                held = packed.next().transpose()?.map(|(first, value)| decoded(first, &value)).transpose()?;
            }
            let row = held.as_ref().and_then(|held| held.row(sequence));
            if row.is_none() || row != block.row(sequence) {
                return Ok(false);
            }
        }
    }
    Ok(packed.next().is_none())
}

/// Between two looks at what the index does not cover.
const LOOK_BLOCKS: u64 = 64;
const ROOM_BYTES_MIN: u64 = 64 << 20;
