//! The list of partitions. Readers and the writer share it; [`listed`] is the list as one reader has it, and [`opened`] has
//! those that are open.

pub(super) mod listed;
mod opened;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::expire::marker::{PURGED, Purge};
use super::expire::remove::{finish_replacements, remove_contents};
use super::index::{self, Indexes};
use super::partition::note::{Grown, Note, Unreadable};
use super::partition::pack;
use super::partition::{DATABASE, Partition, Trouble, remove_folder, sync_directory};
use super::proofs::tiles::Tiles;
use crate::store::StoreError;
use crate::store::sealed::{Hash, Head};
use crate::store::tree::Tree;
use listed::Notes;
use opened::{Known, Opened};

/// All partitions of a store.
pub(super) struct Catalogue {
    directory: PathBuf,
    instance: Uuid,
    /// What each partition holds, by first sequence.
    notes: RwLock<BTreeMap<u64, Note>>,
    /// The partitions that a policy has emptied.
    purged: RwLock<BTreeMap<u64, Purged>>,
    /// Held by everybody who reads, and a new one after each purge: the old one tells when the last of those is
    /// done who began before.
    readers: Mutex<Arc<()>>,
    /// The ones before that are still held.
    readers_before: Mutex<Vec<Weak<()>>>,
    pub(super) opened: Opened,
    pub(super) indexes: Indexes,
    pub(super) index_writer: index::Writer,
    /// What was found damaged, a sentence each.
    damage: Mutex<Vec<String>>,
    /// The highest entry known from partitions that were set aside.
    lost: Mutex<Head>,
    /// Of the whole tree.
    pub(super) tiles: Tiles,
}

/// A partition that a policy has emptied.
#[derive(Clone)]
pub(super) struct Purged {
    /// What it held.
    pub(super) note: Note,
    /// See [`crate::store::tree::edges`].
    pub(super) edges: Arc<Vec<Hash>>,
}

impl Catalogue {
    /// Reads what partitions there are; none is opened yet. Those without a usable note are set aside.
    ///
    /// # Errors
    /// When the directory cannot be used, or a newer version wrote there.
    pub(super) fn read(directory: &Path, instance: Uuid) -> Result<Catalogue, StoreError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io_error)?;
        let catalogue = Catalogue {
            directory: directory.to_owned(),
            instance,
            notes: RwLock::default(),
            purged: RwLock::default(),
            readers: Mutex::default(),
            readers_before: Mutex::default(),
            opened: Opened::default(),
            indexes: Indexes::default(),
            index_writer: index::Writer::default(),
            damage: Mutex::default(),
            lost: Mutex::default(),
            tiles: Tiles::open(directory).map_err(io_error)?,
        };
        finish_replacements(directory).map_err(io_error)?;
        for entry in fs::read_dir(directory).map_err(io_error)? {
            let path = entry.map_err(io_error)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(first) = first_of(&name) {
                catalogue.list(first, &path)?;
            } else if let Some((first, _)) = name.split_once(ASIDE) {
                catalogue.damage.lock().push(format!("partition {name} was set aside earlier"));
                catalogue.know_lost(&path, first_of(first));
            }
        }
        catalogue.look_for_holes();
        Ok(catalogue)
    }

    /// Whose log it is.
    pub(super) fn instance(&self) -> Uuid {
        self.instance
    }

    /// What each partition holds that can be read.
    pub(super) fn notes(&self) -> Notes {
        // Before the list is taken: what leaves it later waits for this reader.
        let reader = Arc::clone(&self.readers.lock());
        Notes::new(self.notes.read().values().cloned().collect(), reader)
    }

    /// What the last partition holds, or held.
    pub(super) fn last(&self) -> Option<Note> {
        let purged = self.purged.read().last_key_value().map(|(_, purged)| purged.note.clone());
        self.newest().into_iter().chain(purged).max_by_key(|note| note.first)
    }

    /// The partitions whose events a policy has removed, by first sequence.
    pub(super) fn purged(&self) -> BTreeMap<u64, Purged> {
        self.purged.read().clone()
    }

    /// A partition whose events a policy removes: whoever asks from now on does not see it.
    pub(super) fn retire(&self, first: u64, edges: &Arc<Vec<Hash>>) {
        if let Some(note) = self.notes.write().remove(&first) {
            self.purged.write().insert(first, Purged { note, edges: Arc::clone(edges) });
        }
        self.renew_readers();
        self.forget(Some(first));
    }

    /// Whoever reads from now on is told from those who read before.
    fn renew_readers(&self) {
        let before = std::mem::take(&mut *self.readers.lock());
        self.readers_before.lock().push(Arc::downgrade(&before));
    }

    /// True when nobody reads a partition that was retired.
    pub(super) fn is_left(&self, first: u64) -> bool {
        let mut before = self.readers_before.lock();
        before.retain(|reader| reader.strong_count() > 0);
        // Who has just read it has put it among the last ones used.
        self.forget(Some(first));
        before.is_empty() && !self.opened.is_open(first)
    }

    /// True when nobody reads any more who may have the partition in mind that was replaced. Nothing is known then
    /// of what the one before it counted.
    pub(super) fn is_forgotten(&self, first: u64) -> bool {
        let mut before = self.readers_before.lock();
        before.retain(|reader| reader.strong_count() > 0);
        let is_so = before.is_empty();
        if is_so {
            self.indexes.forget(Some(first));
        }
        is_so
    }

    pub(super) fn newest(&self) -> Option<Note> {
        self.notes.read().last_key_value().map(|(_, note)| note.clone())
    }

    pub(super) fn put(&self, note: Note) {
        self.notes.write().insert(note.first, note);
    }

    pub(super) fn damage(&self) -> Vec<String> {
        self.damage.lock().clone()
    }

    /// The highest entry known from partitions that were set aside.
    pub(super) fn lost(&self) -> Head {
        *self.lost.lock()
    }

    pub(super) fn path(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}"))
    }

    /// Begins a partition behind `before`. Its note is on the disk before its database is, so that a
    /// database without a note is always damage.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn begin(&self, leaf: Hash, before: &Tree) -> Result<Note, StoreError> {
        let note = Note::empty(self.instance, leaf, before);
        let path = self.path(note.first);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io_error)?;
        note.write(&path).map_err(io_error)?;
        sync_directory(&self.directory).map_err(io_error)?;
        self.put(note.clone());
        Ok(note)
    }

    /// A partition, opened if it is not. At its first opening it is counted and compared with its note;
    /// one that does not match is set aside.
    ///
    /// # Errors
    /// When it is damaged or cannot be read.
    pub(super) fn open(&self, first: u64) -> Result<Arc<Partition>, StoreError> {
        self.opened
            .one(first, |known| self.open_new(first, known).map_err(|trouble| self.refuse(first, trouble)))
    }

    /// Does `work`, which puts another partition in the place of one, while nobody has it open; false when somebody
    /// has. Whoever wants it meanwhile waits; who had its index before may still use that, see
    /// [`Catalogue::is_forgotten`].
    pub(super) fn replace(&self, first: u64, work: &mut dyn FnMut() -> io::Result<()>) -> io::Result<bool> {
        let is_done = self.unopened(first, || {
            self.indexes.forget(Some(first));
            work()
        })?;
        if is_done {
            self.renew_readers();
        }
        Ok(is_done)
    }

    /// Does `work` while nobody has a partition open; false when somebody has. Whoever wants it meanwhile waits.
    pub(super) fn unopened(&self, first: u64, work: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
        let done = self.opened.unopened(first, || {
            let is_free = !is_locked(&self.path(first));
            if is_free { work().map(|()| true) } else { Ok(false) }
        });
        done.unwrap_or(Ok(false))
    }

    /// Lets go of a partition, or of all. Who still reads it keeps it open until done.
    pub(super) fn forget(&self, which: Option<u64>) {
        self.opened.forget(which);
        self.indexes.forget(which);
    }

    /// Lets go of a partition whose database failed. On a thread of its own, because after an error sled's
    /// own end may wait for ever; the partition then stays locked until the process ends, and whoever wants
    /// it is told so.
    pub(super) fn abandon(&self, first: u64, partition: Arc<Partition>) {
        self.forget(Some(first));
        let _detached = std::thread::Builder::new().name("abandon".to_owned()).spawn(move || drop(partition));
    }

    /// Tells of trouble; a damaged partition is set aside under another name, never removed.
    pub(super) fn refuse(&self, first: u64, trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Io(why) => StoreError::Io(why),
            Trouble::Damaged(why) => {
                self.set_aside(first, &why);
                StoreError::Damaged { partition: format!("{first:020}"), why }
            }
        }
    }

    fn open_new(&self, first: u64, known: Known) -> Result<Partition, Trouble> {
        let note = self.notes.read().get(&first).cloned();
        let note = note.or_else(|| self.purged.read().get(&first).map(|purged| purged.note.clone()));
        let note = note.ok_or_else(|| Trouble::Io(format!("there is no partition {first}")))?;
        let path = self.path(first);
        if known == Known::Checked {
            return Partition::open(&path);
        }
        let (partition, Grown { note: real, tiles }) = Partition::open_checked(&path, &note)?;
        if real != note {
            self.tiles.put(&tiles).map_err(|error| Trouble::Io(error.to_string()))?;
            partition.sync(&path, &real)?;
            self.put(real);
        }
        Ok(partition)
    }

    fn set_aside(&self, first: u64, why: &str) {
        let path = self.path(first);
        let free = (1u32..)
            .map(|n| path.with_file_name(format!("{first:020}{ASIDE}{n}")))
            .find(|path| path.symlink_metadata().is_err())
            .unwrap_or_else(|| path.clone());
        tracing::error!(partition = %path.display(), aside = %free.display(), why, "a partition is damaged");
        self.damage.lock().push(format!("partition {first:020} was set aside: {why}"));
        self.notes.write().remove(&first);
        self.know_lost(&path, Some(first));
        self.indexes.forget(Some(first));
        if let Err(error) = fs::rename(&path, &free).and_then(|()| sync_directory(&self.directory)) {
            tracing::error!(partition = %path.display(), %error, "a partition cannot be set aside");
        }
    }

    /// No sequence of a partition that was set aside is given out again, as far as its note tells.
    fn know_lost(&self, path: &Path, first: Option<u64>) {
        let by_name = Head { sequence: first.unwrap_or_default(), ..Head::default() };
        let head = Note::read(path).ok().flatten().map_or(by_name, |note| note.head());
        let mut lost = self.lost.lock();
        if head.sequence > lost.sequence {
            *lost = head;
        }
    }

    fn list(&self, first: u64, path: &Path) -> Result<(), StoreError> {
        match Note::read(path) {
            Ok(Some(note)) if note.instance != self.instance => {
                self.set_aside(first, "it belongs to another instance");
            }
            Ok(Some(note)) if note.first != first => {
                self.set_aside(first, "its note is of another partition")
            }
            Ok(Some(note)) => self.list_noted(note, path)?,
            Ok(None) if !path.join(DATABASE).exists() && !pack::is_packed(path) => {
                // Begun and not noted yet: there was never anything in it.
                let _ = fs::remove_file(path.join("note.new"));
                let _ = fs::remove_dir(path);
            }
            Ok(None) => self.set_aside(first, "its note is missing"),
            Err(Unreadable::Damaged(why)) => self.set_aside(first, &why),
            Err(Unreadable::Older) => {
                let path = path.display();
                return Err(StoreError::Io(format!(
                    "{path} is of a format that no released version wrote: begin a new data directory"
                )));
            }
            Err(Unreadable::Newer) => {
                let path = path.display();
                return Err(StoreError::Io(format!("{path} was written by a newer version")));
            }
        }
        Ok(())
    }

    /// One whose events a policy has removed is told apart; what a crash has left of them is removed now.
    fn list_noted(&self, note: Note, path: &Path) -> Result<(), StoreError> {
        match Purge::read(path, PURGED) {
            Ok(None) => {
                // What was being packed, and what is packed, when the process ended.
                pack::remove_unfinished(path).map_err(io_error)?;
                if pack::is_packed(path) {
                    remove_folder(&path.join(DATABASE)).map_err(io_error)?;
                }
                self.put(note);
            }
            Ok(Some(purge)) if purge.first == note.first => {
                remove_contents(path).map_err(io_error)?;
                self.purged.write().insert(note.first, Purged { note, edges: purge.edges });
            }
            Ok(Some(_)) => self.set_aside(note.first, "its mark of a purge is of another partition"),
            Err(error) => self.set_aside(note.first, &error.to_string()),
        }
        Ok(())
    }

    fn look_for_holes(&self) {
        let mut end = 0;
        let mut notes: Vec<Note> = self.notes.read().values().cloned().collect();
        notes.extend(self.purged.read().values().map(|purged| purged.note.clone()));
        notes.sort_unstable_by_key(|note| note.first);
        for note in notes {
            if note.first != end + 1 {
                let hole = format!("entries {} to {} are missing from the store", end + 1, note.first - 1);
                tracing::error!(from = end + 1, below = note.first, "entries are missing from the store");
                self.damage.lock().push(hole);
            }
            end = note.head().sequence;
        }
    }
}

/// True while a database is still being closed: sled holds a lock on its file until then.
fn is_locked(partition: &Path) -> bool {
    let file = fs::File::open(partition.join(DATABASE).join("db"));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

pub(super) fn io_error(error: io::Error) -> StoreError {
    StoreError::Io(error.to_string())
}

fn first_of(name: &str) -> Option<u64> {
    let is_number = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| name.parse().ok()).flatten()
}

const ASIDE: &str = ".quarantined-";
