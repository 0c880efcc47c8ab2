//! The few things that the writer asks of a disk, as traits, so that a test can put a failing disk in place.
//! Files are made 0600 and never through a symbolic link; the standard library opens all with `O_CLOEXEC`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A disk.
pub(super) trait Disk: Send {
    /// Makes a file that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>>;
    /// Opens a file for going on at `length`; what lies behind is cut off.
    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>>;
    /// Makes names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// A file that only grows, or is cut back.
pub(super) trait Segment: Send {
    /// Writes all bytes at the end; after an error any number of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until what was appended is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// The disk of this machine.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?))
    }

    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        let file = OpenOptions::new().append(true).open(path)?;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
            file.sync_all()?;
        }
        Ok(Box::new(file))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl Segment for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Makes a directory of mode 0700, and its parents, if it is not there.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The segments in a directory, by first sequence. Other files are not ours to touch.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory)? {
        let path = file?.path();
        if let Some(first) = path.file_name().and_then(|name| first_of(name.to_str()?)) {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The path of a segment.
pub(super) fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.log"))
}

/// Renames a file so that it is read no more but stays as evidence: `<name>.<mark>`, numbered when taken.
pub(super) fn set_aside(path: &Path, mark: &str) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1..)
        .map(|n: u32| if n == 1 { format!("{name}.{mark}") } else { format!("{name}.{mark}-{n}") })
        .map(|name| path.with_file_name(name))
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| path.to_owned());
    std::fs::rename(path, &free)?;
    Ok(free)
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}
