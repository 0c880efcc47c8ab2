//! Bodies on their way through: the request's to the application, the answer's to the client. Frames pass
//! one by one, uncopied; nothing is collected, and the slower side sets the pace.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderName, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::forwarding;
use super::pool::Lease;
use crate::serve::BodyError;

/// A request's body on its way to the application.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// None, or one of ours, sent in one piece.
    Whole(Option<Bytes>),
    /// The client's, frame by frame.
    Streamed {
        /// From the client.
        frames: Incoming,
        /// Shared with who waits for the answer.
        progress: Rc<Progress>,
    },
}

/// How far a streamed request body has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// When the last of it was handed to the connection.
    pub(crate) ended_at: Cell<Option<Instant>>,
    /// True when the client broke off.
    pub(crate) is_broken: Cell<bool>,
}

impl RequestBody {
    /// No body.
    pub(crate) fn empty() -> RequestBody {
        RequestBody::Whole(None)
    }

    /// The client's body and how to follow it; no progress where there is none.
    pub(crate) fn streamed(frames: Incoming) -> (RequestBody, Option<Rc<Progress>>) {
        if frames.is_end_stream() {
            return (RequestBody::empty(), None);
        }
        let progress = Rc::new(Progress::default());
        (RequestBody::Streamed { frames, progress: Rc::clone(&progress) }, Some(progress))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            RequestBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RequestBody::Streamed { frames, progress } => {
                let frame = ready!(Pin::new(&mut *frames).poll_frame(context));
                if matches!(frame, Some(Err(_))) {
                    progress.is_broken.set(true);
                }
                if frame.is_none() || frames.is_end_stream() {
                    progress.ended_at.set(Some(Instant::now()));
                }
                Poll::Ready(frame.map(|frame| frame.map(without_forbidden_trailers)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Whole(bytes) => bytes.is_none(),
            RequestBody::Streamed { frames, .. } => frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            RequestBody::Streamed { frames, .. } => frames.size_hint(),
        }
    }
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub struct AnswerBody(Answer);

#[derive(Debug)]
enum Answer {
    /// One of ours.
    Whole(Option<Bytes>),
    /// The application's, frame by frame; its connection goes back to the pool at the clean end.
    Streamed {
        /// From the application.
        frames: Incoming,
        /// The connection it comes over; `None` once it went back.
        lease: Option<Lease>,
    },
}

impl AnswerBody {
    /// One of ours.
    pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
        AnswerBody(Answer::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    /// The application's.
    pub(crate) fn streamed(frames: Incoming, lease: Lease) -> AnswerBody {
        if frames.is_end_stream() {
            lease.give_back();
            return AnswerBody(Answer::Whole(None));
        }
        AnswerBody(Answer::Streamed { frames, lease: Some(lease) })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Answer::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Streamed { frames, lease } => {
                let frame = ready!(Pin::new(&mut *frames).poll_frame(context));
                // hyper does not ask again once it knows that a frame was the last.
                if (frame.is_none() || frames.is_end_stream())
                    && let Some(lease) = lease.take()
                {
                    lease.give_back();
                }
                Poll::Ready(frame.map(|frame| frame.map(without_forbidden_trailers).map_err(BodyError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Answer::Whole(bytes) => bytes.is_none(),
            Answer::Streamed { frames, .. } => frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Answer::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Answer::Streamed { frames, .. } => frames.size_hint(),
        }
    }
}

/// Takes fields out of trailers that an application could merge into the head: framing, routing,
/// authentication, forwarding (RFC 9110 section 6.5.1; THREATS E31).
pub(crate) fn without_forbidden_trailers(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        let forbidden: Vec<_> = trailers.keys().filter(|name| is_forbidden_trailer(name)).cloned().collect();
        for name in forbidden {
            trailers.remove(&name);
        }
    }
    frame
}

fn is_forbidden_trailer(name: &HeaderName) -> bool {
    let is_routing = [
        header::HOST,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::EXPECT,
    ]
    .contains(name);
    is_routing || name.as_str().starts_with("content-") || forwarding::is_forwarding(name.as_str())
}
