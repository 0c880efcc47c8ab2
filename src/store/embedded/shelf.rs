//! Snapshots on disk: one small sled database in the data directory. It may be lost without harm, so one
//! that does not open is set aside and begun anew.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use super::partition::database::open_in_thread;
use super::partition::{Trouble, guarded};
use crate::store::{Shelf, StoreError};

/// The shelf of an embedded store.
pub struct SledShelf {
    database: sled::Db,
    tree: sled::Tree,
}

impl SledShelf {
    /// Opens the shelf in a data directory. `upstream` is the application whose things these are: those of
    /// another one are forgotten (THREATS B09).
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(directory: &Path, upstream: &str) -> Result<SledShelf, StoreError> {
        let path = directory.join("snapshots");
        remove_outdated(directory, &path).map_err(|error| StoreError::Io(error.to_string()))?;
        let database = match open_in_thread(&path) {
            Ok(database) => database,
            Err(Trouble::Io(error)) => return Err(StoreError::Io(error)),
            Err(Trouble::Damaged(error)) => {
                tracing::warn!(%error, "the remembered snapshots are damaged: they are begun anew");
                let aside = path.with_extension("damaged");
                // The last one set aside is enough.
                let _ = fs::remove_dir_all(&aside);
                fs::rename(&path, &aside).map_err(|error| StoreError::Io(error.to_string()))?;
                open_in_thread(&path).map_err(Trouble::of_another)?
            }
        };
        for name in database.tree_names() {
            if name != upstream.as_bytes() && name != DEFAULT_TREE {
                run(|| database.drop_tree(&name))?;
            }
        }
        let tree = run(|| database.open_tree(upstream))?;
        Ok(SledShelf { database, tree })
    }

    /// Lets the next one who opens the shelf begin it anew: what is removed from a database stays in its file for a
    /// while.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_anew(directory: &Path) -> std::io::Result<()> {
        if directory.join("snapshots").exists() {
            File::create(directory.join(OUTDATED))?.sync_all()?;
        }
        Ok(())
    }
}

/// Removes the shelf where [`SledShelf::make_anew`] has said so, and what was set aside of it.
fn remove_outdated(directory: &Path, path: &Path) -> std::io::Result<()> {
    let mark = directory.join(OUTDATED);
    if !mark.exists() {
        return Ok(());
    }
    for folder in [path.to_owned(), path.with_extension("damaged")] {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::remove_file(mark)
}

impl Shelf for SledShelf {
    fn load(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        run(|| {
            for pair in self.tree.iter() {
                let (key, value) = pair?;
                visit(&key, &value);
            }
            Ok(())
        })
    }

    fn write(&self, pairs: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in pairs {
            match value {
                Some(value) => batch.insert(key.as_bytes(), value.as_slice()),
                None => batch.remove(key.as_bytes()),
            }
        }
        run(|| {
            self.tree.apply_batch(batch)?;
            self.database.flush().map(drop)
        })
    }
}

fn run<T>(act: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    guarded(act).map_err(Trouble::of_another)?.map_err(|error| StoreError::Io(error.to_string()))
}

/// Sled's own, which is always there.
const DEFAULT_TREE: &[u8] = b"__sled__default";
/// In the data directory, where the shelf is to be begun anew.
const OUTDATED: &str = "snapshots-outdated";
