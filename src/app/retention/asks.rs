//! What the thread of retention is asked for: a few questions at a time, each when its turn comes.
//!
//! Who asks waits a little only. A plan that nobody waits for any more is not made; a pass is, since it was ordered.
//! What is due by itself comes first, so that nobody keeps it from being done by asking often.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::api::OtherPlan;
use crate::config::Retention;

/// The asking side.
pub(super) struct Asks {
    /// Hung up to stop the thread.
    sender: Mutex<Option<Sender<Ask>>>,
    /// For as many questions as may wait.
    room: Arc<Semaphore>,
    answer_max: Duration,
}

/// What the thread is asked for.
pub(super) enum Ask {
    /// A plan of this moment.
    Plan(Answer),
    /// A pass now; with the id of a plan that somebody has looked at, and who that was.
    Pass(Option<(String, String)>, Answer),
    /// Other terms from now on.
    Terms(Box<Retention>),
}

/// Where the answer goes; its place among those that wait is free again when this is dropped.
pub(super) struct Answer {
    to: oneshot::Sender<Outcome>,
    _room: OwnedSemaphorePermit,
}

/// How it went.
pub(super) type Outcome = Result<(), OtherPlan>;

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It was answered.
    Done(Outcome),
    /// It will be, later.
    Waits,
    /// Too many wait already, or the thread has ended.
    Refused,
}

/// What the thread does next.
pub(super) enum Turn {
    /// What is done by itself.
    Due,
    /// What it was asked for.
    Asked(Ask),
}

impl Asks {
    /// Both sides.
    pub(super) fn new(answer_max: Duration) -> (Asks, Receiver<Ask>) {
        let (sender, asked) = channel();
        let room = Arc::new(Semaphore::new(ASKS_MAX));
        (Asks { sender: Mutex::new(Some(sender)), room, answer_max }, asked)
    }

    /// Asks, and waits for the answer as long as it is worth it.
    pub(super) async fn ask(&self, ask: impl FnOnce(Answer) -> Ask) -> Asked {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return Asked::Refused };
        let (to, mut answered) = oneshot::channel();
        if !self.send(ask(Answer { to, _room: room })) {
            return Asked::Refused;
        }
        match tokio::time::timeout(self.answer_max, &mut answered).await {
            Ok(Ok(outcome)) => Asked::Done(outcome),
            Ok(Err(_)) => Asked::Refused,
            Err(_) => {
                // From here on, whoever answers learns that nobody hears it.
                answered.close();
                answered.try_recv().map_or(Asked::Waits, Asked::Done)
            }
        }
    }

    /// Other terms are never too many: a reload waits for the one before it.
    pub(super) fn renew(&self, retention: &Retention) {
        self.send(Ask::Terms(Box::new(retention.clone())));
    }

    /// Ends the thread after what it is doing.
    pub(super) fn hang_up(&self) {
        drop(self.sender.lock().take());
    }

    /// False when it has ended.
    fn send(&self, ask: Ask) -> bool {
        self.sender.lock().as_ref().is_some_and(|sender| sender.send(ask).is_ok())
    }
}

impl Answer {
    /// True when nobody waits any more.
    pub(super) fn is_unheard(&self) -> bool {
        self.to.is_closed()
    }

    /// Answers.
    ///
    /// # Errors
    /// The outcome, when nobody heard it.
    pub(super) fn send(self, outcome: Outcome) -> Result<(), Outcome> {
        self.to.send(outcome)
    }
}

/// What is to be done next; waits for it. `None` when whoever asks has hung up.
pub(super) fn next(asked: &Receiver<Ask>, due: Instant) -> Option<Turn> {
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Some(Turn::Due);
    }
    match asked.recv_timeout(left) {
        Ok(ask) => Some(Turn::Asked(ask)),
        Err(RecvTimeoutError::Timeout) => Some(Turn::Due),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Questions that wait.
const ASKS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_due_comes_before_what_is_asked_for() {
        let (asks, asked) = Asks::new(Duration::ZERO);
        for _ in 0..3 {
            assert_eq!(asks.ask(Ask::Plan).await, Asked::Waits);
        }
        let later = Instant::now() + Duration::from_secs(3_600);
        assert!(matches!(next(&asked, Instant::now()), Some(Turn::Due)));
        assert!(matches!(next(&asked, later), Some(Turn::Asked(Ask::Plan(_)))));
        assert!(matches!(next(&asked, Instant::now()), Some(Turn::Due)));
        asks.hang_up();
        let left = std::iter::from_fn(|| next(&asked, later)).count();
        assert_eq!(left, 2, "what was asked for before is still done");
    }

    #[tokio::test]
    async fn so_many_may_wait_and_who_has_gone_is_known() {
        let (asks, asked) = Asks::new(Duration::ZERO);
        for _ in 0..ASKS_MAX {
            assert_eq!(asks.ask(Ask::Plan).await, Asked::Waits);
        }
        assert_eq!(asks.ask(Ask::Plan).await, Asked::Refused);
        let Ok(Ask::Plan(answer)) = asked.recv() else { panic!("a plan was asked for") };
        assert!(answer.is_unheard());
        assert_eq!(answer.send(Ok(())), Err(Ok(())));
        assert_eq!(asks.ask(Ask::Plan).await, Asked::Waits, "there is room again");
        drop(asked);
        assert_eq!(asks.ask(Ask::Plan).await, Asked::Refused, "there is nobody to ask");
    }
}
