//! How far a request's body has come on its way to the application, for whoever waits for the answer: as long as it is
//! the client that is waited for, the application is not late. A client that hardly sends is, and over HTTP/2 nobody
//! else sees it: its connection may be busy with other streams.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Instant;

use super::trailers::without_forbidden_trailers;
use crate::config::Limits;
use crate::serve::BodyError;

/// How far a streamed request body has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// When the last of it was handed to the connection.
    ended_at: Cell<Option<Instant>>,
    /// When a part of it last was.
    moved_at: Cell<Option<Instant>>,
    /// True while the connection wants more and the client has not sent it.
    awaits_client: Cell<bool>,
    /// True when the client broke off.
    pub(crate) is_broken: Cell<bool>,
    /// True when the body went past its limit.
    pub(crate) is_too_large: Cell<bool>,
    /// How much more of it may come.
    left_bytes: Cell<u64>,
    /// Since when the client is measured, and how much more might have come then.
    measured: Cell<Option<(Instant, u64)>>,
}

/// Who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may last until then.
    Until(Instant),
    /// The application, for too long.
    ForAnswer,
    /// The client, who sends next to nothing (THREATS D03).
    ForClient,
}

/// A body without an announced length went past `request_body_bytes_max`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the request's body is too large")]
struct TooLarge;

impl Progress {
    pub(super) fn up_to(bytes_max: u64) -> Rc<Progress> {
        Rc::new(Progress { left_bytes: Cell::new(bytes_max), ..Progress::default() })
    }

    /// Counts a frame that came; an error in its place when it is too much.
    pub(super) fn counted(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left_bytes.get().checked_sub(bytes) {
            Some(left) => {
                self.left_bytes.set(left);
                Ok(without_forbidden_trailers(frame))
            }
            None => {
                self.is_too_large.set(true);
                Err(TooLarge.into())
            }
        }
    }

    /// Takes note of a look for the next frame.
    pub(super) fn polled<T>(&self, frame: Poll<T>) -> Poll<T> {
        self.awaits_client.set(frame.is_pending());
        if frame.is_ready() {
            self.moved_at.set(Some(Instant::now()));
        }
        frame
    }

    pub(super) fn note(&self, is_over: bool) {
        if is_over {
            self.ended_at.set(Some(Instant::now()));
        }
    }

    /// Whether the answer may be waited for any longer, asked when `upstream_ms` have passed since the last time: as
    /// long as the client sets the pace, for ever anew; else from the last part that the application took. A
    /// connection's own clock cuts a client that stalls; here twice its patience is given, so that this one is the first.
    pub(crate) fn wait(&self, now: Instant, limits: &Limits) -> Wait {
        let patience = Duration::from_millis(limits.upstream_ms);
        if self.ended_at.get().is_none() && self.awaits_client.get() {
            let stall = Duration::from_millis(limits.client_stall_ms) * 2;
            let left = self.left_bytes.get();
            match self.measured.get() {
                Some((since, left_then)) if left_then - left < limits.client_stall_bytes_min => {
                    if now >= since + stall {
                        return Wait::ForClient;
                    }
                }
                Some(_) | None => self.measured.set(Some((now, left))),
            }
            return Wait::Until(now + patience.min(stall));
        }
        self.measured.set(None);
        match self.ended_at.get().or(self.moved_at.get()).map(|at| at + patience) {
            Some(later) if later > now => Wait::Until(later),
            Some(_) | None => Wait::ForAnswer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of a body of which so many bytes have come when it is asked, each time after `upstream_ms`.
    fn waits(came: &[Option<usize>]) -> Vec<&'static str> {
        let limits = Limits {
            upstream_ms: 1_000,
            client_stall_ms: 1_000,
            client_stall_bytes_min: 10,
            ..Limits::default()
        };
        let (progress, start) = (Progress::up_to(1_000), Instant::now());
        let mut told = Vec::new();
        for (second, bytes) in came.iter().enumerate() {
            match bytes {
                Some(bytes) => {
                    let frame = progress.polled(Poll::Ready(Frame::data(Bytes::from(vec![b'x'; *bytes]))));
                    if let Poll::Ready(frame) = frame {
                        assert!(progress.counted(frame).is_ok());
                    }
                    let _: Poll<()> = progress.polled(Poll::Pending);
                }
                None => progress.note(true),
            }
            told.push(match progress.wait(start + Duration::from_secs(second as u64), &limits) {
                Wait::Until(_) => "until",
                Wait::ForAnswer => "answer",
                Wait::ForClient => "client",
            });
        }
        told
    }

    // THREATS D03
    #[test]
    fn a_client_that_hardly_sends_is_not_waited_for_without_end() {
        assert_eq!(waits(&[Some(0), Some(1), Some(1), Some(1)]), ["until", "until", "client", "client"]);
        assert_eq!(waits(&[Some(10); 6]), ["until"; 6]);
        assert_eq!(
            waits(&[Some(0), Some(1), Some(20), Some(0), Some(0)]),
            ["until", "until", "until", "until", "client"]
        );
    }

    #[test]
    fn when_all_is_sent_the_application_is_waited_for() {
        assert_eq!(waits(&[Some(5), None, Some(0), Some(0)])[3], "answer");
        assert_eq!(Progress::up_to(9).wait(Instant::now(), &Limits::default()), Wait::ForAnswer);
    }
}
