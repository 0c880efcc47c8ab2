//! Retention at work: a thread that once a day removes what the policies let go, and looks at clock and disk.
//!
//! ```text
//! every minute   the disk; what was told and not removed
//! every hour     the clock, against the machine's own
//! at `at`        a pass: the plan, what speaks against it, then partition after partition
//! ```
//!
//! A pass that is doubted removes nothing and asks: the clock is not believed, or more of the log would go than
//! `share_max`. Whoever has looked at the plan confirms it by its id, and the same plan is carried out then, no other.

mod asks;
mod clock;
mod command;
mod disk;
mod event;
mod pass;
mod state;
mod terms;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::runtime::Handle;

use self::asks::{Ask, Asked, Asks, Turn};
pub(super) use self::command::retention;
use self::pass::Worker;
pub(super) use self::state::Told;
pub(super) use self::terms::{days, selection};
use crate::api::{NotRetained, Retain, Retained, Retaining};
use crate::config::Retention;
use crate::record::Log;
use crate::store::Hold;
use crate::telemetry::Metrics;

/// The thread, and what it has told last. Shared with the audit listener and with who reloads.
pub(super) struct Keeper {
    told: Arc<RwLock<Told>>,
    asks: Asks,
    /// Hangs up when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// When none can be started.
    pub(super) fn start(
        log: &Log,
        data_dir: &Path,
        retention: &Retention,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Arc<Keeper>> {
        let told = Arc::new(RwLock::new(Told::of(retention)));
        let (asks, asked) = Asks::new(ANSWER_MAX);
        let (guard, ended) = channel::<()>();
        let worker = Worker::new(log.clone(), data_dir, metrics, Arc::clone(&told), Handle::current());
        std::thread::Builder::new().name("retention".to_owned()).spawn(move || {
            run(worker, &asked);
            drop(guard);
        })?;
        Ok(Arc::new(Keeper { told, asks, ended: Mutex::new(ended) }))
    }

    /// What it has told last.
    pub(super) fn told(&self) -> Told {
        self.told.read().clone()
    }

    /// What nothing removes now.
    pub(super) fn holds(&self) -> Vec<Hold> {
        holds(&self.told.read().retention)
    }

    /// Goes on with other terms.
    pub(super) fn renew(&self, retention: &Retention) {
        self.asks.renew(retention);
    }

    /// Ends the thread after what it is doing, waiting a little: what is cut off is gone on with at the next start.
    pub(super) fn stop(&self) {
        self.asks.hang_up();
        // Hung up: there is never anything to receive.
        let _ = self.ended.lock().recv_timeout(PATIENCE);
    }

    /// The plan of this moment; where that takes longer, what was told last.
    async fn plan(&self) -> Value {
        // Whatever came of it, what is told now is the newest that is known.
        let _ = self.asks.ask(Ask::Plan).await;
        self.told.read().to_json()
    }

    async fn pass(&self, confirmed: Option<(String, String)>) -> Result<Retained, NotRetained> {
        self.told.write().passes += 1;
        match self.asks.ask(|answer| Ask::Pass(confirmed, answer)).await {
            Asked::Done(outcome) => {
                outcome.map_err(NotRetained::Other)?;
                Ok(Retained::Done(self.told.read().to_json()))
            }
            Asked::Waits => Ok(Retained::Going(self.told.read().to_json())),
            Asked::Refused => {
                self.told.write().passes -= 1;
                Err(NotRetained::Busy)
            }
        }
    }
}

/// What nothing removes, as a configuration says it.
pub(super) fn holds(retention: &Retention) -> Vec<Hold> {
    terms::of(retention).holds
}

/// For the audit listener, which holds it weakly.
pub(super) struct ByApi(pub(super) Arc<Keeper>);

impl Retain for ByApi {
    fn plan(&self) -> Retaining {
        let keeper = Arc::clone(&self.0);
        Box::pin(async move { Ok(Retained::Done(keeper.plan().await)) })
    }

    fn pass(&self, confirmed: Option<String>, by: String) -> Retaining {
        let keeper = Arc::clone(&self.0);
        let confirmed = confirmed.map(|id| (id, by));
        Box::pin(async move { keeper.pass(confirmed).await })
    }
}

fn run(mut worker: Worker, asked: &Receiver<Ask>) {
    worker.begin();
    let mut due = Instant::now() + PERIOD;
    while let Some(turn) = asks::next(asked, due) {
        match turn {
            Turn::Due => {
                worker.tick();
                due = Instant::now() + PERIOD;
            }
            Turn::Asked(ask) => worker.answer(ask),
        }
    }
}

const PERIOD: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(5);
/// Less than a question may take by default.
const ANSWER_MAX: Duration = Duration::from_secs(4);
