//! Connections to the application: each worker keeps its own, as many idle ones as it had use for at once;
//! or, with HTTP/2, few that its requests share.
//!
//! The address comes from the configuration and from nowhere else (THREATS D09). A connection goes back
//! only after hyper has found both messages complete and no byte left over (D07), and never once it may stand
//! for somebody ([`bond`], E35). A request is sent again only when not a byte of it was written, when the
//! application said that it has not looked at it, or when it is idempotent, has no body, and met a connection
//! that had been idle (D08).

mod bond;
mod dial;
mod http2;
mod own;

pub(crate) use bond::{Bond, is_bound};

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::UPGRADE;
use http::{Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use self::dial::{Dialed, Dialer};
use self::http2::{Place, Shared};
use self::own::{Home, Idle, Own, Trial, Tried};
use super::answer_gate::Switched;
use super::failure::Failure;
use crate::config::{Limits, Upstream};
use crate::proxy::bodies::{Keeper, RequestBody};
use crate::telemetry::Metrics;

/// One worker's connections.
#[derive(Debug)]
pub(crate) struct Pool {
    dialer: Dialer,
    metrics: Arc<Metrics>,
    /// Those that speak HTTP/1.1, the most recently used at the back.
    idle: RefCell<VecDeque<Idle>>,
    /// Those that speak HTTP/2, where that is wanted.
    shared: Option<Shared>,
}

/// What an answer comes over, until it has ended. Dropped, it ends what is under way: a connection of
/// one's own is closed, a stream among others is reset.
#[derive(Debug)]
pub(crate) enum Lease {
    /// A connection that speaks HTTP/1.1.
    Own(Own),
    /// A place on one that speaks HTTP/2.
    Shared(Place),
}

/// The head of an answer, and what its body comes over.
pub(crate) type Reply = (Response<Incoming>, Lease);

/// A request on its way, for the head of its answer. It is small, because every future around it holds it. Dropped before
/// it ends, it ends the request.
pub(crate) struct Underway {
    sending: Sending,
    pool: Rc<Pool>,
    client: Option<Rc<Bond>>,
}

/// How a request is on its way.
enum Sending {
    /// Sent over a connection that was idle.
    Tried(Trial),
    /// In a box, whatever it takes: what is rare must not make every request's future larger.
    Other(Pin<Box<dyn Future<Output = Result<Reply, Failure>>>>),
}

impl Future for Underway {
    type Output = Result<Reply, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Underway { sending, pool, client } = self.get_mut();
        let (response, mut lease) = loop {
            match sending {
                Sending::Tried(trial) => match ready!(Pin::new(trial).poll(context))? {
                    Tried::Answered(reply) => break reply,
                    Tried::Again(again) => *sending = pool.begin_own(again, client.as_ref()),
                },
                Sending::Other(other) => break ready!(other.as_mut().poll(context))?,
            }
        };
        if let Lease::Own(own) = &mut lease {
            own.heed(response.headers());
        }
        if bond::is_challenge(response.headers()) {
            lease.bind(client.as_ref());
        }
        Poll::Ready(Ok((response, lease)))
    }
}

/// Where a request that may share a connection goes.
enum Line {
    Shared(Place),
    Own(Own),
    /// The application wants HTTP/1.1.
    Declined,
}

impl Pool {
    pub(crate) fn new(upstream: &Upstream, limits: &Limits, metrics: &Arc<Metrics>) -> Rc<Pool> {
        let patience = Duration::from_millis(limits.upstream_ms);
        Rc::new(Pool {
            dialer: Dialer::new(upstream, limits, metrics),
            metrics: Arc::clone(metrics),
            idle: RefCell::new(VecDeque::new()),
            shared: upstream.is_http2.then(|| Shared::new(&metrics.upstream_idle, patience)),
        })
    }

    /// Sends a request and waits for the head of its answer, without a limit of its own but for
    /// connecting. `client` is what ties the client's connection to one of the application's; none for a
    /// request of our own.
    pub(crate) fn send(
        self: &Rc<Self>,
        request: Request<RequestBody>,
        client: Option<&Rc<Bond>>,
    ) -> Underway {
        Underway { sending: self.begin(request, client), pool: Rc::clone(self), client: client.cloned() }
    }

    /// Most requests find an idle connection and are sent before anybody waits: nothing of them is kept then.
    fn begin(self: &Rc<Self>, request: Request<RequestBody>, client: Option<&Rc<Bond>>) -> Sending {
        if client.is_some_and(|bond| bond.is_tied()) || is_bound(request.headers()) {
            let (pool, client) = (Rc::clone(self), client.cloned());
            return Sending::Other(Box::pin(async move { pool.send_bound(request, client.as_ref()).await }));
        }
        // A switch of protocols is HTTP/1.1's.
        if self.shared.as_ref().is_some_and(|shared| !shared.is_declined())
            && !request.headers().contains_key(UPGRADE)
        {
            let (pool, client) = (Rc::clone(self), client.cloned());
            return Sending::Other(Box::pin(async move { pool.send_shared(request, client.as_ref()).await }));
        }
        match self.checkout() {
            Some((own, has_rested)) => Sending::Tried(own.try_send(request, has_rested, client)),
            None => self.begin_own(request, client),
        }
    }

    fn begin_own(self: &Rc<Self>, request: Request<RequestBody>, client: Option<&Rc<Bond>>) -> Sending {
        let (pool, client) = (Rc::clone(self), client.cloned());
        Sending::Other(Box::pin(async move { pool.send_own(request, client.as_ref()).await }))
    }

    async fn send_own(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
        client: Option<&Rc<Bond>>,
    ) -> Result<Reply, Failure> {
        while let Some((own, has_rested)) = self.checkout() {
            match own.try_send(request, has_rested, client).await? {
                Tried::Answered(answered) => return Ok(answered),
                Tried::Again(again) => request = again,
            }
        }
        self.dial().await?.send(request, client).await
    }

    /// Over the connection that stands for this client, or else over a new one that will.
    async fn send_bound(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
        client: Option<&Rc<Bond>>,
    ) -> Result<Reply, Failure> {
        let home = || client.map_or(Home::Nowhere, |bond| Home::Client(Rc::clone(bond)));
        if let Some((idle, has_rested)) = client.and_then(|bond| bond.take()) {
            match Own::new(idle, home()).try_send(request, has_rested, client).await? {
                Tried::Answered(answered) => return Ok(answered),
                Tried::Again(again) => request = again,
            }
        }
        Own::new(self.dialer.http1().await?, home()).send(request, client).await
    }

    async fn send_shared(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
        client: Option<&Rc<Bond>>,
    ) -> Result<Reply, Failure> {
        let Some(shared) = &self.shared else { return self.send_own(request, client).await };
        for _ in 0..TRIES_MAX {
            let mut place = match self.line(shared).await? {
                Line::Shared(place) => place,
                Line::Own(own) => {
                    http2::over_http1(&mut request);
                    return own.send(request, client).await;
                }
                Line::Declined => {
                    http2::over_http1(&mut request);
                    return self.send_own(request, client).await;
                }
            };
            http2::over_http2(&mut request, self.dialer.scheme());
            let (sent, spare) = Spare::of(request);
            let mut error = match place.sender().try_send_request(sent).await {
                Ok(response) => {
                    place.answered();
                    return Ok((response, Lease::Shared(place)));
                }
                Err(error) => error,
            };
            tracing::debug!(error = %error.error(), "the application did not answer");
            let is_unseen = http2::is_unseen(error.error());
            request = match error.take_message() {
                Some(unsent) => unsent,
                None if is_unseen => spare.again().ok_or(Failure::Unreachable)?,
                None if place.has_rested && spare.is_repeatable() => spare.again().ok_or(Failure::Gone)?,
                None => return Err(Failure::Gone),
            };
            place.retire();
        }
        Err(Failure::Unreachable)
    }

    /// A place for a request on a connection that speaks HTTP/2. One worker makes one at a time: who waits
    /// for it shares it, within `connect_ms`.
    async fn line(self: &Rc<Self>, shared: &Shared) -> Result<Line, Failure> {
        if let Some(place) = shared.place() {
            return Ok(Line::Shared(place));
        }
        let deadline = Instant::now() + self.dialer.connect;
        let Ok(_turn) = timeout_at(deadline, shared.turn.acquire()).await else {
            return Err(Failure::Unreachable);
        };
        if let Some(place) = shared.place() {
            return Ok(Line::Shared(place));
        }
        if shared.is_declined() {
            return Ok(Line::Declined);
        }
        match self.dialer.any(deadline).await? {
            Dialed::Http2(opened) => Ok(Line::Shared(shared.add(opened))),
            Dialed::Http1(sender) => {
                shared.decline();
                Ok(Line::Own(Own::new(sender, Home::Pool(Rc::clone(self)))))
            }
        }
    }

    /// An idle connection that is still good, and whether it rested so long that the application may be
    /// closing it at this moment.
    fn checkout(self: &Rc<Self>) -> Option<(Own, bool)> {
        let mut idle = self.idle.borrow_mut();
        if idle.is_empty() {
            return None;
        }
        let now = Instant::now();
        // The oldest, one at a time: enough to let go of what a burst left behind.
        if idle.front().is_some_and(|oldest| oldest.is_stale(now)) {
            idle.pop_front();
            self.metrics.upstream_idle.dec();
        }
        while let Some(latest) = idle.pop_back() {
            self.metrics.upstream_idle.dec();
            if !latest.is_stale(now) {
                let has_rested = latest.has_rested(now);
                return Some((Own::new(latest.sender, Home::Pool(Rc::clone(self))), has_rested));
            }
        }
        None
    }

    async fn dial(self: &Rc<Self>) -> Result<Own, Failure> {
        Ok(Own::new(self.dialer.http1().await?, Home::Pool(Rc::clone(self))))
    }

    fn put_back(&self, idle: Idle) {
        self.idle.borrow_mut().push_back(idle);
        self.metrics.upstream_idle.inc();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let left = i64::try_from(self.idle.borrow().len()).unwrap_or(i64::MAX);
        self.metrics.upstream_idle.sub(left);
    }
}

impl Lease {
    /// Gives back what the answer came over, after its clean end.
    pub(crate) fn give_back(self) {
        match self {
            Lease::Own(own) => own.give_back(),
            // hyper knows that the stream has ended.
            Lease::Shared(place) => drop(place),
        }
    }

    /// The socket after a 101; `None` when it broke meanwhile.
    pub(crate) async fn into_socket(self) -> Option<Switched> {
        match self {
            Lease::Own(own) => own.into_socket().await,
            // HTTP/2 has no 101 (RFC 9113 section 8.6).
            Lease::Shared(_) => None,
        }
    }

    /// The application wants to know who is at the other end of this connection: from now on it stands for
    /// this client and for no other. A stream among others cannot; the client's next request gets a
    /// connection of its own.
    fn bind(&mut self, client: Option<&Rc<Bond>>) {
        if let Some(bond) = client {
            bond.tie();
        }
        match self {
            Lease::Own(own) => own.bind(client),
            Lease::Shared(_) => {}
        }
    }
}

/// A request to be sent in the place of one that the application has not looked at.
struct Spare {
    head: Request<RequestBody>,
    body: Option<Keeper>,
}

impl Spare {
    /// The request to send, and the spare one.
    fn of(request: Request<RequestBody>) -> (Request<RequestBody>, Spare) {
        let head = head_of(&request);
        if request.body().is_end_stream() {
            return (request, Spare { head, body: None });
        }
        let (parts, body) = request.into_parts();
        let (body, keeper) = Keeper::keep(body);
        (Request::from_parts(parts, body), Spare { head, body: Some(keeper) })
    }

    /// Whether doing it twice is doing it once.
    fn is_repeatable(&self) -> bool {
        self.body.is_none() && is_idempotent(&self.head)
    }

    /// `None` when too much of its body is gone.
    fn again(mut self) -> Option<Request<RequestBody>> {
        if let Some(keeper) = self.body {
            *self.head.body_mut() = keeper.again()?;
        }
        Some(self.head)
    }
}

/// A copy of a request's head, without a body.
fn head_of(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// RFC 9110 section 9.2.2, RFC 4918.
fn is_idempotent(request: &Request<RequestBody>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || matches!(request.method().as_str(), "PROPFIND" | "REPORT")
}

/// How long an idle connection is kept when the application says nothing.
const KEEP: Duration = Duration::from_secs(60);
/// A connection that rested this long may be closing at the other end.
const REST: Duration = Duration::from_millis(250);
/// How often one request is tried while the application refuses it without a look.
const TRIES_MAX: usize = 3;
