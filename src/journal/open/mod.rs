//! Opening: every segment is read, what is damaged is told, and the writer goes on behind the highest
//! event that is known.

pub(super) mod read;
pub(super) mod survey;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;

use self::survey::{Last, Survey};
use super::disk::space::Reserve;
use super::disk::{self, Disk, RealDisk};
use super::finished::{Condition, Finished, Shared};
use super::format::header::Reach;
use super::format::seal::Seal;
use super::salts::Salts;
use super::writer::{Active, Observe, Writer};
use super::{Journal, JournalError};
use crate::store::{Head, Sealed};

/// How a journal is kept.
pub struct Settings {
    /// Where.
    pub directory: PathBuf,
    /// Whose: segments of another instance are set aside.
    pub instance: Uuid,
    /// The installation's key, which is kept elsewhere: what was not written with it does not count. Without it
    /// everything counts; that is for reading, where the key is not at hand.
    pub key: Option<[u8; 32]>,
    /// A segment is finished when it is so long, in bytes.
    pub segment_bytes_max: u64,
    /// How much of the disk is kept back for what has begun when it gets full, in bytes.
    pub reserve_bytes: u64,
    /// The highest event known from elsewhere: no lower sequence is given out again.
    pub floor: Head,
    /// Told how long each write and sync took.
    pub observe: Observe,
}

/// An opened journal.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// The event that the next append continues.
    pub head: Head,
    /// What was found damaged, a sentence each; already logged.
    pub damage: Vec<String>,
    /// Intents without a closing, by id: what was under way when the process or the machine ended. They stay
    /// open, and are found again at the next start, until they are closed.
    pub open: Vec<OpenIntent>,
}

/// An intent without a closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// What it is called.
    pub id: Uuid,
    /// What was known of it.
    pub body: Arc<[u8]>,
}

/// Opens a journal, made if it is not there. Every event that can be read goes to `take`, in order.
///
/// # Errors
/// When the directory cannot be used, or a newer version wrote there. Damage is no error.
pub fn open(settings: Settings, take: &mut dyn FnMut(Sealed)) -> Result<Opened, JournalError> {
    let Ready { writer, damage, open } = prepare(settings, Arc::new(RealDisk), take)?;
    let head = writer.head;
    Ok(Opened { journal: start(writer)?, head, damage, open })
}

/// The instance whose journal a directory holds, by the newest segment that says so.
pub fn instance_in(directory: &Path) -> Option<Uuid> {
    let segments = disk::segments(&RealDisk, directory).ok()?;
    segments.iter().rev().find_map(|(_, path)| Some(read::header_in(&RealDisk, path, None)?.instance))
}

/// A journal that was read and whose writer does not run yet.
pub(super) struct Ready {
    pub writer: Writer,
    pub damage: Vec<String>,
    pub open: Vec<OpenIntent>,
}

pub(super) fn prepare(
    settings: Settings,
    disk: Arc<dyn Disk>,
    take: &mut dyn FnMut(Sealed),
) -> Result<Ready, JournalError> {
    let Settings { directory, instance, key, segment_bytes_max, reserve_bytes, floor, observe } = settings;
    let seal = Seal::new(key.as_ref());
    disk.make_directory(&directory).map_err(|error| JournalError::io("make", &directory, &error))?;
    let Survey { head, open, last, number, mut reach, mut finished, damage, .. } =
        Survey::of(&*disk, &directory, (instance, &seal), floor, take)?;
    let found = open.iter().map(|(id, body)| OpenIntent { id, body: Arc::clone(body) }).collect();
    let active = last.and_then(|last| resume(&*disk, last, head, &mut reach, &mut finished));
    let reserve = Reserve::of(&*disk, &directory, reserve_bytes);
    let mut writer = Writer {
        directory,
        instance,
        stamp: seal.stamp(number),
        seal,
        segment_bytes_max,
        disk,
        observe,
        shared: Arc::new(Shared::default()),
        head,
        open,
        active,
        number,
        reach,
        left: finished,
        reserve,
        salts: Salts::default(),
    };
    // A full disk must not keep the proxy from starting: the first append tries again.
    if let Err(error) = writer.ensure_active() {
        tracing::error!(%error, "the journal cannot be written");
        *writer.shared.trouble.lock() = Some((error, Instant::now()));
    }
    Ok(Ready { writer, damage, open: found })
}

/// Opens the newest segment for going on, its torn tail cut. Falls back to a new segment.
fn resume(
    disk: &dyn Disk,
    last: Last,
    head: Head,
    reach: &mut Reach,
    finished: &mut Vec<Finished>,
) -> Option<Active> {
    let Last { path, number, good_bytes, end } = last;
    // Its name, too: who made it may have been killed before that was on the disk.
    let named = path.parent().map_or(Ok(()), |directory| disk.sync_directory(directory));
    let condition = match named.and_then(|()| disk.resume(&path, good_bytes)) {
        Ok(file) if end == head => return Some(Active::resumed(file, path, good_bytes)),
        Ok(_) => Condition::Good,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a journal segment cannot be written on");
            Condition::Damaged
        }
    };
    *reach = Reach { number, bytes: good_bytes };
    finished.push(Finished { path, last: end.sequence, condition });
    None
}

fn start(writer: Writer) -> Result<Journal, JournalError> {
    let (queue, waiting) = mpsc::channel();
    let (guard, ended) = mpsc::channel::<()>();
    let (directory, instance, seal) = (writer.directory.clone(), writer.instance, writer.seal.clone());
    let (shared, disk) = (Arc::clone(&writer.shared), Arc::clone(&writer.disk));
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
        disk,
        directory,
        instance,
        seal,
        writer: thread.thread().clone(),
        ended: Mutex::new(ended),
    })
}
