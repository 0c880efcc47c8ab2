//! Takes events from the audit listener into the log, one after the other, so that no reader waits for the disk.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::api::Tell;
use crate::event::Event;
use crate::record::{Log, Urgency};

/// The task that records what it is told.
pub(in crate::app) struct Teller(mpsc::Sender<Told>);

enum Told {
    Event(Box<Event>),
    /// The last: whoever sent it waits until it has come.
    End(oneshot::Sender<()>),
}

impl Teller {
    /// Starts it.
    pub(in crate::app) fn start(log: Log) -> Teller {
        let (sender, mut told) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(one) = told.recv().await {
                match one {
                    Told::Event(event) => record(&log, *event).await,
                    Told::End(heard) => {
                        // Whoever waited is gone: so be it.
                        let _ = heard.send(());
                        return;
                    }
                }
            }
        });
        Teller(sender)
    }

    /// What the audit listener calls.
    pub(in crate::app) fn tell(&self) -> Tell {
        let sender = self.0.clone();
        Arc::new(move |event: Event| {
            let action = event.action.clone();
            if sender.try_send(Told::Event(Box::new(event))).is_err() {
                tracing::error!(action, "an event of the audit listener is lost: too many wait for the disk");
            }
        })
    }

    /// Returns when everything that was told so far is recorded. What is told later is not.
    pub(in crate::app) async fn end(self) {
        let (heard, ended) = oneshot::channel();
        if self.0.send(Told::End(heard)).await.is_ok() {
            // An error says that it has ended already.
            let _ = ended.await;
        }
    }
}

async fn record(log: &Log, event: Event) {
    let action = event.action.clone();
    if let Err(error) = log.record(vec![event], Urgency::Now).await {
        tracing::error!(%error, action, "an event of the audit listener could not be recorded");
    }
}

/// They are coalesced where they are made: so many wait when the disk hangs.
const WAITING_MAX: usize = 1_024;
