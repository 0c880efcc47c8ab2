//! `earwitness import`: an export of another log at the end of this one, for moving house.
//!
//! What comes in is the event that it was, byte for byte, with its id and its time, and a place of its own in this log's tree:
//! nothing that is there moves. It stands between two events of ours which say where it came from. Nothing else is recorded
//! meanwhile, since only a log that nobody holds is written to. What is there already, by its id, is passed over, so that an
//! import that broke off can be begun again.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use uuid::Uuid;

use super::verify::sound_file;
use super::{CLOSE_MAX, is_held};
use crate::api;
use crate::app::key;
use crate::app::serve::runtime;
use crate::cli::{Exit, ImportArgs, show};
use crate::config::{Config, environment};
use crate::event::own::{self, Own};
use crate::event::{Event, Outcome};
use crate::export::{Place, Taken, Wholeness};
use crate::record::{Log, Urgency};
use crate::store::{Filter, Order, Page, Query, Told, ToldErased};
use crate::telemetry::Metrics;
use crate::value::{Map, json};

/// Checks an export and records its events, oldest first.
///
/// # Errors
/// When the export is not sound, or the log is in use or cannot be written.
pub fn import(args: &ImportArgs) -> Result<Exit> {
    let config = match Config::load(args.config.as_deref(), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    let (count, log_then) = sound_file(&args.file)?;
    if is_held(&config.data_dir) {
        bail!(
            "the Earwitness whose log it is runs: stop it first, for nothing else may be recorded meanwhile"
        );
    }
    let key = key::load_or_create(&config.key_file)?;
    let log = Log::open(&config.data_dir, Some(key), &config.limits, Metrics::new())?;
    let origin = origin(&args.file, count, log_then);
    let imported = runtime()?.block_on(record(&log, &args.file, origin));
    log.close(CLOSE_MAX);
    let Imported { count, known } = imported?;
    writeln!(std::io::stdout(), "{count} events imported; {known} were there already")?;
    Ok(Exit::Done)
}

/// How an import came out.
#[derive(Default)]
struct Imported {
    count: u64,
    /// Events that the log had.
    known: u64,
}

/// Where the events come from: the file, how many it has, and where the log stood of which it is.
fn origin(file: &Path, count: u64, log: Option<Place>) -> Map {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut origin = Map::new();
    origin.insert("file", json!(name));
    origin.insert("events", json!(count));
    if let Some(log) = log {
        origin.insert("log", json!({ "sequence": log.sequence, "leaf": log.leaf, "id": log.id }));
    }
    origin
}

async fn record(log: &Log, file: &Path, mut origin: Map) -> Result<Imported> {
    let mut ids = ids(log)?;
    let begun = told("IMPORT_BEGUN", "Import begun", "What follows was recorded elsewhere", origin.clone());
    log.record(vec![begun], Urgency::Now).await?;
    let mut lines = Backwards::open(file)?;
    let (mut imported, mut batch) = (Imported::default(), Vec::new());
    while let Some(line) = lines.line()? {
        // Also told lines, of which the check has made use.
        let line = line.trim_ascii();
        if line.is_empty() || Wholeness::default().take(line) != Taken::Event {
            continue;
        }
        let event = event(line)?;
        if !ids.insert(event.id) {
            imported.known += 1;
            continue;
        }
        ensure!(
            !tells_of(&event, log.instance()),
            "event {} tells what was removed or erased from this very log, which nothing that comes from elsewhere can",
            event.id
        );
        imported.count += 1;
        batch.push(event);
        if batch.len() == BATCH {
            log.record(std::mem::take(&mut batch), Urgency::Now).await.context(BROKEN)?;
        }
    }
    log.record(batch, Urgency::Now).await.context(BROKEN)?;
    origin.insert("imported", json!(imported.count));
    origin.insert("known", json!(imported.known));
    let ended = told("IMPORT_ENDED", "Import ended", "What was recorded elsewhere ends here", origin);
    log.record(vec![ended], Urgency::Now).await?;
    Ok(imported)
}

/// True for an event that would excuse what is missing from that log.
fn tells_of(event: &Event, log: Uuid) -> bool {
    let json = serde_json::to_vec(event).unwrap_or_default();
    let purged = Told::by(&json).map(|told| told.log);
    purged.or_else(|| ToldErased::by(&json).map(|told| told.log)) == Some(log)
}

/// The ids of all events that there are.
fn ids(log: &Log) -> Result<HashSet<Uuid>> {
    let (mut ids, mut below) = (HashSet::new(), None);
    loop {
        let page = log.query(&Query {
            filter: Filter::default(),
            order: Order::Newest,
            after: below,
            limit: BATCH,
            time_max: PATIENCE,
        })?;
        ids.extend(page.events.iter().map(|found| found.event.id));
        ensure!(ids.len() <= IDS_MAX, "this log has more than {IDS_MAX} events: import into a new one");
        let Some(rest) = rest(&page, below) else { return Ok(ids) };
        below = rest;
    }
}

/// Below what the events are that come after a page; `None` where it was the last one.
fn rest(page: &Page, below: Option<u64>) -> Option<Option<u64>> {
    match (page.next, page.is_cut) {
        (Some(next), _) => Some(Some(next)),
        // Its time was over before anything was found: what is there must not be imported again.
        (None, true) => Some(below),
        (None, false) => None,
    }
}

/// The event in a line of an export, which must be written again as it stands there.
fn event(line: &[u8]) -> Result<Event> {
    let entry = api::sealed(line).context("a line is no event")?;
    let event: Event = serde_json::from_slice(&entry.json)?;
    let is_whole = serde_json::to_vec(&event).is_ok_and(|json| json == *entry.json);
    ensure!(is_whole, "event {} was written by another version, and would lose members", entry.sequence);
    Ok(event)
}

fn told(action: &str, title: &str, text: &str, details: Map) -> Event {
    let (id, time, text) = (Uuid::now_v7(), Timestamp::now(), text.to_owned());
    let own = Own { id, time, rule: "import", action, title, text, result: Outcome::Success };
    Event { details, actor: own::system("earwitness import"), ..own::event(own) }
}

/// The lines of a file from its end, since an export has the newest first.
struct Backwards {
    file: File,
    /// Bytes that were not read yet.
    left: u64,
    /// What stands behind them and was not handed out yet.
    piece: Vec<u8>,
}

impl Backwards {
    fn open(path: &Path) -> Result<Backwards> {
        let mut file = File::open(path)?;
        let left = file.seek(SeekFrom::End(0))?;
        Ok(Backwards { file, left, piece: Vec::new() })
    }

    /// The line before the last one.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let end = self.piece.len() - usize::from(self.piece.ends_with(b"\n"));
            if let Some(at) = memchr::memrchr(b'\n', &self.piece[..end]) {
                return Ok(Some(self.piece.split_off(at + 1)));
            }
            if self.left == 0 {
                let first = std::mem::take(&mut self.piece);
                return Ok((!first.is_empty()).then_some(first));
            }
            ensure!(self.piece.len() < LINE_BYTES_MAX, "a line is longer than any event");
            let step = self.left.min(PIECE_BYTES);
            self.left -= step;
            self.file.seek(SeekFrom::Start(self.left))?;
            let mut before = Vec::new();
            (&self.file).take(step).read_to_end(&mut before)?;
            before.append(&mut self.piece);
            self.piece = before;
        }
    }
}

const BATCH: usize = 500;
const BROKEN: &str = "the import broke off; begun again, it goes on";
const PATIENCE: Duration = Duration::from_secs(60);
const IDS_MAX: usize = 20_000_000;
const PIECE_BYTES: u64 = 1 << 20;
const LINE_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ERASED, PURGED};

    #[test]
    fn a_page_whose_time_was_over_is_not_the_last() {
        let page = |next, is_cut| Page { next, is_cut, ..Page::default() };
        for (next, is_cut, expected) in [
            (Some(7), false, Some(Some(7))),
            (Some(7), true, Some(Some(7))),
            (None, true, Some(Some(9))),
            (None, false, None),
        ] {
            assert_eq!(rest(&page(next, is_cut), Some(9)), expected);
        }
    }

    #[test]
    fn lines_come_from_the_end_however_the_file_ends() {
        let check = |text: &str, expected: &[&str]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let mut lines = Backwards::open(file.path()).unwrap();
            let mut found = Vec::new();
            while let Some(line) = lines.line().unwrap() {
                found.push(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            assert_eq!(found, expected);
        };
        check("", &[]);
        check("a", &["a"]);
        check("a\n", &["a"]);
        check("a\nb\n\nc", &["c", "", "b", "a"]);
        let long = "x".repeat(3 << 20);
        check(&format!("a\n{long}\nb\n"), &["b", &long, "a"]);
    }

    // THREATS S06
    #[test]
    fn what_comes_from_elsewhere_tells_of_no_removal_from_this_log() {
        let (ours, others) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let event = |rule: &str, action: &str, log: Uuid| {
            let gone =
                [("first", json!(1)), ("last", json!(9)), ("gone", json!(9)), ("events", json!([[3, 1]]))];
            let log = ("installation", json!(log.to_string()));
            let details = gone.into_iter().chain([log]).map(|(name, value)| (name.to_owned(), value));
            let (id, time, result) = (Uuid::nil(), Timestamp::UNIX_EPOCH, Outcome::Success);
            let (title, text) = ("It is gone", String::new());
            Event {
                details: details.collect(),
                ..own::event(Own { id, time, rule, action, title, text, result })
            }
        };
        for (rule, action) in [("retention", PURGED), ("erasure", ERASED)] {
            assert!(tells_of(&event(rule, action, ours), ours), "{action}");
            assert!(!tells_of(&event(rule, action, others), ours), "{action}");
            assert!(!tells_of(&event(rule, "MADE", ours), ours), "{action}");
        }
    }
}
