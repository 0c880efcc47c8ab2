//! Handing over, indexing and asking at the same time.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use earwitness::store::{Embedded, Store};

use super::events::Events;
use super::questions::questions;
use super::{MOVE_EVENTS, TIMES, Work, opened, percentiles, query, row};

/// Hands some of them over while the index is made of them on another thread, as it is in the process that records, and
/// while somebody asks: so many a second, or as many as can be. They are made before, so that nothing else wants the cores.
pub(crate) fn measure(rate: Option<f64>, out: &mut impl Write) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = opened(folder.path())?;
    // Of one day: it is about a busy one.
    let count = BESIDE_EVENTS;
    let events = Events::new(count * 60)?;
    let entries = events.sealed(store.head(), 0, count)?;
    let asked = questions(&events, TIMES);
    let is_done = AtomicBool::new(false);
    let mut work = Work::default();
    let mut took_ms = BTreeMap::new();
    work.add(|| {
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                // One of each kind, again and again.
                let mut all = (0..TIMES as usize)
                    .cycle()
                    .flat_map(|at| asked.iter().filter_map(move |kind| kind.get(at)));
                let mut took_ms: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
                while !is_done.load(Ordering::Acquire) {
                    let Some(question) = all.next() else { break };
                    let query = query(question.filter()?);
                    let began = Instant::now();
                    store.query(&query)?;
                    took_ms.entry(question.name).or_default().push(began.elapsed().as_secs_f64() * 1000.0);
                    thread::sleep(PAUSE);
                }
                anyhow::Ok(took_ms)
            });
            let indexing = scope.spawn(|| {
                loop {
                    let was_done = is_done.load(Ordering::Acquire);
                    if was_done || store.unindexed() >= Embedded::UNINDEXED_FEW {
                        store.index(&|| false)?;
                    } else {
                        thread::sleep(Duration::from_millis(1));
                    }
                    if was_done {
                        return anyhow::Ok(());
                    }
                }
            });
            let began = Instant::now();
            let taken = entries.chunks(MOVE_EVENTS as usize).enumerate().try_for_each(|(at, batch)| {
                if let Some(rate) = rate {
                    let due = Duration::from_secs_f64(at as f64 * MOVE_EVENTS as f64 / rate);
                    thread::sleep(due.saturating_sub(began.elapsed()));
                }
                store.append(batch)
            });
            is_done.store(true, Ordering::Release);
            indexing.join().unwrap_or_else(|_| Err(anyhow::anyhow!("indexing panicked")))?;
            took_ms = asking.join().unwrap_or_else(|_| Err(anyhow::anyhow!("asking panicked")))?;
            Ok(taken?)
        })
    })?;
    row(out, &format!("{count} handed over and indexed, side by side"), &work.each(count))?;
    for (name, took_ms) in &took_ms {
        let (p50, p99) = percentiles(took_ms.clone());
        row(out, &format!("meanwhile: {name}"), &format!("{p50:.2} ms, p99 {p99:.2} ms"))?;
    }
    let took_ms: Vec<f64> = took_ms.into_values().flatten().collect();
    let count = took_ms.len();
    let (p50, p99) = percentiles(took_ms);
    row(out, "any question meanwhile", &format!("{p50:.2} ms, p99 {p99:.2} ms ({count} asked)"))
}

/// They are in memory, all of them.
const BESIDE_EVENTS: u64 = 200_000;
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(10);
