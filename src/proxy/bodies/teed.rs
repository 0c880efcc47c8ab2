//! An audited answer's body: streams to the client, copies as it goes, and ends the story in each of the
//! four endings of a body: the plain end, trailers, an error, and being dropped because the client left.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::Timeout;

use super::AnswerBody;
use super::silence::{Silence, Silent};
use super::tee::{Copy, End};
use crate::exchange::{Ending, Response};
use crate::proxy::audited::Story;
use crate::proxy::wire::Lease;
use crate::serve::BodyError;

/// How long the end of an answer is held: until the record is synced, within a limit.
pub(in crate::proxy) type Hold = Pin<Box<Timeout<oneshot::Receiver<()>>>>;

/// The body of an audited answer.
#[derive(Debug)]
pub(in crate::proxy) struct Teed {
    /// `None` once it is over.
    open: Option<Open>,
    /// The end is held back until this is over.
    hold: Option<Hold>,
    /// The frame that completes the body.
    last: Option<Frame<Bytes>>,
}

/// What there is while the body streams.
#[derive(Debug)]
struct Open {
    story: Box<Story>,
    response: Response,
    copy: Copy,
    /// What came with the head.
    first: Option<Result<Frame<Bytes>, hyper::Error>>,
    frames: Incoming,
    silence: Silence,
    lease: Lease,
}

/// How an answer's body begins.
pub(in crate::proxy) enum Begun {
    /// With all of it.
    Whole(Bytes),
    /// With this, or with nothing yet.
    Part(Option<Result<Frame<Bytes>, hyper::Error>>),
}

/// Looks once at what came with the head, without waiting: a short answer is nearly always there as a
/// whole, and then goes to the client in one piece, with one write.
pub(in crate::proxy) async fn begin(frames: &mut Incoming) -> Begun {
    if frames.is_end_stream() {
        return Begun::Whole(Bytes::new());
    }
    poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *frames).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) if frames.is_end_stream() => {
                frame.into_data().map_or_else(|frame| Begun::Part(Some(Ok(frame))), Begun::Whole)
            }
            Poll::Ready(None) => Begun::Whole(Bytes::new()),
            Poll::Ready(first) => Begun::Part(first),
            Poll::Pending => Begun::Part(None),
        })
    })
    .await
}

impl Teed {
    pub(in crate::proxy) fn new(
        story: Box<Story>,
        response: Response,
        mut copy: Copy,
        first: Option<Result<Frame<Bytes>, hyper::Error>>,
        frames: Incoming,
        lease: Lease,
    ) -> Teed {
        if let Some(length) = frames.size_hint().exact() {
            copy.expect(length);
        }
        let limits = &story.worker().proxy.config.limits;
        let silence = Silence::up_to(limits.upstream_body_ms);
        let open = Open { story, response, copy, first, frames, silence, lease };
        Teed { open: Some(open), hold: None, last: None }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(open) = &mut self.open {
            let next = match open.first.take() {
                Some(first) => Some(first),
                None => {
                    let next = Pin::new(&mut open.frames).poll_frame(context);
                    if open.silence.is_too_long(&next, context, &open.story.worker().proxy.metrics) {
                        return Poll::Ready(Some(Err(self.broken(Silent))));
                    }
                    ready!(next)
                }
            };
            match next {
                Some(Ok(mut frame)) => {
                    open.copy.pass(&mut frame);
                    // hyper does not ask again once it knows that a frame was the last.
                    if !frame.is_trailers() && !open.frames.is_end_stream() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    self.last = Some(frame);
                    self.complete();
                }
                None => self.complete(),
                Some(Err(error)) => return Poll::Ready(Some(Err(self.broken(error)))),
            }
        }
        if let Some(hold) = &mut self.hold {
            // Not recorded in time, or not at all: said and counted where it happens.
            let _ = ready!(hold.as_mut().poll(context));
            self.hold = None;
        }
        Poll::Ready(self.last.take().map(Ok))
    }

    /// What is still to come once the copy is at its limit. Nothing more would be recorded of it, so the record is
    /// made now: the rest may take hours, and whoever takes it could see to it that it does (THREATS E47).
    pub(super) fn past_copy(&mut self) -> Option<AnswerBody> {
        let Open { mut story, mut response, copy, frames, lease, .. } =
            self.open.take_if(|open| open.copy.is_cut())?;
        let silence_ms = story.worker().proxy.config.limits.upstream_body_ms;
        let place = story.take_place();
        let (body, share) = copy.finish();
        response.body = body;
        drop(story.end(response, share, Ending::Complete));
        let rest = AnswerBody::streamed(frames, lease);
        Some(match place {
            Some(place) => rest.within(place, silence_ms),
            None => rest,
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.open.is_none() && self.hold.is_none() && self.last.is_none()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.open.as_ref().map_or_else(SizeHint::default, Open::size_hint)
    }

    /// The answer breaks off here.
    fn broken(&mut self, error: impl Into<BodyError>) -> BodyError {
        if let Some(open) = self.open.take() {
            drop(open.end(End::Broken, Ending::UpstreamGone));
        }
        error.into()
    }

    fn complete(&mut self) {
        if let Some(open) = self.open.take() {
            let is_cut = open.copy.is_cut();
            let hold = open.end(End::Proper, Ending::Complete);
            // A body that was too large to copy is not worth anybody's waiting.
            self.hold = hold.filter(|_| !is_cut);
        }
    }
}

impl Open {
    /// What is still to come: the first frame has left the connection, but not this body.
    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref());
        let first = first.map_or(0, |data| data.len() as u64);
        match self.frames.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(rest + first),
            None => SizeHint::default(),
        }
    }

    fn end(self, end: End, ending: Ending) -> Option<Hold> {
        let Open { story, mut response, mut copy, lease, .. } = self;
        if end == End::Proper {
            lease.give_back();
        }
        copy.end(end);
        let (body, share) = copy.finish();
        response.body = body;
        story.end(response, share, ending)
    }

    /// The client is gone: reads the rest of the answer for the record, within a limit.
    async fn end_alone(mut self, limit: Duration) {
        let worker = std::rc::Rc::clone(self.story.worker());
        let end = tokio::select! {
            end = read_rest(self.first.take(), &mut self.frames, &mut self.copy) => end,
            () = worker.tasks.patience(limit) => End::Broken,
        };
        drop(self.end(end, Ending::ClientGone));
    }
}

async fn read_rest(
    mut first: Option<Result<Frame<Bytes>, hyper::Error>>,
    frames: &mut Incoming,
    copy: &mut Copy,
) -> End {
    loop {
        let next = match first.take() {
            Some(first) => Some(first),
            None => frames.frame().await,
        };
        let Some(next) = next else { return End::Proper };
        match next {
            Ok(mut frame) => {
                copy.pass(&mut frame);
                // What is past the copy's limit is not worth the reading.
                if copy.is_cut() {
                    return End::Broken;
                }
            }
            Err(_) => return End::Broken,
        }
    }
}

impl Drop for Teed {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let worker = std::rc::Rc::clone(open.story.worker());
            let limit = Duration::from_millis(worker.proxy.config.limits.abandoned_ms);
            worker.tasks.spawn(open.end_alone(limit));
        }
    }
}
