//! What the handlers share, and the one way by which they reach the log: on a blocking thread, a few at a
//! time, within a limit of time.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use crate::blind::Blind;
use crate::config::{Admin, Limits};
use crate::event::Event;
use crate::store::{StoreError, Visible};
use crate::telemetry::Metrics;

use super::super::access::session;
use super::super::access::{
    Caller, Door, Fate, Read, Reads, SignIn, Tally, Turn, of_fate, of_reads, of_session,
};
use super::super::answers::problem::Problem;
use super::super::answers::tags::Tags;
use super::super::log::cursor::Cursors;
use super::super::log::proofs::Notary;
use super::super::log::reader::Reader;
use super::super::log::tail::Tails;
use super::super::operators::erasure::Erase;
use super::super::operators::reload::{From as Peer, Reload};
use super::super::operators::retention::Retain;
use super::super::operators::rules::PackInForce;
use super::super::viewer::searches::Searches;
use super::guard::Access;
use super::turns::{Queues, Turns};

/// What the audit listener is made of.
pub struct Setup {
    /// Where events are read.
    pub reader: Arc<dyn Reader>,
    /// What nothing recorded.
    pub blind: Blind,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// How the rest of the process is; asked for each `/readyz`, so it must not block.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Token and names.
    pub admin: Admin,
    /// Ceilings.
    pub limits: Limits,
    /// Where saved searches are kept; `None` where they need not outlive the process.
    pub searches: Option<PathBuf>,
    /// The installation's key, from which those of the cursors and tags are derived.
    pub key: [u8; 32],
    /// Takes the events of what becomes of access itself; it must not block.
    pub tell: Tell,
}

/// Takes an event into the log.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// How the process is, beside the store, which the audit listener tries itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The rules in force.
    pub rules: RulesState,
    /// True once it is to stop: whoever sends traffic here should send it elsewhere.
    pub is_stopping: bool,
    /// Whether the journal takes events; if not, why, in words for operators.
    pub journal: Result<(), String>,
    /// What somebody should look at, a sentence each, though events are recorded.
    pub troubles: Vec<String>,
    /// What leaves the log, in a few words.
    pub retention: &'static str,
}

/// The rules in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesState {
    /// How many.
    pub count: usize,
    /// All of them, as a hash.
    pub version: String,
    /// Since when the files say something else that could not be put into force.
    pub stale_since: Option<Timestamp>,
    /// By pack, in the configured order.
    pub packs: Arc<[PackInForce]>,
}

/// How reading one event went.
#[derive(Clone, Debug)]
pub(in crate::api) enum Trial {
    /// The store answered.
    Works,
    /// All turns are taken by readers, so it was not tried: that is load, not failure, and must not take the
    /// application's traffic away from this process.
    Busy,
    /// The store failed.
    Fails(String),
}

/// Why the log was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum AskError {
    /// Too many others are reading.
    #[error("no turn came in time")]
    Busy,
    /// The log cannot be read; told in our own log.
    #[error("the log cannot be read")]
    Failed,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(in crate::api) inner: Arc<Inner>,
}

pub(in crate::api) struct Inner {
    pub(in crate::api) blind: Blind,
    pub(in crate::api) metrics: Arc<Metrics>,
    pub(in crate::api) readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    pub(in crate::api) access: ArcSwap<Access>,
    pub(in crate::api) door: Door,
    /// The sites that a link may let have it in a frame.
    pub(in crate::api) embed: Vec<String>,
    /// Where people's browsers find the viewer, where that is known.
    pub(in crate::api) address: Option<String>,
    /// The way in by a provider, where there is one.
    pub(in crate::api) sign_in: Option<SignIn>,
    reads: Reads,
    tell: Tell,
    pub(in crate::api) limits: Limits,
    pub(in crate::api) cursors: Cursors,
    pub(in crate::api) tags: Tags,
    pub(in crate::api) tails: Tails,
    pub(in crate::api) exports: Turns,
    pub(in crate::api) searches: Searches,
    /// Weak, for it holds this state itself.
    pub(in crate::api) reload: OnceLock<Weak<dyn Reload>>,
    notary: OnceLock<Arc<dyn Notary>>,
    /// Weak like it, for the process ends it.
    pub(in crate::api) retain: OnceLock<Weak<dyn Retain>>,
    /// As that.
    pub(in crate::api) erase: OnceLock<Weak<dyn Erase>>,
    /// The last trial of the store: many probes, one query. Held while the query runs.
    pub(in crate::api) trial: Mutex<Option<(Instant, Trial)>>,
    reader: Arc<dyn Reader>,
    queries: Arc<Semaphore>,
    queues: Queues,
}

impl State {
    /// The state of a listener.
    pub fn new(setup: Setup) -> State {
        let roles_last = Duration::from_millis(setup.limits.roles_ms);
        let inner = Inner {
            access: ArcSwap::from_pointee(Access::new(&setup.admin, &setup.key)),
            door: Door::new(&setup.admin, &setup.limits),
            embed: setup.admin.embed.clone(),
            address: setup.admin.address.clone(),
            sign_in: setup.admin.oidc.as_ref().and_then(|oidc| SignIn::new(oidc, roles_last, &setup.key)),
            reads: Reads::default(),
            tell: setup.tell,
            cursors: Cursors::new(&setup.key),
            tags: Tags::new(&setup.key),
            tails: Tails::new(),
            exports: Turns::new(1, EXPORTS_MAX),
            searches: Searches::new(setup.searches),
            blind: setup.blind,
            metrics: setup.metrics,
            readiness: setup.readiness,
            queries: Arc::new(Semaphore::new(setup.limits.queries_max)),
            // One turn is left for the others, where there are two.
            queues: Queues::new(setup.limits.queries_max.saturating_sub(1).max(1)),
            limits: setup.limits,
            trial: Mutex::new(None),
            reader: setup.reader,
            reload: OnceLock::new(),
            notary: OnceLock::new(),
            retain: OnceLock::new(),
            erase: OnceLock::new(),
        };
        State { inner: Arc::new(inner) }
    }

    /// From now on, only who shows this token and names one of these hosts comes in. Where it listens stays.
    pub fn admit_by(&self, admin: &Admin, key: &[u8; 32]) {
        self.inner.access.store(Arc::new(Access::new(admin, key)));
    }

    /// Looks whether tokens were made or revoked, and tells of it.
    pub(in crate::api) async fn look_at_tokens(&self) {
        let tell = Arc::clone(&self.inner.tell);
        let tell = move |fate: &Fate| tell(of_fate(Uuid::now_v7(), Timestamp::now(), fate));
        self.inner.door.tokens.look(tell).await;
    }

    /// True when nobody comes in without showing something.
    pub(in crate::api) async fn is_closed(&self) -> bool {
        self.look_at_tokens().await;
        self.inner.door.is_closed(&self.inner.access.load().lock)
    }

    /// Notes that the log was read: it is told within a minute, with what the same reader reads meanwhile.
    pub(super) fn note_read(&self, read: &Read<'_>) {
        self.tell_of_reads(self.inner.reads.read(read, Timestamp::now(), Instant::now()));
    }

    /// Notes that events were shown to whoever asked so, in an answer that goes on.
    pub(in crate::api) fn note_followed(&self, request: &Parts, events: u64) {
        let (path, query) = (request.uri.path(), request.uri.query().unwrap_or(""));
        if let Some(caller) = request.extensions.get::<Caller>() {
            let ip = request.extensions.get::<Peer>().map(|Peer(ip)| *ip);
            self.note_read(&Read { caller, ip, path, query, requests: 0, events });
        }
    }

    /// Notes that somebody was refused.
    pub(in crate::api) fn note_refused(&self, read: &Read<'_>) {
        self.tell_of_reads(self.inner.reads.refused(read, Timestamp::now(), Instant::now()));
    }

    /// Tells of the reads that are a minute old.
    pub(super) fn tell_of_due_reads(&self) {
        self.tell_of_reads(self.inner.reads.due(Instant::now()));
    }

    /// Tells of all reads so far: for the end.
    pub fn tell_of_all_reads(&self) {
        self.tell_of_reads(self.inner.reads.all());
    }

    fn tell_of_reads(&self, tallies: impl IntoIterator<Item = Tally>) {
        for tally in tallies {
            (self.inner.tell)(of_reads(Uuid::now_v7(), &tally));
        }
    }

    /// Tells that somebody has signed in.
    pub(in crate::api) fn tell_of_sign_in(&self, caller: &Caller) {
        (self.inner.tell)(of_session(Uuid::now_v7(), Timestamp::now(), caller, Turn::In));
    }

    /// Tells that somebody has signed out.
    pub(in crate::api) fn tell_of_sign_out(&self, caller: &Caller) {
        (self.inner.tell)(of_session(Uuid::now_v7(), Timestamp::now(), caller, Turn::Out));
    }

    /// Lets this one reload when somebody asks for it. The first one stays.
    pub fn reload_by(&self, reload: Weak<dyn Reload>) {
        let _ = self.inner.reload.set(reload);
    }

    /// Lets this one sign and prove. The first one stays.
    pub fn prove_by(&self, notary: Arc<dyn Notary>) {
        let _ = self.inner.notary.set(notary);
    }

    /// Who signs and proves, if somebody does.
    pub(in crate::api) fn notary(&self) -> Option<Arc<dyn Notary>> {
        self.inner.notary.get().cloned()
    }

    /// The sequence of the newest event.
    pub(in crate::api) fn newest(&self) -> u64 {
        self.inner.reader.newest()
    }

    /// What somebody who was let in may see now: tokens are taken back, and roles.
    pub(in crate::api) async fn sees(&self, caller: &Caller) -> Visible {
        if let Some(key) = caller.session() {
            session::renew(self, key).await;
        }
        let now = self.inner.door.still(&self.inner.access.load().lock, caller);
        now.unwrap_or_else(Caller::stranger).sees()
    }

    /// Lets this one remove what may leave. The first one stays.
    pub fn retain_by(&self, retain: Weak<dyn Retain>) {
        let _ = self.inner.retain.set(retain);
    }

    /// Lets this one erase values of persons. The first one stays.
    pub fn erase_by(&self, erase: Weak<dyn Erase>) {
        let _ = self.inner.erase.set(erase);
    }

    /// Has somebody's request answered: what it reads of the log waits behind what else he reads, before it waits for the others.
    pub(in crate::api) async fn in_queue_of<T>(&self, reader: &str, request: impl Future<Output = T>) -> T {
        QUEUE.scope(self.inner.queues.of(reader), request).await
    }

    /// True when every turn to read is taken.
    pub(in crate::api) fn is_busy(&self) -> bool {
        self.inner.queries.available_permits() == 0
    }

    /// Lets `work` read the log; it is told how much time it has.
    ///
    /// When the caller goes away, the work runs to its end and still counts as one of the queries at a time:
    /// a client that asks and leaves cannot pile up work.
    pub(in crate::api) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Reader, Duration) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, AskError> {
        let time_max = Duration::from_millis(self.inner.limits.query_ms);
        let start = Instant::now();
        let own = QUEUE.try_with(Arc::clone).ok();
        let turn = async {
            let own = match own {
                Some(own) => own.acquire_owned().await.ok(),
                None => None,
            };
            (own, Arc::clone(&self.inner.queries).acquire_owned().await)
        };
        let Ok((own, Ok(permit))) = tokio::time::timeout(time_max, turn).await else {
            self.inner.metrics.limits_hit.with_label_values(&["queries_max"]).inc();
            return Err(AskError::Busy);
        };
        let time_left = time_max.saturating_sub(start.elapsed());
        let reader = Arc::clone(&self.inner.reader);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work(reader.as_ref(), time_left);
            drop((permit, own));
            answer
        });
        match answer.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "the audit log cannot be read");
                Err(AskError::Failed)
            }
            Err(error) => {
                tracing::error!(%error, "a query ended early");
                Err(AskError::Failed)
            }
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Problem {
        match error {
            AskError::Busy => busy(),
            AskError::Failed => Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The audit log cannot be read; the log of Earwitness says why.",
            ),
        }
    }
}

/// Too much is asked at once, or an answer took too long.
pub(in crate::api) fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The answer took too long; ask again, or for less.")
}

tokio::task_local! {
    /// The turns to read of whoever asks; none for who reads on behind an answer that goes on.
    static QUEUE: Arc<Semaphore>;
}

/// Each reads the whole log.
const EXPORTS_MAX: usize = 4;
