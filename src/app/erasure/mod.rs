//! Erasure at work: a thread that looks what an erasure would take, erases what was confirmed, and goes on at the next
//! start with what was cut off. One at a time; a question meanwhile is told what is under way.

mod approval;
mod command;
mod event;
mod kept;
mod list;
mod repeat;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::approval::{Approvals, Vote, Waiting};
pub(super) use self::command::erase;
use self::event::By;
pub(super) use self::repeat::{Repeated, repeat};
use self::worker::{Planned, Worker, is_underway};
use crate::api::{Erase, ErasureAnswer, ErasureWish, Unerased};
use crate::config::{self, Approval};
use crate::record::{Erasure, Log};
use crate::rules::redact::Key;
use crate::store::{Hold, Snapshots};

/// The thread, and what it has told last. Shared with the audit listener.
pub(super) struct Eraser {
    told: Arc<RwLock<Told>>,
    /// Hung up to stop the thread.
    asks: Mutex<Option<Sender<(ErasureWish, Answer)>>>,
    /// Hangs up when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

type Answer = oneshot::Sender<Result<(), Unerased>>;

/// What is told.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    state: Stage,
    /// What the last one who asked would erase.
    plan: Option<Value>,
    /// Plans that somebody has confirmed, and that wait for somebody else.
    awaiting: Vec<Waiting>,
    /// The last erasure of this process.
    last: Option<Last>,
    /// Why the last plan, or erasure, did not come to its end.
    failed: Option<String>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// Nothing.
    #[default]
    Idle,
    /// A plan is made.
    Looking,
    /// Values go.
    Erasing,
    /// It is tried again in a minute: something is read, or has failed.
    Waiting,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Last {
    /// When it ended.
    at: Timestamp,
    /// What the person is called from then on.
    person: String,
    events: u64,
    values: u64,
    /// False while it is to be gone on with.
    is_done: bool,
}

/// What the thread works with.
pub(super) struct Parts {
    pub(super) log: Log,
    pub(super) key: [u8; 32],
    pub(super) holds: Box<dyn Fn() -> Vec<Hold> + Send>,
    pub(super) memory: Option<Snapshots>,
    /// What the configuration asks of an erasure.
    pub(super) asked: config::Erasure,
}

/// What the thread holds.
struct Desk<'a> {
    worker: &'a Worker,
    told: &'a RwLock<Told>,
    approval: Approval,
    approvals: Approvals,
}

impl Eraser {
    /// Starts the thread, which goes on with what was cut off.
    ///
    /// # Errors
    /// When none can be started.
    pub(super) fn start(parts: Parts, data_dir: &Path) -> std::io::Result<Arc<Eraser>> {
        let Parts { log, key, holds, memory, asked: config::Erasure { approval, files } } = parts;
        let lists = lists(data_dir, files);
        list::make(&lists);
        let (data_dir, key, runtime) = (data_dir.to_owned(), Key::new(key), Handle::current());
        let worker = Worker { log, data_dir, key, runtime, holds, memory, lists };
        let told = Arc::new(RwLock::new(Told::default()));
        let (asks, asked) = channel();
        let (guard, ended) = channel::<()>();
        let of_thread = Arc::clone(&told);
        std::thread::Builder::new().name("erasure".to_owned()).spawn(move || {
            let approvals = Approvals::default();
            Desk { worker: &worker, told: &of_thread, approval, approvals }.run(&asked);
            drop(guard);
        })?;
        Ok(Arc::new(Eraser { told, asks: Mutex::new(Some(asks)), ended: Mutex::new(ended) }))
    }

    /// For `/readyz`, which anybody may ask: that one waits, and not why.
    pub(super) fn troubles(&self) -> Option<String> {
        match self.told.read().state {
            Stage::Waiting => Some(WAITS.to_owned()),
            Stage::Idle | Stage::Looking | Stage::Erasing => None,
        }
    }

    /// Ends the thread after what it is doing, waiting a little: what is cut off is gone on with at the next start.
    pub(super) fn stop(&self) {
        drop(self.asks.lock().take());
        // Hung up: there is never anything to receive.
        let _ = self.ended.lock().recv_timeout(PATIENCE);
    }
}

/// For the audit listener, which holds it weakly.
pub(super) struct ByApi(pub(super) Arc<Eraser>);

impl Erase for ByApi {
    fn told(&self) -> Value {
        let mut told = self.0.told.read().clone();
        let now = Timestamp::now();
        told.awaiting.retain(|one| one.until > now);
        serde_json::json!(told)
    }

    fn ask(&self, wish: ErasureWish) -> ErasureAnswer {
        let eraser = Arc::clone(&self.0);
        Box::pin(async move {
            {
                let mut told = eraser.told.write();
                let is_busy = match told.state {
                    Stage::Idle => false,
                    // Whoever looks disturbs nobody.
                    Stage::Waiting => wish.confirm.is_some(),
                    Stage::Looking | Stage::Erasing => true,
                };
                if is_busy {
                    return Err(Unerased::Busy);
                }
                told.state = Stage::Looking;
                // What was looked at for another is not to be taken for this one's.
                told.plan = None;
            }
            let (answer, answered) = oneshot::channel();
            let is_sent = eraser.asks.lock().as_ref().is_some_and(|asks| asks.send((wish, answer)).is_ok());
            if is_sent {
                // What takes longer is told when it is asked for again.
                let answered = tokio::time::timeout(ANSWER_MAX, answered).await;
                answered.unwrap_or(Ok(Ok(()))).unwrap_or(Ok(()))?;
            }
            Ok(serde_json::json!(*eraser.told.read()))
        })
    }
}

impl Desk<'_> {
    fn run(mut self, asked: &Receiver<(ErasureWish, Answer)>) {
        let (worker, told) = (self.worker, self.told);
        go_on(worker, told);
        loop {
            match asked.recv_timeout(PERIOD) {
                Ok((wish, answer)) => {
                    let begun = self.look(&wish);
                    let is_begun = begun.as_ref().is_ok_and(|is_begun| *is_begun);
                    // Who has asked may have gone.
                    let _ = answer.send(begun.map(drop));
                    if is_begun {
                        go_on(worker, told);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if is_underway(&worker.data_dir) {
                        go_on(worker, told);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Makes a plan; true when it was confirmed, and is begun.
    fn look(&mut self, wish: &ErasureWish) -> Result<bool, Unerased> {
        let (worker, now) = (self.worker, Timestamp::now());
        let planned = worker.plan(&wish.subject);
        let is_waiting = is_underway(&worker.data_dir);
        let begun = match planned {
            Ok(Ok(planned)) => {
                let mut told = self.told.write();
                told.plan = Some(planned.to_json());
                if !is_waiting {
                    told.failed = None;
                }
                drop(told);
                self.confirmed(wish, &planned, now)
            }
            Ok(Err(nobody)) => Ok(Err(nobody)),
            Err(error) => Err(error),
        };
        let mut told = self.told.write();
        told.awaiting = self.approvals.waiting(now);
        told.state = match &begun {
            Ok(Ok(true)) => Stage::Erasing,
            _ if is_waiting => Stage::Waiting,
            Ok(Ok(false) | Err(_)) | Err(_) => Stage::Idle,
        };
        begun.unwrap_or_else(|error| {
            told.failed = Some(format!("{error:#}"));
            Ok(false)
        })
    }

    /// True when the plan was confirmed by all who must, and is begun.
    fn confirmed(
        &mut self,
        wish: &ErasureWish,
        planned: &Planned,
        now: Timestamp,
    ) -> anyhow::Result<Result<bool, Unerased>> {
        let Some(confirm) = &wish.confirm else { return Ok(Ok(false)) };
        if *confirm != planned.id {
            return Ok(Err(Unerased::OtherPlan(planned.id.clone())));
        }
        let by = match self.approval {
            Approval::None => By { first: wish.by.clone(), second: None },
            Approval::Required => match self.approvals.confirm(&planned.id, &wish.by, now) {
                Vote::Second(first) => By { first, second: Some(wish.by.clone()) },
                Vote::Same(waiting) => return Ok(Err(Unerased::SamePerson(waiting.until))),
                Vote::First(waiting) => {
                    // What nobody can read later does not count.
                    let told = self.worker.tell_asked(planned, &waiting);
                    if told.is_err() {
                        self.approvals.withdraw(&planned.id);
                    }
                    return told.map(|()| Ok(false));
                }
            },
        };
        self.worker.begin(&wish.subject, by)?;
        Ok(Ok(true))
    }
}

/// Where it is listed what was erased: in the data directory, and elsewhere.
fn lists(data_dir: &Path, elsewhere: Vec<PathBuf>) -> Vec<PathBuf> {
    std::iter::once(data_dir.join(list::INSIDE)).chain(elsewhere).collect()
}

/// Goes on with what was begun, and tells how far it is.
fn go_on(worker: &Worker, told: &RwLock<Told>) {
    if !is_underway(&worker.data_dir) {
        return;
    }
    told.write().state = Stage::Erasing;
    let done = worker.go_on();
    let mut told = told.write();
    let (state, failed) = match done {
        Ok(None) => (Stage::Idle, None),
        Ok(Some((person, Erasure { events, values, is_done }))) => {
            tracing::info!(person, events, values, is_done, "values of a person were erased");
            // What was erased before it had to wait is of the same erasure.
            let before = told.last.take().filter(|last| !last.is_done && last.person == person);
            let (events_before, values_before) = before.map_or((0, 0), |last| (last.events, last.values));
            let (events, values) = (events + events_before, values + values_before);
            told.last = Some(Last { at: Timestamp::now(), person, events, values, is_done });
            let state = if is_done { Stage::Idle } else { Stage::Waiting };
            (state, (!is_done).then(|| "a part of the log is read just now, or not stored yet".to_owned()))
        }
        Err(error) => {
            let why = format!("{error:#}");
            tracing::error!(why, "an erasure cannot be carried out; it is tried again");
            (Stage::Waiting, Some(why))
        }
    };
    (told.state, told.failed) = (state, failed);
}

const WAITS: &str = "an erasure waits and is tried again every minute; `GET /audit/v1/erasure` says why";
const PERIOD: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(5);
/// Less than a question may take by default.
const ANSWER_MAX: Duration = Duration::from_secs(4);
