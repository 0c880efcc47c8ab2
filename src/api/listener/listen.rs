//! Serves the routes on a socket, within limits: connections, heads, time, and an end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::super::operators::reload::From;
use super::super::router;
use super::state::State;

/// Answers on `listener` until `shutdown` is done; then requests in flight are finished, within a limit. When
/// this future is dropped, the connections are cut.
///
/// # Errors
/// When the listener is open to the network and no token is configured: the configuration refuses that, and
/// so does this.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    if !listener.local_addr()?.ip().is_loopback() && !state.is_closed().await {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "an audit log without a token stays on loopback",
        ));
    }
    let mut shutdown = pin!(shutdown);
    let permits = Arc::new(Semaphore::new(state.inner.limits.admin_connections_max));
    let service = TowerToHyperService::new(router(state.clone()));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        if permits.available_permits() == 0 {
            state.inner.metrics.limits_hit.with_label_values(&["admin_connections_max"]).inc();
        }
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, stream) = tokio::select! {
            (permit, accepted) = accepted => (permit, accepted),
            () = &mut shutdown => break,
            _ = sweep.tick() => {
                // Also where nobody asks: an answer that goes on for long looks only at what is known.
                state.look_at_tokens().await;
                state.tell_of_due_reads();
                continue;
            }
        };
        match stream {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, service.clone(), state.clone(), stopping.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: the next try at once would fail too.
                tracing::warn!(%error, "the audit listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    state.inner.tails.end();
    let _ = stop.send(());
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(state.inner.limits.query_ms) + GRACE, all_done)
        .await
        .is_err()
    {
        tracing::warn!("connections to the audit listener were cut at shutdown");
    }
    Ok(())
}

/// One connection to its end: the client's, ours at shutdown, or that of its time.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    service: TowerToHyperService<Router>,
    state: State,
    mut stopping: watch::Receiver<()>,
) {
    let limits = &state.inner.limits;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_ms))
        .max_headers(limits.headers_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES_MIN));
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(From(peer.ip().to_canonical()));
        service.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stopping.changed() => None,
        () = tokio::time::sleep(CONNECTION_MAX) => {
            connection.as_mut().graceful_shutdown();
            // What it is answering now may be an export, which takes as long as its reader does.
            tokio::select! {
                ended = connection.as_mut() => Some(ended),
                _ = stopping.changed() => None,
                () = tokio::time::sleep(ANSWER_MAX) => None,
            }
        }
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            let last_answer = Duration::from_millis(limits.query_ms) + GRACE;
            tokio::time::timeout(last_answer, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the audit listener ended");
    }
}

/// hyper panics below this.
const BUFFER_BYTES_MIN: usize = 8_192;
/// A reader that stays longer connects again.
const CONNECTION_MAX: Duration = Duration::from_secs(600);
/// The longest answer of all.
const ANSWER_MAX: Duration = Duration::from_hours(6);
/// How often it is looked whether reads are to be told, or tokens have changed.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What an answer may take beyond its query.
const GRACE: Duration = Duration::from_secs(2);
