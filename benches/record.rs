//! What it costs to keep an event: serialising it, its place in the journal and the store, synced, with 64
//! exchanges recording at once. Says events per second, CPU per event over all threads, and bytes kept.

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
    let directory = tempfile::tempdir()?;
    let key = Some([7; 32]);
    let log =
        Log::open(directory.path(), key, &Limits::default(), Metrics::new()).map_err(io::Error::other)?;
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (cpu, started) = (cpu_ms()?, Instant::now());
    let callers: Vec<_> =
        (0..CALLERS).map(|_| runtime.spawn(record(Arc::clone(&log), event.clone(), started + RUN))).collect();
    let mut events = 0;
    for caller in callers {
        events += runtime.block_on(caller)?;
    }
    let took = started.elapsed();
    log.close(Duration::from_secs(20));
    let cpu = cpu_ms()? - cpu;
    let kept = bytes(&directory.path().join("store"))?;
    let mut out = io::stdout();
    writeln!(out, "{events} events of {} bytes", serde_json::to_vec(&event)?.len())?;
    writeln!(out, "{:.0} events/s", events as f64 / took.as_secs_f64())?;
    writeln!(out, "{:.1} us of CPU an event", cpu as f64 * 1000.0 / events as f64)?;
    writeln!(out, "{:.0} bytes an event in the store's files", kept as f64 / events as f64)
}

async fn record(log: Arc<Log>, event: Event, until: Instant) -> u64 {
    let mut events = 0;
    while Instant::now() < until {
        let event = Event { id: Uuid::now_v7(), ..event.clone() };
        if log.record(vec![event], Urgency::Now).await.is_ok() {
            events += 1;
        }
    }
    events
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

const CALLERS: usize = 64;
const RUN: Duration = Duration::from_secs(3);
const EVENT: &str = r#"{"format":1,"id":"0198c0de-0000-184b-a6ce-cc1b78e51061","time":"2026-01-12T10:00:00.846885253Z","exchangeId":"577106b2-0f55-4b53-9b41-b69493a4ff06","action":"RESCHEDULED","title":"RESCHEDULED","message":{"text":"Booking rescheduled from 2026-01-04 to 2026-02-25","parts":[{"text":"Booking rescheduled from "},{"value":"2026-01-04"},{"text":" to "},{"value":"2026-02-25"}]},"actor":{"type":"user","id":"108","name":"Cy Young","email":"cy@x.org","organization":"3","credential":"ddd4af3762b4ac354260977af7bde34a","assurance":"lookedUp","evidence":"application"},"target":{"type":"booking","id":"bk_414c343c","name":"Intro between Cy Young and Bob Smith"},"links":[{"rel":"rescheduled-to","type":"booking","id":"bk_18072e8c"}],"source":"API_V2","result":"success","reason":"other meeting","changes":[{"field":"start","label":"Start","before":"2026-01-04T15:00:00Z","after":"2026-02-25T15:00:00Z"},{"field":"end","label":"End","before":"2026-01-04T15:00:00Z","after":"2026-02-25T15:00:00Z"}],"before":{"state":"read"},"details":{"rescheduledBy":"cy@x.org"},"scope":{"organization":"3"},"client":{"ip":"192.0.2.8","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"},"request":{"id":"d5f4b3b2e4b06ce6","method":"POST","url":"http://cal.example/v2/bookings/bk_414c343c/reschedule"},"response":{"status":201,"durationMs":54},"rule":{"id":"calcom/booking.rescheduled","version":"1f3a9c"},"match":{"certainty":"certain","by":"raw"},"tags":["CB5"]}"#;
