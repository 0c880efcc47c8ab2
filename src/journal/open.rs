//! Opening: every segment is read, what is damaged is told, and the writer goes on behind the highest
//! entry that is known.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;

use super::disk::{self, Disk, RealDisk};
use super::read::{self, Ending, Expected, Scan};
use super::writer::{Active, Condition, Finished, Observe, Shared, Writer};
use super::{Journal, JournalError};
use crate::store::{Head, Sealed};

/// How a journal is kept.
pub struct Settings {
    /// Where.
    pub directory: PathBuf,
    /// Whose: segments of another instance are set aside.
    pub instance: Uuid,
    /// A segment is finished when it is so long, in bytes.
    pub segment_bytes_max: u64,
    /// The highest entry known from elsewhere: no lower sequence is given out again.
    pub floor: Head,
    /// Told how long each write and sync took.
    pub observe: Observe,
}

/// An opened journal.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// The entry that the next append continues.
    pub head: Head,
    /// What was found damaged, a sentence each; already logged.
    pub damage: Vec<String>,
}

/// Opens a journal, made if it is not there. Every entry that can be read goes to `take`, in order.
///
/// # Errors
/// When the directory cannot be used, or a newer version wrote there. Damage is no error.
pub fn open(settings: Settings, take: &mut dyn FnMut(Sealed)) -> Result<Opened, JournalError> {
    open_on(settings, Box::new(RealDisk), take)
}

/// The instance whose journal a directory holds, by the newest segment that says so.
pub fn instance_in(directory: &Path) -> Option<Uuid> {
    let segments = disk::segments(directory).ok()?;
    segments.iter().rev().find_map(|(_, path)| read::instance_of(path))
}

pub(super) fn open_on(
    settings: Settings,
    disk: Box<dyn Disk>,
    take: &mut dyn FnMut(Sealed),
) -> Result<Opened, JournalError> {
    let Settings { directory, instance, segment_bytes_max, floor, observe } = settings;
    disk::make_directory(&directory).map_err(|error| JournalError::io("make", &directory, &error))?;
    let shared = Arc::new(Shared::default());
    let mut survey = Survey { head: floor, last: None, shared: &shared, damage: Vec::new() };
    survey.read_all(&directory, instance, take)?;
    let Survey { head, last, damage, .. } = survey;
    let mut writer = Writer {
        active: last.and_then(|last| resume(&*disk, last, head, &shared)),
        directory,
        instance,
        segment_bytes_max,
        disk,
        observe,
        shared: Arc::clone(&shared),
        head,
    };
    // A full disk must not keep the proxy from starting: the first append tries again.
    if let Err(error) = writer.ensure_active() {
        tracing::error!(%error, "the journal cannot be written");
        *shared.trouble.lock() = Some((error, Instant::now()));
    }
    Ok(Opened { journal: start(writer, shared)?, head, damage })
}

/// Where a segment stands among the others.
struct Place {
    first: u64,
    /// The first sequence of the next segment of ours.
    below: Option<u64>,
    is_last: bool,
}

/// The newest segment, when it can be written on.
struct Last {
    path: PathBuf,
    first: u64,
    good_bytes: u64,
    end: Head,
}

struct Survey<'a> {
    head: Head,
    last: Option<Last>,
    shared: &'a Shared,
    damage: Vec<String>,
}

impl Survey<'_> {
    fn read_all(
        &mut self,
        directory: &Path,
        instance: Uuid,
        take: &mut dyn FnMut(Sealed),
    ) -> Result<(), JournalError> {
        let io = |error| JournalError::io("list", directory, &error);
        for (place, path) in places(directory, instance).map_err(io)? {
            let scan = read::scan(&path, &Expected { instance, below: place.below }, take)?;
            self.missing(place.first, &path);
            self.file(place, &path, scan);
        }
        Ok(())
    }

    /// Tells of entries between the segments that no file holds.
    fn missing(&mut self, first: u64, path: &Path) {
        if first > self.head.sequence.saturating_add(1) && self.head.sequence > 0 {
            let why = format!("entries {} to {} are missing before it", self.head.sequence + 1, first - 1);
            self.tell(path, &why);
        }
    }

    /// Decides what becomes of a segment that was read.
    fn file(&mut self, place: Place, path: &Path, scan: Scan) {
        let Place { first, below, is_last } = place;
        let Scan { end, taken, good_bytes, ending } = scan;
        if let Some(end) = end.filter(|end| end.sequence > self.head.sequence) {
            self.head = end;
        }
        let last = end.map_or(first.saturating_sub(1), |end| end.sequence);
        let is_short = below.is_some_and(|below| last.saturating_add(1) < below);
        match (ending, is_last) {
            (Ending::Foreign, _) => {
                self.tell(path, "it belongs to another instance, or is no plain file");
                self.set_aside(path, "foreign");
            }
            (Ending::Damaged(why), _) => {
                self.tell(path, &why);
                self.keep_damaged(path, last, taken);
            }
            (Ending::Torn, false) if is_short => {
                self.tell(path, &format!("it ends after entry {last}, before its time"));
                self.keep_damaged(path, last, taken);
            }
            (Ending::Torn, true) if good_bytes == 0 => {
                tracing::warn!(path = %path.display(), "a journal segment without a header was removed");
                let _ = std::fs::remove_file(path);
            }
            (Ending::Torn | Ending::Whole, true) => {
                self.last = end.map(|end| Last { path: path.to_owned(), first, good_bytes, end });
            }
            (Ending::Torn | Ending::Whole, false) => self.finished(path, last, Condition::Good),
        }
    }

    fn keep_damaged(&mut self, path: &Path, last: u64, taken: u64) {
        if taken == 0 {
            self.set_aside(path, "damaged");
        } else {
            self.finished(path, last, Condition::Damaged);
        }
    }

    fn finished(&self, path: &Path, last: u64, condition: Condition) {
        self.shared.finished.lock().push(Finished { path: path.to_owned(), last, condition });
    }

    fn set_aside(&self, path: &Path, mark: &str) {
        if let Err(error) = disk::set_aside(path, mark) {
            tracing::error!(path = %path.display(), %error, "a journal segment cannot be set aside");
        }
    }

    fn tell(&mut self, path: &Path, why: &str) {
        tracing::error!(path = %path.display(), why, "a journal segment is damaged");
        self.damage.push(format!("{}: {why}", path.display()));
    }
}

/// Reads all segments and changes none; what cannot be read was told when the journal was opened.
pub(super) fn replay(directory: &Path, instance: Uuid, take: &mut dyn FnMut(Sealed)) {
    for (place, path) in places(directory, instance).unwrap_or_default() {
        if let Err(error) = read::scan(&path, &Expected { instance, below: place.below }, take) {
            tracing::warn!(path = %path.display(), %error, "a journal segment cannot be read again");
        }
    }
}

/// The segments of a directory, in order.
fn places(directory: &Path, instance: Uuid) -> io::Result<Vec<(Place, PathBuf)>> {
    let segments = disk::segments(directory)?;
    // A stray file must not make our own entries count for nothing, so only a segment of ours bounds.
    let ours: Vec<u64> = segments
        .iter()
        .filter(|(_, path)| read::instance_of(path) == Some(instance))
        .map(|(first, _)| *first)
        .collect();
    let last = segments.last().map(|(first, _)| *first);
    let place = |(first, path)| {
        let below = ours.iter().copied().find(|next| *next > first);
        (Place { first, below, is_last: Some(first) == last }, path)
    };
    Ok(segments.into_iter().map(place).collect())
}

/// Opens the newest segment for going on, its torn tail cut. Falls back to a new segment.
fn resume(disk: &dyn Disk, last: Last, head: Head, shared: &Shared) -> Option<Active> {
    let Last { path, first, good_bytes, end } = last;
    let length = path.metadata().map_or(good_bytes, |data| data.len());
    if length > good_bytes {
        let cut_bytes = length - good_bytes;
        tracing::warn!(path = %path.display(), cut_bytes, after = end.sequence, "a torn tail was cut off");
    }
    match disk.resume(&path, good_bytes) {
        Ok(file) if end == head => Some(Active { file, path, first, bytes: good_bytes }),
        Ok(_) => {
            let finished = Finished { path, last: end.sequence, condition: Condition::Good };
            shared.finished.lock().push(finished);
            None
        }
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a journal segment cannot be written on");
            let finished = Finished { path, last: end.sequence, condition: Condition::Damaged };
            shared.finished.lock().push(finished);
            None
        }
    }
}

fn start(writer: Writer, shared: Arc<Shared>) -> Result<Journal, JournalError> {
    let (queue, waiting) = mpsc::channel();
    let (guard, ended) = mpsc::channel::<()>();
    let (directory, instance) = (writer.directory.clone(), writer.instance);
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || {
            writer.run(&waiting);
            drop(guard);
        })
        .map_err(|error| JournalError::io("start a thread for", &directory, &error))?;
    Ok(Journal {
        queue: Mutex::new(Some(queue)),
        shared,
        directory,
        instance,
        writer: thread.thread().clone(),
        ended: Mutex::new(ended),
    })
}
