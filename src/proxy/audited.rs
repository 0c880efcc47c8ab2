//! The story of a request that a rule may concern.
//!
//! ```text
//! plan ─► (hold the body) ─┬─► reads ──┬─► application ─tee─► client
//!                          └─► intent ─┘        └─► derive ─► record ─► the end of the answer is let go
//! ```
//!
//! It runs in tasks that the client's connection does not own: whoever leaves, the exchange is recorded,
//! once. With a durable plan the request goes on when its intent is synced, or `intent_ms` is over and no rule
//! refuses it for that; and the client gets the last of the answer when the record is synced, at most `record_ms`
//! later. A body past its copy's limit and an event stream are recorded there and then, and never held.

mod closing;
mod ending;
mod intent;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub(super) use self::closing::{Closing, Counts};
use self::intent::Intended;
use super::bodies::{AnswerBody, Begun, Copy, End, Held, RequestBody, Teed, begin};
use super::crowd::Place;
use super::reads::{Turn, recall};
use super::span::OpenSpan;
use super::wire::forwarding::Peer;
use super::wire::{Bond, Failure, Lease, Reply, answer, hops};
use super::{Prepared, Worker, ended, is_event_stream, tunnel};
use crate::derive::{Answers, Plan};
use crate::exchange::{self, Capture, CaptureState, Client, Ending, Stream, trace_id};
use crate::rules::router::Candidate;
use crate::telemetry::RequestKind;

/// The client's side of a story: where its answer goes, and what ends with that.
struct Waiting {
    answer: oneshot::Sender<Response<AnswerBody>>,
    span: Option<Box<OpenSpan>>,
}

impl Waiting {
    /// To nobody, if the client has left: then its span ends without a status.
    fn send(self, response: Response<AnswerBody>) {
        let Waiting { answer, span } = self;
        let span = span.filter(|_| !answer.is_closed());
        drop(answer.send(ended(response, span)));
    }
}

/// One audited request on its way; in a box, because each of its steps would copy it else.
#[derive(Debug)]
pub(crate) struct Story {
    worker: Rc<Worker>,
    /// What ties the client's connection to one of the application's.
    bond: Rc<Bond>,
    plan: Plan,
    answers: Answers,
    /// What this request changes, and that it is its turn.
    turns: Vec<Turn>,
    client: Client,
    request: exchange::Request,
    /// Also held by the body on its way to the application; taken when the story ends.
    copy: Rc<RefCell<Option<Copy>>>,
    /// The head as forwarded: on whose behalf reads are asked.
    head: HeaderMap,
    intent: Intended,
    /// True once its events are made: then whoever writes them sees to it that they are told.
    is_derived: bool,
    id: HeaderValue,
    exchange_id: Uuid,
    received_at: Timestamp,
    begun: Instant,
    /// How long the application took to the head of its answer.
    answered_after: Option<Duration>,
    /// Given back when the record is made; `None` for the end of a stream, which is not counted.
    place: Option<Place>,
}

/// A request that a rule may concern, by its head.
pub(super) struct Planned {
    plan: Plan,
    request: exchange::Request,
    client: Client,
    pub(super) prepared: Prepared,
}

impl Planned {
    /// Makes its head the one that the application gets, and plans what is to be known of it.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn new(
        worker: &Worker,
        parts: &mut Parts,
        peer: &Peer,
        candidates: Vec<Candidate>,
    ) -> Result<Planned, Failure> {
        let received = parts.headers.clone();
        let (method, target) = (parts.method.to_string(), super::target_of(parts).to_owned());
        let host = super::host_of(parts).to_owned();
        let mut prepared = worker.prepare(parts, peer)?;
        if let Some(span) = &mut prepared.span {
            span.met(candidates.first().and_then(|first| worker.proxy.audit.route(first)));
        }
        let ip = peer.client_ip(&received, &worker.proxy.config.trusted_proxies);
        let client = Client {
            ip,
            port: (ip == peer.ip).then(|| peer.address.port()),
            peer: peer.socket_ip,
            is_trusted: peer.is_trusted,
            certificate: peer.certificate.clone(),
        };
        let request = exchange::Request {
            method,
            target,
            scheme: peer.scheme,
            host,
            id: prepared.id.to_str().unwrap_or_default().to_owned(),
            trace_id: trace_id(&parts.headers).map(str::to_owned),
            headers: received,
            body: Capture::default(),
        };
        let plan = worker.proxy.audit.plan(candidates, &request, &client);
        Ok(Planned { plan, request, client, prepared })
    }

    /// False when the head excludes every rule.
    pub(super) fn is_concerned(&self) -> bool {
        !self.plan.candidates.is_empty()
    }

    /// Begins its story.
    pub(super) fn begin(
        self,
        worker: &Rc<Worker>,
        peer: &Peer,
        parts: Parts,
        body: Incoming,
        place: Place,
    ) -> Awaited {
        let Planned { mut plan, request, client, prepared: Prepared { id, span } } = self;
        let (limits, budget) = (&worker.proxy.config.limits, &worker.proxy.budget);
        let story = Box::new(Story {
            answers: std::mem::take(&mut plan.known),
            plan,
            turns: Vec::new(),
            request,
            copy: Rc::new(RefCell::new(Some(Copy::new(limits.capture_bytes_max, budget, client.ip)))),
            client,
            head: parts.headers.clone(),
            intent: Intended::Not,
            is_derived: false,
            id: id.clone(),
            exchange_id: worker.ids.id(),
            received_at: Timestamp::now(),
            begun: Instant::now(),
            answered_after: None,
            place: Some(place),
            worker: Rc::clone(worker),
            bond: Rc::clone(&peer.bond),
        });
        let (answer, answered) = oneshot::channel();
        worker.tasks.spawn(story.run(parts, body, Waiting { answer, span }));
        Awaited { answered, id }
    }
}

/// The answer to a request whose story is under way. Dropped, it leaves that running.
pub(super) struct Awaited {
    answered: oneshot::Receiver<Response<AnswerBody>>,
    id: HeaderValue,
}

impl Awaited {
    pub(super) async fn wait(self, worker: &Worker) -> Response<AnswerBody> {
        match self.answered.await {
            Ok(response) => response,
            // The task panicked: this exchange ends, the worker goes on (THREATS D12).
            Err(_) => worker.fail(Failure::Gone, &self.id),
        }
    }
}

impl Story {
    /// From the complete head to the head of the answer; what follows is up to the answer's body.
    async fn run(mut self: Box<Self>, parts: Parts, body: Incoming, mut client: Waiting) {
        let worker = Rc::clone(&self.worker);
        match self.forwarded(parts, body, &mut client).await {
            Some(Ok((response, lease))) => {
                worker.proxy.metrics.request(RequestKind::Audited);
                if let (Some(span), Some(after)) = (&mut client.span, self.answered_after) {
                    span.answered(after);
                }
                self.respond(response, lease, client).await;
            }
            Some(Err(Failure::Unrecorded)) => {
                // What was not done need not be durable; and the disk is what cannot be waited for.
                client.send(worker.fail(Failure::Unrecorded, &self.id));
                self.record(None, Ending::Refused).await;
            }
            Some(Err(failure)) => {
                let response = worker.fail(failure, &self.id);
                self.record_and_send(None, failure.ending(), response, client).await;
            }
            None => {
                let response = answer(Failure::RequestBroken, self.id.to_str().unwrap_or_default());
                self.record_and_send(None, Ending::ClientGone, response, client).await;
            }
        }
    }

    /// What came of it; `None` when the client has left and nothing came for too long.
    async fn forwarded(
        &mut self,
        parts: Parts,
        body: Incoming,
        client: &mut Waiting,
    ) -> Option<Result<Reply, Failure>> {
        let worker = Rc::clone(&self.worker);
        let abandoned = Duration::from_millis(worker.proxy.config.limits.abandoned_ms);
        let mut forwarding = pin!(self.forward(parts, body));
        tokio::select! {
            outcome = forwarding.as_mut() => Some(outcome),
            () = client.answer.closed() => tokio::select! {
                outcome = forwarding => Some(outcome),
                () = worker.tasks.patience(abandoned) => None,
            },
        }
    }

    async fn forward(&mut self, parts: Parts, mut frames: Incoming) -> Result<Reply, Failure> {
        tunnel::allow(&self.plan, &parts)?;
        if let (Some(copy), Some(length)) = (&mut *self.copy.borrow_mut(), frames.size_hint().exact()) {
            copy.expect(length);
        }
        let held = if self.plan.needs_body { self.hold(&mut frames).await? } else { Vec::new() };
        let intending = self.intending();
        // In this order: it is on its way to the disk before the application is asked.
        let (intended, ()) = tokio::join!(intending, self.ask_before());
        self.intended(intended)?;
        let bytes_max = self.worker.proxy.config.limits.request_body_bytes_max;
        let (body, progress) = RequestBody::teed(held, frames, &self.copy, bytes_max);
        let added = self.begun.elapsed();
        let mut asked = self.worker.ask(Request::from_parts(parts, body), progress, &self.bond);
        let result = asked.answer(&self.worker.proxy.config.limits).await;
        self.answered_after = Some(self.begun.elapsed() - added);
        self.worker.proxy.metrics.latency_added_seconds.observe(added.as_secs_f64());
        result
    }

    /// Reads the body up to its end, `held_body_bytes_max` or `held_body_ms`; what was read goes first when
    /// the request is forwarded.
    async fn hold(&mut self, frames: &mut Incoming) -> Result<Vec<Frame<Bytes>>, Failure> {
        let limits = &self.worker.proxy.config.limits;
        let mut held = Held::default();
        let reading = held.read(frames, limits.held_body_bytes_max, &self.copy);
        let limits_hit = &self.worker.proxy.metrics.limits_hit;
        match timeout(Duration::from_millis(limits.held_body_ms), reading).await {
            Ok(result) if !result? => limits_hit.with_label_values(&["held_body_bytes_max"]).inc(),
            Ok(_) => {}
            Err(_) => limits_hit.with_label_values(&["held_body_ms"]).inc(),
        }
        self.request.body = self.copy.borrow().as_ref().map(Copy::so_far).unwrap_or_default();
        let (audit, plan) = (&self.worker.proxy.audit, self.plan.clone());
        let planned = catch_unwind(AssertUnwindSafe(|| {
            audit.plan_with_body(plan, &self.request, &self.client, &self.request.body)
        }));
        // Promised not to panic; should it, the request goes on, and what its reads would have told is missing.
        match planned {
            Ok(plan) => self.plan = plan,
            Err(_) => tracing::error!(exchange = %self.exchange_id, "planning with the body panicked"),
        }
        Ok(held.frames)
    }

    async fn ask_before(&mut self) {
        if !self.plan.writes.is_empty() {
            let limits = &self.worker.proxy.config.limits;
            let deadline = Instant::now() + Duration::from_millis(limits.turn_ms);
            let turns = &self.worker.proxy.turns;
            self.turns = turns.take(&self.plan.writes, limits.turn_waiters_max, deadline).await;
        }
        if !self.plan.reads.is_empty() {
            let deadline = Instant::now() + Duration::from_millis(self.worker.proxy.config.limits.before_ms);
            let audit = &*self.worker.proxy.audit;
            let reads = recall::instead(audit, &self.plan.reads, &mut self.answers);
            self.worker.reader.ask(reads, self.client.ip, &self.head, deadline, &mut self.answers).await;
            recall::otherwise(audit, &self.plan.reads, &mut self.answers);
        }
    }

    /// Makes the application's answer the client's, and sends it.
    async fn respond(self: Box<Self>, response: Response<Incoming>, lease: Lease, client: Waiting) {
        let (mut head, mut frames) = response.into_parts();
        self.worker.heard(&self.plan, &self.head, &head);
        let mut seen = exchange::Response {
            status: head.status.as_u16(),
            headers: head.headers.clone(),
            body: Capture::default(),
            stream: None,
        };
        head.version = Version::HTTP_11;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            seen.stream = Some(Stream::Opened);
            let counts = Rc::default();
            let tunnel = tunnel::begin(&mut head, lease, &counts).watched(self.closing(&seen, counts));
            let response = Response::from_parts(head, AnswerBody::tunnel(tunnel));
            return self.record_and_send(Some(seen), Ending::Complete, response, client).await;
        }
        hops::strip_answer(&mut head.headers);
        if is_event_stream(&head.headers) && !frames.is_end_stream() {
            // It may go on for hours (THREATS E47).
            seen.body.state = CaptureState::Skipped;
            seen.stream = Some(Stream::Opened);
            let counts = Rc::new(Counts::default());
            counts.bytes_in.set(self.copy.borrow().as_ref().map_or(0, Copy::seen_bytes));
            let body = AnswerBody::streamed(frames, lease).watched(self.closing(&seen, counts));
            let response = Response::from_parts(head, body);
            client.send(response);
            return self.record(Some(seen), Ending::Complete).await;
        }
        let mut copy = self.new_copy();
        match begin(&mut frames).await {
            Begun::Whole(bytes) => {
                lease.give_back();
                copy.push(&bytes);
                copy.end(End::Proper);
                let (body, _share) = copy.finish();
                seen.body = body;
                let response = Response::from_parts(head, AnswerBody::whole(bytes));
                let ending = if client.answer.is_closed() { Ending::ClientGone } else { Ending::Complete };
                self.record_and_send(Some(seen), ending, response, client).await;
            }
            Begun::Part(first) => {
                let body = AnswerBody::teed(Teed::new(self, seen, copy, first, frames, lease));
                client.send(Response::from_parts(head, body));
            }
        }
    }

    fn new_copy(&self) -> Copy {
        let proxy = &self.worker.proxy;
        Copy::new(proxy.config.limits.capture_bytes_max, &proxy.budget, self.client.ip)
    }

    /// Its place among the requests under way, for an answer that outlives its record.
    pub(super) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }

    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }
}

/// The end of a request's body for its copy, where there is none.
pub(super) fn end_copy(copy: &RefCell<Option<Copy>>, end: End) {
    if let Some(copy) = &mut *copy.borrow_mut() {
        copy.end(end);
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::patience::Asked;
    use super::*;
    use crate::serve::Face;

    // What is awaited by value is kept beside what it was made from: what grows here grows in all futures around it.
    #[test]
    fn what_is_kept_of_a_request_until_its_answer_comes_is_small() {
        fn answer_bytes<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        fn story_bytes<A, B, C, D, F: Future>(_: impl Fn(A, B, C, D) -> F) -> usize {
            size_of::<F>()
        }
        let (answer, asked) = (answer_bytes(<Worker as Face>::answer), size_of::<Asked>());
        let story = story_bytes(Story::run);
        assert!(answer <= 256 && asked <= 192 && story <= 5120, "{answer}, {asked}, {story}");
    }
}
