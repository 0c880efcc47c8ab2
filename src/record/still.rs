//! A log held still while somebody copies it: no entry is handed to the store and no file of the journal removed,
//! while events go on being recorded. Whoever may write to the data directory may ask for it, by a lock on a file
//! there, which the system takes back when he dies.
//!
//! Nobody can stop the log so: when it has to move on, it does, and says so in the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The log's side.
pub(super) struct Stillness {
    file: Option<File>,
}

/// The side of who copies. The log goes on when this is dropped.
#[derive(Debug)]
pub struct Still {
    file: File,
}

impl Stillness {
    /// Without the file nobody can hold the log still, which is told.
    pub(super) fn new(directory: &Path) -> Stillness {
        let file =
            open(directory).inspect_err(|error| tracing::warn!(%error, "no backup can be made of this log"));
        Stillness { file: file.ok() }
    }

    /// Does `work` when nobody holds the log still, or when it `presses`, or after [`STILL_MAX`].
    pub(super) fn pass<T>(&self, presses: impl Fn() -> bool, work: impl FnOnce() -> T) -> T {
        let Some(file) = &self.file else { return work() };
        let until = Instant::now() + STILL_MAX;
        while let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            if presses() || Instant::now() >= until {
                tracing::warn!("the log moves on, although a backup is under way");
                // Should this fail, who copies finds out when he checks his copy.
                let _ = (&*file).write_all(MOVED_ON);
                return work();
            }
            thread::sleep(STILL_PAUSE);
        }
        let done = work();
        let _ = file.unlock();
        done
    }
}

impl Still {
    /// Holds the log of this data directory still, once what it is just doing is done.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn hold(directory: &Path) -> io::Result<Still> {
        let file = open(directory)?;
        file.lock()?;
        file.set_len(0)?;
        Ok(Still { file })
    }

    /// True when the log has been still until now.
    pub fn has_held(&mut self) -> bool {
        let mut said = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut said));
        read.is_ok() && said.is_empty()
    }
}

fn open(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).open(directory.join(FILE))
}

/// In the data directory.
pub(super) const FILE: &str = "still";
const MOVED_ON: &[u8] = b"moved on\n";
const STILL_MAX: Duration = Duration::from_secs(600);
const STILL_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_log_that_is_held_still_waits_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let log = Stillness::new(folder.path());
        assert_eq!(log.pass(|| true, || 1), 1);
        let mut still = Still::hold(folder.path()).unwrap();
        let has_moved = AtomicBool::new(false);
        let (asked, was_asked) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let presses = || asked.send(()).is_err();
                log.pass(presses, || has_moved.store(true, Ordering::SeqCst));
            });
            // It has looked twice, and waits.
            was_asked.recv().unwrap();
            was_asked.recv().unwrap();
            assert!(!has_moved.load(Ordering::SeqCst) && still.has_held());
            drop(still);
        });
        assert!(has_moved.load(Ordering::SeqCst));
    }

    #[test]
    fn a_log_that_must_move_on_says_so_to_who_copies_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = Stillness::new(folder.path());
        let mut still = Still::hold(folder.path()).unwrap();
        assert_eq!(log.pass(|| true, || 1), 1);
        assert!(!still.has_held());
        drop(still);
        assert!(Still::hold(folder.path()).unwrap().has_held());
    }
}
