//! One partition: a directory with a sled database in `events/` and our note beside it.
//!
//! Keys of the database: 8 bytes, a block's first sequence, big-endian (see [`super::block`] for values);
//! and `applied`, whose value is the last sequence held (8 bytes) and its leaf (32 bytes), written in the
//! same atomic batch as the blocks it speaks of.
//!
//! What is known of sled 0.34 and guarded against here: `flush` asks the kernel to write but does not wait
//! for the disk, so the file is synced through a descriptor of our own; values of over about 128 KiB go to
//! files in `blobs/` which sled never syncs; a flipped byte can panic while opening; a lost tail can open
//! without an error and with holes, so everything is counted after opening.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use sled::{Batch, Db};

use super::block::{self, Block, Facts, Label, Packer, Span};
use super::note::{Grown, Note};
use crate::store::StoreError;
use crate::store::sealed::{Head, Sealed};

/// An open partition. The database's lock is held until the last reader lets go.
pub(super) struct Partition {
    db: Db,
    /// Our own descriptor of the database's file, for syncing.
    file: File,
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

/// A block's key and value.
pub(super) type Pair = (u64, sled::IVec);

impl Partition {
    /// Opens the database of a partition and compares it with its note. Returns what it really holds: the
    /// note, or more when a hand-over was cut off between the database and the note.
    ///
    /// # Errors
    /// When it does not open or does not hold what the note says. Never panics.
    pub(super) fn open_checked(directory: &Path, note: &Note) -> Result<(Partition, Grown), Trouble> {
        let partition = Partition::open(directory)?;
        let checked = guarded(|| partition.checked(note)).and_then(|result| result)?;
        Ok((partition, checked))
    }

    /// Opens the database of a partition that was compared before in this process.
    ///
    /// # Errors
    /// As [`Partition::open_checked`].
    pub(super) fn open(directory: &Path) -> Result<Partition, Trouble> {
        let path = directory.join("events");
        let db = match open_in_thread(&path) {
            // A snapshot of sled's is only a short cut; a damaged one is worth a try without it.
            Err(Trouble::Damaged(why)) if remove_snapshots(&path) => {
                tracing::warn!(path = %path.display(), why, "a snapshot was removed to open a partition");
                open_in_thread(&path)?
            }
            result => result?,
        };
        let file = File::open(path.join("db")).map_err(|error| Trouble::Io(error.to_string()))?;
        Ok(Partition { db, file })
    }

    /// Writes consecutive entries and their facts, in atomic batches. Not synced yet: see
    /// [`Partition::sync`].
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) fn write(
        &self,
        packer: &mut Packer,
        entries: &[Sealed],
        facts: &[Facts],
    ) -> Result<(), Trouble> {
        let (mut entries, mut facts) = (entries, facts);
        while !entries.is_empty() {
            let mut batch = Batch::default();
            let (mut keys, mut bytes, mut done) = (0, 0, 0);
            while done < entries.len() && keys < BATCH_KEYS_MAX && bytes < BATCH_BYTES_MAX {
                let count = block::fitting(&entries[done..]);
                let range = done..done + count;
                let value = packer.encode(&entries[range.clone()], &facts[range]).map_err(Trouble::Io)?;
                (keys, bytes) = (keys + 1, bytes + value.len());
                batch.insert(&entries[done].sequence.to_be_bytes(), value);
                done += count;
            }
            batch.insert(APPLIED, applied(entries[done - 1].head()));
            guarded(|| self.db.apply_batch(batch))?.map_err(trouble)?;
            (entries, facts) = (&entries[done..], &facts[done..]);
        }
        Ok(())
    }

    /// Waits until all that was written is on the disk, and writes the note.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn sync(&self, directory: &Path, note: &Note) -> Result<(), Trouble> {
        let io = |error: io::Error| Trouble::Io(error.to_string());
        guarded(|| self.db.flush())?.map_err(trouble)?;
        self.file.sync_data().map_err(io)?;
        sync_blobs(&directory.join("events")).map_err(io)?;
        if note.count == 0 || !directory.join("note").exists() {
            sync_directory(directory).map_err(io)?;
        }
        note.write(directory).map_err(io)
    }

    /// The blocks that begin below `sequence`, last first.
    pub(super) fn blocks_below(&self, sequence: u64) -> impl Iterator<Item = Result<Pair, Trouble>> {
        self.db.range(..sequence.to_be_bytes().to_vec()).rev().filter_map(pair)
    }

    /// The blocks that begin at or after `sequence`, first first.
    pub(super) fn blocks_from(&self, sequence: u64) -> impl Iterator<Item = Result<Pair, Trouble>> {
        let from = sequence.to_be_bytes().to_vec();
        self.db.range(from..APPLIED.to_vec()).filter_map(pair)
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
        self.db.insert(first.to_be_bytes(), value).unwrap();
    }

    /// Counts everything, and lets the tree grow from where the note ends.
    fn checked(&self, note: &Note) -> Result<Grown, Trouble> {
        let survey = self.survey(note)?;
        let applied = self.applied(note)?;
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
        for pair in self.db.range(..APPLIED.to_vec()).filter_map(pair) {
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

    fn applied(&self, note: &Note) -> Result<Head, Trouble> {
        let Some(value) = self.db.get(APPLIED).map_err(trouble)? else {
            return Ok(Head { sequence: note.first - 1, leaf: note.leaf });
        };
        let read = value.split_first_chunk().and_then(|(sequence, leaf)| {
            Some(Head { sequence: u64::from_be_bytes(*sequence), leaf: leaf.try_into().ok()? })
        });
        read.ok_or_else(|| Trouble::Damaged("its mark is damaged".to_owned()))
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

/// Opens the database on a thread of its own, so that whatever happens in there ends with it. Right after
/// another owner let go, the lock can still be held: tried again for a second.
pub(super) fn open_in_thread(path: &Path) -> Result<Db, Trouble> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        let owned = path.to_owned();
        let config = sled::Config::new().path(owned).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let opening = thread::Builder::new()
            .name("open-partition".to_owned())
            .spawn(move || config.open())
            .map_err(|error| Trouble::Io(error.to_string()))?;
        match opening.join() {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) if is_locked(&error) && Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
            Ok(Err(error)) => return Err(trouble(error)),
            Err(_) => return Err(Trouble::Damaged("sled panicked while opening it".to_owned())),
        }
    }
}

fn pair(found: sled::Result<(sled::IVec, sled::IVec)>) -> Option<Result<Pair, Trouble>> {
    match found {
        Ok((key, _)) if *key == *APPLIED => None,
        Ok((key, value)) => match <[u8; 8]>::try_from(&*key) {
            Ok(key) => Some(Ok((u64::from_be_bytes(key), value))),
            Err(_) => Some(Err(Trouble::Damaged("it has a key that is no sequence".to_owned()))),
        },
        Err(error) => Some(Err(trouble(error))),
    }
}

fn trouble(error: sled::Error) -> Trouble {
    match error {
        sled::Error::Io(error) if is_environment(&error) => Trouble::Io(error.to_string()),
        error => Trouble::Damaged(error.to_string()),
    }
}

/// True when the system refused, rather than the contents being wrong.
fn is_environment(error: &io::Error) -> bool {
    let is_content = [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::NotFound];
    error.to_string().contains(LOCK_WORDS)
        || !is_content.contains(&error.kind()) && error.kind() != ErrorKind::Other
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains(LOCK_WORDS))
}

/// True when there were snapshots.
fn remove_snapshots(path: &Path) -> bool {
    let Ok(files) = fs::read_dir(path) else { return false };
    let is_snapshot = |name: &str| name.starts_with("snap.");
    let snapshots: Vec<_> = files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| is_snapshot(&name.to_string_lossy())))
        .collect();
    snapshots.iter().filter(|path| fs::remove_file(path).is_ok()).count() > 0
}

/// Syncs the files that sled keeps large values in.
fn sync_blobs(path: &Path) -> io::Result<()> {
    let blobs = path.join("blobs");
    let Ok(files) = fs::read_dir(&blobs) else { return Ok(()) };
    let mut is_some = false;
    for file in files {
        // One that was collected in between needs no sync.
        if let Ok(file) = File::open(file?.path()) {
            file.sync_data()?;
            is_some = true;
        }
    }
    if is_some { sync_directory(&blobs) } else { Ok(()) }
}

fn applied(head: Head) -> Vec<u8> {
    [&head.sequence.to_be_bytes()[..], &head.leaf].concat()
}

const APPLIED: &[u8] = b"applied";
/// More keys in one batch make the database 60 % larger and take six times the memory.
const BATCH_KEYS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 2 << 20;
/// Not a bound in sled 0.34, but a wish.
const CACHE_BYTES: u64 = 4 << 20;
const LOCK_WORDS: &str = "could not acquire lock";
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);
