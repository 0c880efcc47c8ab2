//! HTTP/2 to the application: one connection that many requests share, and another when it has no room.
//!
//! How much room there is, the application says (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 5.1.2). A
//! connection that it closes or wants to leave (GOAWAY) gets no further request; those under way end on it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{KEEP, REST};
use crate::proxy::bodies::RequestBody;

/// One worker's connections that speak HTTP/2.
#[derive(Debug)]
pub(super) struct Shared {
    connections: RefCell<Vec<Rc<Connection>>>,
    /// Whose turn it is to make another: those who wait for it share what is made.
    pub(super) turn: Semaphore,
    /// Until when it is not asked again whether the application speaks HTTP/2: it chose HTTP/1.1.
    declined_until: Cell<Option<Instant>>,
    idle: IntGauge,
    /// How long any application may take for the head of an answer.
    patience: Duration,
}

/// A connection and what is under way on it.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<RequestBody>,
    /// Shared with the task that drives the connection.
    streams_max: Rc<Cell<usize>>,
    streams: Cell<usize>,
    rested_since: Cell<Instant>,
    /// True when no further request may go over it.
    is_retired: Cell<bool>,
    idle: IntGauge,
    patience: Duration,
}

/// A request's place on a connection, from before it is sent until its answer has ended. Dropped, the place
/// is free; hyper resets the stream of an answer that is dropped before its end.
#[derive(Debug)]
pub(crate) struct Place {
    connection: Rc<Connection>,
    taken_at: Instant,
    is_answered: bool,
    /// True when nothing was under way and the application may be closing at this moment.
    pub(super) has_rested: bool,
}

/// A connection that is ready for its first request.
#[derive(Debug)]
pub(super) struct Opened {
    sender: SendRequest<RequestBody>,
    streams_max: Rc<Cell<usize>>,
}

impl Shared {
    pub(super) fn new(idle: &IntGauge, patience: Duration) -> Shared {
        Shared {
            connections: RefCell::default(),
            turn: Semaphore::new(1),
            declined_until: Cell::new(None),
            idle: idle.clone(),
            patience,
        }
    }

    /// True while the application is known to want HTTP/1.1.
    pub(super) fn is_declined(&self) -> bool {
        self.declined_until.get().is_some_and(|until| Instant::now() < until)
    }

    /// Takes note that the application wants HTTP/1.1.
    pub(super) fn decline(&self) {
        self.declined_until.set(Some(Instant::now() + DECLINED));
    }

    /// A place on the first connection with room: so the later ones come to rest and are let go.
    pub(super) fn place(&self) -> Option<Place> {
        let mut connections = self.connections.borrow_mut();
        if connections.is_empty() {
            return None;
        }
        let now = Instant::now();
        connections.retain(|connection| !connection.is_over(now));
        let connection = connections.iter().find(|connection| connection.has_room())?;
        Some(Place::on(connection, now))
    }

    /// Adds a connection; its first place.
    pub(super) fn add(&self, opened: Opened) -> Place {
        let now = Instant::now();
        self.idle.inc();
        let connection = Rc::new(Connection {
            sender: opened.sender,
            streams_max: opened.streams_max,
            streams: Cell::new(0),
            rested_since: Cell::new(now),
            is_retired: Cell::new(false),
            idle: self.idle.clone(),
            patience: self.patience,
        });
        self.connections.borrow_mut().push(Rc::clone(&connection));
        Place::on(&connection, now)
    }
}

impl Connection {
    fn is_over(&self, now: Instant) -> bool {
        let has_rested = self.streams.get() == 0 && now.duration_since(self.rested_since.get()) > KEEP;
        self.sender.is_closed() || self.is_retired.get() || has_rested
    }

    fn has_room(&self) -> bool {
        self.streams.get() < self.streams_max.get().min(STREAMS_MAX)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A place keeps its connection: without one, it was idle.
        self.idle.dec();
    }
}

impl Place {
    fn on(connection: &Rc<Connection>, now: Instant) -> Place {
        let streams = connection.streams.get();
        let has_rested = streams == 0 && now.duration_since(connection.rested_since.get()) > REST;
        connection.streams.set(streams + 1);
        if streams == 0 {
            connection.idle.dec();
        }
        let connection = Rc::clone(connection);
        Place { connection, taken_at: now, is_answered: false, has_rested }
    }

    pub(super) fn sender(&self) -> SendRequest<RequestBody> {
        self.connection.sender.clone()
    }

    /// Keeps further requests away from the connection.
    pub(super) fn retire(&self) {
        self.connection.is_retired.set(true);
    }

    /// The head of the answer has come.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = Instant::now();
        if !self.is_answered && now.duration_since(self.taken_at) >= self.connection.patience / 2 {
            // Given up after a long silence. Whether it was the application's or the network's cannot be
            // told, and the next request shall not have to find out.
            self.retire();
        }
        let streams = self.connection.streams.get() - 1;
        self.connection.streams.set(streams);
        if streams == 0 {
            self.connection.rested_since.set(now);
            self.connection.idle.inc();
        }
    }
}

/// Begins HTTP/2 on a stream, and waits until the application has said what it allows: so one that speaks
/// something else is found out before it has seen a request.
pub(super) async fn speak<S>(stream: S, head_bytes_max: usize) -> io::Result<Opened>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let heard = Rc::new(RefCell::new(None));
    let stream = TokioIo::new(Heard { stream, waker: Rc::clone(&heard) });
    let (sender, connection) = Builder::new(Local)
        .initial_max_send_streams(0)
        .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX))
        // A client that does not read holds back its own stream and nobody else's: the connection's window has
        // room for every stream's.
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * STREAMS_MAX as u32)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_concurrent_reset_streams(RESETS_MAX)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    let mut connection = Box::pin(connection);
    let streams_max = std::future::poll_fn(|context| {
        *heard.borrow_mut() = Some(context.waker().clone());
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            let error = ended.err().map_or(io::ErrorKind::UnexpectedEof.into(), io::Error::other);
            return Poll::Ready(Err(error));
        }
        match connection.current_max_send_streams() {
            0 => Poll::Pending,
            streams_max => Poll::Ready(Ok(streams_max)),
        }
    });
    let streams_max = Rc::new(Cell::new(streams_max.await?));
    let room = Rc::clone(&streams_max);
    // Its owners are the senders: it ends when the last of them is dropped and nothing is under way.
    tokio::task::spawn_local(async move {
        let ended = std::future::poll_fn(|context| {
            let polled = connection.as_mut().poll(context);
            room.set(connection.current_max_send_streams());
            polled
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "a connection to the application ended early");
        }
    });
    Ok(Opened { sender, streams_max })
}

/// Makes a head as HTTP/1.1 has it one of HTTP/2: `Host` becomes `:authority` (RFC 9113 section 8.3.1). One
/// that cannot be an authority stays what it is.
pub(super) fn over_http2(request: &mut Request<RequestBody>, scheme: &Scheme) {
    let host = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let Some(authority) = host else { return };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(authority);
    let path = parts.path_and_query.get_or_insert(PathAndQuery::from_static("/")).clone();
    match Uri::from_parts(parts) {
        Ok(uri) => {
            *request.uri_mut() = uri;
            request.headers_mut().remove(HOST);
        }
        Err(_) => *request.uri_mut() = Uri::from(path),
    }
}

/// And back.
pub(super) fn over_http1(request: &mut Request<RequestBody>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or(Uri::from_static("/"), Uri::from);
}

/// True when the application said that it has not looked at the request: it refused the stream, or is leaving
/// and named an earlier one as its last (RFC 9113 section 8.7).
pub(super) fn is_unseen(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

/// Spawns where the worker lives.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(work);
    }
}

/// A stream that wakes who waits for the application's first word.
struct Heard<S> {
    stream: S,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready()
            && let Some(waker) = self.waker.borrow_mut().take()
        {
            waker.wake();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

/// Requests at a time on one connection, whatever the application allows.
const STREAMS_MAX: usize = 100;
/// What the application may send of one answer before its client has read it.
const WINDOW_BYTES: u32 = 128 << 10;
/// What of one request's body waits for the application.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Streams that were given up and of which something may still come.
const RESETS_MAX: usize = 1_024;
/// How long an application that chose HTTP/1.1 is not asked again.
const DECLINED: Duration = Duration::from_secs(60);
