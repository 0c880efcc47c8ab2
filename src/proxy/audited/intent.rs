//! The intent of a story: on the disk before the request goes on, so that a recorder that ends in between still
//! knows that there was something. It is written while the application is asked; the two wait for each other once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use uuid::Uuid;

use super::Story;
use crate::event::Intent;
use crate::proxy::wire::Failure;
use crate::record::RecordError;

/// What has become of a story's intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intended {
    /// None is wanted, or it is not sent yet.
    Not,
    /// On its way, or not known to be on the disk.
    Sent,
    /// On the disk.
    Durable,
}

impl Intended {
    /// What the end of the exchange has to close. An intent that came too late may still be written.
    pub(super) fn closes(self, exchange: Uuid) -> Option<Uuid> {
        match self {
            Intended::Not => None,
            Intended::Sent | Intended::Durable => Some(exchange),
        }
    }
}

impl Story {
    /// Writes the intent, where a rule asks for that; `None` where none does. It is sent when the future is first
    /// polled; dropped later, it may or may not be written.
    pub(super) fn intending(&mut self) -> impl Future<Output = Option<Result<(), RecordError>>> + use<> {
        let intent = if self.plan.is_durable { self.told() } else { None };
        let writing = intent.map(|intent| {
            self.intent = Intended::Sent;
            let proxy = &self.worker.proxy;
            proxy.audit.intend(intent, Duration::from_millis(proxy.config.limits.intent_ms))
        });
        async move {
            match writing {
                Some(writing) => Some(writing.await),
                None => None,
            }
        }
    }

    /// Takes note of what came of it.
    ///
    /// # Errors
    /// When it is not on the disk and a rule wants the request refused for that.
    pub(super) fn intended(&mut self, outcome: Option<Result<(), RecordError>>) -> Result<(), Failure> {
        match outcome {
            Some(Ok(())) => self.intent = Intended::Durable,
            Some(Err(error)) => {
                tracing::debug!(%error, exchange = %self.exchange_id, "an intent is not on the disk");
                if self.plan.refuses {
                    return Err(Failure::Unrecorded);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Puts the request into the gap: no event will tell of it.
    pub(super) fn lose(&self, why: &'static str) {
        match self.told() {
            Some(intent) => self.worker.proxy.audit.lose(intent, why),
            None => self.worker.proxy.metrics.drops.with_label_values(&[why]).inc(),
        }
    }

    /// What the head tells.
    fn told(&self) -> Option<Intent> {
        let audit = &self.worker.proxy.audit;
        // Promised not to panic; should it, the request goes on as if its rules had asked for none.
        catch_unwind(AssertUnwindSafe(|| {
            audit.intent(&self.plan, &self.request, &self.client, self.exchange_id, self.received_at)
        }))
        .unwrap_or_else(|_| {
            tracing::error!(exchange = %self.exchange_id, "making an intent panicked");
            None
        })
    }
}
