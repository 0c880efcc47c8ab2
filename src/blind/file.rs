//! The files that keep blind spots and the habits of rules across restarts: JSON, replaced as a whole. Nothing depends
//! on them; they may be removed while the program does not run, which forgets all samples and habits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What the file holds, as `parsed` reads it; the default when there is none, or none that can be used.
pub(super) fn read<T: Default>(path: &Path, parsed: fn(&str) -> Option<T>) -> T {
    let text = match fs::metadata(path) {
        Ok(facts) if facts.len() > FILE_BYTES_MAX => Err(io::Error::other("it is larger than 32 MiB")),
        Ok(_) => fs::read_to_string(path),
        Err(error) => Err(error),
    };
    let read = text.and_then(|text| parsed(&text).ok_or_else(|| io::Error::other("it is damaged")));
    match read {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => T::default(),
        Err(error) => {
            let aside = path.with_extension("damaged");
            tracing::warn!(%error, path = %path.display(), "blind spots or the habits of rules begin anew: their file is set aside");
            let _ = fs::rename(path, aside);
            T::default()
        }
    }
}

/// Replaces the file.
///
/// # Errors
/// When the disk does not take it; the old one is still there then.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

const FILE_BYTES_MAX: u64 = 32 << 20;
