//! The plain way of a request that no rule concerns: both bodies are streamed, and nothing is kept but what the head of
//! the answer is waited for with.

use std::rc::Rc;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::bodies::{AnswerBody, RequestBody};
use super::crowd::Place;
use super::missed::Passing;
use super::reads::Marks;
use super::wire::forwarding::Peer;
use super::wire::{Failure, Reply, hops};
use super::{Prepared, Worker, ended, is_event_stream, tunnel};
use crate::telemetry::RequestKind;

/// What is kept of a request that no rule concerns until its answer comes.
struct Crossing {
    passing: Passing,
    prepared: Prepared,
    /// What it shows of who asks.
    marks: Marks,
    place: Place,
    /// How long it was with us so far.
    spent: Duration,
    asked_at: Instant,
}

impl Worker {
    /// The plain way: both bodies streamed, nothing kept. The request is sent; what comes back waits for the answer's head.
    pub(super) fn cross(
        self: &Rc<Self>,
        parts: Parts,
        body: Incoming,
        prepared: Prepared,
        passing: Passing,
        peer: &Peer,
        place: Place,
    ) -> impl Future<Output = Response<AnswerBody>> + use<> {
        let begun = Instant::now();
        let marks = self.proxy.identities.marks(&parts.headers);
        let (body, progress) = RequestBody::streamed(body, self.proxy.config.limits.request_body_bytes_max);
        let mut asked = self.ask(Request::from_parts(parts, body), progress, &peer.bond);
        let asked_at = Instant::now();
        let crossing = Crossing { passing, prepared, marks, place, spent: asked_at - begun, asked_at };
        let worker = Rc::clone(self);
        async move {
            let result = asked.answer(&worker.proxy.config.limits).await;
            worker.end(crossing, result)
        }
    }

    /// Makes the application's answer the client's.
    fn end(&self, crossing: Crossing, result: Result<Reply, Failure>) -> Response<AnswerBody> {
        let Prepared { id, mut span } = crossing.prepared;
        let (response, lease) = match result {
            Ok(reply) => reply,
            Err(failure) => return ended(self.fail(failure, &id), span),
        };
        let answered = Instant::now();
        if let Some(span) = &mut span {
            span.answered(answered - crossing.asked_at);
        }
        let (mut head, frames) = response.into_parts();
        self.proxy.identities.heard(&crossing.marks, head.status.as_u16(), &head.headers);
        crossing.passing.end(&self.proxy, &head);
        let body = match head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                AnswerBody::tunnel(tunnel::begin(&mut head, lease, &Rc::default()))
            }
            _ => {
                hops::strip_answer(&mut head.headers);
                let body = AnswerBody::streamed(frames, lease);
                match is_event_stream(&head.headers) {
                    true => body,
                    false => body.within(crossing.place, self.proxy.config.limits.upstream_body_ms),
                }
            }
        };
        head.version = Version::HTTP_11;
        self.proxy.metrics.request(RequestKind::Passed);
        let added = crossing.spent + answered.elapsed();
        self.proxy.metrics.latency_added_seconds.observe(added.as_secs_f64());
        ended(Response::from_parts(head, body), span)
    }
}
