//! One HTTP/1 client: hyper speaks the protocol behind the gate, what hyper does not know stands here.
//!
//! The gate and the service tell each other by [`Wire`] what they saw; the [`Clock`] looks at it and gives up on
//! clients that are idle, slow or stalled, at the [`Pace`](pace) they keep; [`interim`] answers pass beside hyper,
//! which cannot write any. Each connection holds a place of [`Places`]. The HTTP/2 room uses clock and wire as well.

mod clock;
mod interim;
mod pace;
mod places;
mod wire;

pub(super) use clock::{Clock, Strike};
pub(super) use places::{Place, Places};
#[cfg(test)]
pub(super) use wire::Look;
pub(super) use wire::Wire;

use std::convert::Infallible;
use std::rc::Rc;

use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::sleep;

use super::gate::Gate;
use super::worker::{NEWCOMER, wait_for_stop};
use super::{Arrival, Face, Shared};

/// Serves one HTTP/1 client until it leaves, is idle for too long, or everything stops. `start` is what was read
/// of the socket already. Over whatever it comes: the compiler makes one for plain sockets that knows nothing
/// of TLS.
pub(super) async fn serve<F: Face, S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    start: Vec<u8>,
    arrival: Arrival,
    shared: Shared,
    face: Rc<F>,
) {
    let peer = arrival.peer;
    let limits = &shared.entrance.limits;
    let wire = Rc::new(Wire::new());
    let mut gate = Gate::new(socket, Rc::clone(&wire), limits.head_bytes_max, limits.headers_max);
    gate.take_in(start);
    let client = Rc::new(face.connected(arrival));
    let (requests_max, stopping) = (limits.connection_requests_max, &shared.stop);
    let service = service_fn(|request: Request<Incoming>| {
        let (face, connection, wire) = (Rc::clone(&face), Rc::clone(&client), Rc::clone(&wire));
        async move {
            let mut response = match wire.called() {
                Some(refusal) => face.refuse(&connection, refusal),
                None => {
                    let mut request = request;
                    if request.version() == Version::HTTP_11 {
                        wire.interims.listen(&mut request).await;
                    }
                    let response = face.answer(connection, request).await;
                    wire.interims.finish().await;
                    response
                }
            };
            let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            if is_switching {
                wire.switched();
            }
            wire.answered();
            // (The connection learns of a stop by itself, but maybe after this answer's head.)
            if (wire.calls() >= requests_max || stopping.has_changed().unwrap_or(true)) && !is_switching {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        // The gate has counted; hyper's own default would refuse at 100 without a word.
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES_MIN))
        // Names as the application wrote them; ours as people write them.
        .preserve_header_case(true)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(gate), service);
    let mut stop = shared.stop.clone();
    let (mut is_leaving, mut clock) = (false, Clock::new(limits));
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "a connection ended early");
                    return;
                }
                break;
            }
            () = wait_to_leave(&mut stop, &wire), if !is_leaving => {
                is_leaving = true;
                clock.leave();
                Pin::new(&mut connection).graceful_shutdown();
            }
            strike = clock.strike(&wire) => {
                shared.metrics.limits_hit.with_label_values(&[strike.limit()]).inc();
                match strike {
                    Strike::Slow => wire.give_up_on_head(),
                    Strike::Idle => Pin::new(&mut connection).graceful_shutdown(),
                    Strike::Stalled => {
                        tracing::info!(%peer, "a client that neither sent nor took anything was cut off");
                        return;
                    }
                }
                clock.leave();
            }
        }
    }
    if wire.is_switched()
        && let Some((socket, early)) = connection.into_parts().io.into_inner().into_socket()
    {
        face.switched(client, socket, early).await;
    }
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
