//! The two small files of a purge: `pending` in the store's directory, while it is under way, and `purged` in the
//! partition's, for ever. Both have two lines, as a partition's note: JSON, and the CRC-32 of that line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rewrite::Prepared;

/// A purge of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purge {
    /// Of this file.
    pub(super) format: u32,
    /// The event that tells it.
    pub event: Uuid,
    /// The partition's first sequence.
    pub first: u64,
    /// Its last one.
    pub last: u64,
    pub(super) kind: Kind,
}

/// What becomes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// All of it is gone.
    Whole,
    /// It was written anew.
    Rewritten,
}

impl Purge {
    /// Of what was prepared, told by that event.
    pub fn new(event: Uuid, prepared: &Prepared) -> Purge {
        let Prepared { gone, kind, .. } = prepared;
        Purge { format: FORMAT, event, first: gone.first, last: gone.last, kind: *kind }
    }

    /// Writes it as `name` in `folder`, whole or not at all, and syncs it.
    pub(super) fn write(&self, folder: &Path, name: &str) -> io::Result<()> {
        let line = serde_json::to_string(self)?;
        let fresh = folder.join(format!("{name}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{line}\n{:08x}", crc32fast::hash(line.as_bytes()))?;
        file.sync_all()?;
        fs::rename(&fresh, folder.join(name))?;
        File::open(folder)?.sync_all()
    }

    /// Reads it; `None` when it is not there.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub(in crate::store::embedded) fn read(folder: &Path, name: &str) -> io::Result<Option<Purge>> {
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        let (line, sum) = text.split_once('\n').unwrap_or_default();
        let is_whole = sum.trim_end() == format!("{:08x}", crc32fast::hash(line.as_bytes()));
        let purge = if is_whole { serde_json::from_str(line).ok() } else { None };
        let purge: Option<Purge> = purge.filter(|purge: &Purge| (1..=FORMAT).contains(&purge.format));
        purge.map(Some).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("{name} is damaged")))
    }

    /// Removes it; it need not be there.
    pub(super) fn forget(folder: &Path, name: &str) -> io::Result<()> {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(folder)?.sync_all(),
        }
    }
}

/// In the store's directory.
pub(super) const PENDING: &str = "pending-purge";
/// In a partition's.
pub(in crate::store::embedded) const PURGED: &str = "purged";
const FORMAT: u32 = 1;
const BYTES_MAX: u64 = 4096;
