//! Sends spans to the configured collector (OTLP over HTTP), many at a time. What it does not take is lost and counted:
//! no request waits for a collector, and nothing is kept for one that is away. One that has no time is asked again, a few
//! times; meanwhile spans wait in their queue, which has an end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::post::{Busy, Post};
use crate::config::Config;
use crate::telemetry::{Metrics, PROTOBUF, Span, Spans, encode};

/// Sends until it is told to stop.
pub(super) struct Traces {
    /// Hung up to stop the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What the task works with.
struct Sending {
    queue: Receiver<Span>,
    collector: Post,
    host: String,
    instance: String,
    metrics: Arc<Metrics>,
    /// True since the collector has not taken something: one line in the log says it once.
    is_refused: bool,
}

impl Traces {
    /// Begins, where a collector is configured; what comes with it is where spans are left.
    ///
    /// # Errors
    /// When no TLS can be spoken.
    pub(super) fn begin(
        config: &Config,
        instance: String,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<(Traces, Spans)>> {
        let Some(telemetry) = &config.telemetry else { return Ok(None) };
        let (spans, queue) = Spans::new(config.limits.spans_max, telemetry.sample_ratio, metrics);
        let sending = Sending {
            queue,
            collector: Post::to(&telemetry.otlp)?.with(&telemetry.headers),
            host: telemetry.otlp.host().unwrap_or_default().to_owned(),
            instance,
            metrics: Arc::clone(metrics),
            is_refused: false,
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sending.go_on(stopped));
        Ok(Some((Traces { stop, task }, spans)))
    }

    /// Sends what is there, for a moment at most.
    pub(super) async fn end(self) {
        drop(self.stop);
        if timeout(PATIENCE, self.task).await.is_err() {
            tracing::warn!("the collector did not take the last spans in time");
        }
    }
}

impl Sending {
    async fn go_on(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::new();
        loop {
            let is_last = tokio::select! {
                () = gather(&mut self.queue, &mut batch) => false,
                // Hung up: there is never anything to receive.
                _ = &mut stopped => true,
            };
            if is_last {
                break;
            }
            self.send(&mut batch).await;
        }
        while let Ok(span) = self.queue.try_recv() {
            batch.push(span);
            if batch.len() == BATCH_MAX {
                self.send(&mut batch).await;
            }
        }
        self.send(&mut batch).await;
    }

    async fn send(&mut self, batch: &mut Vec<Span>) {
        let count = batch.len() as u64;
        if count == 0 {
            return;
        }
        let body = encode(batch, &self.instance);
        batch.clear();
        let sent = self.send_patiently(body.into()).await;
        let was_refused = std::mem::replace(&mut self.is_refused, sent.is_err());
        match sent {
            Ok(()) => {
                self.metrics.spans.with_label_values(&["sent"]).inc_by(count);
                if was_refused {
                    tracing::info!(host = self.host, "the collector takes spans again");
                }
            }
            Err(error) => {
                self.metrics.spans.with_label_values(&["failed"]).inc_by(count);
                if !was_refused {
                    tracing::warn!(%error, host = self.host, "the collector does not take spans: they are lost");
                }
            }
        }
    }
}

impl Sending {
    /// Sends it, again where the collector says that it has no time now (as OTLP wants it).
    async fn send_patiently(&self, body: Bytes) -> Result<()> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            let sent = self.collector.send(PROTOBUF, body.clone()).await;
            match sent.as_ref().err().and_then(|error| error.downcast_ref::<Busy>()) {
                Some(busy) => tokio::time::sleep(busy.after.unwrap_or(pause).min(PAUSE_MAX)).await,
                None => return sent,
            }
            pause *= 2;
        }
        self.collector.send(PROTOBUF, body).await
    }
}

/// Waits for one, and for others that come within a moment. Dropped, it leaves what came in the batch.
async fn gather(queue: &mut Receiver<Span>, batch: &mut Vec<Span>) {
    if batch.is_empty() && queue.recv_many(batch, BATCH_MAX).await == 0 {
        // Nobody makes any more: only the stop is still to come.
        std::future::pending::<()>().await;
    }
    let deadline = Instant::now() + MOMENT;
    while batch.len() < BATCH_MAX {
        match timeout_at(deadline, queue.recv_many(batch, BATCH_MAX - batch.len())).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Spans of one request to the collector: some hundred kilobytes.
const BATCH_MAX: usize = 512;
/// How often one batch is sent, and how long is waited in between, where the collector does not say.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_secs(1);
/// At a stop.
const PATIENCE: Duration = Duration::from_secs(5);
