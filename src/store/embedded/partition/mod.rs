//! One partition: a directory with our note and the events; in a database while it grows, and packed once it takes no
//! more. [`database`] and [`pack`] have the two forms; who reads does not see which one it is.
//!
//! - [`block`]: events compressed together, the value of either form.
//! - [`note`]: what the partition holds, and the tree before and behind it.
//! - [`lines`]: the form of the note and of other small files beside it.

pub(super) mod block;
pub(super) mod database;
pub(super) mod lines;
pub(super) mod note;
pub(super) mod pack;

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::store::StoreError;
use crate::store::sealed::{Head, Sealed};
use block::{Block, Facts, Label, Packer, Span};
use database::Database;
use note::{Grown, Note};
use pack::Pack;

/// An open partition.
pub(super) enum Partition {
    /// Its database, whose lock is held until the last reader lets go.
    Growing(Database),
    /// It takes no more.
    Packed(Pack),
}

/// Why a partition does not open.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What it holds is not what was put there.
    Damaged(String),
    /// The disk or the system refuses; it may go better later.
    Io(String),
}

impl Trouble {
    /// Trouble with what holds no event that was recorded, or none alone: nothing is set aside for it.
    pub(super) fn of_another(self) -> StoreError {
        match self {
            Trouble::Damaged(why) | Trouble::Io(why) => StoreError::Io(why),
        }
    }
}

/// A block's first sequence, and its value.
pub(super) type Pair = (u64, Vec<u8>);

impl Partition {
    /// Opens a partition and compares it with its note. Returns what it really holds: the note, or more when a
    /// hand-over was cut off between the database and the note.
    ///
    /// # Errors
    /// When it does not open or does not hold what the note says. Never panics.
    pub(super) fn open_checked(directory: &Path, note: &Note) -> Result<(Partition, Grown), Trouble> {
        let partition = Partition::open(directory)?;
        let checked = guarded(|| partition.checked(note)).and_then(|result| result)?;
        Ok((partition, checked))
    }

    /// Opens a partition that was compared before in this process.
    ///
    /// # Errors
    /// As [`Partition::open_checked`].
    pub(super) fn open(directory: &Path) -> Result<Partition, Trouble> {
        match Pack::open(directory)? {
            Some(pack) => Ok(Partition::Packed(pack)),
            None => Database::open(&directory.join(DATABASE)).map(Partition::Growing),
        }
    }

    /// Writes consecutive entries and their facts. Not synced yet: see [`Partition::sync`].
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) fn write(
        &self,
        packer: &mut Packer,
        entries: &[Sealed],
        facts: &[Facts],
    ) -> Result<(), Trouble> {
        match self {
            Partition::Growing(database) => database.write(packer, entries, facts),
            Partition::Packed(_) => Err(Trouble::Io("a packed partition takes no more".to_owned())),
        }
    }

    /// Waits until all that was written is on the disk, and writes the note.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn sync(&self, directory: &Path, note: &Note) -> Result<(), Trouble> {
        let io = |error: io::Error| Trouble::Io(error.to_string());
        match self {
            Partition::Growing(database) => database.sync(&directory.join(DATABASE))?,
            Partition::Packed(_) => {}
        }
        if note.count == 0 || !directory.join("note").exists() {
            sync_directory(directory).map_err(io)?;
        }
        note.write(directory).map_err(io)
    }

    /// About how much memory it takes.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Partition::Growing(_) => DATABASE_MEMORY_BYTES,
            Partition::Packed(pack) => pack.memory_bytes(),
        }
    }

    /// The blocks that begin below `sequence`, last first.
    pub(super) fn blocks_below(&self, sequence: u64) -> Blocks<'_> {
        match self {
            Partition::Growing(database) => Box::new(database.blocks_below(sequence)),
            Partition::Packed(pack) => Box::new(pack.blocks_below(sequence)),
        }
    }

    /// The blocks that begin at or after `sequence`, first first.
    pub(super) fn blocks_from(&self, sequence: u64) -> Blocks<'_> {
        match self {
            Partition::Growing(database) => Box::new(database.blocks_from(sequence)),
            Partition::Packed(pack) => Box::new(pack.blocks_from(sequence)),
        }
    }

    /// Where the block that holds `sequence` begins, or `sequence` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn start_of(&self, sequence: u64) -> Result<u64, Trouble> {
        let found = self.blocks_below(sequence.saturating_add(1)).next().transpose()?;
        Ok(found.map_or(sequence, |(first, _)| first))
    }

    /// The entries from the first sequence to the last, both included.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn entries_between(
        &self,
        from: u64,
        to: u64,
        take: &mut dyn FnMut(Sealed),
    ) -> Result<(), Trouble> {
        let mut next = from;
        while next <= to {
            let Some(block) = self.block_of(next)?.filter(|block| block.last() >= next) else {
                return Ok(());
            };
            (next..=to.min(block.last())).filter_map(|sequence| block.entry(sequence)).for_each(&mut *take);
            next = block.last() + 1;
        }
        Ok(())
    }

    /// The block that holds `sequence`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn block_of(&self, sequence: u64) -> Result<Option<Block>, Trouble> {
        let found = self.blocks_below(sequence.saturating_add(1)).next().transpose()?;
        found.map(|(first, value)| decoded(first, &value)).transpose()
    }

    /// Writes another block in the place of one, for tests of who finds it.
    #[cfg(test)]
    pub(super) fn replace(&self, first: u64, value: Vec<u8>) {
        match self {
            Partition::Growing(database) => database.replace(first, value),
            Partition::Packed(_) => panic!("nothing of a packed partition is replaced"),
        }
    }

    fn checked(&self, note: &Note) -> Result<Grown, Trouble> {
        match self {
            Partition::Growing(database) => self.checked_database(database, note),
            Partition::Packed(pack) if pack.range() == (note.first, note.head().sequence) => {
                self.check_end(note, note.head())?;
                Ok(Grown { note: note.clone(), tiles: Vec::new() })
            }
            Partition::Packed(pack) => {
                let (first, last) = pack.range();
                Err(Trouble::Damaged(format!("it holds entries {first} to {last}, its note says others")))
            }
        }
    }

    /// Counts everything, and lets the tree grow from where the note ends.
    fn checked_database(&self, database: &Database, note: &Note) -> Result<Grown, Trouble> {
        let survey = self.survey(note)?;
        let before = Head { sequence: note.first - 1, leaf: note.leaf };
        let applied = database.applied()?.unwrap_or(before);
        if survey.end != applied.sequence {
            let why = format!("it holds entries to {}, its mark says {}", survey.end, applied.sequence);
            return Err(Trouble::Damaged(why));
        }
        if applied.sequence < note.head().sequence {
            let why = format!("it holds entries to {}, its note says {}", survey.end, note.head().sequence);
            return Err(Trouble::Damaged(why));
        }
        let behind = self.check_end(note, applied)?;
        Ok(note.clone().widened(behind.into_iter(), survey.times, survey.ids))
    }

    fn survey(&self, note: &Note) -> Result<Survey, Trouble> {
        let mut survey = Survey { end: note.first - 1, times: note.times, ids: note.ids };
        for pair in self.blocks_from(0) {
            let (first, value) = pair?;
            let label = label(&value)?;
            if first != survey.end + 1 {
                let why = format!("entries {} to {} are missing", survey.end + 1, first.saturating_sub(1));
                return Err(Trouble::Damaged(why));
            }
            survey.end += u64::from(label.count);
            if survey.end > note.head().sequence {
                survey.times = Some(survey.times.map_or(label.times, |times| times.and(label.times)));
                survey.ids = Some(survey.ids.map_or(label.ids, |ids| ids.and(label.ids)));
            }
        }
        Ok(survey)
    }

    /// The entry that the note ends with must be there, and the last one as the mark says. Gives the entries behind
    /// the note.
    fn check_end(&self, note: &Note, applied: Head) -> Result<Vec<Head>, Trouble> {
        let noted = note.head();
        let from = self.block_of(noted.sequence)?.map_or(note.first, |block| block.first());
        let mut behind = Vec::new();
        let (mut last, mut at_note) = (noted, (note.count == 0).then_some(noted));
        for pair in self.blocks_from(from) {
            let (first, value) = pair?;
            let block = decoded(first, &value)?;
            for sequence in noted.sequence.max(first)..=block.last() {
                let Some(head) = block.entry(sequence).map(|entry| entry.head()) else { continue };
                last = head;
                if sequence == noted.sequence {
                    at_note = Some(head);
                } else {
                    behind.push(head);
                }
            }
        }
        if at_note == Some(noted) && last == applied {
            Ok(behind)
        } else {
            Err(Trouble::Damaged("its last entries are not those of its note".to_owned()))
        }
    }
}

/// Blocks, one after the other.
pub(super) type Blocks<'p> = Box<dyn Iterator<Item = Result<Pair, Trouble>> + 'p>;

struct Survey {
    end: u64,
    times: Option<Span<i64>>,
    ids: Option<Span<u64>>,
}

/// Reads a value's label.
///
/// # Errors
/// As damage.
pub(super) fn label(value: &[u8]) -> Result<Label, Trouble> {
    block::label(value).map_err(Trouble::Damaged)
}

/// Reads a whole block.
///
/// # Errors
/// As damage.
pub(super) fn decoded(first: u64, value: &[u8]) -> Result<Block, Trouble> {
    block::decode(first, value).map_err(Trouble::Damaged)
}

/// Runs what calls sled; a panic in there is damage, not our end.
///
/// # Errors
/// When it panicked.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Trouble> {
    // Unwind safety: after a panic the partition is set aside, and nothing of it is used again.
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| Trouble::Damaged("sled panicked".to_owned()))
}

/// Waits until names in a directory are on the disk.
///
/// # Errors
/// When the disk refuses.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a folder with all that is in it; it need not be there.
///
/// # Errors
/// When the disk refuses.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The database's folder in a partition's.
pub(super) const DATABASE: &str = "events";
/// One of a hundred thousand events took 19 MB once all of it had been read, for sled's cache is no bound, and one of
/// five thousand 1.7 MB: with this, four stay open. They are the newest, and those that are not packed yet.
const DATABASE_MEMORY_BYTES: usize = 16 << 20;
