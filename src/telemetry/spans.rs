//! Spans: how long a request took and where, for whoever follows a trace through several programs.
//!
//! Made only where the configuration names a collector, and for requests that are sampled. Whoever has one to tell
//! leaves it in a queue and never waits: where that is full, the span is dropped and counted. A span holds nothing that
//! could be a secret: no path, no query, no header, and of methods only those that everybody knows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Metrics;

/// What is told of one request that was forwarded.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Of the trace (W3C Trace Context).
    pub trace_id: [u8; 16],
    /// Of this span.
    pub id: [u8; 8],
    /// The span that the request came from; `None` where the trace begins here.
    pub parent_id: Option<[u8; 8]>,
    /// When the head was there.
    pub begun_at: SystemTime,
    /// From the head to the head of the answer, as the client gets it.
    pub duration: Duration,
    /// From sending the request to the head of the application's answer; `None` where that was not asked or did not
    /// answer.
    pub upstream: Option<Duration>,
    /// The method, where it is one that everybody knows.
    pub method: Option<&'static str>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The path of the rule that the request may concern: `/bookings/{id}/cancel`.
    pub route: Option<String>,
    /// Of the answer; `None` when the client was gone before it.
    pub status: Option<u16>,
}

/// Where spans are left. Cheap to clone; all workers share the queue.
#[derive(Clone, Debug)]
pub struct Spans {
    queue: Sender<Span>,
    /// What the random part of a trace's id must be below for the trace to be collected.
    sampled_below: u64,
    metrics: Arc<Metrics>,
}

impl Spans {
    /// A queue of at most so many spans, and its other end. Of traces that begin here this share is collected.
    pub fn new(spans_max: usize, sample_ratio: f64, metrics: &Arc<Metrics>) -> (Spans, Receiver<Span>) {
        let (queue, receiver) = channel(spans_max);
        // A share of 1 is one more than any of them.
        let sampled_below = (sample_ratio * (1_u64 << RANDOM_BITS) as f64) as u64;
        (Spans { queue, sampled_below, metrics: Arc::clone(metrics) }, receiver)
    }

    /// Leaves a span there, or counts it as dropped.
    pub fn tell(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.metrics.spans.with_label_values(&["dropped"]).inc();
        }
    }

    /// Whether a trace that begins here is collected. The last 56 bits of its id decide, which are random, so that others
    /// who go by the same share agree (W3C Trace Context level 2, section 3.2.2.3).
    pub fn samples(&self, trace_id: [u8; 16]) -> bool {
        let random = u128::from_be_bytes(trace_id) & ((1 << RANDOM_BITS) - 1);
        random < u128::from(self.sampled_below)
    }
}

/// The name of a method that is not the client's own invention.
pub fn well_known(method: &Method) -> Option<&'static str> {
    WELL_KNOWN.into_iter().find(|name| *name == method.as_str())
}

/// Of RFC 9110 and RFC 5789 (but for those that never pass), and of WebDAV and CalDAV (RFC 4918, RFC 3253, RFC 4791).
const WELL_KNOWN: [&str; 16] = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "REPORT",
    "MKCALENDAR",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
];

/// Of a trace id.
const RANDOM_BITS: u32 = 56;

#[cfg(test)]
pub(super) fn span() -> Span {
    Span {
        trace_id: [1; 16],
        id: [2; 8],
        parent_id: None,
        begun_at: SystemTime::UNIX_EPOCH + Duration::from_secs(7),
        duration: Duration::from_millis(5),
        upstream: Some(Duration::from_millis(3)),
        method: Some("GET"),
        scheme: "http",
        route: None,
        status: Some(200),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_full_queue_or_one_that_nobody_empties() {
        let metrics = Metrics::new();
        let (spans, mut queue) = Spans::new(2, 1.0, &metrics);
        (0..5).for_each(|_| spans.tell(span()));
        assert_eq!(metrics.spans.with_label_values(&["dropped"]).get(), 3);
        assert!(queue.try_recv().is_ok() && queue.try_recv().is_ok() && queue.try_recv().is_err());
        drop(queue);
        spans.tell(span());
        assert_eq!(metrics.spans.with_label_values(&["dropped"]).get(), 4);
    }

    #[test]
    fn a_share_of_all_traces_is_collected() {
        let check = |ratio: f64, last: u64, expected: bool| {
            let (spans, _queue) = Spans::new(1, ratio, &Metrics::new());
            // What stands before the random part says nothing.
            let id = (u128::MAX << 64 | u128::from(last)).to_be_bytes();
            assert_eq!(spans.samples(id), expected, "{ratio} {last:x}");
        };
        let (none, half, all) = (0, 1_u64 << 55, (1_u64 << 56) - 1);
        check(0.0, none, false);
        check(1.0, all, true);
        check(1.0, u64::MAX, true);
        check(0.5, half - 1, true);
        check(0.5, half, false);
        check(0.5, u64::MAX, false);
    }

    #[test]
    fn of_methods_only_those_that_everybody_knows_are_told() {
        assert_eq!(well_known(&Method::PATCH), Some("PATCH"));
        assert_eq!(well_known(&Method::from_bytes(b"PROPFIND").unwrap()), Some("PROPFIND"));
        for other in ["patch", "CONNECT", "S3CRET"] {
            assert_eq!(well_known(&Method::from_bytes(other.as_bytes()).unwrap()), None, "{other}");
        }
    }
}
