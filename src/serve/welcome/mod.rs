//! How a client is met: whom it is from where a PROXY header says so, a handshake where TLS is spoken, and then
//! in the protocol that it chose, by ALPN over TLS (RFC 7301) and by its first bytes in clear.

mod certificate;
mod first;
mod proxied;
mod tls;

pub(super) use first::PREFACE;
pub(super) use proxied::parse;
pub use tls::Tls;
pub(super) use tls::Watch;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use self::first::First;
use super::connection::{self, Place};
use super::worker::{prepare, turn_away, wait_for_newcomer};
use super::{Arrival, Face, Shared, http2};
use crate::exchange::Certificate;

/// Serves one client. It holds its place until it ends. Dropped, it closes the socket at once.
pub(super) async fn welcome<F: Face>(
    mut socket: TcpStream,
    peer: SocketAddr,
    mut place: Place,
    shared: Shared,
    face: Rc<F>,
) {
    prepare(&socket);
    let client = if shared.entrance.is_proxied {
        // In boxes: who speaks plainly does not pay for their size.
        let Some(client) = Box::pin(introduced(&mut socket, peer, &shared, &*face)).await else { return };
        client
    } else {
        peer
    };
    if !face.trusts(client.ip()) && place.count_for(client.ip()).is_err() {
        return turn_away(socket, &shared);
    }
    let arrival = Arrival { peer, client, scheme: "http", certificate: None, beside: None };
    match shared.entrance.tls.clone() {
        None => welcome_in_clear(socket, arrival, shared, face).await,
        Some(tls) => Box::pin(welcome_securely(tls, socket, arrival, shared, face)).await,
    }
}

/// Whom a connection is from, as its PROXY header says; `None` when it is not let in. A stranger is turned
/// away before a byte of his is read (THREATS E52).
async fn introduced<F: Face>(
    socket: &mut TcpStream,
    peer: SocketAddr,
    shared: &Shared,
    face: &F,
) -> Option<SocketAddr> {
    let refused = |reason: &str| {
        shared.metrics.proxy_headers_refused.with_label_values(&[reason]).inc();
        tracing::warn!(%peer, reason, "a connection without a proper PROXY header was closed");
        None
    };
    if !face.trusts(peer.ip()) {
        return refused("untrusted");
    }
    let limit = Duration::from_millis(shared.entrance.limits.proxy_header_ms);
    match timeout(limit, proxied::client_of(socket)).await {
        Ok(Ok(client)) => Some(client.unwrap_or(peer)),
        Ok(Err(_)) => refused("malformed"),
        Err(_) => {
            shared.metrics.limits_hit.with_label_values(&["proxy_header_ms"]).inc();
            refused("slow")
        }
    }
}

async fn welcome_in_clear<F: Face>(mut socket: TcpStream, arrival: Arrival, shared: Shared, face: Rc<F>) {
    let (mut stop, limits) = (shared.stop.clone(), &shared.entrance.limits);
    let first = tokio::select! {
        biased;
        first = First::of(&mut socket, limits.head_ms) => first,
        () = wait_for_newcomer(&mut stop) => return,
        () = sleep(Duration::from_millis(limits.idle_ms)) => {
            shared.metrics.limits_hit.with_label_values(&["idle_ms"]).inc();
            return;
        }
    };
    match first {
        Ok(First::Http1(start)) => connection::serve(socket, start, arrival, shared, face).await,
        Ok(First::Http2(start)) => Box::pin(http2::serve(socket, start, arrival, shared, face)).await,
        Err(error) => tracing::debug!(%error, peer = %arrival.peer, "a connection ended before it began"),
    }
}

async fn welcome_securely<F: Face>(
    tls: Arc<Tls>,
    socket: TcpStream,
    arrival: Arrival,
    shared: Shared,
    face: Rc<F>,
) {
    let peer = arrival.peer;
    let mut stop = shared.stop.clone();
    let handshake = timeout(Duration::from_millis(shared.entrance.limits.handshake_ms), tls.accept(socket));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = wait_for_newcomer(&mut stop) => return,
    };
    match shaken {
        Ok(Ok(socket)) => {
            let certificate = certificate_of(&socket).map(Arc::new);
            let arrival = Arrival { scheme: "https", certificate, ..arrival };
            if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
                http2::serve(socket, Vec::new(), arrival, shared, face).await;
            } else {
                connection::serve(socket, Vec::new(), arrival, shared, face).await;
            }
        }
        Ok(Err(error)) => {
            shared.metrics.handshakes_failed.inc();
            tracing::debug!(%error, %peer, "a TLS handshake failed");
        }
        Err(_) => shared.metrics.limits_hit.with_label_values(&["handshake_ms"]).inc(),
    }
}

/// What the client has shown and rustls has verified.
fn certificate_of(socket: &TlsStream<TcpStream>) -> Option<Certificate> {
    let shown = socket.get_ref().1.peer_certificates()?.first()?;
    let read = certificate::read(shown);
    if read.is_none() {
        tracing::warn!("a client's certificate names nobody in a way that can be read");
    }
    read
}
