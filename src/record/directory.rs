//! The data directory: one process at a time, and one instance for ever. Its files:
//!
//! ```text
//! lock        held while a process uses the directory; its text is that process's id
//! instance    the id that journal and store carry, so that files of another installation are noticed
//! journal/    see crate::journal
//! store/      see crate::store
//! checkpoints what was signed of size and root, and checkpoints.old; see crate::app
//! keys        whose signatures these are
//! heartbeat   when the recorder last lived, and whether it was told to stop; see crate::app
//! blind-spots.json  see crate::blind; may be removed
//! rule-pulses.json  likewise
//! retention.json  when events last left, and when the clock was believed; may be removed
//! rules.json  which rules were in force last, so that a start with others is told
//! searches.json  what readers have saved, see crate::api
//! snapshots/  the last seen forms of things, see crate::store::Snapshots; may be removed
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use uuid::Uuid;

use super::RecordError;
use crate::journal;

/// A data directory that this process holds.
pub(super) struct Directory {
    path: PathBuf,
    /// Whose data it is.
    pub instance: Uuid,
    /// Unlocked when dropped.
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// When it cannot be used, or another process holds it: the sentence says which.
    pub(super) fn hold(path: &Path) -> Result<Directory, RecordError> {
        let failed = |error: io::Error| RecordError::Directory(format!("{}: {error}", path.display()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let data = fs::metadata(path).map_err(failed)?;
        check_owner(data.uid(), rustix::process::geteuid().as_raw())
            .map_err(|why| RecordError::Directory(format!("{}: {why}", path.display())))?;
        let mode = data.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others can use the data directory");
        }
        let lock = lock(path)?;
        let instance = instance(path).map_err(failed)?;
        Ok(Directory { path: path.to_owned(), instance, _lock: lock })
    }

    /// Whether the lock can be had, without waiting; nothing is made.
    ///
    /// # Errors
    /// When another process holds it.
    pub(super) fn try_hold(path: &Path) -> Result<(), RecordError> {
        match File::open(path.join(LOCK)).map(|file| file.try_lock_shared()) {
            Ok(Err(TryLockError::WouldBlock)) => Err(RecordError::Held {
                directory: path.to_owned(),
                by: fs::read_to_string(path.join(LOCK)).unwrap_or_default().trim().to_owned(),
            }),
            // Who cannot read it will hear why when he opens it.
            Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => Ok(()),
        }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

/// A directory is its owner's, whatever its mode says: he could put another in its place (THREATS S12). Who may do
/// everything anyway may also look at what is another's.
fn check_owner(owner: u32, us: u32) -> Result<(), String> {
    if owner == us || owner == ROOT || us == ROOT {
        return Ok(());
    }
    Err(format!("it belongs to user {owner}, and this is user {us}: chown it, or name another"))
}

fn lock(directory: &Path) -> Result<File, RecordError> {
    let failed = |error: io::Error| RecordError::Directory(format!("{}: {error}", directory.display()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow());
    let mut file = options.open(directory.join(LOCK)).map_err(failed)?;
    // A process that is just ending holds it a moment longer, and so does a child that is just starting.
    let patience = Instant::now() + HELD_MAX;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => std::thread::sleep(HELD_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = (&mut file).take(20).read_to_string(&mut holder);
                let by = holder.trim().to_owned();
                return Err(RecordError::Held { directory: directory.to_owned(), by });
            }
        }
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// The instance, made at the first start. When its file is lost, the journal still says whose it is.
fn instance(directory: &Path) -> io::Result<Uuid> {
    let path = directory.join("instance");
    let mut text = String::new();
    match OpenOptions::new().read(true).custom_flags(no_follow()).open(&path) {
        // What is no text is no instance either.
        Ok(file) => drop(file.take(INSTANCE_BYTES_MAX).read_to_string(&mut text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if let Ok(instance) = Uuid::parse_str(text.trim()) {
        return Ok(instance);
    }
    let instance = journal::instance_in(&directory.join("journal")).unwrap_or_else(Uuid::now_v7);
    let fresh = directory.join("instance.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(no_follow());
    let mut file = options.open(&fresh)?;
    writeln!(file, "{instance}")?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(directory)?.sync_all()?;
    Ok(instance)
}

/// What a copy of a data directory does without: locks, and what is only remembered and may be half written.
pub const COPY_LEAVES_OUT: &[&str] = &[LOCK, super::still::FILE, "snapshots"];

/// What it does without in the folders: the index, which is made of the rest.
pub const COPY_LEAVES_OUT_BELOW: &[&str] = &["index"];

const LOCK: &str = "lock";
/// A link in place of a file of ours is an error: it could lead anywhere (THREATS S12).
fn no_follow() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

const ROOT: u32 = 0;
const INSTANCE_BYTES_MAX: u64 = 100;
/// How long a held lock is tried again.
const HELD_MAX: Duration = Duration::from_secs(1);
const HELD_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS S12
    #[test]
    fn a_directory_of_somebody_else_is_not_used() {
        for (owner, us, is_ours) in [(7, 7, true), (0, 7, true), (8, 0, true), (8, 7, false)] {
            assert_eq!(check_owner(owner, us).is_ok(), is_ours, "{owner} {us}");
        }
    }
}
