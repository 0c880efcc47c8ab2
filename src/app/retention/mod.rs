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

mod clock;
mod command;
mod disk;
mod event;
mod pass;
mod state;
mod terms;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub(super) use self::command::retention;
use self::pass::Worker;
pub(super) use self::state::Told;
pub(super) use self::terms::{days, selection};
use crate::api::{OtherPlan, Retain, Retaining};
use crate::config::Retention;
use crate::record::Log;
use crate::telemetry::Metrics;

/// The thread, and what it has told last. Shared with the audit listener and with who reloads.
pub(super) struct Keeper {
    told: Arc<RwLock<Told>>,
    /// Hung up to stop the thread.
    asks: Mutex<Option<Sender<Ask>>>,
    /// Hangs up when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

/// What the thread is asked for; it answers when it is done.
enum Ask {
    /// A plan of this moment.
    Plan(Answer),
    /// A pass now; with the id of a plan that somebody has looked at, and who that was.
    Pass(Option<(String, String)>, Answer),
    /// Other terms from now on.
    Terms(Box<Retention>),
}

/// How it went; where the plan is another one than was confirmed, its id.
type Answer = oneshot::Sender<Result<(), OtherPlan>>;

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
        let (asks, asked) = channel();
        let (guard, ended) = channel::<()>();
        let worker = Worker::new(log.clone(), data_dir, metrics, Arc::clone(&told), Handle::current());
        std::thread::Builder::new().name("retention".to_owned()).spawn(move || {
            run(worker, &asked);
            drop(guard);
        })?;
        Ok(Arc::new(Keeper { told, asks: Mutex::new(Some(asks)), ended: Mutex::new(ended) }))
    }

    /// What it has told last.
    pub(super) fn told(&self) -> Told {
        self.told.read().clone()
    }

    /// Goes on with other terms.
    pub(super) fn renew(&self, retention: &Retention) {
        self.send(Ask::Terms(Box::new(retention.clone())));
    }

    /// Ends the thread after what it is doing, waiting a little: what is cut off is gone on with at the next start.
    pub(super) fn stop(&self) {
        drop(self.asks.lock().take());
        // Hung up: there is never anything to receive.
        let _ = self.ended.lock().recv_timeout(PATIENCE);
    }

    /// False when it has ended.
    fn send(&self, ask: Ask) -> bool {
        self.asks.lock().as_ref().is_some_and(|asks| asks.send(ask).is_ok())
    }

    async fn ask(&self, ask: impl FnOnce(Answer) -> Ask) -> Result<Value, OtherPlan> {
        let (answer, answered) = oneshot::channel();
        if self.send(ask(answer)) {
            // What takes longer is told when it is asked for again.
            let answered = tokio::time::timeout(ANSWER_MAX, answered).await;
            answered.unwrap_or(Ok(Ok(()))).unwrap_or(Ok(()))?;
        }
        Ok(self.told.read().to_json())
    }
}

/// For the audit listener, which holds it weakly.
pub(super) struct ByApi(pub(super) Arc<Keeper>);

impl Retain for ByApi {
    fn plan(&self) -> Retaining {
        let keeper = Arc::clone(&self.0);
        Box::pin(async move { keeper.ask(Ask::Plan).await })
    }

    fn pass(&self, confirmed: Option<String>, by: String) -> Retaining {
        let keeper = Arc::clone(&self.0);
        let confirmed = confirmed.map(|id| (id, by));
        Box::pin(async move { keeper.ask(|answer| Ask::Pass(confirmed, answer)).await })
    }
}

fn run(mut worker: Worker, asked: &Receiver<Ask>) {
    worker.begin();
    loop {
        match asked.recv_timeout(PERIOD) {
            Ok(Ask::Plan(answer)) => {
                worker.plan();
                // Who has asked may have gone.
                let _ = answer.send(Ok(()));
            }
            Ok(Ask::Pass(confirmed, answer)) => {
                let _ = answer.send(worker.pass(confirmed));
            }
            Ok(Ask::Terms(retention)) => worker.renew(&retention),
            Err(RecvTimeoutError::Timeout) => worker.tick(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

const PERIOD: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(5);
/// Less than a question may take by default.
const ANSWER_MAX: Duration = Duration::from_secs(4);
