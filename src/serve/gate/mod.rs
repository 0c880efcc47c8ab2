//! The gate: a client's socket that shows hyper no request head which was not looked at.
//!
//! It follows the framing of requests only to know where the next head begins. A clean head that arrives in
//! one read costs one scan and no copy; an incomplete one is held back until it is complete. In the place of
//! a refused head hyper reads a harmless one, and [`Wire`] says which it was: the service answers that call
//! with the refusal, after the answers of all requests before it, and nothing that follows is read.
//! What comes behind a head that asks for an upgrade is kept until its answer tells what it is: the next head,
//! or after a 101 no concern of HTTP any more (THREATS E32).
//! The gate must never change a byte of what it lets pass. On the way out it writes interim answers, which hyper
//! cannot, between answers.

pub(crate) mod chunks;
pub(super) mod head;
pub(crate) mod lines;
mod out;
#[cfg(test)]
mod properties;
pub(crate) mod ready;
mod refusal;
pub(crate) mod spelling;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use self::chunks::{Chunks, Side};
use self::lines::Framing;
pub(super) use self::out::written;
use self::ready::Ready;
pub use self::refusal::Refusal;
use self::spelling::{Found, Respelling};
use super::connection::Wire;

/// A client's socket behind the gate.
#[derive(Debug)]
pub(super) struct Gate<S> {
    socket: S,
    wire: Rc<Wire>,
    place: Place,
    /// The start of a head whose end has not arrived, or what came before the answer to an upgrade.
    held: Vec<u8>,
    /// Bytes that hyper reads next: a head that was held, or the one in place of a refused head.
    ready: Ready,
    head_bytes_max: usize,
    headers_max: usize,
    /// What may still be thrown away after a refusal, so that the client can read our answer before it sees
    /// the connection reset.
    discard_bytes_left: usize,
    /// Interim answers that are being written.
    interims: Vec<u8>,
    /// Of the names in the head of an answer.
    respelling: Respelling,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Body {
        left: u64,
    },
    Chunks(Chunks),
    /// Whatever the answer to an upgrade makes of it.
    Upgrade,
    /// A head was refused: nothing more is read.
    Refused,
    /// A chunk was refused: the body breaks off for hyper once it has read what came before.
    Broken(Refusal),
}

impl<S> Gate<S> {
    pub(super) fn new(socket: S, wire: Rc<Wire>, head_bytes_max: usize, headers_max: usize) -> Gate<S> {
        Gate {
            socket,
            wire,
            place: Place::Head,
            held: Vec::new(),
            ready: Ready::default(),
            head_bytes_max,
            headers_max,
            discard_bytes_left: DISCARD_BYTES_MAX,
            interims: Vec::new(),
            respelling: Respelling::default(),
        }
    }

    /// The socket after an answer 101, and what the client sent before it; `None` when hyper could not get rid
    /// of all that it had to say first, which is lost then.
    pub(super) fn into_socket(self) -> Option<(S, Vec<u8>)> {
        (!self.wire.taking.awaits_client()).then_some((self.socket, self.held))
    }

    /// Takes in what was read of the socket before: what of it may be seen now is `ready`.
    pub(super) fn take_in(&mut self, mut start: Vec<u8>) {
        let passed = self.look_at(&start);
        start.truncate(passed);
        start.append(&mut std::mem::take(&mut self.ready).into_rest());
        self.ready = start.into();
    }

    /// Looks at newly read bytes; says how many of them hyper may see now.
    fn look_at(&mut self, new: &[u8]) -> usize {
        let mut at = 0;
        while at < new.len() {
            let rest = &new[at..];
            match &mut self.place {
                Place::Body { left } => {
                    let taken = (*left).min(rest.len() as u64);
                    *left -= taken;
                    if *left == 0 {
                        self.place = Place::Head;
                    }
                    at += usize::try_from(taken).unwrap_or(rest.len());
                }
                Place::Chunks(chunks) => match chunks.follow(rest, Side::Request) {
                    Ok(taken) => {
                        at += taken;
                        if *chunks == Chunks::Done {
                            self.place = Place::Head;
                        }
                    }
                    Err(refusal) => self.place = Place::Broken(refusal),
                },
                Place::Head => match lines::end_of(rest, 0) {
                    None => {
                        self.held.extend_from_slice(rest);
                        // Old clients send a line end behind a body: that is no head yet.
                        if self.held.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                            self.wire.head_begun();
                        }
                        self.judge_held();
                        break;
                    }
                    Some(end) => match self.judge(&rest[..end]) {
                        Ok(()) => at += end,
                        Err(refusal) => {
                            self.refuse(refusal);
                            break;
                        }
                    },
                },
                Place::Upgrade => {
                    self.held.extend_from_slice(rest);
                    break;
                }
                Place::Refused | Place::Broken(_) => break,
            }
        }
        at
    }

    /// Judges a head whose end has not arrived by what is already sure.
    fn judge_held(&mut self) {
        if let Err(refusal) = self.judge_start(&self.held) {
            self.refuse(refusal);
        }
    }

    /// The first line comes before the size, so that the verdict does not hang on how the bytes were cut.
    fn judge_start(&self, bytes: &[u8]) -> Result<(), Refusal> {
        head::examine_start(&bytes[..bytes.len().min(self.head_bytes_max)])?;
        if bytes.len() > self.head_bytes_max { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    fn judge(&mut self, head: &[u8]) -> Result<(), Refusal> {
        if head.len() > self.head_bytes_max {
            self.judge_start(head)?;
        }
        let mut found = Found::default();
        self.place = match head::examine(head, self.headers_max, &mut found)? {
            Framing::Length(0) => Place::Head,
            Framing::Length(left) => Place::Body { left },
            Framing::Chunked => Place::Chunks(Chunks::START),
            Framing::Upgrade => Place::Upgrade,
        };
        self.wire.head_passed(found.spelling());
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.place = Place::Refused;
        self.held = Vec::new();
        self.ready.push(STAND_IN);
        self.wire.head_refused(refusal);
    }

    /// More bytes for a head that is held back: once it is complete, it and what came with it are `ready`.
    fn add_to_held(&mut self, new: &[u8]) {
        // The last line may end in the new bytes.
        let from = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(new);
        if lines::end_of(&self.held, from).is_some() {
            self.look_at_held();
        } else {
            self.judge_held();
        }
    }

    /// The same with what was held back.
    fn look_at_held(&mut self) {
        let all = std::mem::take(&mut self.held);
        self.take_in(all);
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Throws away what a refused client still sends. Never ready: the service's answer ends the connection.
    fn discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 4096];
        while self.discard_bytes_left > 0 {
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
            self.discard_bytes_left = self.discard_bytes_left.saturating_sub(buffer.filled().len());
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Keeps what comes behind a head that asks for an upgrade. Ready when its answer is no 101, or with true at
    /// the end of the connection.
    fn await_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while !self.wire.is_answered() {
            self.wire.wake_when_answered(context);
            let mut space = [0; 4096];
            let room = EARLY_BYTES_MAX.saturating_sub(self.held.len()).min(space.len());
            if room == 0 {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut space[..room]);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(true));
            }
            self.held.extend_from_slice(buffer.filled());
        }
        if self.wire.is_switched() {
            return Poll::Pending;
        }
        self.place = Place::Head;
        self.look_at_held();
        Poll::Ready(Ok(false))
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Waits until a client that has rested sends something or leaves. What was read is `ready`; an error or the end
    /// is there for the next read too.
    pub(super) async fn stirs(&mut self) {
        poll_fn(|context| {
            let mut space = [MaybeUninit::uninit(); START_BYTES];
            let mut buffer = ReadBuf::uninit(&mut space);
            let attempt = Pin::new(&mut self.socket).poll_read(context, &mut buffer);
            attempt.map(|_| self.take_in(buffer.filled().to_vec()))
        })
        .await;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = &mut *self;
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if gate.wire.is_given_up() && gate.place == Place::Head {
            gate.refuse(Refusal::HeadTooSlow);
        }
        loop {
            if !gate.ready.is_empty() {
                gate.ready.read_into(into);
                return Poll::Ready(Ok(()));
            }
            match gate.place {
                Place::Refused => return gate.discard(context),
                Place::Broken(refusal) => return Poll::Ready(Err(io::Error::other(refusal))),
                Place::Upgrade => {
                    if ready!(gate.await_answer(context))? {
                        return Poll::Ready(Ok(()));
                    }
                    continue;
                }
                Place::Head | Place::Body { .. } | Place::Chunks(_) => {}
            }
            let before = into.filled().len();
            let attempt = Pin::new(&mut gate.socket).poll_read(context, into);
            let new = into.filled().len() - before;
            let is_at_rest = attempt.is_pending() && gate.place == Place::Head && gate.held.is_empty();
            gate.wire.awaits_head(is_at_rest);
            if matches!(gate.place, Place::Body { .. } | Place::Chunks(_)) {
                gate.wire.sending.note(attempt.is_ready().then_some(new));
            }
            ready!(attempt)?;
            if new == 0 {
                return Poll::Ready(Ok(()));
            }
            let passed = if gate.held.is_empty() {
                gate.look_at(&into.filled()[before..])
            } else {
                gate.add_to_held(&into.filled()[before..]);
                0
            };
            into.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Up to so many header lines hyper reads without allocating; told any number, it makes room for as many with each
/// message. So it is told larger ones only: the gates have counted.
pub(crate) const HEADERS_IN_PLACE: usize = 100;

/// What hyper reads in the place of a refused head. It never leaves the process.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// Room for most heads.
const START_BYTES: usize = 4 << 10;
const DISCARD_BYTES_MAX: usize = 256 << 10;
/// What a client may send before it knows that its upgrade was granted; more waits in its socket.
const EARLY_BYTES_MAX: usize = 16 << 10;
