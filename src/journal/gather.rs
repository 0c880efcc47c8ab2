//! What is written together. When appends come fast, or nobody waits for them, a batch gathers a moment
//! longer: a sync and the switch of threads around it cost more than the entries. The writer sleeps meanwhile,
//! so that no append wakes it but the first that cannot wait among those that can.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::writer::Append;
use super::{Payload, Urgency};

/// How fast appends come.
pub(super) struct Pace {
    since: Instant,
    appends_per_ms: f64,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace { since: Instant::now(), appends_per_ms: 0.0 }
    }

    /// Takes note of a batch: half of the estimate is the time since the batch before.
    pub(super) fn count(&mut self, appends: usize) {
        let ms = (self.since.elapsed().as_secs_f64() * 1e3).max(1e-3);
        let now = f64::from(u32::try_from(appends).unwrap_or(u32::MAX)) / ms;
        self.appends_per_ms = (self.appends_per_ms + now) / 2.0;
        self.since = Instant::now();
    }

    /// How long a batch for which somebody waits may gather: nothing, unless company is to be expected.
    fn patience(&self) -> Duration {
        if self.appends_per_ms * GATHER_MAX.as_secs_f64() * 1e3 >= COMPANY_MIN {
            GATHER_MAX
        } else {
            Duration::ZERO
        }
    }
}

/// What is written together: all that waits, and all that comes while the batch may wait.
pub(super) fn gather(first: Append, queue: &Receiver<Append>, pace: &Pace) -> Vec<Append> {
    let begun = Instant::now();
    let mut bytes = size(&first);
    let mut is_urgent = first.urgency == Urgency::Now;
    let mut batch = vec![first];
    loop {
        loop {
            if bytes >= BATCH_BYTES_MAX {
                return batch;
            }
            match queue.try_recv() {
                Ok(next) => {
                    bytes += size(&next);
                    is_urgent |= next.urgency == Urgency::Now;
                    batch.push(next);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return batch,
            }
        }
        let patience = if is_urgent { pace.patience() } else { SOON_MAX };
        let left = patience.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return batch;
        }
        if is_urgent {
            // Nothing wakes it: a switch of threads for each append is what gathering saves.
            thread::sleep(left);
        } else {
            // The first append that cannot wait ends this.
            thread::park_timeout(left);
        }
    }
}

fn size(append: &Append) -> usize {
    append.payloads.iter().map(Payload::len).sum()
}

/// How long a batch gathers at the most when somebody waits for it.
const GATHER_MAX: Duration = Duration::from_micros(700);
/// How long when nobody does.
const SOON_MAX: Duration = Duration::from_millis(20);
/// A batch gathers only if so many appends are to be expected meanwhile: a lone client is never slowed.
const COMPANY_MIN: f64 = 3.0;
/// A batch is written when so much waits: more would make its first callers wait for its last.
const BATCH_BYTES_MAX: usize = 4 << 20;
