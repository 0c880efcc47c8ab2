//! One HTTP/1 client: hyper speaks the protocol behind the gate, what hyper does not know stands here.
//!
//! The gate and the service tell each other by [`Wire`] what they saw; the [`Clock`] looks at it and gives up on
//! clients that are idle, slow or stalled, at the [`Pace`](pace) they keep; what hyper can do nothing
//! with passes [`beside`] it. Each connection holds a place of [`Places`]. The HTTP/2 room uses clock and wire as well.

mod beside;
mod clock;
mod guarded;
mod pace;
mod places;
mod wire;

pub use beside::Beside;
pub(crate) use beside::Ticket;
pub(super) use clock::{Clock, Strike};
use guarded::Guarded;
pub(super) use places::{Place, Places};
#[cfg(test)]
pub(super) use wire::Look;
pub(super) use wire::Wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::sleep;

use self::wire::Sent;
use super::gate::{Gate, HEADERS_IN_PLACE};
use super::worker::{NEWCOMER, wait_for_stop};
use super::{Arrival, Face, Shared};
use crate::config::Limits;

/// Serves one HTTP/1 client until it leaves, is idle for too long, or everything stops. `start` is what was read
/// of the socket already. Over whatever it comes: the compiler makes one for plain sockets that knows nothing
/// of TLS.
///
/// hyper keeps two buffers for a connection and much else. So while a client asks nothing there is no hyper: its
/// connection is taken apart, the socket waits behind its gate alone, and whatever happens next is hyper's again.
pub(super) async fn serve<F: Face, S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    start: Vec<u8>,
    arrival: Arrival,
    shared: Shared,
    face: Rc<F>,
) {
    let (peer, wire) = (arrival.peer, Rc::new(Wire::new()));
    let arrival = Arrival { beside: Some(Rc::clone(&wire.beside)), ..arrival };
    let client = Rc::new(face.connected(arrival));
    let limits = &shared.entrance.limits;
    let mut gate = Gate::new(socket, Rc::clone(&wire), limits.head_bytes_max, limits.headers_max);
    gate.take_in(start);
    let (mut clock, mut stop) = (Clock::new(limits), shared.stop.clone());
    let served = Served { peer, face, client, wire, shared: &shared };
    loop {
        match Box::pin(served.converse(gate, &mut clock)).await {
            End::Over => return,
            End::Switched(socket, early) => {
                return Box::pin(served.face.switched(served.client, socket, early)).await;
            }
            End::Resting(resting) => gate = resting,
        }
        tokio::select! {
            biased;
            () = gate.stirs() => {}
            () = wait_for_stop(&mut stop) => {}
            // It strikes again when hyper is there, which closes connections as they must be closed.
            _ = clock.strike(&served.wire) => {}
        }
    }
}

/// What serves one client.
struct Served<'a, F: Face> {
    peer: SocketAddr,
    face: Rc<F>,
    client: Rc<F::Connection>,
    wire: Rc<Wire>,
    shared: &'a Shared,
}

/// How a conversation has ended.
enum End<S> {
    /// And the connection with it.
    Over,
    /// With an answer 101: the socket, and what the client sent before it.
    Switched(S, Vec<u8>),
    /// For the moment.
    Resting(Gate<S>),
}

impl<F: Face> Served<'_, F> {
    /// Requests and answers until nothing was asked for a moment.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, gate: Gate<S>, clock: &mut Clock) -> End<S> {
        let (wire, shared) = (&*self.wire, self.shared);
        // In a box: hyper moves the future, and keeps the room for it while nothing is asked.
        let service = service_fn(|request| Box::pin(self.answer(request)));
        let mut connection = builder(&shared.entrance.limits).serve_connection(TokioIo::new(gate), service);
        let (mut is_leaving, mut stop) = (false, shared.stop.clone());
        loop {
            tokio::select! {
                biased;
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, peer = %self.peer, "a connection ended early");
                        return End::Over;
                    }
                    break;
                }
                () = wait_to_leave(&mut stop, wire), if !is_leaving => {
                    is_leaving = true;
                    clock.leave();
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = wire.rest(REST), if !is_leaving => {
                    return End::Resting(connection.into_parts().io.into_inner());
                }
                strike = clock.strike(wire) => {
                    shared.metrics.limits_hit.with_label_values(&[strike.limit()]).inc();
                    match strike {
                        Strike::Slow => wire.give_up_on_head(),
                        Strike::Idle => Pin::new(&mut connection).graceful_shutdown(),
                        Strike::Stalled => {
                            tracing::info!(peer = %self.peer, "a client that neither sent nor took anything was cut off");
                            return End::Over;
                        }
                    }
                    clock.leave();
                }
            }
        }
        let gate = connection.into_parts().io.into_inner();
        let switched = if wire.is_switched() { gate.into_socket() } else { None };
        switched.map_or(End::Over, |(socket, early)| End::Switched(socket, early))
    }

    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps the request twice")]
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Guarded<F::Body, Sent>>, Infallible>> {
        async move {
            let (wire, shared) = (&self.wire, self.shared);
            let mut response = match wire.called() {
                Some(refusal) => self.face.refuse(&self.client, refusal),
                None => {
                    wire.beside.begin(request.version(), wire.spelling());
                    let response = Rc::clone(&self.face).answer(Rc::clone(&self.client), request).await;
                    wire.beside.finish().await;
                    response
                }
            };
            let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            if is_switching {
                wire.switched();
            }
            wire.answered();
            let is_last = wire.calls() >= shared.entrance.limits.connection_requests_max;
            // (The connection learns of a stop by itself, but maybe after this answer's head.)
            if (is_last || shared.stop.has_changed().unwrap_or(true)) && !is_switching {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Guarded { body, _guard: Sent(Rc::clone(wire)) }))
        }
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .auto_date_header(false)
        .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES_MIN))
        // The gate restores names that the application wrote otherwise.
        .title_case_headers(true);
    if limits.headers_max > HEADERS_IN_PLACE {
        builder.max_headers(limits.headers_max);
    }
    builder
}

/// Ends when a connection is to be closed because everything stops.
async fn wait_to_leave(stop: &mut watch::Receiver<bool>, wire: &Wire) {
    wait_for_stop(stop).await;
    if wire.calls() == 0 {
        sleep(NEWCOMER).await;
    }
}

/// hyper's own least.
const BUFFER_BYTES_MIN: usize = 8192;
/// How long hyper waits for a client's next request. Taking its connection apart and making another costs a few
/// microseconds, which nobody notices who asks a few times in a second.
const REST: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
