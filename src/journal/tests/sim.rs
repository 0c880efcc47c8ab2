//! A disk in memory that can do what disks do: refuse at any call, fill up, and forget at a power cut what was
//! not synced, each sector and each name for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::random::Random;
use crate::journal::disk::{Disk, Segment};

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: Vec<File>,
    /// As programs see them.
    names: BTreeMap<PathBuf, usize>,
    /// As they are on the disk.
    durable: BTreeMap<PathBuf, usize>,
    /// What was done to names since they were last made durable.
    operations: Vec<Operation>,
    /// How many calls there were that can fail.
    calls: usize,
    fails: Range<usize>,
    kind: Option<ErrorKind>,
    /// How many calls there will be before the process dies; none for no end.
    life: Option<usize>,
    is_dead: bool,
    /// How many bytes there are in all; none for no end.
    capacity: Option<u64>,
}

#[derive(Clone, Default)]
struct File {
    /// As programs see it.
    bytes: Vec<u8>,
    /// As it was when it was last synced.
    durable: Vec<u8>,
    /// Sectors that were written since.
    dirty: BTreeSet<usize>,
    /// Sectors of which a failed sync was told: the kernel will not try them again.
    lost: BTreeSet<usize>,
    /// Space that was set apart, in bytes from the start.
    allocated: u64,
}

#[derive(Clone)]
enum Operation {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl SimDisk {
    /// The calls in `fails` go wrong, counted from now.
    pub(crate) fn fail(&self, fails: Range<usize>, kind: ErrorKind) {
        let mut state = self.0.lock();
        (state.calls, state.fails, state.kind) = (0, fails, Some(kind));
    }

    /// The process dies at a call, counted from now: that call is half done at the best, and none is done after it.
    pub(crate) fn die(&self, call: usize) {
        self.0.lock().life = Some(call);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().is_dead
    }

    /// True when the kernel has dropped something that it could not write, and programs still see it.
    pub(crate) fn has_lost(&self) -> bool {
        self.0.lock().files.iter().any(|file| !file.lost.is_empty())
    }

    /// What the next process finds when this one dies now: the kernel goes on.
    pub(crate) fn after_kill(&self) -> SimDisk {
        let mut state = std::mem::take(&mut *self.0.lock());
        state.be_calm();
        SimDisk(Arc::new(Mutex::new(state)))
    }

    /// How many calls were made since [`SimDisk::fail`].
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().calls
    }

    /// From now on there are so many bytes.
    pub(crate) fn set_capacity(&self, capacity: Option<u64>) {
        self.0.lock().capacity = capacity;
    }

    /// The bytes of a file, as programs see them.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.0.lock();
        state.names.get(path).map(|file| state.files[*file].bytes.clone()).unwrap_or_default()
    }

    /// Puts a file there that is on the disk already.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.0.lock();
        let file = state.files.len();
        state.files.push(File { bytes: bytes.to_vec(), durable: bytes.to_vec(), ..File::default() });
        state.names.insert(path.to_owned(), file);
        state.durable.insert(path.to_owned(), file);
    }

    /// What is left when the power goes now, as a disk of its own; this one is empty then.
    pub(crate) fn after_power_cut(&self, random: &mut Random) -> SimDisk {
        let mut state = std::mem::take(&mut *self.0.lock());
        for operation in std::mem::take(&mut state.operations) {
            if random.is_one_of(2) {
                operation.apply(&mut state.durable);
            }
        }
        state.names = state.durable.clone();
        let named: BTreeSet<usize> = state.names.values().copied().collect();
        for (number, file) in state.files.iter_mut().enumerate() {
            match named.contains(&number) {
                true => file.cut_power(random),
                false => *file = File::default(),
            }
        }
        state.be_calm();
        SimDisk(Arc::new(Mutex::new(state)))
    }
}

impl Operation {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Operation::Create(path, file) => drop(names.insert(path, file)),
            Operation::Rename(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            Operation::Remove(path) => drop(names.remove(&path)),
        }
    }
}

impl File {
    fn write(&mut self, bytes: &[u8]) {
        let sectors = self.bytes.len() / SECTOR_BYTES..=(self.bytes.len() + bytes.len()) / SECTOR_BYTES;
        self.lost.retain(|sector| !sectors.contains(sector));
        self.dirty.extend(sectors);
        self.bytes.extend_from_slice(bytes);
    }

    fn cut(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.allocated = 0;
        self.durable.truncate(length);
        self.dirty.retain(|sector| sector * SECTOR_BYTES < length);
        self.lost.retain(|sector| sector * SECTOR_BYTES < length);
    }

    fn sync(&mut self) {
        let mut synced = self.bytes.clone();
        for sector in &self.lost {
            let (from, to) = (sector * SECTOR_BYTES, ((sector + 1) * SECTOR_BYTES).min(synced.len()));
            synced[from..to].fill(0);
            if let Some(kept) = self.durable.get(from..to.min(self.durable.len())) {
                synced[from..from + kept.len()].copy_from_slice(kept);
            }
        }
        self.durable = synced;
        self.dirty.clear();
    }

    /// What was written and not synced may be there, or not, or in part.
    fn cut_power(&mut self, random: &mut Random) {
        let grown = self.bytes.len() - self.durable.len();
        let length = match random.below(3) {
            0 => self.bytes.len(),
            _ => self.durable.len() + random.below(grown + 1),
        };
        let mut left = self.durable.clone();
        left.resize(length, 0);
        let is_orderly = random.is_one_of(2);
        for sector in std::mem::take(&mut self.dirty) {
            let (from, to) = (sector * SECTOR_BYTES, ((sector + 1) * SECTOR_BYTES).min(length));
            // A disk that writes in order loses a tail; another one loses whatever it likes.
            let to = match random.below(4) {
                0 if is_orderly => break,
                0 => continue,
                1 => to.min(from + random.below(SECTOR_BYTES / TORN_BYTES) * TORN_BYTES),
                _ => to,
            };
            if from < to {
                left[from..to].copy_from_slice(&self.bytes[from..to]);
            }
        }
        self.bytes = left.clone();
        self.durable = left;
        self.lost.clear();
    }
}

impl State {
    /// Nothing fails from now on.
    fn be_calm(&mut self) {
        (self.calls, self.fails, self.kind) = (0, 0..0, None);
        (self.life, self.is_dead) = (None, false);
    }

    /// Counts a call; it may be one that fails, or the last one.
    fn call(&mut self) -> io::Result<()> {
        match &mut self.life {
            Some(0) => self.is_dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.is_dead {
            return Err(ErrorKind::Other.into());
        }
        let call = self.calls;
        self.calls += 1;
        match self.kind {
            Some(kind) if self.fails.contains(&call) => Err(kind.into()),
            Some(_) | None => Ok(()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn used_bytes(&self) -> u64 {
        let used = |file: &usize| self.files[*file].allocated.max(self.files[*file].bytes.len() as u64);
        self.names.values().map(used).sum()
    }

    /// Sets space apart for a file.
    fn allocate(&mut self, file: usize, bytes: u64) -> io::Result<()> {
        let had = self.files[file].allocated.max(self.files[file].bytes.len() as u64);
        let wanted = bytes.saturating_sub(had);
        if self.capacity.is_some_and(|capacity| self.used_bytes() + wanted > capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        let file = &mut self.files[file];
        file.allocated = file.allocated.max(bytes);
        Ok(())
    }

    fn name(&mut self, operation: Operation) {
        operation.clone().apply(&mut self.names);
        self.operations.push(operation);
    }
}

struct SimSegment(SimDisk, usize);

impl Disk for SimDisk {
    fn make_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let state = self.0.lock();
        let paths = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(paths.filter_map(|path| path.file_name().map(OsString::from)).collect())
    }

    fn is_plain(&self, path: &Path) -> io::Result<bool> {
        self.0.lock().file(path).map(|_| true)
    }

    fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read>> {
        let state = self.0.lock();
        let bytes = state.files[state.file(path)?].bytes.clone();
        let mut reader = Cursor::new(bytes);
        reader.set_position(from);
        Ok(Box::new(reader))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Segment>> {
        let mut state = self.0.lock();
        state.call()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(File::default());
        state.name(Operation::Create(path.to_owned(), file));
        Ok(Box::new(SimSegment(self.clone(), file)))
    }

    fn resume(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        let mut state = self.0.lock();
        state.call()?;
        let file = state.file(path)?;
        state.files[file].cut(length as usize);
        state.sync(file)?;
        Ok(Box::new(SimSegment(self.clone(), file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.call()?;
        state.file(from)?;
        state.name(Operation::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.call()?;
        state.file(path)?;
        state.name(Operation::Remove(path.to_owned()));
        Ok(())
    }

    fn hold(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.call()?;
        let file = state.file(path).unwrap_or(state.files.len());
        if file == state.files.len() {
            state.files.push(File::default());
            state.name(Operation::Create(path.to_owned(), file));
        }
        state.allocate(file, bytes)
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.call()?;
        state.operations.clear();
        state.durable = state.names.clone();
        Ok(())
    }
}

impl State {
    fn sync(&mut self, file: usize) -> io::Result<()> {
        let called = self.call();
        let file = &mut self.files[file];
        match called {
            Ok(()) => file.sync(),
            Err(_) if self.is_dead => {}
            // A kernel that could not write forgets that it had to: the next sync says "done".
            Err(_) => file.lost.append(&mut file.dirty),
        }
        called
    }
}

impl Segment for SimSegment {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock();
        let was_dead = state.is_dead;
        let called = state.call();
        if was_dead {
            return called;
        }
        let length = state.files[self.1].bytes.len() as u64 + bytes.len() as u64;
        let written = called.and_then(|()| state.allocate(self.1, length));
        // Short of an error, half of it is there.
        let bytes = if written.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        state.files[self.1].write(bytes);
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.0.lock().sync(self.1)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock();
        state.call()?;
        state.files[self.1].cut(length as usize);
        Ok(())
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock();
        state.call()?;
        state.allocate(self.1, length)
    }
}

const SECTOR_BYTES: usize = 512;
/// What a sector that is torn is torn at.
const TORN_BYTES: usize = 64;
