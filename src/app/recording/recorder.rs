//! The recorder: stands where the audit would stand, wants every request, and writes each exchange to a
//! file, redacted.
//!
//! Redaction happens on the worker, before anything is handed on; a thread of its own writes, so that a
//! slow disk holds up nobody. What it cannot keep up with is lost to the file, never to the client, and is
//! counted. The file is a whole HAR after every write (see [`har::TAIL`]).

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::derive::{Answers, Plan, ReadRequest};
use crate::event::{Event, MatchedBy};
use crate::exchange::{Capture, Client, Exchange, Request};
use crate::proxy::{Audit, Recording};
use crate::record::Urgency;
use crate::rules::model::RuleSet;
use crate::rules::redact::{Key, Redactor, Secrets};
use crate::rules::router::{Candidate, HeadView};
use crate::traffic::har::{self, Writing};

/// Records every exchange. Shared by all workers.
pub(super) struct Recorder {
    key: Key,
    secrets: Vec<Secrets>,
    decoded_bytes_max: usize,
    /// `None` once recording has ended.
    entries: Mutex<Option<SyncSender<String>>>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
}

/// What was recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorded {
    /// Exchanges in the file.
    pub(super) written: u64,
    /// Exchanges that are not: the disk was too slow or full, or the file at its limit.
    pub(super) lost: u64,
}

/// The thread that writes.
pub(super) struct Writer(JoinHandle<std::io::Result<()>>);

impl Recorder {
    /// A recorder into a new file that only its owner may read. What these rules call a secret is one too;
    /// what they reveal is not revealed.
    ///
    /// # Errors
    /// When the file is there already or cannot be made.
    pub(super) fn new(path: &Path, rules: &RuleSet, decoded_bytes_max: usize) -> Result<(Recorder, Writer)> {
        let mut key = [0; 32];
        // Forgotten at the end: hashes can be compared within one file and nowhere else.
        getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random key can be made: {error}"))?;
        let told = || format!("{} cannot be made", path.display());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.with_context(told)?;
        file.write_all(har::HEAD.as_bytes()).with_context(told)?;
        file.write_all(har::TAIL.as_bytes()).with_context(told)?;
        let counts = Arc::new(Counts::default());
        let (sender, entries) = sync_channel(QUEUE_MAX);
        let of_writer = Arc::clone(&counts);
        let thread = std::thread::Builder::new().name("recording".to_owned());
        let thread = thread.spawn(move || write_all(file, &entries, &of_writer))?;
        let of_packs = rules.packs.iter().flat_map(|pack| {
            let of_rules = pack.rules.iter().map(|rule| Secrets::new(&rule.redact, &[]));
            std::iter::once(Secrets::new(&pack.redact, &[])).chain(of_rules)
        });
        let recorder = Recorder {
            key: Key::new(key),
            secrets: of_packs.collect(),
            decoded_bytes_max,
            entries: Mutex::new(Some(sender)),
            counts,
        };
        Ok((recorder, Writer(thread)))
    }

    /// Ends the recording: what comes now is passed on only.
    pub(super) fn finish(&self, writer: Writer) -> Result<Recorded> {
        drop(self.entries.lock().take());
        writer
            .0
            .join()
            .map_err(|_| anyhow::anyhow!("the writer of the recording has failed"))?
            .context("the recording cannot be written on")?;
        let Counts { written, lost } = &*self.counts;
        Ok(Recorded { written: written.load(Ordering::Relaxed), lost: lost.load(Ordering::Relaxed) })
    }

    fn take(&self, exchange: &Exchange) {
        let redactor = Redactor::new(&self.key, &self.secrets);
        let (key, decoded_bytes_max) = (&self.key, self.decoded_bytes_max);
        let entry = Writing { redactor: &redactor, key, decoded_bytes_max }.entry(exchange);
        let entries = self.entries.lock();
        if let Some(entries) = &*entries
            && entries.try_send(entry).is_err()
        {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes until the recorder is done. Each write puts an entry and the file's end over the end that is
/// there: whoever kills us leaves a whole file, unless it is within that one write.
fn write_all(mut file: File, entries: &Receiver<String>, counts: &Counts) -> std::io::Result<()> {
    let mut at = har::HEAD.len() as u64;
    let mut outcome = Ok(());
    for (index, entry) in entries.iter().enumerate() {
        let comma = if index == 0 { "\n" } else { ",\n" };
        let text = [comma, &entry, har::TAIL].concat();
        let is_full = at + text.len() as u64 > FILE_BYTES_MAX;
        if is_full || outcome.is_err() {
            counts.lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        outcome = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(text.as_bytes()));
        match &outcome {
            Ok(()) => {
                at += (text.len() - har::TAIL.len()) as u64;
                counts.written.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    // Half an entry behind the last whole one is taken back.
    if outcome.is_err() {
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(har::TAIL.as_bytes())?;
    }
    outcome.and(file.sync_all())
}

impl Audit for Recorder {
    fn candidates(&self, _: &HeadView<'_>) -> Vec<Candidate> {
        // No rule's: it only makes the proxy copy.
        vec![Candidate {
            pack: 0,
            rule: 0,
            line: 0,
            parts: Vec::new(),
            by: MatchedBy::Raw,
            method_from_body: None,
            uncertain: Vec::new(),
            notes: Vec::new(),
        }]
    }

    fn plan(&self, candidates: Vec<Candidate>, _: &Request, _: &Client) -> Plan {
        candidates.into()
    }

    fn plan_with_body(&self, plan: Plan, _: &Request, _: &Client, _: &Capture) -> Plan {
        plan
    }

    fn reads_after(&self, _: &Plan, _: &Exchange, _: &Answers) -> Vec<ReadRequest> {
        Vec::new()
    }

    fn derive(&self, _: Plan, exchange: &Exchange, _: &Answers, _: &mut dyn FnMut() -> Uuid) -> Vec<Event> {
        self.take(exchange);
        Vec::new()
    }

    fn record(&self, _: Vec<Event>, _: Option<Uuid>, _: Urgency) -> Recording {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Exchanges that wait to be written.
const QUEUE_MAX: usize = 1_024;
/// What `replay` still reads.
const FILE_BYTES_MAX: u64 = 512 << 20;
