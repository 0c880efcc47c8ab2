//! Bodies on their way through: the request's to the application, the answer's to the client. Frames pass
//! one by one, uncopied; nothing is collected, and the slower side sets the pace.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::kept::Kept;
use super::progress::Progress;
use super::silence::{Bounds, Silent};
use super::tee::{Copy, End};
use super::teed::Teed;
use super::trailers::without_forbidden_trailers;
use crate::proxy::audited::{Closing, end_copy};
use crate::proxy::crowd::Place;
use crate::proxy::tunnel::Tunnel;
use crate::proxy::wire::Lease;
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
    /// The client's, copied as it goes by.
    Teed {
        /// What was held back, first to last.
        held: std::vec::IntoIter<Frame<Bytes>>,
        /// From the client.
        frames: Incoming,
        /// Shared with who waits for the answer.
        progress: Rc<Progress>,
        /// Shared with the story, which takes it when it ends.
        copy: Rc<RefCell<Option<Copy>>>,
    },
    /// One of the above, whose beginning may have to go once more.
    Kept(Kept),
}

impl RequestBody {
    /// No body.
    pub(crate) fn empty() -> RequestBody {
        RequestBody::Whole(None)
    }

    /// The client's body and how to follow it; no progress where there is none.
    pub(crate) fn streamed(frames: Incoming, bytes_max: u64) -> (RequestBody, Option<Rc<Progress>>) {
        if frames.is_end_stream() {
            return (RequestBody::empty(), None);
        }
        let progress = Progress::up_to(bytes_max);
        (RequestBody::Streamed { frames, progress: Rc::clone(&progress) }, Some(progress))
    }

    /// The same, copied as it goes by, after what was held back (and copied) of it.
    pub(crate) fn teed(
        held: Vec<Frame<Bytes>>,
        frames: Incoming,
        copy: &Rc<RefCell<Option<Copy>>>,
        bytes_max: u64,
    ) -> (RequestBody, Option<Rc<Progress>>) {
        if frames.is_end_stream() {
            end_copy(copy, End::Proper);
            if held.is_empty() {
                return (RequestBody::empty(), None);
            }
        }
        let progress = Progress::up_to(bytes_max);
        let (copy, held) = (Rc::clone(copy), held.into_iter());
        (RequestBody::Teed { held, frames, progress: Rc::clone(&progress), copy }, Some(progress))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            RequestBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RequestBody::Kept(kept) => kept.poll_frame(context),
            RequestBody::Streamed { frames, progress } => {
                let frame = ready!(progress.polled(Pin::new(&mut *frames).poll_frame(context)));
                if matches!(frame, Some(Err(_))) {
                    progress.is_broken.set(true);
                }
                progress.note(frame.is_none() || frames.is_end_stream());
                Poll::Ready(frame.map(|frame| progress.counted(frame?)))
            }
            RequestBody::Teed { held, frames, progress, copy } => {
                if let Some(mut frame) = held.next() {
                    // (Its data was copied when it was held.)
                    if let (true, Some(copy)) = (frame.is_trailers(), &mut *copy.borrow_mut()) {
                        copy.pass(&mut frame);
                    }
                    progress.note(held.len() == 0 && frames.is_end_stream());
                    return Poll::Ready(Some(progress.counted(frame)));
                }
                let mut frame = ready!(progress.polled(Pin::new(&mut *frames).poll_frame(context)));
                match (&mut frame, &mut *copy.borrow_mut()) {
                    (Some(Err(_)), copy) => {
                        progress.is_broken.set(true);
                        if let Some(copy) = copy {
                            copy.end(End::Broken);
                        }
                    }
                    (Some(Ok(frame)), Some(copy)) => copy.pass(frame),
                    (Some(Ok(_)) | None, _) => {}
                }
                if frame.is_none() || frames.is_end_stream() {
                    progress.note(true);
                    end_copy(copy, End::Proper);
                }
                Poll::Ready(frame.map(|frame| progress.counted(frame?)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Whole(bytes) => bytes.is_none(),
            RequestBody::Kept(kept) => kept.is_end_stream(),
            RequestBody::Streamed { frames, .. } => frames.is_end_stream(),
            RequestBody::Teed { held, frames, .. } => held.len() == 0 && frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            RequestBody::Streamed { frames, .. } => frames.size_hint(),
            // The head says how long it is, and hyper goes by that.
            RequestBody::Teed { .. } => SizeHint::default(),
            RequestBody::Kept(kept) => kept.size_hint(),
        }
    }
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub struct AnswerBody {
    answer: Answer,
    /// An error to be told at the next call: hyper sends what it has only when a body has it wait, and what
    /// came before the error is the client's.
    error: Option<BodyError>,
}

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
        /// What holds for an answer that comes to an end; `None` for one that stays open on purpose.
        bounds: Option<Bounds>,
        /// Records its end, where a rule watches it.
        closing: Option<Box<Closing>>,
    },
    /// The application's to an audited request.
    Teed(Box<Teed>),
    /// None, though the head tells the length that there could have been.
    Told(u64),
    /// None: what follows is a tunnel, until it is taken out.
    Tunnel(Option<Box<Tunnel>>),
}

impl AnswerBody {
    /// One of ours.
    pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
        Answer::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())).into()
    }

    /// The application's to an audited request.
    pub(in crate::proxy) fn teed(body: Teed) -> AnswerBody {
        Answer::Teed(Box::new(body)).into()
    }

    /// Of an answer 101.
    pub(in crate::proxy) fn tunnel(tunnel: Tunnel) -> AnswerBody {
        Answer::Tunnel(Some(Box::new(tunnel))).into()
    }

    /// The same for a head that tells a length and has no body: hyper writes `Content-Length` of a 304 (RFC 9110
    /// section 15.4.5) only for a body that claims to be so long.
    #[must_use]
    pub(in crate::proxy) fn told_by(self, head: &Parts) -> AnswerBody {
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        match (&self.answer, head.status, length) {
            (Answer::Whole(None), StatusCode::NOT_MODIFIED, Some(length)) => Answer::Told(length).into(),
            (_, _, _) => self,
        }
    }

    /// The tunnel that begins behind this answer, once.
    pub(in crate::proxy) fn take_tunnel(&mut self) -> Option<Box<Tunnel>> {
        match &mut self.answer {
            Answer::Tunnel(tunnel) => tunnel.take(),
            Answer::Whole(_) | Answer::Streamed { .. } | Answer::Teed(_) | Answer::Told(_) => None,
        }
    }

    /// The application's.
    pub(crate) fn streamed(frames: Incoming, lease: Lease) -> AnswerBody {
        if frames.is_end_stream() {
            lease.give_back();
            return Answer::Whole(None).into();
        }
        Answer::Streamed { frames, lease: Some(lease), bounds: None, closing: None }.into()
    }

    /// The same for an answer that comes to an end: it keeps its place so long, and the application may fall silent
    /// for this time.
    pub(in crate::proxy) fn within(mut self, place: Place, silence_ms: u64) -> AnswerBody {
        if let Answer::Streamed { bounds, .. } = &mut self.answer {
            *bounds = Some(Bounds::of(place, silence_ms));
        }
        self
    }

    /// The same, with a record of its end.
    pub(in crate::proxy) fn watched(mut self, record: Option<Closing>) -> AnswerBody {
        if let Answer::Streamed { closing, .. } = &mut self.answer {
            *closing = record.map(Box::new);
        }
        self
    }
}

impl From<Answer> for AnswerBody {
    fn from(answer: Answer) -> AnswerBody {
        AnswerBody { answer, error: None }
    }
}

impl Answer {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Answer::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Answer::Teed(body) => {
                let frame = body.poll_frame(context);
                if let Some(rest) = body.past_copy() {
                    *self = rest.answer;
                }
                frame
            }
            Answer::Tunnel(_) | Answer::Told(_) => Poll::Ready(None),
            Answer::Streamed { frames, lease, bounds, closing } => {
                let frame = Pin::new(&mut *frames).poll_frame(context);
                if bounds.as_mut().is_some_and(|bounds| bounds.are_passed(&frame, context)) {
                    return Poll::Ready(Some(Err(Silent.into())));
                }
                let frame = ready!(frame);
                if let Some(closing) = closing {
                    match &frame {
                        Some(Ok(frame)) => closing.sent(frame.data_ref().map_or(0, Bytes::len)),
                        Some(Err(_)) => closing.broke(),
                        None => {}
                    }
                }
                // hyper does not ask again once it knows that a frame was the last; nothing comes behind trailers.
                let is_trailers = matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
                if (frame.is_none() || is_trailers || frames.is_end_stream())
                    && let Some(lease) = lease.take()
                {
                    lease.give_back();
                }
                Poll::Ready(frame.map(|frame| frame.map(without_forbidden_trailers).map_err(BodyError::from)))
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(self.answer.poll_frame(context)) {
            Some(Err(error)) => {
                self.error = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        if self.error.is_some() {
            return false;
        }
        match &self.answer {
            Answer::Whole(bytes) => bytes.is_none(),
            Answer::Teed(body) => body.is_end_stream(),
            Answer::Tunnel(_) => true,
            Answer::Told(_) => false,
            Answer::Streamed { frames, .. } => frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.answer {
            Answer::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Answer::Teed(body) => body.size_hint(),
            Answer::Tunnel(_) => SizeHint::with_exact(0),
            Answer::Told(length) => SizeHint::with_exact(*length),
            Answer::Streamed { frames, .. } => frames.size_hint(),
        }
    }
}
