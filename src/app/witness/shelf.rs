//! Files of signed notes, one after the other: written at their end only, read from there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Writes a note to the end of a file, made if it is not there, and waits until it is on the disk.
pub(in crate::app) fn append(path: &Path, note: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // A link in its place could lead anywhere (THREATS S12).
    options.append(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let mut file = options.open(path)?;
    // What a write that was cut off has left is a line of its own, and spoils no note but its own.
    let begin = if is_cut_off(path) { "\n" } else { "" };
    file.write_all(format!("{begin}{note}").as_bytes())?;
    file.sync_data()
}

/// True when a file ends within a line. One that cannot be read is taken as whole.
fn is_cut_off(path: &Path) -> bool {
    let last = || {
        let (mut file, mut last) = (File::open(path)?, [b'\n']);
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        io::Result::Ok(last)
    };
    last().is_ok_and(|last| last != [b'\n'])
}

/// The same for the file in the data directory, which begins anew when it is long; the one before it stays.
pub(super) fn append_bounded(path: &Path, note: &str) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|file| file.len() > INSIDE_BYTES_MAX) {
        fs::rename(path, path.with_extension("old"))?;
    }
    append(path, note)
}

/// A file as text; empty when there is none. What a write that was cut off has left of a letter spoils no more than that.
pub(super) fn all_of(path: &Path) -> io::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// The end of a file, as text; empty when there is none.
pub(super) fn end_of(path: &Path) -> io::Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(END_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Its name in the data directory.
pub(super) const INSIDE: &str = "checkpoints";
/// Two months of a log that never rests.
const INSIDE_BYTES_MAX: u64 = 16 << 20;
const END_BYTES: u64 = 16 << 10;
