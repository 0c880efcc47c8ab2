//! What could not be recorded, until it can be told. A thread tries about once a second by itself, so that a gap is
//! told, and the log known to work again, without any traffic.
//!
//! An exchange whose events a gap names is closed by that gap. One that finds no room among the names stays open in
//! the journal: it becomes an event of its own at the next start. Either way it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};
use uuid::Uuid;

use super::minimal;
use crate::event::{Event, Gap, Missed};
use crate::journal::{Payload, Urgency};
use crate::record::{Inner, tail};
use crate::telemetry::Metrics;

/// The gap that is open, and whether the disk answers. Shared by all who write and the thread that tells.
pub(in crate::record) struct Gaps {
    open: Mutex<Open>,
    /// Wakes the thread.
    changed: Condvar,
    /// True from when a wait for the disk was too long until the disk answers.
    is_stalled: AtomicBool,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Open {
    gap: Gap,
    /// Exchanges to be closed with it.
    closes: Vec<Uuid>,
    /// How many events are named by a gap that is on its way.
    away: Option<usize>,
    is_closing: bool,
}

impl Gaps {
    pub(in crate::record) fn new(metrics: Arc<Metrics>) -> Gaps {
        let (open, changed, is_stalled) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
        Gaps { open, changed, is_stalled, metrics }
    }

    /// Takes in events, as they would have been written, and the exchange that they would have closed.
    pub(in crate::record) fn lose(&self, events: &[Arc<[u8]>], closes: &[Uuid], why: &'static str) {
        let mut open = self.open.lock();
        let mut are_named = true;
        for bytes in events {
            are_named &= match serde_json::from_slice::<Event>(bytes) {
                Ok(event) => open.name(Missed::of(&event), why),
                // What we wrote can be read; were it otherwise, it is still counted.
                Err(_) => {
                    open.gap.add_unknown(Timestamp::now(), why);
                    false
                }
            };
        }
        let room = CLOSES_MAX.saturating_sub(open.closes.len());
        open.closes.extend(closes.iter().filter(|_| are_named).take(room));
        self.count(&open, events.len(), why);
    }

    /// Takes in one event that was never made into bytes.
    pub(in crate::record) fn lose_event(&self, event: &Event, closes: Option<Uuid>, why: &'static str) {
        let mut open = self.open.lock();
        if open.name(Missed::of(event), why) && open.closes.len() < CLOSES_MAX {
            open.closes.extend(closes);
        }
        self.count(&open, 1, why);
    }

    fn count(&self, open: &Open, events: usize, why: &'static str) {
        // Told once; the gap has the rest, and `/readyz` goes on telling.
        if open.gap.count == events as u64 && events > 0 {
            tracing::error!(reason = why, "events cannot be recorded: they are kept for a gap");
        }
        self.metrics.drops.with_label_values(&[why]).inc_by(events as u64);
        self.tell(open);
        self.changed.notify_all();
    }

    fn tell(&self, open: &Open) {
        self.metrics.gap_events.set(i64::try_from(open.gap.count).unwrap_or(i64::MAX));
    }

    /// The disk has not answered in time.
    pub(in crate::record) fn stalled(&self) {
        self.is_stalled.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// The disk has answered.
    pub(in crate::record) fn answered(&self) {
        if self.is_stalled.load(Ordering::Relaxed) {
            self.is_stalled.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the disk is known not to answer.
    pub(in crate::record) fn is_stalled(&self) -> bool {
        self.is_stalled.load(Ordering::Relaxed)
    }

    /// What is missing so far, for `/readyz`.
    pub(in crate::record) fn told(&self) -> Option<String> {
        let open = self.open.lock();
        let since = open.gap.since?;
        Some(format!("{} events since {since} are not recorded", open.gap.count))
    }

    /// Ends the thread.
    pub(in crate::record) fn close(&self) {
        self.open.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// What is open, if there is anything, or nothing to see whether the disk answers; what is lost meanwhile makes
    /// the next gap.
    fn take(&self) -> Option<(Gap, Vec<Uuid>)> {
        let mut open = self.open.lock();
        if open.is_idle() && !self.is_stalled() {
            return None;
        }
        let taken = (std::mem::take(&mut open.gap), std::mem::take(&mut open.closes));
        open.away = Some(open.away.unwrap_or(0) + taken.0.missed.len());
        self.tell(&open);
        Some(taken)
    }

    /// It is on the disk.
    fn written(&self) {
        self.open.lock().away = None;
        self.changed.notify_all();
    }

    /// It could not be written.
    fn put_back(&self, mut gap: Gap, mut closes: Vec<Uuid>) {
        let mut open = self.open.lock();
        gap.extend(std::mem::take(&mut open.gap));
        closes.append(&mut open.closes);
        (open.gap, open.closes, open.away) = (gap, closes, None);
        self.tell(&open);
        self.changed.notify_all();
    }

    /// Waits until there is something to tell, and a while since the last try; false when the log closes.
    fn wait(&self) -> bool {
        let mut open = self.open.lock();
        while !open.is_closing && ((open.is_idle() && !self.is_stalled()) || open.away.is_some()) {
            self.changed.wait(&mut open);
        }
        let until = std::time::Instant::now() + RETRY_PAUSE;
        while !open.is_closing && !self.changed.wait_until(&mut open, until).timed_out() {}
        !open.is_closing
    }
}

impl Open {
    /// True when the event is among those that the gap names.
    fn name(&mut self, missed: Missed, why: &'static str) -> bool {
        self.gap.add(missed, why, self.away.unwrap_or(0))
    }

    fn is_idle(&self) -> bool {
        self.gap.is_empty() && self.closes.is_empty()
    }
}

/// Tells gaps until the log closes.
pub(in crate::record) fn run(inner: &Arc<Inner>) {
    while inner.gaps.wait() {
        flush(inner, Room::Wanted);
    }
}

/// Whether a gap waits for room in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) enum Room {
    /// It does: it is kept as well where it is.
    Wanted,
    /// It does not: there will be no other time.
    Taken,
}

/// Sends the open gap to the journal. What comes of it is dealt with when the journal says so.
pub(in crate::record) fn flush(inner: &Arc<Inner>, room: Room) {
    let (gaps, tail, metrics) = (&inner.gaps, &inner.tail, &inner.metrics);
    if room == Room::Wanted && tail.is_full() {
        return;
    }
    let Some((gap, closes)) = gaps.take() else { return };
    let event = (!gap.is_empty()).then(|| gap.to_event(Uuid::now_v7(), Timestamp::now()));
    let event = event.as_ref().map(minimal::bytes_of);
    let bytes = event.as_ref().map_or(0, |bytes| tail::payload_weight(bytes.len()));
    tail.claim(bytes);
    let payloads = event.into_iter().map(Payload::Event);
    let payloads = payloads.chain(closes.iter().map(|id| Payload::Closed { id: *id })).collect();
    let (gaps, tail, metrics) = (Arc::clone(gaps), Arc::clone(tail), Arc::clone(metrics));
    inner.journal.append(payloads, Urgency::Now, move |written| match written {
        Ok(entries) => {
            tail.push(&entries);
            gaps.answered();
            gaps.written();
            if gap.count > 0 {
                metrics.gaps.inc();
                tracing::warn!(events = gap.count, "recording works again: the gap is in the log of events");
            }
        }
        Err(_) => {
            tail.give_back(bytes);
            gaps.put_back(gap, closes);
        }
    });
}

/// How long after a try the next one comes.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Exchanges that one gap closes.
const CLOSES_MAX: usize = 4_096;
