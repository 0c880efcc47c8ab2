//! Follows the frames of an HTTP/2 client (RFC 9113 section 4.1) without touching them, for two things that
//! hyper does not tell: that a head is under way and does not end, and that frames come in masses which carry
//! nothing (THREATS D01, D03).

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::traffic::Traffic;
use crate::serve::gate::ready::Ready;
use crate::serve::gate::written;
use crate::serve::welcome::PREFACE;

/// A client's socket, looked at.
#[derive(Debug)]
pub(super) struct Frames<S> {
    socket: S,
    traffic: Rc<Traffic>,
    place: Place,
    /// What was read of the socket before.
    start: Ready,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Place {
    Preface { left: usize },
    Head { bytes: [u8; HEAD_BYTES], count: usize },
    Payload { left: usize, ends_head: bool },
}

impl<S> Frames<S> {
    /// `start` is what was read of the socket already.
    pub(super) fn new(socket: S, start: Vec<u8>, traffic: Rc<Traffic>) -> Frames<S> {
        Frames { socket, traffic, place: Place::Preface { left: PREFACE.len() }, start: start.into() }
    }

    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(&byte) = bytes.first() {
            let taken = match &mut self.place {
                Place::Preface { left } | Place::Payload { left, .. } => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    taken
                }
                Place::Head { bytes, count } => {
                    bytes[*count] = byte;
                    *count += 1;
                    1
                }
            };
            bytes = &bytes[taken..];
            self.step()?;
        }
        Ok(())
    }

    /// Goes on to the next place where one is over.
    fn step(&mut self) -> io::Result<()> {
        if let Place::Head { bytes, count: HEAD_BYTES } = self.place {
            self.place = self.begin(Head::of(bytes))?;
        }
        match self.place {
            Place::Payload { left: 0, ends_head } => {
                if ends_head {
                    self.traffic.wire.head_passed(None);
                }
                self.place = Place::Head { bytes: [0; HEAD_BYTES], count: 0 };
            }
            Place::Preface { left: 0 } => self.place = Place::Head { bytes: [0; HEAD_BYTES], count: 0 },
            Place::Preface { .. } | Place::Head { .. } | Place::Payload { .. } => {}
        }
        Ok(())
    }

    fn begin(&self, head: Head) -> io::Result<Place> {
        if head.is_of_a_head() {
            self.traffic.wire.head_begun();
        }
        if head.carries_nothing() && !self.traffic.bears_one_more() {
            return Err(io::Error::other("frames that carry nothing came in masses"));
        }
        Ok(Place::Payload { left: head.payload_bytes, ends_head: head.is_of_a_head() && head.ends_head() })
    }
}

/// The head of a frame.
#[derive(Clone, Copy)]
struct Head {
    payload_bytes: usize,
    kind: u8,
    flags: u8,
}

impl Head {
    fn of(bytes: [u8; HEAD_BYTES]) -> Head {
        let [high, middle, low, kind, flags, ..] = bytes;
        let payload_bytes = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Head { payload_bytes, kind, flags }
    }

    fn is_of_a_head(self) -> bool {
        matches!(self.kind, HEADERS | CONTINUATION)
    }

    fn ends_head(self) -> bool {
        self.flags & END_HEADERS != 0
    }

    /// An update of a window carries much: whoever downloads fast sends many.
    fn carries_nothing(self) -> bool {
        match self.kind {
            DATA => self.payload_bytes == 0 && self.flags & END_STREAM == 0,
            CONTINUATION => self.payload_bytes == 0,
            HEADERS | WINDOW_UPDATE => false,
            _ => true,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let frames = &mut *self;
        let before = into.filled().len();
        if !frames.start.is_empty() {
            frames.start.read_into(into);
        } else {
            ready!(Pin::new(&mut frames.socket).poll_read(context, into))?;
        }
        Poll::Ready(frames.follow(&into.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.traffic.wire.taking.note(written(&attempt));
        attempt
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.socket).poll_flush(context);
        self.traffic.wire.taking.note(attempt.is_ready().then_some(0));
        attempt
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.traffic.wire.taking.note(written(&attempt));
        attempt
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::serve::connection::Look;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// Whether a head is under way after these bytes, however they are cut.
    fn check(frames: &[Vec<u8>], expected: bool) {
        let all = [PREFACE, &frames.concat()].concat();
        for size in 1..=all.len() {
            let traffic = Rc::new(Traffic::new());
            let mut follower = Frames::new((), Vec::new(), Rc::clone(&traffic));
            for piece in all.chunks(size) {
                follower.follow(piece).unwrap();
            }
            let look = traffic.wire.look(Duration::ZERO, Duration::from_secs(60));
            assert_eq!(look == Look::Slow, expected, "{frames:?} by {size}");
        }
    }

    #[test]
    fn a_head_is_under_way_from_its_first_frame_to_the_end_of_its_last() {
        check(&[], false);
        check(&[frame(4, 0, &[])], false);
        check(&[frame(HEADERS, END_HEADERS, b"head")], false);
        check(&[frame(HEADERS, END_HEADERS, b"head")[..12].to_vec()], true);
        check(&[frame(HEADERS, 0, b"head")], true);
        check(&[frame(HEADERS, 0, b""), frame(CONTINUATION, 0, b"")], true);
        check(&[frame(HEADERS, 0, b"he"), frame(CONTINUATION, END_HEADERS, b"ad")], false);
        check(&[frame(HEADERS, END_HEADERS, b"head"), frame(DATA, 0, b"\0\0\x04\x01\0\0\0\0\x01")], false);
    }

    #[test]
    fn masses_of_frames_that_carry_nothing_end_the_connection() {
        // THREATS D01
        let check = |frame: Vec<u8>, is_ended: bool| {
            let mut follower = Frames::new((), Vec::new(), Rc::new(Traffic::new()));
            follower.follow(PREFACE).unwrap();
            let ended = (0..10_000).any(|_| follower.follow(&frame).is_err());
            assert_eq!(ended, is_ended, "{frame:?}");
        };
        check(frame(6, 0, b"12345678"), true);
        check(frame(4, 0, b""), true);
        check(frame(2, 0, b"12345"), true);
        check(frame(3, 0, b"1234"), true);
        check(frame(99, 0, b"1234"), true);
        check(frame(DATA, 0, b""), true);
        check(frame(CONTINUATION, 0, b""), true);
        check(frame(DATA, 0, b"1"), false);
        check(frame(DATA, END_STREAM, b""), false);
        check(frame(WINDOW_UPDATE, 0, b"1234"), false);
        check(frame(HEADERS, END_HEADERS, b"1"), false);
    }
}
