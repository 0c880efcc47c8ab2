//! One worker: accepts, serves each connection in a task of its own, and at shutdown waits for them all.

use std::io::Write as _;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::welcome::welcome;
use super::{Face, Shared};
use crate::config::Limits;

/// Runs a worker until it is told to stop and its connections have ended.
pub(super) fn run<F: Face>(listener: TcpListener, shared: &Shared, make: impl Fn() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .global_queue_interval(REMOTE_INTERVAL)
        .build_local(tokio::runtime::LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(async { serve(listener, shared, Rc::new(make())).await }),
        Err(error) => tracing::error!(%error, "a worker could not start"),
    }
}

async fn serve<F: Face>(listener: TcpListener, shared: &Shared, face: Rc<F>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a worker could not use the listener"),
    };
    let mut connections = JoinSet::new();
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                tell_panic(ended);
                continue;
            }
            () = wait_for_stop(&mut stop) => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                if let Ok(place) = shared.places.take() {
                    connections.spawn_local(welcome(socket, peer, place, shared.clone(), Rc::clone(&face)));
                } else {
                    turn_away(socket, shared);
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: those in use must end first.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    leave(connections, &shared.entrance.limits, face).await;
}

/// Lets the connections finish, cuts those that do not, and waits for the work that none of them owns.
async fn leave<F: Face>(mut connections: JoinSet<()>, limits: &Limits, face: Rc<F>) {
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            tell_panic(ended);
        }
    };
    if timeout(Duration::from_millis(limits.shutdown_ms), finish).await.is_err() {
        tracing::warn!(connections = connections.len(), "shutdown_ms passed: connections are cut");
        connections.shutdown().await;
    }
    // Every wait in there has its own limit; this one stands above them.
    let records = Duration::from_millis(limits.record_ms + limits.before_ms) + RECORD_GRACE;
    if timeout(records, face.finish()).await.is_err() {
        tracing::error!("work was still under way when the worker stopped");
    }
}

/// A panic ends one connection, never the worker (THREATS D12).
fn tell_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "serving a connection panicked");
    }
}

/// Makes a socket one of a proxy: it may be silent for hours, and what is written must not wait.
pub(crate) fn prepare(socket: &TcpStream) {
    // Small writes must not wait for acknowledgements; a peer that vanished must be noticed.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "TCP keepalive could not be set");
    }
}

pub(super) async fn wait_for_stop(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: nobody waits for us, so we leave too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Ends when a client that has sent nothing yet is to be let go because everything stops.
pub(super) async fn wait_for_newcomer(stop: &mut watch::Receiver<bool>) {
    wait_for_stop(stop).await;
    sleep(NEWCOMER).await;
}

/// Too many connections: told so in one write that does not wait, then closed.
pub(super) fn turn_away(socket: TcpStream, shared: &Shared) {
    // Over TLS there is no saying it without a handshake, which is what cannot be afforded.
    if shared.entrance.tls.is_some() {
        return;
    }
    if let Ok(mut socket) = socket.into_std() {
        let _ = socket.write(TURNED_AWAY);
    }
}

/// Every so many polls, a task that another thread woke goes first. The journal's thread wakes the one that hands out
/// its receipts; until then, all answers that wait for the disk wait for that, too.
const REMOTE_INTERVAL: u32 = 4;
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
content-length: 50\r\ncache-control: no-store\r\nconnection: close\r\n\r\n\
503 Service Unavailable: too many connections now\n";
/// Who was accepted just before the end has sent a request that we have not seen yet: it is waited for a moment, or
/// it would be lost.
pub(super) const NEWCOMER: Duration = Duration::from_millis(250);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const RECORD_GRACE: Duration = Duration::from_secs(3);
const KEEPALIVE: Duration = Duration::from_secs(60);
