//! Rules and settings loaded anew while everything runs.
//!
//! ```text
//! SIGHUP ──┐
//! file ────┼─► load, check, test (on a thread of its own) ─┬─ sound ─► in force at once ─► event
//! POST ────┘                                               └─ wrong ─► the last good ones stay ─► event
//! ```
//!
//! One at a time. What is under way ends with the rules that it began with (see `proxy::InForce`). What was made
//! at the start, listeners and the log above all, stays until the next start, and the answer names it. Nothing
//! here decides what a request's event says.

mod access;
mod difference;
mod event;
mod kept;
mod load;
mod retention;
mod summary;
mod triggers;
mod watch;

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::difference::Difference;
pub(super) use self::kept::tell_of_start;
pub(super) use self::load::{Loaded, load, load_tested, rules};
use self::summary::Summary;
pub(super) use self::triggers::follow;
use super::retention::Keeper;
use super::{memory, service};
use crate::api::{self, PackInForce, Refused, Reload, Reloaded, RuleInForce, RulesState};
use crate::config::{Changes, Config};
use crate::derive::Engine;
use crate::event::Event;
use crate::proxy::{Auditor, InForce};
use crate::record::{Log, Urgency};
use crate::rules::model::{OnFailure, Pack, Rule, RuleSet};
use crate::rules::redact::Key;
use crate::serve::Tls;
use crate::store::Snapshots;
use crate::telemetry::Metrics;
use crate::yaml::{Problems, Severity, Source, Span};

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// SIGHUP.
    Signal,
    /// A file has changed.
    File,
    /// `POST /audit/v1/reload`, from there.
    Api(Option<IpAddr>),
    /// None: the process was started, with other rules than those that were in force last.
    Start,
}

impl Trigger {
    /// The word used in metrics, logs and events.
    fn as_str(self) -> &'static str {
        match self {
            Trigger::Signal => "signal",
            Trigger::File => "file",
            Trigger::Api(_) => "api",
            Trigger::Start => "start",
        }
    }
}

/// Where configuration and rules came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From this program itself: there is nothing to load anew.
    Program,
    /// From this file, or from the environment alone.
    Files(Option<PathBuf>),
}

/// Loads anew, and holds what has to be told.
pub(super) struct Reloader {
    pub(super) parts: Parts,
    /// What is in force, and that nobody else is changing it.
    running: Mutex<Running>,
    /// For `/readyz`, which must not wait for a reload.
    state: Arc<RwLock<RulesState>>,
}

/// What a reload changes, and what it needs for that.
pub(super) struct Parts {
    pub(super) origin: Origin,
    pub(super) in_force: InForce,
    pub(super) auditor: Auditor,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) api: api::State,
    pub(super) log: Log,
    pub(super) keeper: Arc<Keeper>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) key: [u8; 32],
}

/// What is in force.
pub(super) struct Running {
    pub(super) config: Arc<Config>,
    pub(super) rules: Arc<RuleSet>,
    pub(super) memory: Option<Snapshots>,
}

/// What a reload has done.
enum Done {
    Changed(Box<Event>, Reloaded),
    Nothing(Reloaded),
}

impl Reloader {
    pub(super) fn new(parts: Parts, running: Running, state: Arc<RwLock<RulesState>>) -> Arc<Reloader> {
        parts.metrics.rules_loaded_timestamp_seconds.set(Timestamp::now().as_second());
        Arc::new(Reloader { parts, running: Mutex::new(running), state })
    }

    /// Loads, checks, tests, and puts into force, after whatever reload is under way. Dropped halfway, either all of
    /// it is in force or nothing; so the callers let it run to its end.
    pub(super) async fn reload(&self, trigger: Trigger) -> Result<Reloaded, Refused> {
        let mut running = self.running.lock().await;
        service::reloading();
        let loaded = match &self.parts.origin {
            Origin::Program => Err(alone("these rules did not come from files")),
            Origin::Files(path) => {
                let path = path.clone();
                let loading = tokio::task::spawn_blocking(move || load_tested(path.as_deref()));
                loading.await.unwrap_or_else(|_| Err(alone("the loading of the rules panicked: report it")))
            }
        };
        let outcome = match loaded {
            Ok((config, rules, warnings)) => {
                let done = self.put(&mut running, trigger, config, rules, &warnings);
                self.renew_certificates().await;
                Ok(self.tell(trigger, &running, done).await)
            }
            Err(problems) => {
                let version = running.rules.version();
                self.refuse(trigger, &version, &problems).await;
                Err(Refused { problems: problems.to_json() })
            }
        };
        drop(running);
        self.tell_manager();
        outcome
    }

    /// Tells the service manager that it runs, and by which rules.
    pub(super) fn tell_manager(&self) {
        let RulesState { count, version, stale_since, .. } = self.state.read().clone();
        let version = version.get(..12).unwrap_or_default();
        service::ready(&match stale_since {
            None => format!("{count} rules, version {version}"),
            Some(since) => format!("{count} rules, version {version}; newer ones were refused since {since}"),
        });
    }

    /// They were read with the configuration and were sound a moment ago; what is wrong with them now is told there.
    async fn renew_certificates(&self) {
        let Some(tls) = self.parts.tls.clone() else { return };
        let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
    }

    /// Puts it into force, all at once.
    fn put(
        &self,
        running: &mut Running,
        trigger: Trigger,
        config: Config,
        rules: RuleSet,
        warnings: &Problems,
    ) -> Done {
        let Parts { in_force, auditor, api, keeper, key, .. } = &self.parts;
        let old = running.summary();
        // What an erasure needs is what it was until the next start, which tells of it.
        let erasure = &running.config.erasure;
        let new = Summary::of(&rules).with_retention(&config.retention).with_erasure(erasure);
        let difference = Difference::between(&old, &new);
        let (config, settings) = running.config.followed_by(config);
        let reloaded = reloaded(&difference, settings, &old, &new, warnings);
        let is_same = difference.is_empty() && reloaded.version_before == reloaded.version;
        let owners = owners(&difference, &old, &new);
        let (config, rules) = (Arc::new(config), Arc::new(rules));
        let engine = Arc::new(Engine::new(Arc::clone(&rules), Key::new(*key), &config.limits));
        let memory = running.memory.clone().or_else(|| memory(&config, &rules));
        in_force.put(Arc::clone(&config), Arc::new(auditor.renewed(engine, memory.clone())));
        api.admit_by(&config.admin, key);
        keeper.renew(&config.retention);
        *self.state.write() = rules_state(&rules);
        *running = Running { config, rules, memory };
        if is_same && reloaded.settings.is_empty() && reloaded.needs_restart.is_empty() {
            return Done::Nothing(reloaded);
        }
        let (id, now) = (Uuid::now_v7(), Timestamp::now());
        Done::Changed(Box::new(event::of_success(id, now, trigger, &difference, &reloaded, owners)), reloaded)
    }

    /// Says what was done, in the log of events, in our own, and in the metrics.
    async fn tell(&self, trigger: Trigger, running: &Running, done: Done) -> Reloaded {
        let metrics = &self.parts.metrics;
        metrics.rules_loaded_timestamp_seconds.set(Timestamp::now().as_second());
        metrics.rules_stale.set(0);
        let (outcome, reloaded) = match done {
            Done::Changed(event, reloaded) => {
                if self.record(*event).await {
                    running.keep().await;
                }
                ("changed", reloaded)
            }
            Done::Nothing(reloaded) => ("unchanged", reloaded),
        };
        metrics.reloads.with_label_values(&[trigger.as_str(), outcome]).inc();
        tracing::info!(
            trigger = trigger.as_str(),
            outcome,
            version = reloaded.version,
            added = reloaded.added.len(),
            removed = reloaded.removed.len(),
            changed = reloaded.changed.len(),
            weakened = reloaded.weakened.len(),
            needs_restart = reloaded.needs_restart.join(", "),
            "rules and configuration were loaded anew"
        );
        reloaded
    }

    /// Says that nothing was done, and why.
    async fn refuse(&self, trigger: Trigger, version: &str, problems: &Problems) {
        let now = Timestamp::now();
        let metrics = &self.parts.metrics;
        self.state.write().stale_since.get_or_insert(now);
        metrics.rules_stale.set(1);
        metrics.reloads.with_label_values(&[trigger.as_str(), "refused"]).inc();
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        for problem in errors.take(TOLD_MAX) {
            tracing::error!(trigger = trigger.as_str(), problem = event::line(problem), "not loaded");
        }
        tracing::error!(problems = problems.error_count(), version, "the rules in force stay as they are");
        self.record(event::of_failure(Uuid::now_v7(), now, trigger, version, problems)).await;
    }

    /// True when it is.
    async fn record(&self, event: Event) -> bool {
        let recorded = self.parts.log.record(vec![event], Urgency::Now).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, "the reload could not be recorded");
        }
        recorded.is_ok()
    }

    /// Keeps what is remembered, at the end.
    pub(super) fn close(&self) {
        if let Some(memory) = self.running.blocking_lock().memory.take() {
            memory.close();
        }
    }

    /// The configuration in force.
    async fn config(&self) -> Arc<Config> {
        Arc::clone(&self.running.lock().await.config)
    }
}

impl Running {
    fn summary(&self) -> Summary {
        Summary::of(&self.rules).with_retention(&self.config.retention).with_erasure(&self.config.erasure)
    }

    /// Keeps which rules these are for the next start; not before what they changed is recorded.
    async fn keep(&self) {
        let (data_dir, rules) = (self.config.data_dir.clone(), self.summary());
        // It tells by itself what goes wrong.
        let _ = tokio::task::spawn_blocking(move || kept::keep(&data_dir, &rules)).await;
    }
}

/// For an API that holds us weakly: a reload that was begun is finished, whether or not the client waits.
pub(super) struct ByApi(pub(super) Arc<Reloader>);

impl Reload for ByApi {
    fn reload(
        &self,
        from: Option<IpAddr>,
    ) -> Pin<Box<dyn Future<Output = Result<Reloaded, Refused>> + Send>> {
        let reloader = Arc::clone(&self.0);
        let work = tokio::spawn(async move { reloader.reload(Trigger::Api(from)).await });
        Box::pin(async move {
            let ended = alone("the reload panicked: report it").to_json();
            work.await.unwrap_or(Err(Refused { problems: ended }))
        })
    }
}

/// What `/readyz` says of these rules.
pub(super) fn rules_state(rules: &RuleSet) -> RulesState {
    let count = rules.packs.iter().map(|pack| pack.rules.len()).sum();
    let packs = rules.packs.iter().map(in_force).collect();
    RulesState { count, version: rules.version(), stale_since: None, packs }
}

fn in_force(pack: &Pack) -> PackInForce {
    let rule = |rule: &Rule| RuleInForce {
        id: rule.id.clone(),
        r#match: rule.lines.iter().map(ToString::to_string).collect(),
        mode: rule.mode.as_str(),
        guarantee: rule.guarantee.as_str(),
        on_failure: rule.on_failure.map(OnFailure::as_str),
        digest: rule.digest.clone(),
    };
    PackInForce {
        name: pack.name.clone(),
        title: pack.title.clone(),
        version: pack.version.clone(),
        rules: pack.rules.iter().map(rule).collect(),
    }
}

fn reloaded(
    difference: &Difference,
    settings: Changes,
    old: &Summary,
    new: &Summary,
    warnings: &Problems,
) -> Reloaded {
    let ids = |list: &[(String, String)]| list.iter().map(|(id, _)| id.clone()).collect();
    let weakened = difference.weakened.iter().map(|one| match (&one.before, &one.now) {
        (Some(before), Some(now)) => format!("{}: {before} -> {now}", one.what),
        (Some(before), None) => format!("{}: without {before}", one.what),
        (None, now) => format!("{}: {}", one.what, now.as_deref().unwrap_or_default()),
    });
    Reloaded {
        version_before: old.version.clone(),
        version: new.version.clone(),
        added: ids(&difference.added),
        removed: ids(&difference.removed),
        changed: difference.changed.iter().map(|(id, _, _)| id.clone()).collect(),
        weakened: weakened.collect(),
        settings: settings.applied,
        needs_restart: settings.needs_restart,
        warnings: warnings.to_json(),
    }
}

/// The files of packs that are different, and whose they are (THREATS E72). What is gone has no owner any more.
fn owners(difference: &Difference, old: &Summary, new: &Summary) -> Vec<(String, u32)> {
    let is_different = |name: &str| difference.packs.iter().any(|(pack, _, _)| pack == name);
    let packs = old.packs.iter().chain(&new.packs).filter(|(name, _)| is_different(name));
    let mut files: Vec<&String> = packs.flat_map(|(_, pack)| &pack.files).collect();
    files.sort();
    files.dedup();
    let owner = |file: &String| Some((file.clone(), std::fs::metadata(Path::new(file)).ok()?.uid()));
    files.into_iter().filter_map(owner).take(FILES_MAX).collect()
}

/// A problem that is in no file.
fn alone(message: &str) -> Problems {
    let mut problems = Problems::default();
    problems.error("R01", &Source::new("earwitness", ""), Span::default(), message);
    problems
}

/// Problems in our own log for one reload; the answer and `earwitness check` have them all.
const TOLD_MAX: usize = 20;
const FILES_MAX: usize = 500;
