//! hyper's sender of a connection whose answers pass the gate: it tells the gate what each request asks, and
//! knows when an answer was refused.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::{Gate, HeadLimits, Place, Question, Talk};
use crate::proxy::bodies::RequestBody;
use crate::proxy::wire::Failure;
use crate::serve::Ticket;
use crate::serve::gate::HEADERS_IN_PLACE;
use crate::telemetry::Metrics;

/// The way to send requests over one connection, one at a time. The connection ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Sender {
    sender: SendRequest<RequestBody>,
    talk: Rc<Talk>,
    /// Where the socket comes after a 101.
    switched: oneshot::Receiver<Switched>,
}

/// A socket of any kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug> Socket for S {}

/// The application's socket after a 101.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) socket: Box<dyn Socket>,
    /// What came with the 101.
    pub(crate) early: Vec<u8>,
}

/// The head of an answer, which somebody waits for. It is small, because every future around it holds it: hyper's
/// own future has room for the request, should it come back.
pub(crate) struct Answering {
    answer: Pin<Box<dyn Future<Output = Tried>>>,
    talk: Rc<Talk>,
}

/// What hyper says of a request.
type Tried = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// A request that was not answered.
pub(crate) enum Unanswered {
    /// Not a byte of it was written: here it is again.
    Unsent(Box<Request<RequestBody>>),
    /// The application may have acted on it.
    Sent(Failure),
}

impl Sender {
    /// Begins HTTP/1.1 on a fresh stream; what comes with the sender must be polled for anything to move.
    ///
    /// # Errors
    /// As hyper's handshake.
    pub(crate) async fn begin<S>(
        stream: S,
        limits: HeadLimits,
        metrics: &Arc<Metrics>,
    ) -> hyper::Result<(Sender, impl Future<Output = hyper::Result<()>> + use<S>)>
    where
        S: Socket + 'static,
    {
        let talk = Rc::new(Talk::default());
        let gate = Gate::new(stream, Rc::clone(&talk), limits, metrics);
        let mut builder = http1::Builder::new();
        if limits.headers_max > HEADERS_IN_PLACE {
            builder.max_headers(limits.headers_max);
        }
        let (sender, connection): (_, Connection<_, RequestBody>) = builder
            // The gate restores names that the client wrote otherwise.
            .title_case_headers(true)
            .max_buf_size(limits.head_bytes_max.max(BUFFER_BYTES))
            .handshake(TokioIo::new(gate))
            .await?;
        let (hand_over, switched) = oneshot::channel();
        // hyper's own way to hand over wants to do it across threads.
        let driving = async move {
            let parts = connection.without_shutdown().await?;
            let mut gate = parts.io.into_inner();
            if gate.place != Place::Switched {
                // It is over, whatever comes of the farewell.
                let _ = gate.shutdown().await;
                return Ok(());
            }
            let (socket, rest) = gate.into_parts();
            let early = [&parts.read_buf[..], &rest].concat();
            // Nobody waits: then it is closed.
            drop(hand_over.send(Switched { socket: Box::new(socket), early }));
            Ok(())
        };
        Ok((Sender { sender, talk, switched }, driving))
    }

    /// Sends a request at once; what comes back waits for the head of its answer. `client` is its
    /// client's place beside hyper.
    pub(crate) fn send(&mut self, request: Request<RequestBody>, client: Option<Ticket>) -> Answering {
        self.talk.client.replace(client);
        self.talk.question.set(question(request.method(), request.headers()));
        let answer = Box::pin(self.sender.try_send_request(request));
        Answering { answer, talk: Rc::clone(&self.talk) }
    }

    /// The socket after a 101; `None` when it broke meanwhile.
    pub(crate) async fn into_socket(self) -> Option<Switched> {
        self.switched.await.ok()
    }

    /// Whether the next request can be sent now. (hyper takes it before the last one is written, where the
    /// application has answered that early.)
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_over() && self.sender.is_ready() && !self.talk.has_more.get()
    }

    /// Whether no request can be sent any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_over() || self.sender.is_closed()
    }

    /// Whether the gate has closed; hyper finds that out when it reads next.
    fn is_over(&self) -> bool {
        self.talk.is_last.get() || self.talk.unsound.get().is_some()
    }

    /// Waits until the next request can be sent.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(crate) async fn ready(&mut self) -> hyper::Result<()> {
        self.sender.ready().await
    }
}

impl Future for Answering {
    type Output = Result<Response<Incoming>, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(context));
        Poll::Ready(answer.map_err(|mut error| match (self.talk.unsound.get(), error.take_message()) {
            (_, Some(request)) => Unanswered::Unsent(Box::new(request)),
            (Some(unsound), None) => Unanswered::Sent(Failure::Unsound(unsound)),
            (None, None) => {
                tracing::debug!(error = %error.error(), "the application broke the connection");
                Unanswered::Sent(Failure::Gone)
            }
        }))
    }
}

fn question(method: &Method, headers: &HeaderMap) -> Question {
    if *method == Method::HEAD {
        Question::Head
    } else if headers.contains_key(header::UPGRADE) {
        Question::Upgrade
    } else {
        Question::Plain
    }
}

/// How much hyper reads of an answer at a time, which is what waits for a client that is slow, and what it keeps of a
/// request that the application is slow to take; more where heads may be longer. Its own choice is 417 KB.
const BUFFER_BYTES: usize = 64 << 10;
