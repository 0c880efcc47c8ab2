//! The two small files of a purge: `pending` in the store's directory, while it is under way, and `purged` in the
//! partition's, for ever. See [`super::super::partition::lines`] for their form.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::partition::lines;
use super::super::partition::sync_directory;
use super::rewrite::Prepared;
use crate::store::sealed::Hash;

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
    /// Where all of it goes: what stands beside it in the tree can be proven with these (see
    /// [`crate::store::tree::edges`]).
    #[serde(with = "super::super::partition::note::peaks")]
    pub(in crate::store::embedded) edges: Arc<Vec<Hash>>,
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
        let Prepared { gone, kind, edges, .. } = prepared;
        let edges = Arc::clone(edges);
        Purge { format: FORMAT, event, first: gone.first, last: gone.last, kind: *kind, edges }
    }

    /// Of a partition that was written anew without the values of a person, told by that event.
    pub(super) fn rewritten(event: Uuid, first: u64, last: u64) -> Purge {
        Purge { format: FORMAT, event, first, last, kind: Kind::Rewritten, edges: Arc::default() }
    }

    /// Writes it as `name` in `folder`, whole or not at all, and syncs it.
    pub(super) fn write(&self, folder: &Path, name: &str) -> io::Result<()> {
        lines::write(folder, name, self)
    }

    /// Reads it; `None` when it is not there.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub(in crate::store::embedded) fn read(folder: &Path, name: &str) -> io::Result<Option<Purge>> {
        let Some(line) = lines::read(folder, name, lines::BYTES_MAX)? else { return Ok(None) };
        let purge: Option<Purge> = serde_json::from_str(&line).ok();
        let purge = purge.filter(|purge| purge.format == FORMAT);
        purge.map(Some).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("{name} is damaged")))
    }

    /// Removes it; it need not be there.
    pub(super) fn forget(folder: &Path, name: &str) -> io::Result<()> {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_directory(folder),
        }
    }
}

/// In the store's directory.
pub(super) const PENDING: &str = "pending-purge";
/// In a partition's.
pub(in crate::store::embedded) const PURGED: &str = "purged";
/// What was written with format 1 was never released.
const FORMAT: u32 = 2;
