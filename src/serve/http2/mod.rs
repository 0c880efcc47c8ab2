//! One HTTP/2 client: hyper speaks the protocol, what is counted and limited beyond it stands here.
//!
//! Each stream's head is looked at before the face sees it and gets its HTTP/1.1 form ([`head`]); the frames
//! are followed for what hyper does not tell ([`frames`]), and a stream that stands still is ended ([`stream`]). A stream that the client resets drops the face's
//! future, like an HTTP/1 client that hangs up.

mod frames;
mod head;
mod stream;
mod traffic;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use self::frames::Frames;
use self::head::Content;
use self::stream::Counted;
use self::traffic::Traffic;
use super::connection::{Clock, Strike};
use super::worker::wait_for_stop;
use super::{Arrival, Face, Shared};
use crate::config::Limits;

/// Serves one client until it leaves, is idle for too long, floods us, or everything stops. `start` is what was
/// read of the socket already.
pub(super) async fn serve<F: Face, S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    start: Vec<u8>,
    arrival: Arrival,
    shared: Shared,
    face: Rc<F>,
) {
    let (limits, peer) = (&shared.entrance.limits, arrival.peer);
    let traffic = Rc::new(Traffic::new());
    let frames = Frames::new(socket, start, Rc::clone(&traffic));
    let client = Rc::new(face.connected(arrival));
    let (streams, used_up) = (Rc::clone(&traffic), Rc::new(Notify::new()));
    let (headers_max, requests_max, last) =
        (limits.headers_max, limits.connection_requests_max, Rc::clone(&used_up));
    let service = service_fn(move |request: Request<Incoming>| {
        let (face, client, open) = (Rc::clone(&face), Rc::clone(&client), streams.open());
        if streams.wire.calls() == requests_max {
            last.notify_one();
        }
        async move {
            let response = answer(face, client, request, headers_max).await;
            Ok::<_, Infallible>(response.map(|body| Counted::new(body, open)))
        }
    });
    let worker = OnThisThread(Rc::clone(&traffic));
    let mut connection = pin!(builder(limits, worker).serve_connection(TokioIo::new(frames), service));
    let hit = |limit: &str| shared.metrics.limits_hit.with_label_values(&[limit]).inc();
    let mut stalls = pin!(traffic.end_stalled(limits, || {
        hit("client_stall_ms");
        tracing::info!(%peer, "an HTTP/2 stream whose answer was not taken was ended");
    }));
    let mut stop = shared.stop.clone();
    let (mut is_leaving, mut clock) = (false, Clock::new(limits));
    loop {
        let is_over = tokio::select! {
            biased;
            ended = &mut connection => {
                if traffic.is_flooded() {
                    hit("light_frames");
                }
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "an HTTP/2 connection ended early");
                }
                return;
            }
            never = &mut stalls => match never {},
            () = wait_for_stop(&mut stop), if !is_leaving => false,
            () = used_up.notified(), if !is_leaving => false,
            strike = clock.strike(&traffic.wire) => {
                hit(strike.limit());
                match strike {
                    Strike::Idle => false,
                    Strike::Slow | Strike::Stalled => true,
                }
            }
        };
        if is_over {
            tracing::info!(%peer, "an HTTP/2 client that neither sent nor took anything was cut off");
            return;
        }
        // GOAWAY: what is in flight may finish, nothing new begins. Who does not even answer a PING is cut off.
        is_leaving = true;
        clock.leave();
        connection.as_mut().graceful_shutdown();
    }
}

async fn answer<F: Face>(
    face: Rc<F>,
    client: Rc<F::Connection>,
    request: Request<Incoming>,
    headers_max: usize,
) -> Response<F::Body> {
    let (mut head, body) = request.into_parts();
    let content = if body.is_end_stream() { Content::Nothing } else { Content::Follows };
    match head::examine(&mut head, content, headers_max) {
        Ok(()) => face.answer(client, Request::from_parts(head, body)).await,
        Err(refusal) => {
            let mut response = face.refuse(&client, refusal);
            // Other streams of the connection are none the worse for it.
            response.headers_mut().remove(CONNECTION);
            response
        }
    }
}

/// Every limit that hyper knows, set here and not left to what its next version thinks best (THREATS D01, D02).
fn builder(limits: &Limits, worker: OnThisThread) -> Builder<OnThisThread> {
    let mut builder = Builder::new(worker);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .header_table_size(HEADER_TABLE_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(FAULTS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_PATIENCE);
    builder
}

/// Runs a connection's streams on the worker's thread, which ends them when it ends.
#[derive(Clone, Debug)]
struct OnThisThread(Rc<Traffic>);

impl<W: Future<Output = ()> + 'static> Executor<W> for OnThisThread {
    fn execute(&self, work: W) {
        // hyper spawns one task for each call of the service, right behind it.
        match self.0.take_begun() {
            Some(stream) => {
                // In a box, which moves it once; an `async` block around it would move it, and keep it, three times.
                let mut work = Box::pin(work);
                tokio::task::spawn_local(poll_fn(move |context| stream.poll(work.as_mut(), context)))
            }
            None => tokio::task::spawn_local(work),
        };
    }
}

/// RFC 9113's own.
const HEADER_TABLE_BYTES: u32 = 4 << 10;
/// RFC 9113's least.
const FRAME_BYTES_MAX: u32 = 16 << 10;
/// What one stream's sender may send before the application has taken it.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// All streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// What waits for one stream's receiver.
const SEND_BYTES_MAX: usize = 256 << 10;
/// Streams that the client reset before we could look at them.
const RESETS_PENDING_MAX: usize = 20;
/// Streams that we had to reset because of the client's faults.
const FAULTS_MAX: usize = 100;
/// A client that vanished is noticed, also while it has streams open.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);
