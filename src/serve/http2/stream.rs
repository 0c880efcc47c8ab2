//! One stream among others: whether its client still takes what it has asked for. hyper looks for more of an answer only
//! when the client has room for it; so where a piece was given and nobody looks for the next, the client lets the
//! answer stand (THREATS D03). Its connection may be as busy as ever, and only this stream is ended: with it go
//! its buffers, its place, and what the application holds for it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::traffic::Open;
use crate::config::Limits;

/// What a stream and its connection's clock know of each other. Both live on one thread.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Looks for more of the answer.
    looks: Cell<u32>,
    /// What the last look gave; 0 when it had to wait for the application.
    given_bytes: Cell<usize>,
    /// Since when the clock has seen so many looks and no more.
    seen: Cell<Option<(Instant, u32)>>,
    is_over: Cell<bool>,
    /// Of the stream's task.
    waker: RefCell<Option<Waker>>,
}

impl Stream {
    /// Whether the client has taken too little of what was given: less than it must in that time.
    pub(super) fn has_stalled(&self, now: Instant, limits: &Limits) -> bool {
        let (looks, given) = (self.looks.get(), self.given_bytes.get());
        match self.seen.get() {
            _ if given == 0 || self.is_over.get() => {
                self.seen.set(None);
                false
            }
            Some((since, seen)) if seen == looks => now >= since + time_for(given, limits),
            Some(_) | None => {
                self.seen.set(Some((now, looks)));
                false
            }
        }
    }

    /// Ends it: dropped, it is reset.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Works for the stream until that is done, or the stream is ended.
    pub(super) fn poll(&self, work: Pin<&mut impl Future>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_over.get() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        work.poll(context).map(drop)
    }
}

/// How long a client may take for so many bytes.
fn time_for(bytes: usize, limits: &Limits) -> Duration {
    let windows = (bytes as u64).div_ceil(limits.client_stall_bytes_min.max(1));
    Duration::from_millis(limits.client_stall_ms.saturating_mul(windows))
}

/// The body of an answer; its stream is open as long as it is there. It is given in pieces that a frame holds, so that the
/// next look tells that the last one is gone.
#[derive(Debug)]
pub(super) struct Counted<B> {
    body: B,
    /// Of a frame that was larger.
    rest: Bytes,
    open: Open,
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, open: Open) -> Counted<B> {
        Counted { body, rest: Bytes::new(), open }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES_MAX));
        self.open.stream.given_bytes.set(piece.len());
        Frame::data(piece)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let stream = &self.open.stream;
        stream.looks.set(stream.looks.get().wrapping_add(1));
        stream.given_bytes.set(0);
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                self.rest = data;
                Some(Ok(self.piece()))
            }
            Some(Ok(Err(trailers))) => Some(Ok(trailers)),
            Some(Err(error)) => Some(Err(error)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}

/// What one frame may hold, unless the client wants larger ones.
const PIECE_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS D03
    #[test]
    fn only_an_answer_that_was_given_and_is_not_taken_stalls() {
        let limits = Limits { client_stall_ms: 1_000, client_stall_bytes_min: 100, ..Limits::default() };
        let start = Instant::now();
        // In each second, what a look gave, if there was one; then whether the stream has stalled.
        let check = |seconds: &[Option<usize>], expected: Option<usize>| {
            let stream = Stream::default();
            let stalled = seconds.iter().enumerate().position(|(second, look)| {
                if let Some(given) = look {
                    stream.looks.set(stream.looks.get() + 1);
                    stream.given_bytes.set(*given);
                }
                stream.has_stalled(start + Duration::from_secs(second as u64), &limits)
            });
            assert_eq!(stalled, expected, "{seconds:?}");
        };
        check(&[Some(100), None, None], Some(1));
        check(&[Some(300), None, None, None, None], Some(3));
        check(&[Some(0), None, None, None], None);
        check(&[Some(100), Some(100), Some(100), None], Some(3));
        check(&[None, None, None], None);
        check(&[Some(200), None, Some(0), None, None, None], None);
    }
}
