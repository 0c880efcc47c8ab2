//! A journal on a simulated disk, driven on the test's own thread, beside a model of what it must hold.

use std::collections::BTreeMap;

use super::driven::commit;
use super::random::Random;
use super::sim::SimDisk;
use super::*;
use crate::journal::disk::Disk;
use crate::journal::open::{Ready, prepare};
use crate::journal::writer::{Append, Writer};

/// The journal and its model.
pub(super) struct Rig {
    pub disk: SimDisk,
    pub writer: Writer,
    /// What must be there: everything acknowledged, and everything that was once read.
    pub events: Vec<Sealed>,
    /// How many of them a store holds.
    pub stored: usize,
    /// What may be found open, and how sure that is.
    pub intents: BTreeMap<u128, Standing>,
    pub segment_bytes_max: u64,
    last_id: u128,
}

/// What is known of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Acknowledged: it must be found.
    Open,
    /// It or its closing was tried and not acknowledged.
    Unsure,
}

impl Rig {
    pub(super) fn new(segment_bytes_max: u64) -> Rig {
        Rig::on(SimDisk::default(), segment_bytes_max)
    }

    pub(super) fn on(disk: SimDisk, segment_bytes_max: u64) -> Rig {
        let settings = Settings { segment_bytes_max, ..settings(Path::new(DIRECTORY)) };
        let ready = prepare(settings, Arc::new(disk.clone()), &mut |_| ()).unwrap();
        Rig {
            disk,
            writer: ready.writer,
            events: Vec::new(),
            stored: 0,
            intents: BTreeMap::new(),
            segment_bytes_max,
            last_id: 0,
        }
    }

    /// Writes appends as one batch, and takes note of what was acknowledged.
    pub(super) fn commit(&mut self, appends: Vec<Vec<Payload>>) -> Vec<Result<Vec<Sealed>, JournalError>> {
        let answers = commit(&mut self.writer, appends.clone());
        for (payloads, answer) in appends.iter().zip(&answers) {
            self.note(payloads, answer);
        }
        answers
    }

    fn note(&mut self, payloads: &[Payload], answer: &Result<Vec<Sealed>, JournalError>) {
        let first = self.events.len() as u64 + 1;
        if let Ok(sealed) = answer {
            assert_eq!(numbers(sealed), (first..first + sealed.len() as u64).collect::<Vec<u64>>());
            self.events.extend(sealed.iter().cloned());
        }
        for payload in payloads {
            match (payload, answer) {
                (Payload::Event(_), _) => {}
                (Payload::Intent { id, .. }, Ok(_)) => {
                    self.intents.insert(id.as_u128(), Standing::Open);
                }
                (Payload::Intent { id, .. }, Err(_)) => {
                    self.intents.insert(id.as_u128(), Standing::Unsure);
                }
                (Payload::Closed { id }, Ok(_)) => drop(self.intents.remove(&id.as_u128())),
                (Payload::Closed { id }, Err(_)) => {
                    self.intents.entry(id.as_u128()).and_modify(|standing| *standing = Standing::Unsure);
                }
            }
        }
    }

    /// An append of a random kind.
    pub(super) fn append(&mut self, random: &mut Random) -> Vec<Payload> {
        let mut payloads = Vec::new();
        for _ in 0..random.below(3) {
            let length = [0, 10, 80, 800][random.below(4)];
            payloads.push(event(&format!("{{\"text\":\"{}\"}}", "x".repeat(length))));
        }
        let open: Vec<u128> = self.intents.keys().copied().collect();
        match random.below(3) {
            0 => {
                self.last_id += 1;
                payloads.push(intent(self.last_id, &format!("{{\"id\":{}}}", self.last_id)));
            }
            1 if !open.is_empty() => payloads.push(closed(open[random.below(open.len())])),
            _ => {}
        }
        payloads
    }

    /// The store takes some more, and the journal lets go of what it may.
    pub(super) fn hand_over(&mut self, random: &mut Random) {
        self.stored += random.below(self.events.len() - self.stored + 1);
        self.writer.shared.release(&self.disk, Path::new(DIRECTORY), self.stored as u64);
    }

    /// The machine loses power.
    pub(super) fn cut_power(&mut self, random: &mut Random) {
        self.disk = self.disk.after_power_cut(random);
    }

    /// Opens the journal again, in a new process, and compares all that is found with the model.
    pub(super) fn reopen(&mut self, why: &str) {
        let floor = self.events[..self.stored].last().map_or_else(Head::default, Sealed::head);
        let settings =
            Settings { segment_bytes_max: self.segment_bytes_max, floor, ..settings(Path::new(DIRECTORY)) };
        let mut read = Vec::new();
        let disk = Arc::new(self.disk.clone());
        let Ready { writer, damage, open } =
            prepare(settings, disk, &mut |entry| read.push(entry)).expect(why);
        self.writer = writer;
        assert!(damage.is_empty(), "{why}: {damage:?}");
        let (held, fresh): (Vec<Sealed>, Vec<Sealed>) =
            read.into_iter().partition(|entry| entry.sequence <= self.stored as u64);
        for entry in held {
            assert_eq!(
                self.events[entry.sequence as usize - 1].leaf,
                entry.leaf,
                "{why}: {}",
                entry.sequence
            );
        }
        let acknowledged = self.events.split_off(self.stored);
        self.events.extend(fresh);
        let all: Vec<u64> = (1..=self.events.len() as u64).collect();
        assert_eq!(numbers(&self.events), all, "{why}: dense");
        assert_is_dense(&self.events);
        let again = self.events[self.stored..].get(..acknowledged.len()).map(numbers);
        assert_eq!(again, Some(numbers(&acknowledged)), "{why}: all that was acknowledged");
        assert!(self.events[self.stored..].starts_with(&acknowledged), "{why}: as it was");
        assert_eq!(self.writer.head, self.events.last().map_or_else(Head::default, Sealed::head), "{why}");
        self.compare_intents(&open, why);
    }

    fn compare_intents(&mut self, open: &[OpenIntent], why: &str) {
        let found: BTreeMap<u128, Standing> =
            open.iter().map(|intent| (intent.id.as_u128(), Standing::Open)).collect();
        for intent in open {
            assert_eq!(&*intent.body, format!("{{\"id\":{}}}", intent.id.as_u128()).as_bytes(), "{why}");
            assert!(self.intents.contains_key(&intent.id.as_u128()), "{why}: {intent:?} was closed");
        }
        for (id, standing) in &self.intents {
            assert!(*standing == Standing::Unsure || found.contains_key(id), "{why}: {id} is forgotten");
        }
        self.intents = found;
    }
}

/// A journal that was opened on given files.
pub(super) struct Found {
    disk: SimDisk,
    writer: Writer,
    pub damage: Vec<String>,
    pub open: Vec<OpenIntent>,
}

/// Opens a journal of given files, and hands out the events in it.
pub(super) fn open_journal(files: &[(PathBuf, Vec<u8>)]) -> (Found, Vec<Sealed>) {
    let disk = SimDisk::default();
    files.iter().for_each(|(path, bytes)| disk.put(path, bytes));
    open_disk(disk)
}

fn open_disk(disk: SimDisk) -> (Found, Vec<Sealed>) {
    let mut entries = Vec::new();
    let take = &mut |entry| entries.push(entry);
    let ready = prepare(settings(Path::new(DIRECTORY)), Arc::new(disk.clone()), take).unwrap();
    let Ready { writer, damage, open } = ready;
    (Found { disk, writer, damage, open }, entries)
}

impl Found {
    /// Appends one event.
    pub(super) fn append(&mut self, text: &str) -> Result<Vec<Sealed>, JournalError> {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |answer| drop(tell.send(answer)));
        let append = Append { payloads: vec![event(text)], urgency: Urgency::Now, done };
        self.writer.commit(vec![append], &mut Vec::new());
        told.recv().unwrap()
    }

    pub(super) fn release(&self, sequence: u64) {
        self.writer.shared.release(&self.disk, Path::new(DIRECTORY), sequence);
    }

    pub(super) fn reopened(self) -> (Found, Vec<Sealed>) {
        open_disk(self.disk)
    }

    pub(super) fn names(&self) -> Vec<String> {
        let names = self.disk.list(Path::new(DIRECTORY)).unwrap();
        names.into_iter().map(|name| name.into_string().unwrap()).collect()
    }
}

const DIRECTORY: &str = "/journal";
