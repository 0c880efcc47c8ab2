//! One pass, and what is looked at between them. On a thread of its own: nothing here is waited for by a request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::asks::{Answer, Ask};
use super::clock::{Anchor, believe};
use super::disk::{Alarm, Disk};
use super::event::{self, Confirmed};
use super::state::{self, Kept, Last, Step, Told, id};
use super::terms;
use crate::api::OtherPlan;
use crate::app::life::beat;
use crate::config::Retention;
use crate::event::Event;
use crate::record::{Log, PurgeError, Urgency};
use crate::store::{Leaving, Plan, Prepared};
use crate::telemetry::Metrics;

/// What the thread works with.
pub(super) struct Worker {
    log: Log,
    data_dir: PathBuf,
    metrics: Arc<Metrics>,
    told: Arc<RwLock<Told>>,
    runtime: Handle,
    pub(super) kept: Kept,
    alarm: Alarm,
    /// When the clock was looked at.
    clock_seen: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        log: Log,
        data_dir: &Path,
        metrics: Arc<Metrics>,
        told: Arc<RwLock<Told>>,
        runtime: Handle,
    ) -> Worker {
        let kept = state::read(data_dir);
        told.write().last.clone_from(&kept.last);
        let last = kept.last.as_ref().map_or(0, |last| last.at.as_second());
        metrics.retention_last_timestamp_seconds.set(last);
        Worker {
            log,
            data_dir: data_dir.to_owned(),
            metrics,
            told,
            runtime,
            kept,
            alarm: Alarm::default(),
            clock_seen: None,
        }
    }

    /// At the start: what was cut off is gone on with.
    pub(super) fn begin(&mut self) {
        self.schedule(Timestamp::now());
        self.resume();
        self.look_at_disk();
        self.look_at_clock();
        self.plan();
    }

    /// Every minute.
    pub(super) fn tick(&mut self) {
        self.resume();
        self.look_at_disk();
        if self.clock_seen.is_none_or(|seen| seen.elapsed() >= CLOCK_PERIOD) {
            self.look_at_clock();
        }
        let next = self.told.read().next;
        if next.is_some_and(|next| Timestamp::now() >= next) {
            self.told.write().passes += 1;
            // Nobody has confirmed anything.
            let _ = self.pass(None);
            self.told.write().passes -= 1;
        }
    }

    /// Does what is asked for.
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Plan(answer) if answer.is_unheard() => {}
            Ask::Plan(answer) => {
                self.plan();
                // Who has asked may have gone.
                let _ = answer.send(Ok(()));
            }
            Ask::Pass(confirmed, answer) => self.pass_for(confirmed, answer),
            Ask::Terms(retention) => self.renew(&retention),
        }
    }

    /// A pass that somebody waits for. When he does not any more, it is told to all that another plan was confirmed.
    fn pass_for(&mut self, confirmed: Option<(String, String)>, answer: Answer) {
        let outcome = self.pass(confirmed);
        let unheard = {
            // At once, so that nobody sees the pass over and its outcome not.
            let mut told = self.told.write();
            told.passes -= 1;
            let Err(Err(other)) = answer.send(outcome) else { return };
            let why = format!("another plan was confirmed than that of now, {}: look at it again", other.id);
            told.failed.insert(Step::Pass, why.clone());
            why
        };
        tracing::error!(why = unheard, "retention has failed");
    }

    /// Other terms from now on.
    fn renew(&mut self, retention: &Retention) {
        if self.told.read().retention == *retention {
            return;
        }
        self.told.write().retention = retention.clone();
        self.schedule(Timestamp::now());
        self.plan();
    }

    fn schedule(&self, now: Timestamp) {
        self.told.write().schedule(self.kept.last.clone(), now);
    }

    /// Makes the plan of this moment.
    pub(super) fn plan(&self) -> Option<Plan> {
        let terms = terms::of(&self.told.read().retention);
        if terms.keep_everything() {
            let mut told = self.told.write();
            (told.plan, told.asks) = (None, None);
            told.failed.remove(&Step::Plan);
            self.metrics.retention_asks.set(0);
            return None;
        }
        match self.log.plan(&terms, Timestamp::now()) {
            Ok(plan) => {
                self.metrics.store_bytes.set(i64::try_from(plan.bytes).unwrap_or(i64::MAX));
                let mut told = self.told.write();
                told.plan = Some(plan.clone());
                told.failed.remove(&Step::Plan);
                Some(plan)
            }
            Err(error) => {
                self.failed(Step::Plan, &format!("no plan can be made: {error}"));
                None
            }
        }
    }

    /// Removes what the plan of this moment lets go, unless something speaks against it that nobody has confirmed.
    ///
    /// # Errors
    /// When another plan was confirmed: nothing is removed.
    pub(super) fn pass(&mut self, confirmed: Option<(String, String)>) -> Result<(), OtherPlan> {
        self.told.write().failed.remove(&Step::Pass);
        if !self.resume() {
            self.failed(Step::Resume, "a purge that was told is not carried out yet");
            return Ok(());
        }
        let Some(plan) = self.plan() else { return Ok(()) };
        let by = match confirmed {
            Some((confirmed, _)) if confirmed != id(&plan) => return Err(OtherPlan { id: id(&plan) }),
            Some((_, by)) => Confirmed::By(by),
            None => Confirmed::ByNobody,
        };
        if let (Some(why), Confirmed::ByNobody, true) = (self.doubt(&plan), &by, plan.events > 0) {
            self.ask(&why, &plan);
            return Ok(());
        }
        if matches!(by, Confirmed::By(_)) {
            self.kept.anchor = Some(Anchor::confirmed(beat(false)));
        }
        self.told.write().asks = None;
        self.metrics.retention_asks.set(0);
        let mut last = Last { at: Timestamp::now(), events: 0, partitions: 0 };
        for leaving in &plan.partitions {
            match self.remove(leaving, &by) {
                Ok(true) => {
                    last.events += leaving.events;
                    last.partitions += 1;
                }
                // It is read, or written: gone on with later.
                Ok(false) => {
                    self.kept.left = Some(leaving.events);
                    break;
                }
                Err(error) => {
                    self.failed(
                        Step::Pass,
                        &format!("events {} to {}: {error}", leaving.first, leaving.last),
                    );
                    break;
                }
            }
        }
        self.done(last);
        Ok(())
    }

    fn done(&mut self, last: Last) {
        tracing::info!(events = last.events, partitions = last.partitions, "retention has made its pass");
        self.metrics.retention_last_timestamp_seconds.set(last.at.as_second());
        self.kept.last = Some(last);
        state::write(&self.data_dir, &self.kept);
        self.schedule(Timestamp::now());
        self.plan();
    }

    fn remove(&self, leaving: &Leaving, by: &Confirmed) -> Result<bool, PurgeError> {
        let terms = terms::of(&self.told.read().retention);
        let tell =
            |prepared: &Prepared| event::purged(Uuid::now_v7(), Timestamp::now(), leaving, prepared, by);
        let is_removed = self.log.purge(&terms, leaving, tell, &self.runtime)?;
        for (policy, count) in &leaving.policies {
            self.metrics.purged_events.with_label_values(&[policy]).inc_by(*count);
        }
        Ok(is_removed)
    }

    /// What speaks against a plan.
    fn doubt(&self, plan: &Plan) -> Option<String> {
        let newest = self.log.newest_times(NEWEST).unwrap_or_default();
        if let Err(why) = believe(&beat(false), self.kept.anchor.as_ref(), &newest) {
            return Some(why);
        }
        let share_max = self.told.read().retention.share_max;
        let is_much = u128::from(plan.events) * 100 > u128::from(plan.total) * u128::from(share_max);
        is_much.then(|| {
            format!(
                "{} of {} events would go, more than the {share_max} percent of `share_max`",
                plan.events, plan.total
            )
        })
    }

    /// Tells, once for each reason, that somebody must look; the next pass tries again.
    fn ask(&mut self, why: &str, plan: &Plan) {
        let is_new = self.told.write().asks.replace(why.to_owned()).is_none();
        self.metrics.retention_asks.set(1);
        if is_new {
            tracing::warn!(
                why,
                events = plan.events,
                plan = id(plan),
                "nothing is removed until it is confirmed"
            );
            self.tell(event::stopped(Uuid::now_v7(), Timestamp::now(), why, plan.events));
        }
        let next = state::next(Timestamp::now(), self.told.read().retention.at);
        self.told.write().next = next;
    }

    /// Goes on with a purge that was told; false when it is left over.
    pub(super) fn resume(&mut self) -> bool {
        match self.log.resume_purge() {
            Ok(is_done) => {
                if is_done {
                    self.told.write().failed.remove(&Step::Resume);
                    self.count_left();
                }
                is_done
            }
            Err(error) => {
                self.failed(Step::Resume, &format!("a purge that was told cannot be carried out: {error}"));
                false
            }
        }
    }

    /// What the last pass has begun is done: it counts among what that has removed.
    fn count_left(&mut self) {
        let (Some(events), Some(last)) = (self.kept.left.take(), &mut self.kept.last) else { return };
        last.events += events;
        last.partitions += 1;
        state::write(&self.data_dir, &self.kept);
        self.told.write().last.clone_from(&self.kept.last);
    }

    pub(super) fn failed(&self, step: Step, why: &str) {
        let before = self.told.write().failed.insert(step, why.to_owned());
        if before.as_deref() != Some(why) {
            tracing::error!(why, "retention has failed");
        }
    }

    fn look_at_disk(&mut self) {
        let Some(disk) = Disk::of(&self.data_dir) else { return };
        let free = i64::try_from(disk.free_bytes).unwrap_or(i64::MAX);
        self.metrics.disk_free_bytes.set(free);
        self.metrics.disk_bytes.set(i64::try_from(disk.total_bytes).unwrap_or(i64::MAX));
        let disk_max = {
            let mut told = self.told.write();
            told.disk = Some(disk);
            told.retention.disk_max
        };
        let (alarm, is_told) = disk.alarm(self.alarm, disk_max);
        self.alarm = alarm;
        if is_told {
            tracing::warn!(used_percent = disk.used_percent, free, "the disk of the log is filling");
            let (id, now) = (Uuid::now_v7(), Timestamp::now());
            self.tell(event::disk_filling(id, now, disk.used_percent, disk.free_bytes));
        }
    }

    /// Remembers that the clock is believed, as long as it is.
    fn look_at_clock(&mut self) {
        self.clock_seen = Some(Instant::now());
        let newest = self.log.newest_times(NEWEST).unwrap_or_default();
        if let Ok(anchor) = believe(&beat(false), self.kept.anchor.as_ref(), &newest) {
            self.kept.anchor = Some(anchor);
            state::write(&self.data_dir, &self.kept);
        }
    }

    fn tell(&self, event: Event) {
        if let Err(error) = self.runtime.block_on(self.log.record(vec![event], Urgency::Now)) {
            tracing::error!(%error, "what retention has to tell could not be recorded");
        }
    }
}

const CLOCK_PERIOD: Duration = Duration::from_secs(3_600);
/// Of so many events the middle one says what time it is, where nothing else does.
const NEWEST: usize = 101;
