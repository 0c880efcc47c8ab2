//! What the journal asks of a disk, as traits, so that a test can put one in place that fails or forgets.
//! Files are made 0600 and never opened through a symbolic link; the standard library opens all with
//! `O_CLOEXEC`.

pub(super) mod space;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::retry_on_intr;

/// A disk. The writer, the mover and who opens the journal use it.
pub(in crate::journal) trait Disk: Send + Sync {
    /// Makes a directory of mode 0700, and its parents, if it is not there.
    fn make_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;
    /// True for a plain file: no symbolic link, no directory, no pipe.
    fn is_plain(&self, path: &Path) -> io::Result<bool>;
    /// Opens a file for reading, from a place in bytes.
    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read>>;
    /// Makes a file that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>>;
    /// Opens a file for going on at `length`: what lies behind is cut off, and what lies before is synced, for
    /// a process that was killed may have left it unsynced.
    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>>;
    /// Gives a file another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that holds so many bytes of the disk, and nothing else; no error when it is there.
    fn hold(&self, path: &Path, bytes: u64) -> io::Result<()>;
}

/// A file that only grows, or is cut back.
pub(in crate::journal) trait Segment: Send {
    /// Writes all bytes at the end; after an error any number of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until what was appended is on the disk; an error when the file is in no directory any more.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Sets space apart for growing to `length` bytes; the file's length stays.
    fn allocate(&mut self, length: u64) -> io::Result<()>;
}

/// The disk of this machine.
pub(in crate::journal) struct RealDisk;

impl Disk for RealDisk {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(directory)?.map(|file| Ok(file?.file_name())).collect()
    }

    fn is_plain(&self, path: &Path) -> io::Result<bool> {
        Ok(path.symlink_metadata()?.is_file())
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read>> {
        let mut file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Box::new(file))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?))
    }

    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        let file = OpenOptions::new().append(true).custom_flags(no_follow()).open(path)?;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
        }
        file.sync_all()?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn hold(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow());
        let file = options.open(path)?;
        set_apart(&file, FallocateFlags::empty(), bytes)?;
        file.sync_all()
    }
}

impl Segment for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()?;
        // Somebody removed it: what is written there is gone when we close it.
        if self.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was removed under us"));
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        set_apart(self, FallocateFlags::KEEP_SIZE, length)
    }
}

/// Sets space apart from a file's start on.
fn set_apart(file: &File, flags: FallocateFlags, bytes: u64) -> io::Result<()> {
    Ok(retry_on_intr(|| fallocate(file, flags, 0, bytes))?)
}

/// The segments in a directory, by number. Other files are not ours to touch.
pub(in crate::journal) fn segments(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let names = disk.list(directory)?;
    let number = |name: &OsString| Some((number_of(name.to_str()?)?, directory.join(name)));
    let mut found: Vec<(u64, PathBuf)> = names.iter().filter_map(number).collect();
    found.sort();
    Ok(found)
}

/// The path of a segment.
pub(in crate::journal) fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.log"))
}

/// Renames a file so that it is read no more but stays as evidence: `<name>.<mark>`, numbered when taken.
pub(in crate::journal) fn set_aside(disk: &dyn Disk, path: &Path, mark: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let taken = disk.list(directory)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1..)
        .map(|n: u32| if n == 1 { format!("{name}.{mark}") } else { format!("{name}.{mark}-{n}") })
        .find(|name| !taken.iter().any(|taken| *taken == **name))
        .unwrap_or(name);
    disk.rename(path, &path.with_file_name(free))
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Flags for opening: a link in place of the file is an error, and a pipe does not make the opening wait.
fn no_follow() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}
