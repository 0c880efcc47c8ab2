//! The database of a partition that grows: sled 0.34, in `events/`.
//!
//! Keys: 8 bytes, a block's first sequence, big-endian (see [`super::block`] for values); and `applied`, whose value is
//! the last sequence held (8 bytes) and its leaf (32 bytes), written in the same atomic batch as the blocks it speaks of.
//!
//! What is known of sled 0.34 and guarded against here: `flush` asks the kernel to write but does not wait
//! for the disk, so the file is synced through a descriptor of our own; values of over about 128 KiB go to
//! files in `blobs/` which sled never syncs; a flipped byte can panic while opening; a lost tail can open
//! without an error and with holes, so everything is counted after opening.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sled::{Batch, Db};

use super::block::{self, Facts, Packer};
use super::{Pair, Trouble, guarded, sync_directory};
use crate::store::sealed::{Head, Sealed};

/// An open database. Its lock is held until the last reader lets go.
pub(in crate::store::embedded) struct Database {
    db: Db,
    /// Our own descriptor of the database's file, for syncing.
    file: File,
    synced: Mutex<Synced>,
}

/// The files of large values that are on the disk, and how long they were then. sled writes each once, from its beginning
/// to its end: one of that length is whole.
type Synced = HashMap<OsString, u64>;

impl Database {
    /// Opens the database in this folder, made if it is not there.
    ///
    /// # Errors
    /// When it does not open. Never panics.
    pub(super) fn open(path: &Path) -> Result<Database, Trouble> {
        let db = match open_in_thread(path) {
            // A snapshot of sled's is only a short cut; a damaged one is worth a try without it.
            Err(Trouble::Damaged(why)) if remove_snapshots(path) => {
                tracing::warn!(path = %path.display(), why, "a snapshot was removed to open a partition");
                open_in_thread(path)?
            }
            result => result?,
        };
        let file = File::open(path.join("db")).map_err(|error| Trouble::Io(error.to_string()))?;
        Ok(Database { db, file, synced: Mutex::default() })
    }

    /// Writes consecutive entries and their facts, in atomic batches. Not synced yet: see
    /// [`Database::sync`].
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

    /// Waits until all that was written to the database in this folder is on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn sync(&self, path: &Path) -> Result<(), Trouble> {
        let io = |error: io::Error| Trouble::Io(error.to_string());
        guarded(|| self.db.flush())?.map_err(trouble)?;
        self.file.sync_data().map_err(io)?;
        sync_blobs(path, &mut self.synced.lock()).map(drop).map_err(io)
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

    /// The last entry that its mark speaks of; `None` before anything was written.
    ///
    /// # Errors
    /// When the mark cannot be read.
    pub(super) fn applied(&self) -> Result<Option<Head>, Trouble> {
        let Some(value) = self.db.get(APPLIED).map_err(trouble)? else { return Ok(None) };
        let read = value.split_first_chunk().and_then(|(sequence, leaf)| {
            Some(Head { sequence: u64::from_be_bytes(*sequence), leaf: leaf.try_into().ok()? })
        });
        read.map(Some).ok_or_else(|| Trouble::Damaged("its mark is damaged".to_owned()))
    }

    /// Writes another block in the place of one, for tests of who finds it.
    #[cfg(test)]
    pub(super) fn replace(&self, first: u64, value: Vec<u8>) {
        self.db.insert(first.to_be_bytes(), value).unwrap();
    }
}

/// Opens the database on a thread of its own, so that whatever happens in there ends with it. Right after
/// another owner let go, the lock can still be held: tried again for a second.
pub(in crate::store::embedded) fn open_in_thread(path: &Path) -> Result<Db, Trouble> {
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
            Ok(key) => Some(Ok((u64::from_be_bytes(key), value.to_vec()))),
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

/// Syncs the files that sled keeps large values in, as far as that was not done before: a busy day has hundreds of them.
/// Returns how many.
fn sync_blobs(path: &Path, synced: &mut Synced) -> io::Result<usize> {
    let blobs = path.join("blobs");
    let Ok(files) = fs::read_dir(&blobs) else { return Ok(0) };
    let (mut found, mut count) = (Synced::new(), 0);
    for file in files {
        let file = file?;
        // One that was collected in between needs no sync.
        let Ok(metadata) = file.metadata() else { continue };
        let (name, bytes) = (file.file_name(), metadata.len());
        if synced.get(&name) != Some(&bytes) {
            let Ok(file) = File::open(file.path()) else { continue };
            file.sync_data()?;
            count += 1;
        }
        found.insert(name, bytes);
    }
    *synced = found;
    if count > 0 {
        sync_directory(&blobs)?;
    }
    Ok(count)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_large_values_is_synced_once_unless_it_was_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut synced = Synced::new();
        assert_eq!(sync_blobs(folder.path(), &mut synced).unwrap(), 0);
        let blobs = folder.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        let mut check = |what: &str, expected: usize, held: usize| {
            assert_eq!(sync_blobs(folder.path(), &mut synced).unwrap(), expected, "{what}");
            assert_eq!(synced.len(), held, "{what}");
        };
        fs::write(blobs.join("1"), "whole").unwrap();
        fs::write(blobs.join("2"), "beg").unwrap();
        check("both are new", 2, 2);
        check("neither is", 0, 2);
        fs::write(blobs.join("2"), "beginning and end").unwrap();
        check("one was being written", 1, 2);
        fs::remove_file(blobs.join("1")).unwrap();
        fs::write(blobs.join("3"), "").unwrap();
        check("one went, one came", 1, 2);
        check("again neither", 0, 2);
    }
}
