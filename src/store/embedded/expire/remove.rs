//! The steps of a purge on the disk. Each can be repeated: what is done already is left alone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::Embedded;
use super::super::catalogue::io_error;
use super::super::index::FOLDER;
use super::super::partition::pack;
use super::super::partition::{DATABASE, remove_folder, sync_directory};
use super::marker::{Kind, PENDING, PURGED, Purge};
use super::rewrite::{REWRITTEN, is_whole};
use crate::store::StoreError;

/// What is about to be done; a test fails one of them, as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The partition is marked, or the old one moved away.
    Mark,
    /// The new one takes its place.
    Swap,
    /// Its events are removed.
    Remove,
    /// The purge is over.
    Forget,
}

impl Embedded {
    /// Notes on the disk that a purge is about to be told.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn announce(&self, purge: &Purge) -> Result<(), StoreError> {
        purge.write(&self.directory, PENDING).map_err(io_error)
    }

    /// The purge that was announced and is not over.
    ///
    /// # Errors
    /// When what tells of it cannot be read.
    pub fn announced(&self) -> Result<Option<Purge>, StoreError> {
        Purge::read(&self.directory, PENDING).map_err(io_error)
    }

    /// Takes an announcement back: nothing was removed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn withdraw(&self, purge: &Purge) -> Result<(), StoreError> {
        let fresh = self.catalogue.path(purge.first).with_extension(REWRITTEN);
        remove_folder(&fresh).and_then(|()| Purge::forget(&self.directory, PENDING)).map_err(io_error)
    }

    /// Removes what the announced purge says, after its event was recorded. False when that is not possible yet:
    /// it is still read, or it is the newest partition; it is to be tried again then, or at the next start.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn purge(&self, purge: &Purge) -> Result<bool, StoreError> {
        self.purge_by_steps(purge, &mut |_| Ok(())).map_err(io_error)
    }

    pub(super) fn purge_by_steps(
        &self,
        purge: &Purge,
        step: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> io::Result<bool> {
        if self.catalogue.newest().is_none_or(|newest| newest.first <= purge.first) {
            return Ok(false);
        }
        let is_done = match purge.kind {
            Kind::Whole => self.remove_whole(purge, step)?,
            Kind::Rewritten => self.replace(purge, step)?,
        };
        self.surveys.forget(purge.first);
        if is_done {
            step(Step::Forget)?;
            Purge::forget(&self.directory, PENDING)?;
        }
        Ok(is_done)
    }

    fn remove_whole(&self, purge: &Purge, step: &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<bool> {
        let path = self.catalogue.path(purge.first);
        step(Step::Mark)?;
        if Purge::read(&path, PURGED)?.is_none() {
            purge.write(&path, PURGED)?;
        }
        self.catalogue.retire(purge.first, &purge.edges);
        if !wait_for(|| Ok(self.catalogue.is_left(purge.first)))? {
            return Ok(false);
        }
        step(Step::Remove)?;
        remove_contents(&path)?;
        // An earlier purge of parts of it may have left one, and it holds events.
        remove_folder(&path.with_extension(REWRITTEN))?;
        Ok(true)
    }

    /// Puts the partition that was written anew in the old one's place.
    fn replace(&self, purge: &Purge, step: &mut dyn FnMut(Step) -> io::Result<()>) -> io::Result<bool> {
        let path = self.catalogue.path(purge.first);
        let (fresh, old) = (path.with_extension(REWRITTEN), path.with_extension(REPLACED));
        if fresh.exists() && !self.is_replacement(&fresh, purge) {
            // All of it stays, and the next pass prepares it again.
            remove_folder(&fresh)?;
            Purge::forget(&self.directory, PENDING)?;
            return Err(io::Error::other("what was written anew is not whole: all of the old one stays"));
        }
        step(Step::Mark)?;
        let mut swap = || {
            if !fresh.exists() {
                return Ok(());
            }
            fs::rename(&path, &old)?;
            step(Step::Swap)?;
            if let Err(error) = fs::rename(&fresh, &path) {
                // The old one is whole.
                fs::rename(&old, &path)?;
                return Err(error);
            }
            sync_directory(&self.directory)
        };
        if !wait_for(|| self.catalogue.replace(purge.first, &mut swap))?
            || !wait_for(|| Ok(self.catalogue.is_forgotten(purge.first)))?
        {
            return Ok(false);
        }
        step(Step::Remove)?;
        remove_folder(&old)?;
        sync_directory(&self.directory)?;
        Ok(true)
    }
}

impl Embedded {
    fn is_replacement(&self, fresh: &Path, purge: &Purge) -> bool {
        let notes = self.catalogue.notes();
        notes.iter().find(|note| note.first == purge.first).is_some_and(|note| is_whole(fresh, note))
    }
}

/// Ends the replacement of partitions that a crash has cut off between its two renames, and removes what stands beside
/// partitions and belongs to no purge: it holds events that may have left since.
pub(in crate::store::embedded) fn finish_replacements(directory: &Path) -> io::Result<()> {
    let pending = Purge::read(directory, PENDING);
    for entry in fs::read_dir(directory)? {
        let beside = entry?.path();
        let ending = beside.extension().unwrap_or_default();
        if ending != REPLACED && ending != REWRITTEN {
            continue;
        }
        let path = beside.with_extension("");
        let is_pending = match &pending {
            Ok(Some(purge)) => path.ends_with(format!("{:020}", purge.first)),
            Ok(None) => false,
            // Damaged, it may have named any of them.
            Err(_) => true,
        };
        match path.exists() {
            true if is_pending => {}
            true => {
                tracing::info!(path = %beside.display(), "what an unfinished purge has left is removed");
                remove_folder(&beside)?;
            }
            false if ending == REPLACED => {
                let fresh = beside.with_extension(REWRITTEN);
                fs::rename(if fresh.exists() { &fresh } else { &beside }, &path)?;
                sync_directory(directory)?;
            }
            // Its own partition was set aside, or removed by somebody else.
            false => {}
        }
    }
    Ok(())
}

/// Removes what was written beside a partition and not told.
pub(super) fn remove_fresh(partition: &Path) -> io::Result<()> {
    remove_folder(&partition.with_extension(REWRITTEN))
}

/// Removes what holds events; the note and what else tells of them stays.
pub(in crate::store::embedded) fn remove_contents(partition: &Path) -> io::Result<()> {
    CONTENTS.iter().try_for_each(|name| remove_folder(&partition.join(name)))?;
    pack::remove(partition)?;
    sync_directory(partition)
}

/// True once it is so, false when it takes too long.
pub(in crate::store::embedded) fn wait_for(mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    let deadline = Instant::now() + READERS_MAX;
    while !is_so()? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        thread::sleep(READERS_PAUSE);
    }
    Ok(true)
}

/// What a directory takes on the disk; what cannot be looked at counts nothing.
pub(in crate::store::embedded) fn disk_bytes(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else { return 0 };
    let inside: u64 = match data.is_dir() {
        true => fs::read_dir(path)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(disk_bytes(&entry.ok()?.path())))
            .sum(),
        false => 0,
    };
    data.blocks().saturating_mul(512).saturating_add(inside)
}

/// The ending of a partition whose place another has taken.
const REPLACED: &str = "replaced";
const CONTENTS: [&str; 2] = [DATABASE, FOLDER];
/// Longer than a question may take.
const READERS_MAX: Duration = Duration::from_secs(30);
const READERS_PAUSE: Duration = Duration::from_millis(20);
