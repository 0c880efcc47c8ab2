//! Work that no client's connection owns: forwarding and recording of audited requests. A client that goes
//! away must not take the record with it (THREATS E41), so the worker owns it, and waits for it at the end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// A worker's own tasks.
#[derive(Debug)]
pub(crate) struct Tasks {
    count: Cell<usize>,
    none: Notify,
    closing: watch::Sender<bool>,
}

impl Tasks {
    pub(crate) fn new() -> Rc<Tasks> {
        Rc::new(Tasks { count: Cell::new(0), none: Notify::new(), closing: watch::Sender::new(false) })
    }

    /// Runs it to its end, whoever leaves. A story is some kilobytes: in a box it is moved only once.
    pub(crate) fn spawn(self: &Rc<Self>, work: impl Future<Output = ()> + 'static) {
        self.count.set(self.count.get() + 1);
        let running = Running(Rc::clone(self));
        let work = Box::pin(work);
        tokio::task::spawn_local(async move {
            work.await;
            drop(running);
        });
    }

    /// Patience with an answer that nobody waits for any more: ends after `limit`, or when the worker stops.
    pub(crate) async fn patience(&self, limit: Duration) {
        let mut closing = self.closing.subscribe();
        // Both endings mean the same.
        let _ = timeout(limit, closing.wait_for(|closing| *closing)).await;
    }

    /// Ends all patience, then waits until nothing runs.
    pub(crate) async fn finish(&self) {
        self.closing.send_replace(true);
        while self.count.get() > 0 {
            self.none.notified().await;
        }
    }
}

/// Counts a task down however it ends.
struct Running(Rc<Tasks>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.none.notify_one();
        }
    }
}
