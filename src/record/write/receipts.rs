//! Receipts: what the journal's thread tells those who wait for the disk.
//!
//! A batch is answered at once, and most of those who wait live on few threads. To wake a task of another thread costs a
//! system call, so a thread may have its receipts brought to it together: one wake for as many as there are by
//! then, and the rest is said among its own tasks.

use std::cell::RefCell;

use tokio::sync::{mpsc, oneshot};

use crate::record::RecordError;

/// What has become of an append.
type Outcome = Result<(), RecordError>;

/// Whoever waits for it.
#[derive(Debug)]
pub(super) struct Recipient {
    tell: oneshot::Sender<Outcome>,
    /// Where receipts are brought together, on the thread of the one who waits.
    round: Option<mpsc::UnboundedSender<Receipt>>,
}

#[derive(Debug)]
struct Receipt {
    tell: oneshot::Sender<Outcome>,
    outcome: Outcome,
}

impl Recipient {
    /// Somebody who waits on this thread, and what he waits with.
    pub(super) fn new() -> (Recipient, oneshot::Receiver<Outcome>) {
        let (tell, told) = oneshot::channel();
        (Recipient { tell, round: ROUND.with_borrow(Clone::clone) }, told)
    }

    /// Tells him, unless he has stopped waiting.
    pub(super) fn tell(self, outcome: Outcome) {
        let Recipient { tell, round } = self;
        let receipt = Receipt { tell, outcome };
        match round {
            Some(round) => {
                if let Err(mpsc::error::SendError(receipt)) = round.send(receipt) {
                    receipt.hand_over();
                }
            }
            None => receipt.hand_over(),
        }
    }
}

impl Receipt {
    fn hand_over(self) {
        // Nobody waits any more when it took too long, or the caller's future was dropped.
        let _ = self.tell.send(self.outcome);
    }
}

/// From now on, what comes back hands out the receipts of this thread; it is to be run on it, and ends only with it. When it
/// is dropped, each who waits is told by himself again.
pub fn hand_out_receipts() -> impl Future<Output = ()> {
    // No more are in it than wait on this thread, which has limits of its own.
    let (round, mut receipts) = mpsc::unbounded_channel();
    ROUND.set(Some(round));
    async move {
        let mut together: Vec<Receipt> = Vec::new();
        while receipts.recv_many(&mut together, TOGETHER_MAX).await > 0 {
            together.drain(..).for_each(Receipt::hand_over);
        }
    }
}

thread_local! {
    static ROUND: RefCell<Option<mpsc::UnboundedSender<Receipt>>> = const { RefCell::new(None) };
}

const TOGETHER_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn tell_all(recipients: Vec<Recipient>, outcome: &Outcome) {
        thread::scope(|scope| {
            scope.spawn(|| recipients.into_iter().for_each(|recipient| recipient.tell(outcome.clone())));
        });
    }

    #[test]
    fn a_thread_is_woken_once_for_all_receipts_of_a_batch() {
        let mut handing_out = pin!(hand_out_receipts());
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        assert!(handing_out.as_mut().poll(&mut context).is_pending());
        let (recipients, mut told): (Vec<_>, Vec<_>) = (0..1000).map(|_| Recipient::new()).unzip();
        drop(told.pop());
        tell_all(recipients, &Ok(()));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(told.iter_mut().all(|told| told.try_recv().is_err()), "nobody is told by the other thread");
        assert!(handing_out.as_mut().poll(&mut context).is_pending());
        assert!(told.iter_mut().all(|told| told.try_recv() == Ok(Ok(()))));
    }

    #[test]
    fn who_waits_where_nobody_hands_out_receipts_is_told_by_himself() {
        let failed = Err(RecordError::Late);
        let (before, told_before) = Recipient::new();
        let handing_out = hand_out_receipts();
        let (after, told_after) = Recipient::new();
        drop(handing_out);
        tell_all(vec![before, after], &failed);
        for mut told in [told_before, told_after] {
            assert_eq!(told.try_recv(), Ok(failed.clone()));
        }
    }
}
