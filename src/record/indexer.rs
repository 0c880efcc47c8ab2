//! The indexer: makes the store's index cover what was handed over, on a thread of its own, so that the mover never
//! waits for it. It begins once ten thousand events wait, or a minute after the last time: what it has not reached is
//! looked at one by one, and so many are looked at quickly.
//!
//! It also packs the partitions that take no more.
//!
//! While events come it takes a tenth of a core: after each piece of work it rests nine times as long. It goes on at
//! once, with the priority that its threads have, when so many wait that a question would be slow; far fewer will do
//! while somebody asks.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Inner, Log, RecordError, run_beside};
use crate::store::{Embedded, Pace, StoreError};

/// Tells the indexer that there is something to do.
#[derive(Default)]
pub(super) struct Call {
    wish: Mutex<Wish>,
    grown: Condvar,
    is_closing: AtomicBool,
}

#[derive(Default)]
struct Wish {
    is_wanted: bool,
    /// How many events the index does not cover.
    unindexed: u64,
    /// When somebody asked last.
    asked: Option<Instant>,
}

impl Wish {
    /// True when those who ask, or would, wait for what the index does not cover.
    fn is_urgent(&self) -> bool {
        let is_asked = self.asked.is_some_and(|at| at.elapsed() < ASKED_LATELY);
        self.unindexed >= if is_asked { Embedded::UNINDEXED_FEW } else { UNINDEXED_MANY }
    }
}

impl Call {
    /// Says how many events the index does not cover.
    pub(super) fn tell(&self, unindexed: u64) {
        let mut wish = self.wish.lock();
        wish.unindexed = unindexed;
        if unindexed >= Embedded::UNINDEXED_FEW {
            wish.is_wanted = true;
            self.grown.notify_one();
        }
    }

    /// Says that somebody asks something.
    pub(super) fn ask(&self) {
        let mut wish = self.wish.lock();
        wish.asked = Some(Instant::now());
        if wish.is_urgent() {
            self.grown.notify_one();
        }
    }

    /// Asks the indexer to stop, whatever it does.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.wish.lock().is_wanted = true;
        self.grown.notify_one();
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Waits until it is wanted, a limited time. What was wished for before is done, if so few are left.
    fn wait(&self, unindexed: u64, time_max: Duration) {
        let mut wish = self.wish.lock();
        wish.unindexed = unindexed;
        wish.is_wanted &= unindexed >= Embedded::UNINDEXED_FEW || self.is_closing();
        if !wish.is_wanted {
            self.grown.wait_for(&mut wish, time_max);
        }
        wish.is_wanted = false;
    }

    /// Waits so long, unless it closes or becomes urgent.
    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut wish = self.wish.lock();
        while !self.is_closing() && !wish.is_urgent() && !self.grown.wait_until(&mut wish, until).timed_out()
        {
        }
    }
}

impl Log {
    /// From now on a thread makes the index cover what is recorded. Who only reads does without.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn index_beside(&self) -> Result<(), RecordError> {
        let (guard, ended) = std::sync::mpsc::channel::<()>();
        *self.inner.indexer_ended.lock() = Some(ended);
        run_beside("indexer", &self.inner, guard, run)
    }

    /// Makes the whole index anew, of what is in the store. Blocking, for minutes where there are millions.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn reindex(&self) -> Result<(), StoreError> {
        self.inner.store.forget_index()?;
        self.inner.store.index(&|| false)
    }
}

/// Indexes until the log closes.
pub(super) fn run(inner: &Arc<Inner>) {
    while !inner.call.is_closing() {
        let pacing = Pacing { inner, began: Cell::new((Instant::now(), inner.tail.head().sequence)) };
        if let Err(error) = inner.store.index(&pacing) {
            tracing::error!(%error, "the index cannot be made; queries are slower");
        }
        pack(inner, &pacing);
        inner.call.wait(pacing.told(), PAUSE);
    }
}

/// Packs what takes no more, a partition at a time. Whoever purges or copies goes first, and who packs is waited for.
fn pack(inner: &Inner, pacing: &Pacing) {
    let is_over = || inner.call.is_closing();
    while !is_over() {
        let Some(one) = inner.purging.try_lock() else { return };
        match inner.purge_stillness.pass(is_over, || inner.store.pack_next(&is_over)) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::error!(%error, "a partition cannot be packed; it takes more of the disk"),
        }
        drop(one);
        pacing.rest();
    }
}

/// Works a tenth of the time, while events come.
struct Pacing<'i> {
    inner: &'i Inner,
    /// When the piece of work began, and up to where the log went then.
    began: Cell<(Instant, u64)>,
}

impl Pacing<'_> {
    /// How many events the index does not cover, told to who watches.
    fn told(&self) -> u64 {
        let unindexed = self.inner.store.unindexed();
        self.inner.metrics.unindexed.set(i64::try_from(unindexed).unwrap_or(i64::MAX));
        unindexed
    }
}

impl Pace for Pacing<'_> {
    fn is_over(&self) -> bool {
        self.inner.call.is_closing()
    }

    fn rest(&self) {
        let head = || self.inner.tail.head().sequence;
        let (began, before) = self.began.get();
        let (took, came) = (began.elapsed(), head().saturating_sub(before));
        self.inner.call.tell(self.told());
        self.inner.call.rest(rest_after(took, came));
        self.began.set((Instant::now(), head()));
    }
}

/// How long to rest after a piece of work in which so many events came.
fn rest_after(took: Duration, came: u64) -> Duration {
    let is_quiet = u128::from(came) * 1000 < took.as_millis() * CAME_FEW_PER_SECOND;
    if is_quiet || came == 0 { Duration::ZERO } else { took.saturating_mul(REST_FACTOR).min(REST_MAX) }
}

/// A search that looks at so many one by one takes about half a second.
const UNINDEXED_MANY: u64 = 100_000;
/// Who has asked goes on asking for so long.
const ASKED_LATELY: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(60);
const REST_FACTOR: u32 = 9;
const REST_MAX: Duration = Duration::from_secs(60);
/// So few make no load.
const CAME_FEW_PER_SECOND: u128 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_a_tenth_of_the_time_while_events_come_and_all_of_it_else() {
        let check = |took_ms: u64, came: u64, expected_ms: u64| {
            let rest = rest_after(Duration::from_millis(took_ms), came);
            assert_eq!(rest, Duration::from_millis(expected_ms), "{took_ms} ms, {came} events");
        };
        check(1000, 1000, 9000);
        check(100, 2, 900);
        check(1000, 19, 0);
        check(1000, 0, 0);
        check(0, 0, 0);
        check(600_000, 600_000, 60_000);
    }

    #[test]
    fn a_rest_ends_when_too_many_wait_for_who_asks_or_may_ask_or_when_the_log_closes() {
        let call = Call::default();
        call.tell(UNINDEXED_MANY);
        call.rest(Duration::from_secs(3600));
        call.tell(Embedded::UNINDEXED_FEW);
        assert!(!call.wish.lock().is_urgent());
        call.ask();
        call.rest(Duration::from_secs(3600));
        call.tell(Embedded::UNINDEXED_FEW - 1);
        assert!(!call.wish.lock().is_urgent());
        call.close();
        call.rest(Duration::from_secs(3600));
        call.wait(0, Duration::from_secs(3600));
    }

    #[test]
    fn what_was_wished_for_and_is_done_is_not_done_again() {
        let call = Call::default();
        call.tell(Embedded::UNINDEXED_FEW);
        call.wait(7, Duration::ZERO);
        assert!(!call.wish.lock().is_wanted);
        call.tell(Embedded::UNINDEXED_FEW);
        call.wait(Embedded::UNINDEXED_FEW, Duration::from_secs(3600));
    }
}
