//! Writing: an intent before a request goes on, its events and its end afterwards, both in one append. Whatever is
//! not written ends in the gap.

pub(super) mod gaps;
mod minimal;
pub(super) mod receipts;
mod recovery;
pub(super) mod waits;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use self::gaps::Gaps;
use self::receipts::Recipient;
use super::{Log, RecordError, Urgency, reason, tail};
use crate::event::{Event, Intent};
use crate::journal::Payload;

impl Log {
    /// Records an intent: when this returns, it survives a crash, and becomes an event of its own unless
    /// [`Log::finish`] closes it. Waits at most `limit`, and not at all while the disk is known not to answer. When
    /// the future is dropped, or after an error, it may or may not be recorded.
    ///
    /// # Errors
    /// When it is not recorded, or not yet.
    pub async fn intend(&self, intent: &Intent, client: IpAddr, limit: Duration) -> Result<(), RecordError> {
        let told = self.send_intent(intent, client, limit).await;
        let outcome = match &told {
            Ok(()) => "durable",
            Err(RecordError::Late) => "late",
            Err(RecordError::Full) => "full",
            Err(
                RecordError::Journal(_)
                | RecordError::Closed
                | RecordError::Directory(_)
                | RecordError::Held { .. },
            ) => "failed",
        };
        self.inner.metrics.intents.with_label_values(&[outcome]).inc();
        told
    }

    async fn send_intent(&self, intent: &Intent, client: IpAddr, limit: Duration) -> Result<(), RecordError> {
        let inner = &self.inner;
        if inner.is_closed.load(Ordering::Acquire) {
            return Err(RecordError::Closed);
        }
        let body = serde_json::to_vec(intent).map_err(|error| RecordError::Journal(error.to_string()))?;
        let Some(wait) = inner.waits.begin(client) else {
            inner.metrics.limits_hit.with_label_values(&["intents_max"]).inc();
            return Err(RecordError::Full);
        };
        let (recipient, told) = Recipient::new();
        let gaps = Arc::clone(&inner.gaps);
        let is_stalled = gaps.is_stalled();
        let limit = if is_stalled { Duration::ZERO } else { limit };
        let payload = Payload::Intent { id: intent.id, body: body.into() };
        inner.journal.append(vec![payload], Urgency::Now, move |written| {
            drop(wait);
            if written.is_ok() {
                gaps.answered();
            }
            recipient.tell(written.map(drop).map_err(RecordError::from));
        });
        match timeout(limit, told).await {
            Ok(told) => told.unwrap_or(Err(RecordError::Closed)),
            Err(_) => {
                if !is_stalled {
                    inner.gaps.stalled();
                }
                inner.metrics.limits_hit.with_label_values(&["intent_ms"]).inc();
                Err(RecordError::Late)
            }
        }
    }

    /// Records events of one exchange, in order. With [`Urgency::Now`] the answer comes when they are synced:
    /// from then on they survive a crash, and every query sees them. When the future is dropped before, they
    /// are recorded all the same, or stand in a gap; none is half recorded. How long the disk may take is for the
    /// caller to limit. With [`Urgency::Soon`] the answer comes when the journal has been given them.
    ///
    /// # Errors
    /// When they could not be: then they stand in a gap. What fails after a `Soon` was answered is counted and told
    /// in our own log.
    pub async fn record(&self, events: Vec<Event>, urgency: Urgency) -> Result<(), RecordError> {
        if events.is_empty() {
            return Ok(());
        }
        self.append(&events, None, urgency).await
    }

    /// The same for an exchange that has an intent, or was to have one: it is closed, also where there are no events.
    ///
    /// # Errors
    /// As [`Log::record`].
    pub async fn finish(
        &self,
        exchange: Uuid,
        events: Vec<Event>,
        urgency: Urgency,
    ) -> Result<(), RecordError> {
        // Nobody waits to hear that nothing was to be recorded.
        let urgency = if events.is_empty() { Urgency::Soon } else { urgency };
        self.append(&events, Some(exchange), urgency).await
    }

    /// Takes note of an event that nobody could hand in: its exchange ended without a record.
    pub fn lose(&self, event: &Event, closes: Option<Uuid>, why: &'static str) {
        self.inner.gaps.lose_event(event, closes, why);
    }

    pub(super) async fn append(
        &self,
        events: &[Event],
        closes: Option<Uuid>,
        urgency: Urgency,
    ) -> Result<(), RecordError> {
        let inner = &self.inner;
        let results: Vec<_> = events.iter().map(|event| event.result).collect();
        let payloads: Vec<_> = events.iter().map(minimal::bytes_of).collect();
        let bytes = payloads.iter().map(|payload| tail::payload_weight(payload.len())).sum();
        let unwritten = Unwritten { gaps: &inner.gaps, payloads, closes };
        if inner.is_closed.load(Ordering::Acquire) {
            return Err(unwritten.because(RecordError::Closed));
        }
        if !inner.tail.reserve(bytes).await {
            inner.metrics.limits_hit.with_label_values(&["tail_bytes_max"]).inc();
            return Err(unwritten.because(RecordError::Full));
        }
        let (recipient, told) = match urgency {
            Urgency::Now => Some(Recipient::new()).unzip(),
            Urgency::Soon => (None, None),
        };
        let kept = unwritten.sent();
        let (tail, metrics, gaps) =
            (Arc::clone(&inner.tail), Arc::clone(&inner.metrics), Arc::clone(&inner.gaps));
        let entries = kept.iter().map(|payload| Payload::Event(Arc::clone(payload)));
        let entries = entries.chain(closes.map(|id| Payload::Closed { id })).collect();
        inner.journal.append(entries, urgency, move |written| {
            let answer = match written {
                Ok(entries) => {
                    tail.push(&entries);
                    gaps.answered();
                    metrics.queue_depth.set(i64::try_from(tail.len()).unwrap_or(i64::MAX));
                    for result in &results {
                        metrics.events.with_label_values(&[result.as_str()]).inc();
                    }
                    Ok(())
                }
                Err(error) => {
                    tail.give_back(bytes);
                    let error = RecordError::from(error);
                    gaps.lose(&kept, closes.as_slice(), reason(&error));
                    Err(error)
                }
            };
            if let Some(recipient) = recipient {
                recipient.tell(answer);
            }
        });
        match told {
            Some(told) => told.await.unwrap_or(Err(RecordError::Closed)),
            None => Ok(()),
        }
    }
}

/// Events that the journal has not been given: dropped, they stand in the gap.
struct Unwritten<'a> {
    gaps: &'a Gaps,
    payloads: Vec<Arc<[u8]>>,
    closes: Option<Uuid>,
}

impl Unwritten<'_> {
    /// They are in the gap, for that reason.
    fn because(mut self, error: RecordError) -> RecordError {
        let payloads = std::mem::take(&mut self.payloads);
        self.gaps.lose(&payloads, self.closes.take().as_slice(), reason(&error));
        error
    }

    /// The journal will say what becomes of them.
    fn sent(mut self) -> Vec<Arc<[u8]>> {
        self.closes = None;
        std::mem::take(&mut self.payloads)
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.payloads.is_empty() || self.closes.is_some() {
            self.gaps.lose(&self.payloads, self.closes.as_slice(), "abandoned");
        }
    }
}
