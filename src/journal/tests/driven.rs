//! A journal whose writer runs when a test says so, for tests of what is built upon a journal: on one thread, in one
//! order, and on the simulated disk, which fails and dies at a call of the test's choice.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::sim::SimDisk;
use super::*;
use crate::journal::disk::segments;
use crate::journal::open::{Ready, prepare};
use crate::journal::writer::{Append, Writer};

/// The journal, and its writer.
pub(crate) struct Driven {
    pub(crate) journal: Journal,
    writer: Writer,
}

impl Driven {
    /// Opens what is on the disk, and hands out the events in it; `None` where the disk does not let it.
    pub(crate) fn open(
        disk: &SimDisk,
        segment_bytes_max: u64,
        floor: Head,
        take: &mut dyn FnMut(Sealed),
    ) -> Option<Driven> {
        let settings = Settings { segment_bytes_max, floor, ..settings(Path::new(DIRECTORY)) };
        let Ready { writer, damage, .. } = prepare(settings, Arc::new(disk.clone()), take).ok()?;
        assert!(damage.is_empty(), "{damage:?}");
        let (_, ended) = mpsc::channel();
        let journal = Journal {
            queue: Mutex::new(None),
            shared: Arc::clone(&writer.shared),
            disk: Arc::clone(&writer.disk),
            directory: writer.directory.clone(),
            instance: writer.instance,
            seal: writer.seal.clone(),
            writer: std::thread::current(),
            ended: Mutex::new(ended),
        };
        Some(Driven { journal, writer })
    }

    /// Writes appends of events as one batch; an answer for each.
    pub(crate) fn commit(&mut self, appends: &[Vec<Arc<[u8]>>]) -> Vec<Result<Vec<Sealed>, JournalError>> {
        let events = |append: &Vec<Arc<[u8]>>| append.iter().cloned().map(Payload::Event).collect();
        commit(&mut self.writer, appends.iter().map(events).collect())
    }

    /// The last event that counts.
    pub(crate) fn head(&self) -> Head {
        self.writer.head
    }

    /// How many segments there are.
    pub(crate) fn segments(&self) -> usize {
        segments(&*self.writer.disk, Path::new(DIRECTORY)).unwrap().len()
    }
}

/// Writes appends as one batch; an answer for each.
pub(super) fn commit(
    writer: &mut Writer,
    appends: Vec<Vec<Payload>>,
) -> Vec<Result<Vec<Sealed>, JournalError>> {
    let (count, answers) = (appends.len(), Arc::new(Mutex::new(BTreeMap::new())));
    let append = |(place, payloads): (usize, Vec<Payload>)| {
        let answers = Arc::clone(&answers);
        let done = Box::new(move |answer| drop(answers.lock().insert(place, answer)));
        Append { payloads, urgency: Urgency::Now, done }
    };
    writer.commit(appends.into_iter().enumerate().map(append).collect(), &mut Vec::new());
    let answers: Vec<_> = std::mem::take(&mut *answers.lock()).into_values().collect();
    assert_eq!(answers.len(), count, "each append is answered");
    answers
}

const DIRECTORY: &str = "/journal";
