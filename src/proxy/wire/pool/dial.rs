//! Making connections to the application: TCP, TLS over TCP, or a Unix socket, and HTTP on top.
//!
//! Where to is configured and never comes from a client (THREATS D09); no variable of the environment and no
//! redirect changes it (B04). All of it together, from the name's look-up to the last handshake, takes no
//! longer than `connect_ms`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{HostPort, Limits, Transport, Upstream};
use crate::proxy::wire::Failure;
use crate::proxy::wire::answer_gate::{HeadLimits, Sender};
use crate::telemetry::Metrics;

/// Makes connections.
#[derive(Debug)]
pub(super) struct Dialer {
    transport: Transport,
    connect: Duration,
    heads: HeadLimits,
    metrics: Arc<Metrics>,
}

/// A connection that nothing was said on.
enum Line {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum Unreached {
    #[error("its name cannot be resolved: {0}")]
    Name(io::Error),
    #[error("it does not accept: {0}")]
    Connect(io::Error),
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    #[error("connecting took longer than connect_ms")]
    Timeout,
    #[error("it does not speak HTTP: {0}")]
    Http(hyper::Error),
}

impl Dialer {
    pub(super) fn new(upstream: &Upstream, limits: &Limits, metrics: &Arc<Metrics>) -> Dialer {
        Dialer {
            transport: match &upstream.transport {
                Transport::Tls(at, tls) => Transport::Tls(at.clone(), tls.speaking(&[b"http/1.1"])),
                Transport::Tcp(_) | Transport::Unix(_) => upstream.transport.clone(),
            },
            connect: Duration::from_millis(limits.connect_ms),
            heads: HeadLimits::from(limits),
            metrics: Arc::clone(metrics),
        }
    }

    /// A new connection that speaks HTTP/1.1.
    pub(super) async fn http1(&self) -> Result<Sender, Failure> {
        let dialed = timeout(self.connect, async {
            match self.line().await? {
                Line::Tcp(socket) => self.speak_http1(socket).await,
                Line::Tls(stream) => self.speak_http1(stream).await,
                Line::Unix(socket) => self.speak_http1(socket).await,
            }
        });
        self.told(dialed.await.unwrap_or(Err(Unreached::Timeout)))
    }

    /// Counts a try, and logs one that failed.
    fn told<T>(&self, dialed: Result<T, Unreached>) -> Result<T, Failure> {
        let outcome = dialed.as_ref().err().map_or("opened", Unreached::outcome);
        self.metrics.upstream_connections.with_label_values(&[outcome]).inc();
        dialed.map_err(|error| {
            tracing::warn!(%error, "the application cannot be reached");
            Failure::Unreachable
        })
    }

    async fn line(&self) -> Result<Line, Unreached> {
        match &self.transport {
            Transport::Tcp(at) => Ok(Line::Tcp(self.tcp(at).await?)),
            Transport::Tls(at, tls) => {
                let socket = self.tcp(at).await?;
                let connector = TlsConnector::from(Arc::clone(&tls.client));
                let stream = connector.connect(tls.server_name.clone(), socket).await;
                Ok(Line::Tls(Box::new(stream.map_err(Unreached::Tls)?)))
            }
            Transport::Unix(path) => {
                Ok(Line::Unix(UnixStream::connect(path).await.map_err(Unreached::Connect)?))
            }
        }
    }

    /// Tries a name's addresses one after the other, each for its share of the time that is left: one that
    /// swallows what is sent to it must not stand in the way of the next.
    async fn tcp(&self, at: &HostPort) -> Result<TcpStream, Unreached> {
        let deadline = Instant::now() + self.connect;
        let addresses: Vec<_> =
            lookup_host((at.host.as_str(), at.port)).await.map_err(Unreached::Name)?.collect();
        let mut last = Unreached::Name(io::ErrorKind::NotFound.into());
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    crate::serve::prepare(&socket);
                    return Ok(socket);
                }
                Ok(Err(error)) => last = Unreached::Connect(error),
                Err(_) => last = Unreached::Timeout,
            }
        }
        Err(last)
    }

    /// The one place where HTTP/1.1 begins on a stream to the application.
    async fn speak_http1<S>(&self, stream: S) -> Result<Sender, Unreached>
    where
        S: AsyncRead + AsyncWrite + Unpin + fmt::Debug + 'static,
    {
        let begun = Sender::begin(stream, self.heads, &self.metrics).await;
        let (sender, connection) = begun.map_err(Unreached::Http)?;
        // Its owner is the sender: the connection ends when that is dropped.
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the application ended early");
            }
        });
        Ok(sender)
    }
}

impl Unreached {
    /// As it is counted.
    fn outcome(&self) -> &'static str {
        match self {
            Unreached::Name(_) => "unresolved",
            Unreached::Connect(_) => "refused",
            Unreached::Tls(_) => "tls",
            Unreached::Timeout => "timeout",
            Unreached::Http(_) => "protocol",
        }
    }
}
