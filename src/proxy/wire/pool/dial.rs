//! Making connections to the application: TCP, TLS over TCP, or a Unix socket, and HTTP on top.
//!
//! Where to is configured and never comes from a client (THREATS D09); no variable of the environment and no
//! redirect changes it (B04). All of it together, from the name's look-up to the last handshake, takes no
//! longer than `connect_ms`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http2::{self, Opened};
use crate::config::{HostPort, Limits, Transport, Upstream};
use crate::proxy::wire::Failure;
use crate::proxy::wire::answer_gate::{HeadLimits, Sender};
use crate::telemetry::Metrics;

/// Makes connections.
#[derive(Debug)]
pub(super) struct Dialer {
    /// For HTTP/1.1.
    http1: Transport,
    /// For HTTP/2, or over TLS for what the application chooses.
    any: Transport,
    pub(super) connect: Duration,
    heads: HeadLimits,
    metrics: Arc<Metrics>,
}

/// A connection that nothing was said on.
enum Line {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// A connection that is ready for its first request.
pub(super) enum Dialed {
    Http1(Sender),
    Http2(Opened),
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
    #[error("it does not speak HTTP/1.1: {0}")]
    Http1(hyper::Error),
    #[error("it does not speak HTTP/2: {0}")]
    Http2(io::Error),
}

impl Dialer {
    pub(super) fn new(upstream: &Upstream, limits: &Limits, metrics: &Arc<Metrics>) -> Dialer {
        Dialer {
            http1: speaking(&upstream.transport, &[b"http/1.1"]),
            any: speaking(&upstream.transport, &[b"h2", b"http/1.1"]),
            connect: Duration::from_millis(limits.connect_ms),
            heads: HeadLimits::from(limits),
            metrics: Arc::clone(metrics),
        }
    }

    /// A new connection that speaks HTTP/1.1.
    pub(super) async fn http1(&self) -> Result<Sender, Failure> {
        let deadline = Instant::now() + self.connect;
        let dialed = timeout_at(deadline, async {
            match self.line(&self.http1, deadline).await? {
                Line::Tcp(socket) => self.speak_http1(socket).await,
                Line::Tls(stream) => self.speak_http1(stream).await,
                Line::Unix(socket) => self.speak_http1(socket).await,
            }
        });
        self.told(dialed.await.unwrap_or(Err(Unreached::Timeout)))
    }

    /// A new connection that speaks HTTP/2; in clear it is taken for granted that the application does (RFC
    /// 9113 section 3.3), over TLS it may choose HTTP/1.1.
    pub(super) async fn any(&self, deadline: Instant) -> Result<Dialed, Failure> {
        let dialed = timeout_at(deadline, async {
            let opened = match self.line(&self.any, deadline).await? {
                Line::Tcp(socket) => http2::speak(socket, self.heads.head_bytes_max).await,
                Line::Unix(socket) => http2::speak(socket, self.heads.head_bytes_max).await,
                Line::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                    http2::speak(stream, self.heads.head_bytes_max).await
                }
                Line::Tls(stream) => return self.speak_http1(stream).await.map(Dialed::Http1),
            };
            opened.map(Dialed::Http2).map_err(Unreached::Http2)
        });
        self.told(dialed.await.unwrap_or(Err(Unreached::Timeout)))
    }

    /// What HTTP/2 calls the way to the application.
    pub(super) fn scheme(&self) -> &'static Scheme {
        match &self.any {
            Transport::Tls(..) => &Scheme::HTTPS,
            Transport::Tcp(_) | Transport::Unix(_) => &Scheme::HTTP,
        }
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

    async fn line(&self, transport: &Transport, deadline: Instant) -> Result<Line, Unreached> {
        match transport {
            Transport::Tcp(at) => Ok(Line::Tcp(tcp(at, deadline).await?)),
            Transport::Tls(at, tls) => {
                let socket = tcp(at, deadline).await?;
                let connector = TlsConnector::from(Arc::clone(&tls.client));
                let stream = connector.connect(tls.server_name.clone(), socket).await;
                Ok(Line::Tls(Box::new(stream.map_err(Unreached::Tls)?)))
            }
            Transport::Unix(path) => {
                Ok(Line::Unix(UnixStream::connect(path).await.map_err(Unreached::Connect)?))
            }
        }
    }

    /// The one place where HTTP/1.1 begins on a stream to the application.
    async fn speak_http1<S>(&self, stream: S) -> Result<Sender, Unreached>
    where
        S: AsyncRead + AsyncWrite + Unpin + fmt::Debug + 'static,
    {
        let begun = Sender::begin(stream, self.heads, &self.metrics).await;
        let (sender, connection) = begun.map_err(Unreached::Http1)?;
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
            Unreached::Http1(_) | Unreached::Http2(_) => "protocol",
        }
    }
}

async fn tcp(at: &HostPort, deadline: Instant) -> Result<TcpStream, Unreached> {
    let addresses = lookup_host((at.host.as_str(), at.port)).await.map_err(Unreached::Name)?;
    reach(&addresses.collect::<Vec<_>>(), deadline).await
}

/// Tries a name's addresses one after the other, each for its share of the time that is left: one that
/// swallows what is sent to it must not stand in the way of the next.
async fn reach(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Unreached> {
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

fn speaking(transport: &Transport, protocols: &[&[u8]]) -> Transport {
    match transport {
        Transport::Tls(at, tls) => Transport::Tls(at.clone(), tls.speaking(protocols)),
        Transport::Tcp(_) | Transport::Unix(_) => transport.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_names_addresses_are_tried_in_order_until_one_accepts() {
        // Bound and let go, so that nobody listens there.
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (first, second) =
            (tokio::net::TcpListener::bind("127.0.0.1:0"), tokio::net::TcpListener::bind("127.0.0.1:0"));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let (open, next) = (first.local_addr().unwrap(), second.local_addr().unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        let reached = |addresses: Vec<SocketAddr>| async move {
            reach(&addresses, deadline).await.map(|socket| socket.peer_addr().unwrap()).ok()
        };
        assert_eq!(reached(vec![open, next]).await, Some(open));
        assert_eq!(reached(vec![free(), open, next]).await, Some(open));
        assert_eq!(reached(vec![free(), free()]).await, None);
        assert!(matches!(reach(&[], deadline).await, Err(Unreached::Name(_))));
    }
}
