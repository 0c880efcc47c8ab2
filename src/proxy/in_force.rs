//! What is in force: rules and settings, put into place for all workers at once.
//!
//! A reload makes another [`Proxy`] and leaves it here. A worker looks before each request, which costs one
//! load and a comparison, and from then on serves by the new one. What is under way holds the [`Worker`] that it
//! began with: its candidates, its plan and its events come from one set of rules (THREATS O02). Connections to the
//! application, tasks and what is remembered of clients go on across the change.

use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};

use super::bodies::{AnswerBody, Budget};
use super::reads::Brake;
use super::tunnel::Connection;
use super::{Audit, Proxy, Worker};
use crate::config::Config;
use crate::serve::{Arrival, Face, Refusal};

/// The proxy in force. Shared by all workers and whoever reloads; cheap to clone.
#[derive(Clone)]
pub struct InForce(Arc<ArcSwap<Proxy>>);

impl InForce {
    /// Begins with this one.
    pub fn new(proxy: Proxy) -> InForce {
        InForce(Arc::new(ArcSwap::from_pointee(proxy)))
    }

    /// Puts these rules and settings into place: every request that begins afterwards goes by them. Where clients
    /// connect and where the application is stay as they were.
    pub fn put(&self, config: Arc<Config>, audit: Arc<dyn Audit>) {
        self.0.store(Arc::new(self.0.load().renewed(config, audit)));
    }

    /// What one worker needs; to be called on its thread, in its runtime.
    pub fn seat(&self) -> Seat {
        let mut cache = Cache::new(Arc::clone(&self.0));
        let proxy = Arc::clone(cache.load());
        let worker = Rc::new(proxy.worker());
        Seat(RefCell::new(Seated { cache, proxy, worker }))
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("InForce").field(&self.0.load()).finish()
    }
}

/// A worker's seat: it stays when the worker's rules and settings change. It never leaves its thread.
#[derive(Debug)]
pub struct Seat(RefCell<Seated>);

#[derive(Debug)]
struct Seated {
    cache: Cache<Arc<ArcSwap<Proxy>>, Arc<Proxy>>,
    /// What `worker` is a part of.
    proxy: Arc<Proxy>,
    worker: Rc<Worker>,
}

impl Seat {
    /// The worker by what is in force now.
    fn worker(&self) -> Rc<Worker> {
        let Seated { cache, proxy, worker } = &mut *self.0.borrow_mut();
        let now = cache.load();
        if !Arc::ptr_eq(now, proxy) {
            *proxy = Arc::clone(now);
            *worker = Rc::new(worker.renewed(proxy));
        }
        Rc::clone(worker)
    }
}

impl Face for Seat {
    type Connection = Connection;
    type Body = AnswerBody;

    fn trusts(&self, peer: IpAddr) -> bool {
        self.worker().trusts(peer)
    }

    fn connected(&self, arrival: Arrival) -> Connection {
        self.worker().connected(arrival)
    }

    fn answer(
        self: Rc<Self>,
        connection: Rc<Connection>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<AnswerBody>> + 'static {
        self.worker().answer(connection, request)
    }

    fn refuse(&self, connection: &Connection, refusal: Refusal) -> Response<AnswerBody> {
        self.worker().refuse(connection, refusal)
    }

    async fn switched(
        self: Rc<Self>,
        connection: Rc<Connection>,
        socket: impl AsyncRead + AsyncWrite + Unpin,
        early: Vec<u8>,
    ) {
        self.worker().switched(connection, socket, early).await;
    }

    async fn finish(self: Rc<Self>) {
        self.worker().finish().await;
    }
}

impl Proxy {
    /// The same with other rules and settings. What counts and remembers goes on, but for ceilings that have
    /// changed: copies and reads under way still count against the old ones, so that for a moment there may be
    /// more of them than either allows.
    fn renewed(&self, config: Arc<Config>, audit: Arc<dyn Audit>) -> Proxy {
        let (old, new) = (&self.config.limits, &config.limits);
        let copies =
            |limits: &crate::config::Limits| (limits.capture_total_bytes_max, limits.capture_bytes_max);
        let reads = |limits: &crate::config::Limits| (limits.reads_max, limits.client_reads_max);
        let budget = match copies(old) == copies(new) {
            true => Arc::clone(&self.budget),
            false => Budget::new(new.capture_total_bytes_max, new.capture_bytes_max),
        };
        let brake = match reads(old) == reads(new) {
            true => Arc::clone(&self.brake),
            false => Brake::new(new, &self.metrics),
        };
        let identity_headers = audit.identity_headers().into();
        Proxy { config, audit, budget, brake, identity_headers, ..self.clone() }
    }
}
