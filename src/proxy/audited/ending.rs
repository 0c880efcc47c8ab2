//! The end of a story: derived, recorded, and the client's answer let go. However it ends, it is told: by its events,
//! by the intent that stands open in the journal, or in a gap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::Response;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::intent::Intended;
use super::{Story, Waiting};
use crate::derive::{Plan, ReadRequest};
use crate::event::Event;
use crate::exchange::{self, CaptureState, Ending, Exchange};
use crate::proxy::bodies::{AnswerBody, Copy, Hold, Share};
use crate::proxy::reads::Turn;
use crate::record::Urgency;

impl Story {
    /// Records, and sends the answer: afterwards where a rule asks for that, but not later than
    /// `record_ms`; the record is made all the same.
    pub(super) async fn record_and_send(
        self: Box<Self>,
        seen: Option<exchange::Response>,
        ending: Ending,
        response: Response<AnswerBody>,
        client: Waiting,
    ) {
        if !self.plan.is_durable {
            client.send(response);
            return self.record(seen, ending).await;
        }
        let limit = Duration::from_millis(self.worker.proxy.config.limits.record_ms);
        let mut recording = pin!(self.record(seen, ending));
        let is_recorded = timeout(limit, recording.as_mut()).await.is_ok();
        client.send(response);
        if !is_recorded {
            recording.await;
        }
    }

    /// Ends the story of an answer whose body was streamed: derives and records in a task of its own. What
    /// comes back is how long the client may be kept waiting for it; `None` when no rule asks for that. The
    /// share of the budget lives as long as the copy.
    pub(in crate::proxy) fn end(
        self: Box<Self>,
        response: exchange::Response,
        share: Share,
        ending: Ending,
    ) -> Option<Hold> {
        let tasks = Rc::clone(&self.worker.tasks);
        let limit = Duration::from_millis(self.worker.proxy.config.limits.record_ms);
        let is_durable = self.plan.is_durable;
        let (recorded, is_recorded) = oneshot::channel();
        tasks.spawn(async move {
            self.record(Some(response), ending).await;
            drop(share);
            // The client is gone, or was never made to wait.
            let _ = recorded.send(());
        });
        is_durable.then(|| Box::pin(timeout(limit, is_recorded)))
    }

    pub(super) async fn record(mut self: Box<Self>, response: Option<exchange::Response>, ending: Ending) {
        let worker = Rc::clone(&self.worker);
        let urgency = if self.plan.is_durable { Urgency::Now } else { Urgency::Soon };
        let closes = self.intent.closes(self.exchange_id);
        let place = self.place.take();
        // The story ends before the wait: its headers and bodies hold on to the connections' read buffers,
        // which are wanted again at once.
        let ended = self.ended(response, ending);
        // In a box: it is rare, and would take its room in every story.
        let (id, events) = match ended.reads.is_empty() {
            true => ended.derive(),
            false => Box::pin(ended.ask_and_derive()).await,
        };
        if events.is_empty() && closes.is_none() {
            return;
        }
        if let Err(error) = worker.proxy.audit.record(events, closes, urgency).await {
            // Said aloud when a gap begins, and told in it.
            tracing::debug!(%error, exchange = %id, "an exchange was not recorded");
        }
        drop(place);
    }

    /// Its exchange as a whole.
    fn ended(mut self: Box<Self>, response: Option<exchange::Response>, ending: Ending) -> Ended {
        let proxy = &self.worker.proxy;
        let copy = self.copy.borrow_mut().take();
        let (body, share) = copy.map(Copy::finish).unzip();
        if let Some(body) = body {
            self.request.body = body;
        }
        for (side, state) in [
            ("request", Some(self.request.body.state)),
            ("response", response.as_ref().map(|response| response.body.state)),
        ] {
            if state == Some(CaptureState::Cut) {
                proxy.metrics.capture_truncations.with_label_values(&[side]).inc();
            }
        }
        let exchange = Exchange {
            id: self.exchange_id,
            received_at: self.received_at,
            client: self.client.clone(),
            request: std::mem::take(&mut self.request),
            response,
            ending,
            duration_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let plan = std::mem::take(&mut self.plan);
        // What panics here panics in `derive` too, which then leaves the least.
        let reads =
            catch_unwind(AssertUnwindSafe(|| proxy.audit.reads_after(&plan, &exchange, &self.answers)))
                .unwrap_or_default();
        Ended { exchange, plan, reads, _share: share, story: self }
    }
}

/// A story whose exchange is over.
struct Ended {
    exchange: Exchange,
    plan: Plan,
    /// What is still to be asked.
    reads: Vec<ReadRequest>,
    story: Box<Story>,
    /// As long as the copies live.
    _share: Option<Share>,
}

impl Ended {
    async fn ask_and_derive(mut self) -> (Uuid, Vec<Event>) {
        let story = &mut *self.story;
        let deadline = Instant::now() + Duration::from_millis(story.worker.proxy.config.limits.before_ms);
        let (reads, ip) = (std::mem::take(&mut self.reads), self.exchange.client.ip);
        story.worker.reader.ask(reads, ip, &story.head, deadline, &mut story.answers).await;
        self.derive()
    }

    /// The exchange's id and its events.
    fn derive(self) -> (Uuid, Vec<Event>) {
        let Ended { exchange, plan, mut story, .. } = self;
        story.answers.meanwhile = story.turns.iter().map(Turn::meanwhile).collect();
        let worker = Rc::clone(&story.worker);
        // Promised not to panic; should it, the request stands in a gap, and the worker goes on.
        let derived = catch_unwind(AssertUnwindSafe(|| {
            let ids = &worker.ids;
            worker.proxy.audit.derive(plan, &exchange, &story.answers, &mut || ids.id())
        }));
        let events = derived.unwrap_or_else(|_| {
            tracing::error!(exchange = %exchange.id, "deriving panicked");
            story.request = exchange.request;
            story.lose("derive");
            Vec::new()
        });
        story.is_derived = true;
        (exchange.id, events)
    }
}

impl Drop for Story {
    /// Without its events: the worker has stopped before the answer came, or something panicked. An intent on the
    /// disk is left to the next start, unless that may be far away.
    fn drop(&mut self) {
        let is_panicking = std::thread::panicking();
        if self.is_derived || self.intent == Intended::Durable && !is_panicking {
            return;
        }
        self.lose(if is_panicking { "panic" } else { "abandoned" });
    }
}
