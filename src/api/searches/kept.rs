//! The saved searches: a small table in memory, and the same in a file of the data directory, written whole at each
//! change. A search may hold names of people; it is kept for whoever saved it and shown to nobody else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The searches of all readers.
pub(in crate::api) struct Searches {
    /// `None` where nothing is to outlive the process.
    path: Option<PathBuf>,
    /// By reader; read from the file when first asked for.
    kept: Mutex<Option<Kept>>,
}

/// A search under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Search {
    pub(super) name: String,
    /// As in an address of the page, without the question mark.
    pub(super) query: String,
}

/// Why a search is not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// There are as many as there may be.
    Full,
    /// The file cannot be read or written.
    Io(io::Error),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    format: u32,
    readers: BTreeMap<String, Vec<Search>>,
}

impl Searches {
    /// Those of a data directory, or of this process alone.
    pub(in crate::api) fn new(path: Option<PathBuf>) -> Searches {
        Searches { path, kept: Mutex::new(None) }
    }

    /// What a reader has saved, newest first. Blocking.
    pub(super) fn of(&self, reader: &str) -> Result<Vec<Search>, NotKept> {
        self.with(|kept| (kept.readers.get(reader).cloned().unwrap_or_default(), false))
    }

    /// Saves a search; one of that name is replaced. Blocking.
    pub(super) fn put(&self, reader: &str, search: Search) -> Result<(), NotKept> {
        self.with(|kept| {
            let is_new = !kept.readers.contains_key(reader);
            if is_new && kept.readers.len() >= READERS_MAX {
                return (Err(NotKept::Full), false);
            }
            let own = kept.readers.entry(reader.to_owned()).or_default();
            let others: Vec<Search> = own.iter().filter(|other| other.name != search.name).cloned().collect();
            if others.len() >= SEARCHES_MAX {
                return (Err(NotKept::Full), false);
            }
            *own = std::iter::once(search).chain(others).collect();
            (Ok(()), true)
        })?
    }

    /// Forgets a search; false when there is none of that name. Blocking.
    pub(super) fn remove(&self, reader: &str, name: &str) -> Result<bool, NotKept> {
        self.with(|kept| {
            let Some(own) = kept.readers.get_mut(reader) else { return (false, false) };
            let count = own.len();
            own.retain(|search| search.name != name);
            let is_gone = own.len() < count;
            if own.is_empty() {
                kept.readers.remove(reader);
            }
            (is_gone, is_gone)
        })
    }

    /// Looks at the table and changes it, when `change` says that it did; what the disk does not take has not happened.
    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> (T, bool)) -> Result<T, NotKept> {
        let mut guard = self.kept.lock();
        let mut kept = match guard.take() {
            Some(kept) => kept,
            None => self.read().map_err(NotKept::Io)?,
        };
        let before = kept.clone();
        let (answer, has_changed) = change(&mut kept);
        let written = if has_changed { self.write(&kept) } else { Ok(()) };
        *guard = Some(if written.is_ok() { kept } else { before });
        written.map(|()| answer).map_err(NotKept::Io)
    }

    fn read(&self) -> io::Result<Kept> {
        let Some(path) = &self.path else { return Ok(Kept::default()) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let kept: Kept = serde_json::from_slice(&bytes)?;
        if kept.format == FORMAT {
            return Ok(kept);
        }
        Err(io::Error::other(format!("{} has the format {} of another version", path.display(), kept.format)))
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let bytes = serde_json::to_vec(&Kept { format: FORMAT, ..kept.clone() })?;
        // For its owner alone, and whole or as before.
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

const FORMAT: u32 = 1;
const READERS_MAX: usize = 1_000;
const SEARCHES_MAX: usize = 100;
/// More than all readers may have.
const FILE_BYTES_MAX: u64 = 512 << 20;
