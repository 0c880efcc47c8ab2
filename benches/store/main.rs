//! What keeping and finding events costs, as a table: taking them in, their bytes on the disk, questions for the newest
//! fifty, counts, the first answer after a start, an export, a check of everything.
//!
//! ```text
//! cargo bench --bench store -- [events] [folder]
//! ```
//!
//! A million events without a number. With a folder they and the questions are written there, for `peers.py`, which
//! asks PostgreSQL and SQLite the same. `TMPDIR` is where the store lies.

mod events;
mod questions;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use earwitness::export::{Encoder, Facts, Format, Shape, Telltale};
use earwitness::store::{
    Embedded, Filter, Found, Interval, Keyword, LeafCheck, Order, Pieces, Query, Store, Tally, hex,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use events::Events;
use questions::{Question, questions};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let count = args.first().map_or(Ok(1_000_000), |count| count.parse()).context("how many events?")?;
    let events = Events::new(count)?;
    let questions = questions(&events, TIMES);
    if let Some(folder) = args.get(1) {
        write(&events, &questions, Path::new(folder))?;
    }
    let folder = tempfile::tempdir()?;
    let mut out = io::stdout();
    writeln!(out, "| {count} events over sixty days | |\n|---|---|")?;
    fill(&events, folder.path(), &mut out)?;
    let store = first_answer(folder.path(), &questions, &mut out)?;
    for asked in &questions {
        ask(&store, asked, &mut out)?;
    }
    counts(&store, &mut out)?;
    row(
        &mut out,
        "memory after all questions",
        &format!("{} MB, {} of them not of files", memory_mb("VmRSS")?, memory_mb("RssAnon")?),
    )?;
    export(&store, folder.path(), &mut out)?;
    check(&store, &mut out)
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
    let (mut appending, mut indexing, mut bytes, mut n) = (Duration::ZERO, Duration::ZERO, 0, 0);
    while n < events.count {
        let batch = events.sealed(store.head(), n, MOVE_EVENTS)?;
        bytes += batch.iter().map(|entry| entry.json.len() as u64).sum::<u64>();
        n += batch.len() as u64;
        let began = Instant::now();
        store.append(&batch)?;
        appending += began.elapsed();
        if store.unindexed() >= Embedded::UNINDEXED_FEW || n == events.count {
            let began = Instant::now();
            store.index(&|| false)?;
            indexing += began.elapsed();
        }
    }
    let rate = |took: Duration| events.count as f64 / took.as_secs_f64();
    row(out, "an event's JSON", &format!("{} bytes", bytes / events.count))?;
    row(out, "handed over, to the disk", &format!("{:.0} events/s", rate(appending)))?;
    row(out, "indexed, all merged", &format!("{:.0} events/s", rate(indexing)))?;
    row(out, "one after the other", &format!("{:.0} events/s", rate(appending + indexing)))?;
    row(out, "the most memory meanwhile", &format!("{} MB", memory_mb("VmHWM")?))?;
    store.close();
    let (index, all) = disk_bytes(&folder.join("store"), false)?;
    let each = |bytes: u64| bytes / events.count;
    row(out, "on the disk, an event", &format!("{} bytes, {} of them the index", each(all), each(index)))
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
    let began = Instant::now();
    let shape = Shape::new(Format::Csv, &[], None, Telltale::No).map_err(|odd| anyhow::anyhow!("{odd:?}"))?;
    let facts = Facts::new(Timestamp::now(), Vec::new(), None, false, None);
    let (mut file, mut bytes) = (BufWriter::new(File::create(folder.join("all.csv"))?), Vec::new());
    let mut encoder = Encoder::new(shape, facts, &mut bytes)?;
    let mut query = Query { limit: 1_000, ..query(Filter::default()) };
    loop {
        let page = store.query(&query)?;
        for found in &page.events {
            encoder.put(&told(found)?, &mut bytes)?;
        }
        file.write_all(&bytes)?;
        bytes.clear();
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let count = encoder.count();
    encoder.finish(&mut file)?;
    file.flush()?;
    let took = began.elapsed().as_secs_f64();
    row(
        out,
        "all of it as CSV",
        &format!("{took:.1} s ({:.0} events/s), {} MB of memory", count as f64 / took, memory_mb("RssAnon")?),
    )
}

/// An event with its place, as the endpoint gives it.
fn told(found: &Found) -> Result<String> {
    let sealed = &found.sealed;
    let json = std::str::from_utf8(&sealed.json)?;
    let (leaf, salt) = (hex(&sealed.leaf), hex(&sealed.salt));
    Ok(format!("{{\"sequence\":{},\"leaf\":\"{leaf}\",\"salt\":\"{salt}\",{}", sealed.sequence, &json[1..]))
}

/// Computes every leaf, and the tree of them all, anew.
fn check(store: &Embedded, out: &mut impl Write) -> Result<()> {
    let began = Instant::now();
    let mut check = LeafCheck::forward(Uuid::from_u128(1));
    store.check(&mut check, &mut |_| ControlFlow::Continue(()))?;
    let checked = check.finish();
    anyhow::ensure!(checked.is_sound(), "the log is not sound");
    row(out, "all of it checked", &format!("{:.1} s", began.elapsed().as_secs_f64()))
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

/// A line of `/proc/self/status`.
fn memory_mb(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).context("proc(5) has another form")?;
    let kb: u64 = line.split_whitespace().nth(1).context("proc(5) has another form")?.parse()?;
    Ok(kb / 1024)
}

/// How often each kind of question is put.
const TIMES: u64 = 200;
const COUNTED_TIMES: usize = 10;
/// As many as the mover hands over at once.
const MOVE_EVENTS: u64 = 1_024;
