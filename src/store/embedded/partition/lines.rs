//! Small files of two lines: JSON, and the CRC-32 of that line as eight hex digits. Each is replaced by rename, so it is
//! either the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use super::sync_directory;

/// Writes the file `name` in a folder, whole or not at all, and syncs it.
///
/// # Errors
/// When the disk refuses.
pub(in crate::store::embedded) fn write(folder: &Path, name: &str, what: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(what)?;
    let fresh = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{line}\n{:08x}", crc32fast::hash(line.as_bytes()))?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(name))?;
    sync_directory(folder)
}

/// Reads its first line, of a file of at most so many bytes; `None` when it is not there.
///
/// # Errors
/// When it cannot be read; as invalid data when it is not as it was written.
pub(in crate::store::embedded) fn read(
    folder: &Path,
    name: &str,
    bytes_max: u64,
) -> io::Result<Option<String>> {
    let file = match File::open(folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(bytes_max).read_to_string(&mut text)?;
    let (line, sum) = text.split_once('\n').unwrap_or_default();
    if sum.trim_end() != format!("{:08x}", crc32fast::hash(line.as_bytes())) {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is damaged"));
    }
    Ok(Some(line.to_owned()))
}

/// A note's length: two trees have at most 63 hashes each.
pub(in crate::store::embedded) const BYTES_MAX: u64 = 16 << 10;
