//! Listeners, workers, shutdown: everything about client connections that is not about what is asked.
//!
//! One thread per worker, each with a runtime of its own, all accepting on one socket: a request lives and
//! dies on one thread, so nothing it touches needs a lock. What answers is a [`Face`]; this folder knows
//! neither rules nor records. Every head of HTTP/1 passes the gate before hyper reads it, every one of HTTP/2 is
//! looked at before the face does.

mod connection;
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod gate;
mod http2;
/// The tables of raw messages, which the tests of both gates read.
#[cfg(test)]
#[path = "../../tests/raw/table.rs"]
pub(crate) mod table;
mod welcome;
mod worker;

pub use connection::Beside;
pub(crate) use connection::Ticket;
pub use gate::Refusal;
pub use welcome::Tls;
pub(crate) use worker::prepare;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use self::connection::Places;
use self::welcome::Watch;
use crate::config::{Config, Limits, TlsFaults};
use crate::exchange::Certificate;
use crate::telemetry::Metrics;

/// Any error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// How a client has connected.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The socket's other end.
    pub peer: SocketAddr,
    /// Whom the connection is from: the peer, or whom it names in a PROXY header.
    pub client: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What the client's certificate says, if it showed one; it is verified.
    pub certificate: Option<Arc<Certificate>>,
    /// What passes beside hyper; `None` over HTTP/2, where it is alone.
    pub beside: Option<Rc<Beside>>,
}

/// What answers requests. There is one on each worker; it never leaves its thread.
pub trait Face: 'static {
    /// What it keeps for a client's connection.
    type Connection: 'static;
    /// The body of its answers.
    type Body: http_body::Body<Data = Bytes, Error = BodyError> + Unpin + 'static;

    /// Whether that peer passes on what others send: then it may have any number of connections, and send a
    /// PROXY header.
    fn trusts(&self, peer: IpAddr) -> bool;

    /// A client has connected.
    fn connected(&self, arrival: Arrival) -> Self::Connection;

    /// Answers a request. The future is dropped when the client goes away.
    fn answer(
        self: Rc<Self>,
        connection: Rc<Self::Connection>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + 'static;

    /// Answers in the place of a request whose head was refused.
    fn refuse(&self, connection: &Self::Connection, refusal: Refusal) -> Response<Self::Body>;

    /// Takes over a connection after an answer 101: the client's socket, and what the client sent before that
    /// answer. The future is dropped when the worker does not wait any longer.
    fn switched(
        self: Rc<Self>,
        connection: Rc<Self::Connection>,
        socket: impl AsyncRead + AsyncWrite + Unpin,
        early: Vec<u8>,
    ) -> impl Future<Output = ()>;

    /// Waits for work that no connection owns; at shutdown, after the last connection is closed.
    fn finish(self: Rc<Self>) -> impl Future<Output = ()>;
}

/// The running workers of one listener.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// Of the certificates, where there are some.
    files: Option<Watch>,
}

/// How a listener's connections begin.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// Ceilings.
    pub limits: Arc<Limits>,
    /// With what clients are met over TLS; `None` for plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// True when each connection begins with a PROXY header.
    pub is_proxied: bool,
}

impl Entrance {
    /// As configured.
    ///
    /// # Errors
    /// When the files of `tls` cannot be used.
    pub fn new(config: &Config, metrics: &Arc<Metrics>) -> Result<Entrance, TlsFaults> {
        Ok(Entrance {
            limits: Arc::new(config.limits.clone()),
            tls: config.tls.as_ref().map(|tls| Tls::new(tls, metrics)).transpose()?,
            is_proxied: config.proxy_protocol,
        })
    }
}

/// What every worker of a listener shares.
#[derive(Clone, Debug)]
struct Shared {
    entrance: Entrance,
    metrics: Arc<Metrics>,
    places: Arc<Places>,
    stop: watch::Receiver<bool>,
}

impl Workers {
    /// Starts `count` workers on a bound listener. `make` is called once on each worker's thread.
    ///
    /// # Errors
    /// When a thread cannot be started or the listener cannot be shared.
    pub fn start<F: Face>(
        listener: TcpListener,
        count: usize,
        entrance: Entrance,
        metrics: &Arc<Metrics>,
        make: impl Fn() -> F + Clone + Send + 'static,
    ) -> std::io::Result<Workers> {
        listener.set_nonblocking(true)?;
        let (stop, stopped) = watch::channel(false);
        let files = entrance.tls.clone().map(Watch::start).transpose()?;
        let limits = &entrance.limits;
        let places = Places::new(limits.connections_max, limits.client_connections_max, Arc::clone(metrics));
        let shared = Shared { entrance, metrics: Arc::clone(metrics), places, stop: stopped };
        let mut threads = Vec::with_capacity(count);
        for number in 0..count.max(1) {
            let (listener, shared, make) = (listener.try_clone()?, shared.clone(), make.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            threads.push(thread.spawn(move || worker::run(listener, &shared, make))?);
        }
        Ok(Workers { threads, stop, files })
    }

    /// Stops accepting, lets requests in flight finish up to `limits.shutdown_ms`, and waits for the
    /// threads. Blocking.
    pub fn stop(self) {
        // No receiver: every worker has ended already.
        let _ = self.stop.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
        if let Some(files) = self.files {
            files.stop();
        }
    }
}
