//! What it costs to keep an event: serialising it, its place in the journal and the store, synced, with 1 to 256
//! exchanges recording at once; beside each, what the disk does with the same bytes alone. On a shared machine a disk is
//! another one from second to second, so both are measured in turn, and what is told is the median of the rounds, with
//! the least and the most of the ratio. Temporary files go where `TMPDIR` says: a disk that is none makes syncs cheaper
//! than they are.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use earwitness::config::Limits;
use earwitness::event::Event;
use earwitness::record::{Log, Urgency};
use earwitness::telemetry::Metrics;
use uuid::Uuid;

fn main() -> io::Result<()> {
    let event: Event = serde_json::from_str(EVENT)?;
    let mut out = io::stdout();
    writeln!(
        out,
        "events of {} bytes, each waited for until it is synced",
        serde_json::to_vec(&event)?.len()
    )?;
    for callers in [1, 16, 64, 256] {
        let rounds = (0..ROUNDS).map(|_| round(&event, callers)).collect::<io::Result<Vec<Round>>>()?;
        tell(&mut out, callers, &rounds)?;
    }
    Ok(())
}

/// Recording, and then the disk alone.
struct Round {
    run: Run,
    floor: Floor,
}

impl Round {
    /// Syncs, of those that the disk makes of the same bytes alone.
    fn of_the_floor(&self) -> f64 {
        100.0 * self.run.syncs / self.run.seconds / self.floor.per_second
    }
}

fn round(event: &Event, callers: usize) -> io::Result<Round> {
    let run = run(event, callers)?;
    let floor = floor(run.batch_bytes)?;
    Ok(Round { run, floor })
}

fn tell(out: &mut io::Stdout, callers: usize, rounds: &[Round]) -> io::Result<()> {
    let mid = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let ratios = || rounds.iter().map(Round::of_the_floor);
    writeln!(
        out,
        "{callers:>4} callers: {:>7.0} events/s in {:>5.0} syncs/s of {:.0} events, each of {:.2} ms; {:.2} ms until synced (median); \
         {:.1} us of CPU and {:.0} bytes in the store an event",
        mid(|round| round.run.events / round.run.seconds),
        mid(|round| round.run.syncs / round.run.seconds),
        mid(|round| round.run.events / round.run.syncs),
        mid(|round| round.run.sync_ms),
        mid(|round| round.run.median_ms),
        mid(|round| round.run.cpu_us),
        mid(|round| round.run.stored_bytes),
    )?;
    writeln!(
        out,
        "              the same bytes appended and synced by themselves: {:.0}/s, {:.2} ms (median); so {:.0} % of it \
         ({:.0} to {:.0} in {} rounds), and {:.2} ms more than one such sync",
        mid(|round| round.floor.per_second),
        mid(|round| round.floor.median_ms),
        mid(Round::of_the_floor),
        ratios().fold(f64::INFINITY, f64::min),
        ratios().fold(0.0, f64::max),
        rounds.len(),
        mid(|round| round.run.median_ms - round.floor.median_ms),
    )
}

/// What a run came to.
struct Run {
    events: f64,
    syncs: f64,
    seconds: f64,
    /// Of the time from asking until it is synced.
    median_ms: f64,
    /// The mean time of a sync.
    sync_ms: f64,
    /// Of an event, over all threads, the hand-over to the store included.
    cpu_us: f64,
    /// Of an event.
    stored_bytes: f64,
    /// What a sync wrote, on average.
    batch_bytes: usize,
}

fn run(event: &Event, callers: usize) -> io::Result<Run> {
    let directory = tempfile::tempdir()?;
    let metrics = Metrics::new();
    let log = Log::open(directory.path(), Some([7; 32]), &Limits::default(), Arc::clone(&metrics))
        .map_err(io::Error::other)?;
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (cpu, synced, started) = (cpu_ms()?, syncs(&metrics), Instant::now());
    let callers: Vec<_> =
        (0..callers).map(|_| runtime.spawn(record(Arc::clone(&log), event.clone(), started + RUN))).collect();
    let mut waits_ms = Vec::new();
    for caller in callers {
        waits_ms.extend(runtime.block_on(caller)?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let (count, sync_seconds) = syncs(&metrics);
    let (count, sync_seconds) = (count - synced.0, sync_seconds - synced.1);
    log.close(Duration::from_secs(20));
    let events = waits_ms.len() as f64;
    Ok(Run {
        events,
        syncs: count,
        seconds,
        median_ms: median(waits_ms),
        sync_ms: sync_seconds * 1000.0 / count,
        cpu_us: (cpu_ms()? - cpu) as f64 * 1000.0 / events,
        stored_bytes: bytes(&directory.path().join("store"))? as f64 / events,
        batch_bytes: ((serde_json::to_vec(event)?.len() + ENTRY_BYTES) as f64 * events / count) as usize,
    })
}

/// How long each event took until it was synced, in milliseconds.
async fn record(log: Arc<Log>, event: Event, until: Instant) -> Vec<f64> {
    let mut waits_ms = Vec::new();
    while Instant::now() < until {
        let event = Event { id: Uuid::now_v7(), ..event.clone() };
        let asked = Instant::now();
        if log.record(vec![event], Urgency::Now).await.is_ok() {
            waits_ms.push(asked.elapsed().as_secs_f64() * 1000.0);
        }
    }
    waits_ms
}

/// What the disk does with the same bytes when nobody does anything else.
struct Floor {
    per_second: f64,
    median_ms: f64,
}

fn floor(batch_bytes: usize) -> io::Result<Floor> {
    let mut file = tempfile::tempfile()?;
    let (batch, started) = (vec![b'x'; batch_bytes], Instant::now());
    let mut waits_ms = Vec::new();
    while started.elapsed() < RUN {
        let asked = Instant::now();
        file.write_all(&batch)?;
        file.sync_data()?;
        waits_ms.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Floor {
        per_second: waits_ms.len() as f64 / started.elapsed().as_secs_f64(),
        median_ms: median(waits_ms),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How many syncs of the journal there were, and how many seconds they took.
fn syncs(metrics: &Metrics) -> (f64, f64) {
    let syncs = &metrics.journal_sync_seconds;
    (syncs.get_sample_count() as f64, syncs.get_sample_sum())
}

/// User and system time of this process, from the kernel's ticks of 10 ms (proc(5), fields 14 and 15).
fn cpu_ms() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn bytes(path: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}

/// What an entry of the journal adds to an event's JSON.
const ENTRY_BYTES: usize = 74;
const RUN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const EVENT: &str = r#"{"format":1,"id":"0198c0de-0000-184b-a6ce-cc1b78e51061","time":"2026-01-12T10:00:00.846885253Z","exchangeId":"577106b2-0f55-4b53-9b41-b69493a4ff06","action":"RESCHEDULED","title":"RESCHEDULED","message":{"text":"Booking rescheduled from 2026-01-04 to 2026-02-25","parts":[{"text":"Booking rescheduled from "},{"value":"2026-01-04"},{"text":" to "},{"value":"2026-02-25"}]},"actor":{"type":"user","id":"108","name":"Cy Young","email":"cy@x.org","organization":"3","credential":"ddd4af3762b4ac354260977af7bde34a","assurance":"lookedUp","evidence":"application"},"target":{"type":"booking","id":"bk_414c343c","name":"Intro between Cy Young and Bob Smith"},"links":[{"rel":"rescheduled-to","type":"booking","id":"bk_18072e8c"}],"source":"API_V2","result":"success","reason":"other meeting","changes":[{"field":"start","label":"Start","before":"2026-01-04T15:00:00Z","after":"2026-02-25T15:00:00Z"},{"field":"end","label":"End","before":"2026-01-04T15:00:00Z","after":"2026-02-25T15:00:00Z"}],"before":{"state":"read"},"details":{"rescheduledBy":"cy@x.org"},"scope":{"organization":"3"},"client":{"ip":"192.0.2.8","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"},"request":{"id":"d5f4b3b2e4b06ce6","method":"POST","url":"http://cal.example/v2/bookings/bk_414c343c/reschedule"},"response":{"status":201,"durationMs":54},"rule":{"id":"calcom/booking.rescheduled","version":"1f3a9c"},"match":{"certainty":"certain","by":"raw"},"tags":["CB5"]}"#;
