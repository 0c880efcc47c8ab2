//! What keeping and finding events costs, as a table: taking them in, their bytes on the disk, questions for the newest
//! fifty, counts, the first answer after a start, an export, a check of everything.
//!
//! ```text
//! cargo bench --bench store -- [events] [folder] [fill|beside|ask|export|check ...]
//! ```
//!
//! A million events without a number. With a folder they and the questions are written there, for `peers.py`, which
//! asks PostgreSQL and SQLite the same. `TMPDIR` is where the store lies; with `STORE=folder` it lies there and stays, and
//! the next run needs not `fill` it. Without a word everything is measured, each in a process of its own.

mod beside;
mod events;
mod questions;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use earwitness::export::{Encoder, Facts, Format, Shape, Telltale};
use earwitness::store::{
    Embedded, Filter, Interval, Keyword, LeafCheck, Order, Page, Pieces, Query, Sealed, Store, Tally, hex,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use events::Events;
use questions::{Question, questions};

fn main() -> Result<()> {
    let args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let (phases, args): (Vec<String>, Vec<String>) = args.partition(|arg| PHASES.contains(&arg.as_str()));
    let count = args.first().map_or(Ok(1_000_000), |count| count.parse()).context("how many events?")?;
    let events = Events::new(count)?;
    let questions = questions(&events, TIMES);
    if let Some(folder) = args.get(1) {
        write(&events, &questions, Path::new(folder))?;
    }
    let passing = tempfile::tempdir()?;
    let folder = std::env::var_os("STORE").map_or(passing.path().to_owned(), PathBuf::from);
    let mut out = io::stdout();
    if phases.is_empty() {
        writeln!(out, "| {count} events over sixty days | |\n|---|---|")?;
        return PHASES.iter().try_for_each(|phase| alone(count, phase, &folder));
    }
    for phase in phases {
        match phase.as_str() {
            "fill" => fill(&events, &folder, &mut out)?,
            "beside" => {
                beside::measure(None, &mut out)?;
                beside::measure(Some(AIMED), &mut out)?;
            }
            "ask" => asked(&folder, &questions, &mut out)?,
            "export" => export(&opened(&folder)?, &folder, &mut out)?,
            "check" => check(&opened(&folder)?, &mut out)?,
            other => anyhow::bail!("{other} is nothing that is measured"),
        }
        let (most, own) = (memory_mb("VmHWM")?, memory_mb("RssAnon")?);
        row(&mut out, "the most memory of it", &format!("{most} MB; {own} not of files at its end"))?;
    }
    Ok(())
}

/// Measures one thing in a process of its own: what others have left of their memory is not what it takes.
fn alone(count: u64, phase: &str, folder: &Path) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let done = command.args([&count.to_string(), phase]).env("STORE", folder).status()?;
    anyhow::ensure!(done.success(), "{phase} did not end well");
    Ok(())
}

/// Opens it anew, and asks everything.
fn asked(folder: &Path, questions: &[Vec<Question>], out: &mut impl Write) -> Result<()> {
    let store = first_answer(folder, questions, out)?;
    for asked in questions {
        ask(&store, asked, out)?;
    }
    counts(&store, out)
}

fn row(out: &mut impl Write, what: &str, figure: &str) -> Result<()> {
    writeln!(out, "| {what} | {figure} |")?;
    Ok(out.flush()?)
}

fn opened(folder: &Path) -> Result<Embedded> {
    Ok(Embedded::open(&folder.join("store"), Uuid::from_u128(1))?)
}

/// Hands events over as the mover does, and has the index made as the indexer does.
fn fill(events: &Events, folder: &Path, out: &mut impl Write) -> Result<()> {
    let store = opened(folder)?;
    let (mut appending, mut indexing, mut packing) = (Work::default(), Work::default(), Work::default());
    let (mut bytes, mut n) = (0, 0);
    while n < events.count {
        let batch = events.sealed(store.head(), n, MOVE_EVENTS)?;
        bytes += batch.iter().map(|entry| entry.json.len() as u64).sum::<u64>();
        n += batch.len() as u64;
        appending.add(|| Ok(store.append(&batch)?))?;
        if store.unindexed() >= Embedded::UNINDEXED_FEW || n == events.count {
            indexing.add(|| Ok(store.index(&|| false)?))?;
        }
    }
    packing.add(|| {
        while store.pack_next(&|| false)? {}
        Ok(())
    })?;
    row(out, "an event's JSON", &format!("{} bytes", bytes / events.count))?;
    let all = Work {
        took: appending.took + indexing.took + packing.took,
        cpu: appending.cpu + indexing.cpu + packing.cpu,
    };
    for (what, work) in [
        ("handed over, to the disk", appending),
        ("indexed, all merged", indexing),
        ("packed", packing),
        ("one after the other", all),
    ] {
        row(out, what, &work.each(events.count))?;
    }
    store.close();
    let (index, all) = disk_bytes(&folder.join("store"), false)?;
    let each = |bytes: u64| bytes / events.count;
    row(out, "on the disk, an event", &format!("{} bytes, {} of them the index", each(all), each(index)))
}

/// How long something took, and what it computed.
#[derive(Clone, Copy, Default)]
struct Work {
    took: Duration,
    cpu: Duration,
}

impl Work {
    fn add(&mut self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let (began, before) = (Instant::now(), cpu()?);
        work()?;
        self.took += began.elapsed();
        self.cpu += cpu()?.saturating_sub(before);
        Ok(())
    }

    fn each(&self, count: u64) -> String {
        let rate = count as f64 / self.took.as_secs_f64();
        let cpu_us = self.cpu.as_secs_f64() * 1e6 / count as f64;
        format!("{rate:.0} events/s, {cpu_us:.1} \u{b5}s CPU each")
    }
}

/// Opens it anew and asks: every index that is looked at is read once, for its checksums.
fn first_answer(folder: &Path, questions: &[Vec<Question>], out: &mut impl Write) -> Result<Embedded> {
    let began = Instant::now();
    let store = opened(folder)?;
    store.query(&query(Filter::default()))?;
    row(out, "opened, and the newest fifty", &format!("{} ms", began.elapsed().as_millis()))?;
    let began = Instant::now();
    if let Some(question) = questions.iter().flatten().find(|question| question.target_id.is_some()) {
        store.query(&query(question.filter()?))?;
    }
    row(out, "the first search through all", &format!("{} ms", began.elapsed().as_millis()))?;
    Ok(store)
}

fn query(filter: Filter) -> Query {
    Query { filter, order: Order::Newest, after: None, limit: 50, time_max: Duration::from_secs(600) }
}

fn ask(store: &Embedded, questions: &[Question], out: &mut impl Write) -> Result<()> {
    let (mut took_ms, mut found) = (Vec::new(), 0);
    for question in questions {
        let query = query(question.filter()?);
        let began = Instant::now();
        found += store.query(&query)?.events.len();
        took_ms.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let (p50, p99) = percentiles(took_ms);
    let name = questions.first().map_or("", |question| question.name);
    row(out, name, &format!("{p50:.2} ms, p99 {p99:.2} ms ({} found)", found / questions.len().max(1)))
}

fn counts(store: &Embedded, out: &mut impl Write) -> Result<()> {
    let filtered = Question {
        action: Some("RESCHEDULED".to_owned()),
        word: Some("review".to_owned()),
        ..Question::default()
    };
    let tally = |filter: Filter| Tally {
        filter,
        below: None,
        facets: Vec::new(),
        pieces: None,
        time_max: Duration::from_secs(600),
    };
    let days = Some(Pieces { interval: Interval::Day, zone: TimeZone::UTC });
    let asked = [
        ("all facets of everything", Tally { facets: Keyword::FACETS.to_vec(), ..tally(Filter::default()) }),
        ("days of everything", Tally { pieces: days.clone(), ..tally(Filter::default()) }),
        ("count of an action with a word", tally(filtered.filter()?)),
        ("all facets of them", Tally { facets: Keyword::FACETS.to_vec(), ..tally(filtered.filter()?) }),
        ("days of them", Tally { pieces: days, ..tally(filtered.filter()?) }),
    ];
    for (what, tally) in asked {
        let mut took_ms = Vec::new();
        let mut total = 0;
        for _ in 0..COUNTED_TIMES {
            let began = Instant::now();
            total = store.tally(&tally)?.total;
            took_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        let first = took_ms.first().copied().unwrap_or_default();
        let (p50, _) = percentiles(took_ms);
        row(out, what, &format!("{p50:.2} ms, the first time {first:.1} ms ({total} events)"))?;
    }
    Ok(())
}

/// Everything as CSV.
fn export(store: &Embedded, folder: &Path, out: &mut impl Write) -> Result<()> {
    let (began, before) = (Instant::now(), cpu()?);
    let shape = Shape::new(Format::Csv, &[], None, Telltale::No).map_err(|odd| anyhow::anyhow!("{odd:?}"))?;
    let facts = Facts::new(Timestamp::now(), Vec::new(), None, false, None);
    let (mut file, mut bytes) = (BufWriter::new(File::create(folder.join("all.csv"))?), Vec::new());
    let mut encoder = Encoder::new(shape, facts, &mut bytes)?;
    let (sender, pages) = mpsc::sync_channel::<Page<Sealed>>(0);
    thread::scope(|scope| -> Result<()> {
        // As the endpoint does it: a page is read while the one before is written.
        let reading = scope.spawn(move || -> Result<()> {
            let mut query = Query { limit: 1_000, ..query(Filter::default()) };
            loop {
                let page = store.entries(&query)?;
                query.after = page.next;
                if sender.send(page).is_err() || query.after.is_none() {
                    return Ok(());
                }
            }
        });
        for page in pages {
            for entry in &page.events {
                encoder.put(&told(entry)?, &mut bytes)?;
            }
            file.write_all(&bytes)?;
            bytes.clear();
        }
        reading.join().unwrap_or_else(|_| Err(anyhow::anyhow!("reading panicked")))
    })?;
    let count = encoder.count();
    encoder.finish(&mut file)?;
    file.flush()?;
    let work = Work { took: began.elapsed(), cpu: cpu()?.saturating_sub(before) };
    row(out, "all of it as CSV", &work.each(count))
}

/// An event with its place, as the endpoint gives it.
fn told(sealed: &Sealed) -> Result<String> {
    let json = std::str::from_utf8(&sealed.json)?;
    let (leaf, salt) = (hex(&sealed.leaf), hex(&sealed.salt));
    Ok(format!("{{\"sequence\":{},\"leaf\":\"{leaf}\",\"salt\":\"{salt}\",{}", sealed.sequence, &json[1..]))
}

/// Computes every leaf, and the tree of them all, anew.
fn check(store: &Embedded, out: &mut impl Write) -> Result<()> {
    let mut work = Work::default();
    work.add(|| {
        let mut check = LeafCheck::forward(Uuid::from_u128(1));
        store.check(&mut check, &mut |_| ControlFlow::Continue(()))?;
        anyhow::ensure!(check.finish().is_sound(), "the log is not sound");
        Ok(())
    })?;
    row(out, "all of it checked", &work.each(store.head().sequence))
}

/// Events and questions for other stores.
fn write(events: &Events, questions: &[Vec<Question>], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("questions.json"), serde_json::to_vec(questions)?)?;
    let mut file = BufWriter::new(File::create(folder.join("events.ndjson"))?);
    for n in 0..events.count {
        serde_json::to_writer(&mut file, &events.event(n))?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get((values.len() as f64 * part) as usize).copied().unwrap_or_default();
    (at(0.5), at(0.99))
}

/// What of a folder the indexes take, and all of it. Blobs of sled are files, too.
fn disk_bytes(path: &Path, is_index: bool) -> io::Result<(u64, u64)> {
    let (mut index, mut all) = (0, 0);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_index = is_index || entry.file_name() == "index";
        let (its_index, its_all) = match entry.file_type()?.is_dir() {
            true => disk_bytes(&entry.path(), is_index)?,
            false => (if is_index { entry.metadata()?.len() } else { 0 }, entry.metadata()?.len()),
        };
        (index, all) = (index + its_index, all + its_all);
    }
    Ok((index, all))
}

/// What the process has computed so far, on all cores; beside others, times say less than this.
fn cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("proc(5) has another form")?;
    // User and system time, in hundredths of a second.
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// A line of `/proc/self/status`.
fn memory_mb(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).context("proc(5) has another form")?;
    let kb: u64 = line.split_whitespace().nth(1).context("proc(5) has another form")?.parse()?;
    Ok(kb / 1024)
}

/// Events a second that a log is to take in, indexed, for as long as they come.
const AIMED: f64 = 20_000.0;
const PHASES: [&str; 5] = ["fill", "beside", "ask", "export", "check"];
/// How often each kind of question is put.
const TIMES: u64 = 200;
const COUNTED_TIMES: usize = 10;
/// As many as the mover hands over at once.
const MOVE_EVENTS: u64 = 1_024;
