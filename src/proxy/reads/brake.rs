//! How many questions the application is asked, and when it is left alone (THREATS B06).
//!
//! One audited request may cost the application three. So reads have a limit in all and one per client; a
//! credential that the application did not accept is not shown to it again at once; and when it does not
//! answer, or says that it has enough, it is not asked for a while. Whoever is not asked for is told in the
//! event: a request goes on without its values beforehand, never the other way round.
//!
//! Only answers to our own reads count here. What a client can make the application answer to *his* request
//! must not decide whether the next one is looked at.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, RETRY_AFTER};
use http::{HeaderMap, Request};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::Limits;
use crate::derive::{Answer, ReadFailure};
use crate::telemetry::Metrics;

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Brake {
    reads_max: usize,
    client_reads_max: u32,
    /// Keyed anew in each process: what is kept of a credential is of no use to anybody.
    hasher: RandomState,
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    breaker: Breaker,
    /// Credentials at a place, and until when they are not shown there again.
    held_off: HashMap<u64, (Instant, ReadFailure)>,
    /// Credentials that were accepted of late.
    proven: HashMap<u64, Instant>,
    clients: HashMap<IpAddr, Budgets>,
}

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    client: IpAddr,
    /// Of the credential, or of the client where there is none.
    who: u64,
    /// Of that and the folder of the path.
    whose_place: u64,
}

/// The right to ask once.
#[derive(Debug)]
pub(crate) struct Pass<'b> {
    brake: &'b Brake,
    asker: Asker,
    is_probe: bool,
    is_heard: bool,
}

/// What a client may still ask: in all, and with credentials of which nothing is known.
#[derive(Debug)]
struct Budgets {
    all: Bucket,
    unproven: Bucket,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    filled_at: Instant,
}

/// Opens when the application does not answer, and lets one question through now and then.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    opened: u32,
    closed_from: Option<Instant>,
    is_probing: bool,
}

impl Brake {
    pub(crate) fn new(limits: &Limits, metrics: &Arc<Metrics>) -> Arc<Brake> {
        Arc::new(Brake {
            reads_max: limits.reads_max,
            client_reads_max: limits.client_reads_max,
            hasher: RandomState::new(),
            state: Mutex::default(),
            metrics: Arc::clone(metrics),
        })
    }

    /// Who asks with this question on whose behalf.
    pub(crate) fn asker<B>(&self, client: IpAddr, question: &Request<B>) -> Asker {
        let mut hasher = self.hasher.build_hasher();
        let mut has_credential = false;
        for name in [AUTHORIZATION, COOKIE] {
            for line in question.headers().get_all(&name) {
                has_credential = true;
                hasher.write_usize(line.len());
                hasher.write(line.as_bytes());
            }
        }
        if !has_credential {
            return Asker {
                client,
                who: 0,
                whose_place: self.hasher.hash_one((client, question.uri().path())),
            };
        }
        let who = hasher.finish();
        let folder = question.uri().path().rsplit_once('/').map_or("", |(folder, _)| folder);
        Asker { client, who, whose_place: self.hasher.hash_one((who, question.method(), folder)) }
    }

    /// Whether this question may be asked now.
    ///
    /// # Errors
    /// The reason why not.
    pub(crate) fn admit(&self, asker: Asker, now: Instant) -> Result<Pass<'_>, ReadFailure> {
        let mut state = self.state.lock();
        if let Some((until, why)) = state.held_off.get(&asker.whose_place)
            && *until > now
        {
            return Err(*why);
        }
        if state.under_way >= self.reads_max {
            self.metrics.limits_hit.with_label_values(&["reads_max"]).inc();
            return Err(ReadFailure::Overloaded);
        }
        let is_proven = asker.who == 0 || state.proven.get(&asker.who).is_some_and(|until| *until > now);
        forget(&mut state.clients, |budgets| now - budgets.all.filled_at < PROVEN);
        let budgets = state.clients.entry(asker.client).or_insert_with(|| Budgets {
            all: Bucket { left: f64::from(self.client_reads_max), filled_at: now },
            unproven: Bucket { left: UNPROVEN_MAX, filled_at: now },
        });
        let most = f64::from(self.client_reads_max);
        let has_left = budgets.all.fill(most, most, now)
            && (is_proven || budgets.unproven.fill(UNPROVEN_MAX, UNPROVEN_EACH_SECOND, now));
        if !has_left {
            self.metrics.limits_hit.with_label_values(&["client_reads_max"]).inc();
            return Err(ReadFailure::OverBudget);
        }
        budgets.all.left -= 1.0;
        let is_probe = state.breaker.admit(now)?;
        state.under_way += 1;
        Ok(Pass { brake: self, asker, is_probe, is_heard: false })
    }
}

impl Brake {
    /// After a login: a credential that was not accepted a moment ago may be good now. All of them are forgiven,
    /// since what holds off does not tell whose it is; the budgets go on counting.
    pub(crate) fn forgive(&self) {
        self.state.lock().held_off.retain(|_, (_, why)| *why != ReadFailure::NotAccepted);
    }
}

impl Pass<'_> {
    /// Draws conclusions from the answer.
    pub(crate) fn heard(mut self, answer: &Answer, now: Instant) {
        self.is_heard = true;
        let mut state = self.brake.state.lock();
        let Asker { client, who, whose_place } = self.asker;
        let (is_answered, pause) = match answer {
            Answer::Answered { status: 503, headers, .. } => {
                (false, retry_after(headers).map(|pause| pause.min(OPEN_MOST)))
            }
            Answer::Answered { status: 429, headers, .. } => {
                let pause = retry_after(headers).unwrap_or(OPEN_FIRST).min(OPEN_MOST);
                state.hold_off(whose_place, now, pause, ReadFailure::Paused);
                (true, None)
            }
            Answer::Answered { status: 401, .. } if who != 0 => {
                state.hold_off(whose_place, now, REFUSED, ReadFailure::NotAccepted);
                if let Some(budgets) = state.clients.get_mut(&client) {
                    budgets.unproven.left -= 1.0;
                }
                (true, None)
            }
            Answer::Answered { status: 200..=299, .. } if who != 0 => {
                forget(&mut state.proven, |until| *until > now);
                state.proven.insert(who, now + PROVEN);
                (true, None)
            }
            Answer::Answered { .. } | Answer::Failed(ReadFailure::TooLarge) => (true, None),
            Answer::Failed(ReadFailure::Timeout | ReadFailure::Refused) => (false, None),
            // It was not asked at all.
            Answer::Failed(
                ReadFailure::NotAsked
                | ReadFailure::Overloaded
                | ReadFailure::OverBudget
                | ReadFailure::Paused
                | ReadFailure::NotAccepted
                | ReadFailure::NotRemembered,
            )
            | Answer::Remembered { .. }
            | Answer::Logins(_) => return,
        };
        if is_answered {
            state.breaker = Breaker::default();
        } else {
            state.breaker.fail(pause, now);
        }
        self.brake.metrics.reads_paused.set(i64::from(state.breaker.closed_from.is_some()));
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.brake.state.lock();
        state.under_way -= 1;
        if self.is_probe && !self.is_heard {
            // Nobody waited for its answer: another one may try.
            state.breaker.is_probing = false;
        }
    }
}

impl State {
    fn hold_off(&mut self, whose_place: u64, now: Instant, pause: Duration, why: ReadFailure) {
        forget(&mut self.held_off, |(until, _)| *until > now);
        self.held_off.insert(whose_place, (now + pause, why));
    }
}

impl Bucket {
    /// True when there is something left.
    fn fill(&mut self, most: f64, each_second: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.left = (self.left + passed * each_second).min(most);
        self.filled_at = now;
        self.left >= 1.0
    }
}

impl Breaker {
    /// Whether the question that is let through is a probe.
    fn admit(&mut self, now: Instant) -> Result<bool, ReadFailure> {
        match self.closed_from {
            None => Ok(false),
            Some(from) if now >= from && !self.is_probing => {
                self.is_probing = true;
                Ok(true)
            }
            Some(_) => Err(ReadFailure::Paused),
        }
    }

    /// `pause` is what the application itself asks for.
    fn fail(&mut self, pause: Option<Duration>, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.is_probing = false;
        if pause.is_none() && self.failures < FAILURES_MAX {
            return;
        }
        let again = OPEN_FIRST.saturating_mul(1 << self.opened.min(OPENED_MOST)).min(OPEN_MOST);
        self.opened = self.opened.saturating_add(1);
        self.closed_from = Some(now + pause.unwrap_or(again));
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date is not worth a clock here.
fn retry_after(head: &HeaderMap) -> Option<Duration> {
    head.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Makes room in a full table: what is outdated goes, and if that is not enough, all of it. Then somebody
/// is asked for once more than needed.
fn forget<K, V>(table: &mut HashMap<K, V>, is_fresh: impl Fn(&V) -> bool)
where
    K: std::hash::Hash + Eq,
{
    if table.len() >= TABLE_MAX {
        table.retain(|_, value| is_fresh(value));
        if table.len() >= TABLE_MAX {
            table.clear();
        }
    }
}

const TABLE_MAX: usize = 10_000;
/// How long a credential that was not accepted is not shown again.
const REFUSED: Duration = Duration::from_secs(10);
/// How long an accepted credential counts as known.
const PROVEN: Duration = Duration::from_secs(600);
/// Refusals of unknown credentials that a client may cause, and how fast they are forgiven.
const UNPROVEN_MAX: f64 = 50.0;
const UNPROVEN_EACH_SECOND: f64 = 5.0;
/// Questions one after the other without an answer that open the breaker.
const FAILURES_MAX: u32 = 10;
/// How long it is open: at first, and at most.
const OPEN_FIRST: Duration = Duration::from_secs(2);
const OPEN_MOST: Duration = Duration::from_secs(30);
/// Doublings until then.
const OPENED_MOST: u32 = 4;

#[cfg(test)]
mod tests;
