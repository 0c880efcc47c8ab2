//! Connections to the application: each worker keeps its own, as many idle ones as it had use for at once.
//!
//! The address comes from the configuration and from nowhere else (THREATS D09). A connection goes back
//! only after hyper has found both messages complete and no byte left over (D07); a request is sent again
//! only when not a byte of it was written, or when it is idempotent, has no body, and met a connection that
//! had been idle (D08).

mod dial;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderMap;
use http::{HeaderName, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use self::dial::Dialer;
use super::answer_gate::{Sender, Switched, Unanswered};
use super::failure::Failure;
use crate::config::{Limits, Upstream};
use crate::proxy::bodies::RequestBody;
use crate::telemetry::Metrics;

/// One worker's connections.
#[derive(Debug)]
pub(crate) struct Pool {
    dialer: Dialer,
    metrics: Arc<Metrics>,
    /// The most recently used at the back.
    idle: RefCell<VecDeque<Idle>>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
    /// The application closes it then, as its `Keep-Alive` header says.
    until: Instant,
}

/// A connection in use. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Lease {
    sender: Sender,
    pool: Rc<Pool>,
    keep: Duration,
}

impl Pool {
    pub(crate) fn new(upstream: &Upstream, limits: &Limits, metrics: &Arc<Metrics>) -> Rc<Pool> {
        Rc::new(Pool {
            dialer: Dialer::new(upstream, limits, metrics),
            metrics: Arc::clone(metrics),
            idle: RefCell::new(VecDeque::new()),
        })
    }

    /// Sends a request and waits for the head of its answer, without a limit of its own but for
    /// connecting. Dropped before it ends, it closes the connection.
    pub(crate) async fn send(
        self: &Rc<Self>,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let mut request = request;
        while let Some((mut lease, has_rested)) = self.checkout() {
            let again = if has_rested { repeatable(&request) } else { None };
            match lease.sender.send(request).await {
                Ok(response) => return Ok((response, lease)),
                Err(Unanswered::Unsent(unsent)) => request = *unsent,
                Err(Unanswered::Sent(failure)) => {
                    request = again.filter(|_| failure == Failure::Gone).ok_or(failure)?;
                }
            }
        }
        let mut lease = self.dial().await?;
        match lease.sender.send(request).await {
            Ok(response) => Ok((response, lease)),
            Err(Unanswered::Unsent(_)) => Err(Failure::Gone),
            Err(Unanswered::Sent(failure)) => Err(failure),
        }
    }

    /// An idle connection that is still good, and whether it rested so long that the application may be
    /// closing it at this moment.
    fn checkout(self: &Rc<Self>) -> Option<(Lease, bool)> {
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
                let has_rested = now.duration_since(latest.since) > REST;
                return Some((
                    Lease { sender: latest.sender, pool: Rc::clone(self), keep: KEEP },
                    has_rested,
                ));
            }
        }
        None
    }

    async fn dial(self: &Rc<Self>) -> Result<Lease, Failure> {
        let sender = self.dialer.http1().await?;
        Ok(Lease { sender, pool: Rc::clone(self), keep: KEEP })
    }

    fn put_back(&self, sender: Sender, keep: Duration) {
        let now = Instant::now();
        self.idle.borrow_mut().push_back(Idle { sender, since: now, until: now + keep });
        self.metrics.upstream_idle.inc();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let left = i64::try_from(self.idle.borrow().len()).unwrap_or(i64::MAX);
        self.metrics.upstream_idle.sub(left);
    }
}

impl Idle {
    fn is_stale(&self, now: Instant) -> bool {
        self.sender.is_closed() || !self.sender.is_ready() || now >= self.until
    }
}

impl Lease {
    /// Takes note of how long the application says it keeps the connection.
    pub(crate) fn heed(&mut self, headers: &HeaderMap) {
        if let Some(value) = headers.get(&KEEP_ALIVE).and_then(|value| value.to_str().ok()) {
            let seconds = value
                .split(',')
                .filter_map(|part| part.trim().strip_prefix("timeout="))
                .find_map(|seconds| seconds.trim().parse::<u64>().ok());
            if let Some(seconds) = seconds {
                // A second less: our last request and its close must not cross.
                self.keep = KEEP.min(Duration::from_secs(seconds.saturating_sub(1)));
            }
        }
    }

    /// The socket after a 101; `None` when it broke meanwhile.
    pub(crate) async fn into_socket(self) -> Option<Switched> {
        self.sender.into_socket().await
    }

    /// Gives the connection back after the clean end of an answer: at once when hyper is ready for the next
    /// request, else when the rest of ours has gone out.
    pub(crate) fn give_back(self) {
        let Lease { mut sender, pool, keep } = self;
        if sender.is_ready() {
            pool.put_back(sender, keep);
        } else if !sender.is_closed() {
            tokio::task::spawn_local(async move {
                if let Ok(Ok(())) = timeout(SETTLE, sender.ready()).await {
                    pool.put_back(sender, keep);
                }
            });
        }
    }
}

/// A copy of a request that may be sent twice: an idempotent method (RFC 9110 section 9.2.2, RFC 4918)
/// without a body.
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || matches!(request.method().as_str(), "PROPFIND" | "REPORT");
    if !is_safe || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// How long an idle connection is kept when the application says nothing.
const KEEP: Duration = Duration::from_secs(60);
/// A connection that rested this long may be closing at the other end.
const REST: Duration = Duration::from_millis(250);
/// How long a connection may take to finish our request after its answer is complete.
const SETTLE: Duration = Duration::from_secs(5);
