//! The story of a request.
//!
//! ```text
//! gate ─► answer ─┬─ no rule concerns it ─► pass ────────────────────► client
//!                 └─ a rule may ──────────► audited (see `audited`) ─► client
//! ```
//!
//! `crossing` is the plain way, `in_force` hands a reload to the workers, `span` tells a collector of traces of a
//! request. `wire` has the heads and the connections, `bodies` the bodies and their copies, `reads` what the
//! application is asked besides, `tunnel` what becomes of a connection after an answer 101. No more requests are
//! under way at a time than `crowd` lets in.
//!
//! A request that no rule concerns is streamed through: nothing of it is copied, nothing waits. Bytes pass
//! as they came but for the published list: headers of one hop are taken off, forwarding headers are set.
//! The application's address comes from the configuration only. Nothing that a client or the application
//! sends may panic this code or make it wait without a limit.

mod audit;
mod audited;
mod bodies;
mod crossing;
mod crowd;
#[doc(hidden)]
pub mod fuzzing;
mod in_force;
mod missed;
mod reads;
mod span;
mod tasks;
mod tunnel;
mod wire;

pub use audit::{Audit, Auditor, Recording};
pub use in_force::{InForce, Seat};

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, EXPECT, HOST, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncRead, AsyncWrite};

use self::audited::{Awaited, Planned};
use self::bodies::{AnswerBody, Budget, Progress, RequestBody};
use self::crowd::Crowd;
use self::missed::Passing;
use self::reads::{Brake, Identities, Reader, Turns};
use self::span::OpenSpan;
use self::tasks::Tasks;
use self::tunnel::Connection;
use self::wire::forwarding::{self, Peer};
use self::wire::patience::Asked;
use self::wire::{Bond, Failure, Ids, Pool, answer, hops};
use crate::blind;
use crate::config::Config;
use crate::derive::Plan;
use crate::record::hand_out_receipts;
use crate::rules::router::HeadView;
use crate::serve::{Arrival, Face, Refusal};
use crate::telemetry::{Metrics, Spans};

/// What all workers share.
#[derive(Clone)]
pub struct Proxy {
    config: Arc<Config>,
    audit: Arc<dyn Audit>,
    metrics: Arc<Metrics>,
    /// All copies of bodies of all workers together.
    budget: Arc<Budget>,
    /// All reads of all workers together.
    brake: Arc<Brake>,
    /// What is being changed.
    turns: Arc<Turns>,
    identities: Arc<Identities>,
    /// What only a trusted peer may say about who somebody is.
    identity_headers: Arc<[HeaderName]>,
    /// Where spans are left; `None` when none are made.
    spans: Option<Spans>,
}

impl Proxy {
    /// A proxy as configured.
    pub fn new(config: Arc<Config>, audit: Arc<dyn Audit>, metrics: Arc<Metrics>) -> Proxy {
        let limits = &config.limits;
        let budget = Budget::new(limits.capture_total_bytes_max, limits.capture_bytes_max);
        let brake = Brake::new(limits, &metrics);
        let identity_headers = audit.identity_headers().into();
        let (turns, identities) = (Arc::default(), Identities::new());
        Proxy { config, audit, metrics, budget, brake, turns, identities, identity_headers, spans: None }
    }

    /// The same, leaving spans of its requests there.
    #[must_use]
    pub fn with_spans(self, spans: Option<Spans>) -> Proxy {
        Proxy { spans, ..self }
    }

    /// What one worker needs; to be called on its thread, in its runtime.
    pub fn worker(&self) -> Worker {
        tokio::task::spawn_local(hand_out_receipts());
        let limits = &self.config.limits;
        let pool = Pool::new(&self.config.upstream, limits, &self.metrics);
        Worker {
            reader: Reader::new(&pool, self),
            pool,
            ids: Ids::new(),
            tasks: Tasks::new(),
            crowd: Crowd::new(&self.metrics),
            proxy: self.clone(),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("upstream", &self.config.upstream).finish_non_exhaustive()
    }
}

/// A worker's part of the proxy: its pool, its ids, its tasks. It never leaves its thread.
#[derive(Debug)]
pub struct Worker {
    proxy: Proxy,
    pool: Rc<Pool>,
    reader: Rc<Reader>,
    ids: Ids,
    tasks: Rc<Tasks>,
    crowd: Rc<Crowd>,
}

/// What has become of a request before anybody waits. What is large is in a box: every future around it would move it, and
/// have room for it twice.
enum Begun {
    /// It goes no further.
    Refused(Box<Response<AnswerBody>>),
    /// A rule may concern it: its story goes on without its client.
    Audited(Awaited),
    /// No rule concerns it: it is on its way to the application.
    Crossing(Pin<Box<dyn Future<Output = Response<AnswerBody>>>>),
}

/// What a head that is ready for the application is known by.
struct Prepared {
    /// Its request's id.
    id: HeaderValue,
    /// In a box, because most requests have none.
    span: Option<Box<OpenSpan>>,
}

impl Face for Worker {
    type Connection = Connection;
    type Body = AnswerBody;

    fn trusts(&self, peer: IpAddr) -> bool {
        forwarding::is_trusted(peer.to_canonical(), &self.proxy.config.trusted_proxies)
    }

    fn connected(&self, arrival: Arrival) -> Connection {
        Connection::new(Peer::new(&arrival, &self.proxy.config.trusted_proxies))
    }

    fn answer(
        self: Rc<Self>,
        connection: Rc<Connection>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<AnswerBody>> + 'static {
        let begun = self.begin(&connection, request);
        async move {
            let mut response = match begun {
                Begun::Refused(response) => *response,
                Begun::Audited(awaited) => awaited.wait(&self).await,
                Begun::Crossing(crossing) => crossing.await,
            };
            match response.status() {
                StatusCode::SWITCHING_PROTOCOLS => connection.expect(response.body_mut().take_tunnel()),
                StatusCode::NOT_MODIFIED => {
                    let (head, body) = response.into_parts();
                    let body = body.told_by(&head);
                    response = Response::from_parts(head, body);
                }
                _ => {}
            }
            response
        }
    }

    fn refuse(&self, _: &Connection, refusal: Refusal) -> Response<AnswerBody> {
        self.fail(Failure::Refused(refusal), &self.ids.header())
    }

    async fn switched(
        self: Rc<Self>,
        connection: Rc<Connection>,
        socket: impl AsyncRead + AsyncWrite + Unpin,
        early: Vec<u8>,
    ) {
        if let Some(tunnel) = connection.take_tunnel() {
            tunnel.run(socket, early).await;
        }
    }

    async fn finish(self: Rc<Self>) {
        self.tasks.finish().await;
    }
}

impl Worker {
    /// All that can be done with a request before anybody waits, so that little of it is kept until its answer comes.
    fn begin(self: &Rc<Self>, connection: &Rc<Connection>, request: Request<Incoming>) -> Begun {
        let refused = |failure| Begun::Refused(Box::new(self.fail(failure, &self.ids.header())));
        let Some(place) = self.crowd.enter(self.proxy.config.limits.requests_max) else {
            return refused(Failure::Crowded);
        };
        let (mut parts, body) = request.into_parts();
        let (config, peer) = (&self.proxy.config, &connection.peer);
        if !config.methods.is_empty() && !config.methods.contains(&parts.method) {
            return Begun::Refused(Box::new(self.refuse_method(&config.methods)));
        }
        if body.size_hint().lower() > config.limits.request_body_bytes_max {
            return refused(Failure::BodyTooLarge);
        }
        let candidates = self.proxy.audit.candidates(&HeadView {
            method: parts.method.as_str(),
            target: target_of(&parts),
            host: host_of(&parts),
            headers: &parts.headers,
            is_trusted: peer.is_trusted,
        });
        let (prepared, answered) = if candidates.is_empty() {
            match self.prepare(&mut parts, peer) {
                Ok(prepared) => (prepared, blind::Answered::Unmatched),
                Err(failure) => return refused(failure),
            }
        } else {
            match Planned::new(self, &mut parts, peer, candidates) {
                Ok(planned) if planned.is_concerned() => {
                    return Begun::Audited(planned.begin(self, peer, parts, body, place));
                }
                Ok(planned) => (planned.prepared, blind::Answered::Unrecorded),
                Err(failure) => return refused(failure),
            }
        };
        let passing = Passing::new(&self.proxy, &parts, peer, answered);
        Begun::Crossing(Box::pin(self.cross(parts, body, prepared, passing, peer, place)))
    }

    /// The same worker by other rules and settings, on the same connections to the application.
    fn renewed(&self, proxy: &Proxy) -> Worker {
        let (pool, tasks) = (Rc::clone(&self.pool), Rc::clone(&self.tasks));
        let (reader, crowd) = (Reader::new(&pool, proxy), Rc::clone(&self.crowd));
        Worker { reader, pool, ids: Ids::new(), tasks, crowd, proxy: proxy.clone() }
    }

    /// Makes a client's head the one that the application gets.
    fn prepare(&self, parts: &mut Parts, peer: &Peer) -> Result<Prepared, Failure> {
        let upgrade = tunnel::asked(parts);
        hops::strip_request(&mut parts.headers)?;
        // RFC 9112 section 3.2.2: the target's host is the one that is meant.
        if !parts.headers.contains_key(HOST)
            && let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(HOST, host);
        }
        if let Some(protocol) = upgrade {
            hops::ask_for_upgrade(&mut parts.headers, protocol);
        }
        let id = forwarding::set(
            &mut parts.headers,
            peer,
            &self.proxy.identity_headers,
            &self.ids,
            &self.proxy.metrics,
        );
        let span = match &self.proxy.spans {
            _ if !self.proxy.config.trace_context => None,
            Some(spans) => OpenSpan::begin(parts, peer.scheme, spans, &self.ids),
            None => {
                forwarding::trace(&mut parts.headers, &self.ids);
                None
            }
        };
        // hyper asks the client for the body as soon as the connection to the application takes it.
        parts.headers.remove(EXPECT);
        if parts.version == Version::HTTP_10
            && !parts.headers.contains_key(HOST)
            && let Ok(host) = HeaderValue::from_str(&self.proxy.config.upstream.host())
        {
            parts.headers.insert(HOST, host);
        }
        if parts.uri.authority().is_some() {
            parts.uri = parts.uri.path_and_query().cloned().map_or(Uri::from_static("/"), Uri::from);
        }
        parts.version = Version::HTTP_11;
        parts.extensions.remove::<OnUpgrade>();
        Ok(Prepared { id, span })
    }

    /// Sends a request.
    fn ask(&self, request: Request<RequestBody>, progress: Option<Rc<Progress>>, bond: &Rc<Bond>) -> Asked {
        let is_upgrade = request.headers().contains_key(UPGRADE);
        Asked { underway: self.pool.send(request, Some(bond)), progress, is_upgrade }
    }

    /// Takes note of what an audited exchange may have done to its session, before the client can act on it.
    fn heard(&self, plan: &Plan, request: &HeaderMap, answer: &http::response::Parts) {
        let identities = &self.proxy.identities;
        let marks = identities.marks(request);
        if plan.changes_session {
            identities.forget(&marks, &answer.headers);
            self.proxy.brake.forgive();
        } else {
            identities.heard(&marks, answer.status.as_u16(), &answer.headers);
        }
    }

    /// RFC 9110 section 15.5.6: the answer says which methods are served.
    fn refuse_method(&self, methods: &[Method]) -> Response<AnswerBody> {
        let mut response = self.fail(Failure::Method, &self.ids.header());
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
            response.headers_mut().insert(ALLOW, names);
        }
        response
    }

    fn fail(&self, failure: Failure, id: &HeaderValue) -> Response<AnswerBody> {
        self.proxy.metrics.request(failure.kind());
        if let Some(limit) = failure.limit() {
            self.proxy.metrics.limits_hit.with_label_values(&[limit]).inc();
        }
        answer(failure, id.to_str().unwrap_or_default())
    }
}

/// An answer that goes to the client now.
fn ended(response: Response<AnswerBody>, span: Option<Box<OpenSpan>>) -> Response<AnswerBody> {
    if let Some(span) = span {
        span.end(response.status());
    }
    response
}

/// Whether an answer stays open on purpose, maybe for hours.
fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.len() >= EVENT_STREAM.len() && value[..EVENT_STREAM.len()].eq_ignore_ascii_case(EVENT_STREAM)
    })
}

/// Path and query as received.
fn target_of(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |target| target.as_str())
}

/// The host as received; that of an absolute-form target, which agrees with it, where HTTP/1.0 sent none.
fn host_of(parts: &Parts) -> &str {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default()
}

const EVENT_STREAM: &[u8] = b"text/event-stream";
