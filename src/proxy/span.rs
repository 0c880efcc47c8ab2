//! The span of a request: begun with its head, told when the head of its answer goes to the client, however it comes
//! to that. Without a collector, or for a request that is not sampled, there is none.
//!
//! Where there is one, the application gets it as the parent of its own (W3C Trace Context section 3.4).

use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::wire::forwarding;
use super::wire::ids::{self, Ids};
use crate::exchange::{TRACEPARENT, trace_id, trace_parent};
use crate::telemetry::{Span, Spans, well_known};

/// A span under way. Dropped, it is told: of a client that left before its answer, too.
#[derive(Debug)]
pub(super) struct OpenSpan {
    /// `None` once it is told.
    span: Option<Span>,
    begun: Instant,
    spans: Spans,
}

impl OpenSpan {
    /// Of a request as it is forwarded, where its trace is collected: whoever sent it has decided that, and else the
    /// configured share. Sets the trace that the application gets.
    pub(super) fn begin(
        parts: &mut Parts,
        scheme: &'static str,
        spans: &Spans,
        ids: &Ids,
    ) -> Option<Box<OpenSpan>> {
        let is_continued = trace_id(&parts.headers).is_some();
        forwarding::trace(&mut parts.headers, ids);
        let (trace_id, sent_id, is_sampled) = read(&parts.headers)?;
        let (id, parent_id) = if is_continued { (ids.span(), Some(sent_id)) } else { (sent_id, None) };
        if !(if is_continued { is_sampled } else { spans.samples(trace_id) }) {
            return None;
        }
        parts.headers.insert(TRACEPARENT, ids::sampled(trace_id, id));
        let span = Span {
            trace_id,
            id,
            parent_id,
            begun_at: SystemTime::now(),
            duration: Duration::ZERO,
            upstream: None,
            method: well_known(&parts.method),
            scheme,
            route: None,
            status: None,
        };
        Some(Box::new(OpenSpan { span: Some(span), begun: Instant::now(), spans: spans.clone() }))
    }

    /// A rule may concern the request.
    pub(super) fn met(&mut self, route: Option<String>) {
        if let Some(span) = &mut self.span {
            span.route = route;
        }
    }

    /// The application has answered, so long after it was asked.
    pub(super) fn answered(&mut self, after: Duration) {
        if let Some(span) = &mut self.span {
            span.upstream = Some(after);
        }
    }

    /// The answer goes to the client.
    pub(super) fn end(mut self, status: StatusCode) {
        if let Some(span) = &mut self.span {
            span.status = Some(status.as_u16());
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.duration = self.begun.elapsed();
            self.spans.tell(span);
        }
    }
}

/// Trace, span, and whether it is collected.
fn read(headers: &HeaderMap) -> Option<([u8; 16], [u8; 8], bool)> {
    let parent = trace_parent(headers)?;
    let trace_id = u128::from_str_radix(parent.trace_id, 16).ok()?;
    let span_id = u64::from_str_radix(parent.span_id, 16).ok()?;
    Some((trace_id.to_be_bytes(), span_id.to_be_bytes(), parent.is_sampled))
}
