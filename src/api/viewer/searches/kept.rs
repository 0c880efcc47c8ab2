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
    /// Which reader has used his later than which: numbers that grow. Written with the next change.
    #[serde(default)]
    uses: BTreeMap<String, u64>,
}

impl Kept {
    fn used(&mut self, reader: &str) {
        let last = self.uses.values().max().copied().unwrap_or_default();
        self.uses.insert(reader.to_owned(), last.saturating_add(1));
    }

    /// Takes out what was longest unused: most likely its reader is gone, as tokens go, and never says so.
    fn make_room(&mut self) {
        let last_use = |reader: &String| self.uses.get(reader).copied().unwrap_or_default();
        let oldest = self.readers.keys().min_by_key(|reader| last_use(reader)).cloned();
        if let Some(reader) = oldest {
            self.remove(&reader);
        }
    }

    fn remove(&mut self, reader: &str) {
        self.readers.remove(reader);
        self.uses.remove(reader);
    }
}

impl Searches {
    /// Those of a data directory, or of this process alone.
    pub(in crate::api) fn new(path: Option<PathBuf>) -> Searches {
        Searches { path, kept: Mutex::new(None) }
    }

    /// What a reader has saved, newest first. Blocking.
    pub(super) fn of(&self, reader: &str) -> Result<Vec<Search>, NotKept> {
        let mut guard = self.kept.lock();
        let kept = self.read(&mut guard)?;
        let Some(own) = kept.readers.get(reader).cloned() else { return Ok(Vec::new()) };
        kept.used(reader);
        Ok(own)
    }

    /// Saves a search; one of that name is replaced. Blocking.
    pub(super) fn put(&self, reader: &str, search: Search) -> Result<(), NotKept> {
        self.change(|kept| {
            if !kept.readers.contains_key(reader) && kept.readers.len() >= READERS_MAX {
                kept.make_room();
            }
            let own = kept.readers.entry(reader.to_owned()).or_default();
            let others: Vec<Search> = own.iter().filter(|other| other.name != search.name).cloned().collect();
            if others.len() >= SEARCHES_MAX {
                return (Err(NotKept::Full), false);
            }
            *own = std::iter::once(search).chain(others).collect();
            kept.used(reader);
            (Ok(()), true)
        })?
    }

    /// Forgets a search; false when there is none of that name. Blocking.
    pub(super) fn remove(&self, reader: &str, name: &str) -> Result<bool, NotKept> {
        self.change(|kept| {
            let Some(own) = kept.readers.get_mut(reader) else { return (false, false) };
            let count = own.len();
            own.retain(|search| search.name != name);
            let is_gone = own.len() < count;
            if own.is_empty() {
                kept.remove(reader);
            }
            (is_gone, is_gone)
        })
    }

    /// Changes the table, when `change` says that it did; what the disk does not take has not happened.
    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> (T, bool)) -> Result<T, NotKept> {
        let mut guard = self.kept.lock();
        let kept = self.read(&mut guard)?;
        let mut changed = kept.clone();
        let (answer, has_changed) = change(&mut changed);
        if has_changed {
            self.write(&changed).map_err(NotKept::Io)?;
            *kept = changed;
        }
        Ok(answer)
    }

    /// The table, from the file when it is first asked for.
    fn read<'a>(&self, kept: &'a mut Option<Kept>) -> Result<&'a mut Kept, NotKept> {
        match kept {
            Some(kept) => Ok(kept),
            None => Ok(kept.insert(self.read_file().map_err(NotKept::Io)?)),
        }
    }

    fn read_file(&self) -> io::Result<Kept> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn search(name: &str) -> Search {
        Search { name: name.to_owned(), query: String::new() }
    }

    #[test]
    fn a_new_reader_takes_the_place_of_the_one_who_was_away_for_longest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("searches.json");
        let searches = Searches::new(Some(file.clone()));
        // As an earlier version wrote it: who used his when is not in it.
        let readers: BTreeMap<String, Vec<Search>> =
            (0..READERS_MAX).map(|n| (format!("reader-{n:03}"), vec![search("mine")])).collect();
        let old = serde_json::json!({ "format": FORMAT, "readers": readers });
        std::fs::write(&file, old.to_string()).unwrap();
        assert_eq!(searches.of("reader-000").unwrap(), [search("mine")]);
        searches.put("reader-001", search("other")).unwrap();
        for new in ["new-1", "new-2"] {
            searches.put(new, search("own")).unwrap();
        }
        for searches in [searches, Searches::new(Some(file))] {
            let count = |reader: &str| searches.of(reader).unwrap().len();
            let counts =
                ["reader-000", "reader-001", "reader-002", "reader-003", "reader-004", "new-1", "new-2"];
            assert_eq!(counts.map(count), [1, 2, 0, 0, 1, 1, 1]);
        }
    }
}
