//! The roof: builds every part from the configuration, starts them, waits, and stops them in order.
//!
//! Order matters at the end: first the proxy, so that nothing new happens; then the log, which takes what
//! the last requests recorded; last the audit listener, which could still be asked about it.

mod access;
mod backup;
mod demo;
mod doctor;
mod erasure;
mod key;
mod keys;
mod life;
mod post;
mod reading;
mod recording;
mod reload;
mod retention;
mod serve;
mod service;
mod traces;
mod witness;

pub use access::{link, token};
pub use backup::{backup, restore};
pub use demo::demo;
pub use doctor::doctor;
pub use keys::keys;
pub use reading::{blindspots, export, import, query, reindex, verify};
pub use recording::record;
pub use serve::serve;

/// `earwitness erase`: see `app/erasure`.
///
/// # Errors
/// When the log cannot be read, or what was confirmed is not what would be erased.
pub fn erase(args: &crate::cli::EraseArgs) -> Result<crate::cli::Exit> {
    erasure::erase(args)
}

/// `earwitness retention`: see `app/retention`.
///
/// # Errors
/// When the log cannot be read, or nobody runs who could remove anything.
pub fn retention(args: &crate::cli::RetentionArgs) -> Result<crate::cli::Exit> {
    retention::retention(args)
}

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::access::Teller;
use self::erasure::Eraser;
use self::life::Life;
use self::reload::{ByApi, Origin, Parts, Reloader, Running};
use self::retention::Keeper;
use self::service::Sockets;
use self::traces::Traces;
use self::witness::Witness;
use crate::api::{self, Erase, Readiness, Reload, Retain, RulesState, Setup};
use crate::blind::{self, Blind};
use crate::config::Config;
use crate::derive::Engine;
use crate::proxy::{Auditor, InForce, Proxy};
use crate::record::{self, Log};
use crate::rules::model::RuleSet;
use crate::rules::redact::Key;
use crate::serve::{Entrance, Workers};
use crate::store::{Ceiling, Shelf, SledShelf, Snapshots};
use crate::telemetry::Metrics;

/// All parts, running.
struct App {
    /// Where clients connect.
    proxy: SocketAddr,
    /// Where operators and auditors connect.
    audit: SocketAddr,
    log: Log,
    api: api::State,
    reloader: Arc<Reloader>,
    /// The listener holds it weakly.
    _by_api: Arc<dyn Reload>,
    /// As that.
    _retain: Arc<dyn Retain>,
    keeper: Arc<Keeper>,
    /// As the others of the listener.
    _erase: Arc<dyn Erase>,
    eraser: Arc<Eraser>,
    blind: Blind,
    life: Life,
    teller: Teller,
    witness: Witness,
    traces: Option<Traces>,
    workers: Workers,
    listener: JoinHandle<std::io::Result<()>>,
    stop_listener: oneshot::Sender<()>,
    /// Also read for `/readyz`.
    is_stopping: Arc<AtomicBool>,
    drain_ms: u64,
    shutdown_ms: u64,
}

impl App {
    /// Opens the log, binds the listeners that nobody has opened for us, and starts.
    ///
    /// # Errors
    /// When the log cannot be opened, the key cannot be read, or an address cannot be bound: nothing runs
    /// then.
    async fn start(config: Config, rules: RuleSet, origin: Origin, sockets: Sockets) -> Result<App> {
        let key = key::load_or_create(&config.key_file)?;
        let metrics = Metrics::new();
        let entrance = Entrance::new(&config, &metrics)?;
        let tls = entrance.tls.clone();
        if config.upstream.is_unverified() {
            metrics.upstream_unverified.set(1);
            tracing::warn!("upstream_tls.insecure: whoever answers is believed to be the application");
        }
        let log = Log::open(&config.data_dir, Some(key), &config.limits, Arc::clone(&metrics))
            .with_context(|| format!("the data directory {} cannot be used", config.data_dir.display()))?;
        log.index_beside()?;
        let life = Life::begin(&log, &config.data_dir).await?;
        reload::tell_of_start(&config, &rules, &log).await;
        let witness = Witness::begin(&log, &config, &metrics).await?;
        let blind = Blind::open(&config.data_dir);
        let keeper = Keeper::start(&log, &config.data_dir, &config.retention, Arc::clone(&metrics))?;
        let clients = listener(sockets.proxy, config.listen)?;
        let readers = TcpListener::from_std(listener(sockets.audit, config.admin.listen)?)?;
        let (proxy, audit) = (clients.local_addr()?, readers.local_addr()?);
        let rules = Arc::new(rules);
        let rules_state = Arc::new(RwLock::new(reload::rules_state(&rules)));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (stop_listener, stopped) = oneshot::channel();
        let teller = Teller::start(log.clone());
        let memory = memory(&config, &rules);
        let held_by = Arc::clone(&keeper);
        let holds = Box::new(move || held_by.holds());
        let parts = erasure::Parts {
            log: log.clone(),
            key,
            holds,
            memory: memory.clone(),
            asked: config.erasure.clone(),
        };
        let eraser = Eraser::start(parts, &config.data_dir)?;
        let state = api::State::new(Setup {
            reader: Arc::new(log.clone()),
            blind: blind.clone(),
            metrics: Arc::clone(&metrics),
            readiness: readiness(&log, &blind, &rules_state, &is_stopping, (&keeper, &eraser)),
            admin: config.admin.clone(),
            limits: config.limits.clone(),
            searches: Some(config.data_dir.join("searches.json")),
            key,
            tell: teller.tell(),
        });
        state.prove_by(witness.notary());
        let listener = tokio::spawn(api::serve(readers, state.clone(), async {
            // A sender that is gone says the same.
            let _ = stopped.await;
        }));
        let erase: Arc<dyn Erase> = Arc::new(erasure::ByApi(Arc::clone(&eraser)));
        state.erase_by(Arc::downgrade(&erase));
        let engine = Arc::new(Engine::new(Arc::clone(&rules), Key::new(key), &config.limits));
        let auditor = Auditor::new(engine, log.clone(), Arc::clone(&metrics)).with_blind(blind.clone());
        let auditor = match &memory {
            Some(memory) => auditor.with_memory(memory.clone()),
            None => auditor,
        };
        let (count, limits, config) = (config.workers, config.limits.clone(), Arc::new(config));
        let (traces, spans) = Traces::begin(&config, log.instance().to_string(), &metrics)?.unzip();
        let face = Proxy::new(Arc::clone(&config), Arc::new(auditor.clone()), Arc::clone(&metrics));
        let face = face.with_spans(spans);
        let in_force = InForce::new(face);
        let of_workers = in_force.clone();
        let workers = Workers::start(clients, count, entrance, &metrics, move || of_workers.seat())?;
        let (api, log_too) = (state.clone(), log.clone());
        let keeper_too = Arc::clone(&keeper);
        let parts =
            Parts { origin, in_force, auditor, tls, api, log: log_too, keeper: keeper_too, metrics, key };
        let reloader = Reloader::new(parts, Running { config, rules, memory }, rules_state);
        let by_api: Arc<dyn Reload> = Arc::new(ByApi(Arc::clone(&reloader)));
        state.reload_by(Arc::downgrade(&by_api));
        let retain: Arc<dyn Retain> = Arc::new(retention::ByApi(Arc::clone(&keeper)));
        state.retain_by(Arc::downgrade(&retain));
        Ok(App {
            proxy,
            audit,
            log,
            api: state,
            reloader,
            _by_api: by_api,
            _retain: retain,
            keeper,
            _erase: erase,
            eraser,
            blind,
            life,
            teller,
            witness,
            traces,
            workers,
            listener,
            stop_listener,
            is_stopping,
            drain_ms: limits.drain_ms,
            shutdown_ms: limits.shutdown_ms,
        })
    }

    /// Says for `limits.drain_ms` that it is about to stop, and still serves whoever comes; then finishes what is in
    /// flight, within `limits.shutdown_ms`, and closes the log.
    async fn stop(self) -> Result<()> {
        let App {
            log,
            api,
            reloader,
            keeper,
            eraser,
            blind,
            life,
            teller,
            witness,
            traces,
            workers,
            listener,
            stop_listener,
            shutdown_ms,
            ..
        } = self;
        self.is_stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(self.drain_ms)).await;
        tokio::task::spawn_blocking(move || {
            workers.stop();
            reloader.close();
            blind.close();
            keeper.stop();
            eraser.stop();
        })
        .await?;
        if let Some(traces) = traces {
            traces.end().await;
        }
        api.tell_of_all_reads();
        teller.end().await;
        life.end().await;
        witness.end().await;
        tokio::task::spawn_blocking(move || log.close(Duration::from_millis(shutdown_ms))).await?;
        // The listener is gone already when this fails.
        let _ = stop_listener.send(());
        listener.await??;
        Ok(())
    }
}

/// The one that was opened for us, or one at that address.
fn listener(opened: Option<std::net::TcpListener>, address: SocketAddr) -> Result<std::net::TcpListener> {
    let listener = match opened {
        Some(listener) => listener,
        None => {
            std::net::TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?
        }
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What was seen last of things, where a rule wants that. Without the disk it still works until the next
/// start.
fn memory(config: &Config, rules: &RuleSet) -> Option<Snapshots> {
    let mut resources = rules.packs.iter().flat_map(|pack| &pack.resources);
    if !resources.any(|resource| resource.is_remembered) {
        return None;
    }
    let shelf = SledShelf::open(&config.data_dir, &config.upstream.to_string())
        .inspect_err(|error| tracing::error!(%error, "snapshots are remembered until the next start only"));
    let shelf = shelf.ok().map(|shelf| Box::new(shelf) as Box<dyn Shelf>);
    let (count_max, bytes_max) = (config.limits.snapshots_max, config.limits.snapshots_bytes_max);
    Some(Snapshots::open(shelf, Ceiling { count_max, bytes_max }))
}

fn readiness(
    log: &Log,
    blind: &Blind,
    rules: &Arc<RwLock<RulesState>>,
    is_stopping: &Arc<AtomicBool>,
    (keeper, eraser): (&Arc<Keeper>, &Arc<Eraser>),
) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    let (log, rules, is_stopping) = (log.clone(), Arc::clone(rules), Arc::clone(is_stopping));
    let (blind, keeper, eraser) = (blind.clone(), Arc::clone(keeper), Arc::clone(eraser));
    Arc::new(move || {
        let (journal, mut troubles) = match log.state() {
            record::State::Ready => (Ok(()), Vec::new()),
            record::State::Troubled(troubles) => (Ok(()), troubles),
            record::State::NotRecording(why) => (Err(why), Vec::new()),
        };
        let told = keeper.told();
        troubles.extend(told.troubles());
        troubles.extend(eraser.troubles());
        troubles.extend(blind::trouble(&blind.silent(Timestamp::now())));
        Readiness {
            rules: rules.read().clone(),
            is_stopping: is_stopping.load(Ordering::Relaxed),
            journal,
            troubles,
            retention: told.summary(),
        }
    })
}
