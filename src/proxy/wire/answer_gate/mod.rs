//! The gate for answers: the application's socket, which shows hyper no head and no chunk that was not looked
//! at. It follows the framing as the gate for requests does, and no byte of what it lets pass is changed: a
//! clean head that arrives in one read costs one scan and no copy.
//!
//! What is refused is an error to hyper, and ends the connection. So is every byte that comes while nothing is
//! asked: what is left over of one answer must never be the next client's (THREATS D07).

pub(in crate::proxy) mod fuzzing;
mod head;
mod sender;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::head::Follows;
pub(crate) use self::head::Unsound;
pub(crate) use self::sender::{Answering, Sender, Switched, Unanswered};
use crate::config::Limits;
use crate::serve::gate::chunks::{Chunks, Side};
use crate::serve::gate::lines::{self, Framing};
use crate::serve::gate::ready::Ready;
use crate::serve::gate::spelling::{Found, Respelling};
use crate::serve::{Refusal, Ticket};
use crate::telemetry::Metrics;

/// What a request asks, as far as the end of its answer depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Question {
    /// Nothing, so far.
    #[default]
    None,
    /// An answer with a body.
    Plain,
    /// An answer without one.
    Head,
    /// An answer, or 101 and the connection.
    Upgrade,
}

/// What the gate and the connection's [`Sender`] tell each other. Both live on one thread.
#[derive(Debug, Default)]
struct Talk {
    /// What the request that goes out next asks; the gate takes it with the request's first byte.
    question: Cell<Question>,
    /// The client's place beside hyper.
    client: RefCell<Option<Ticket>>,
    /// Why an answer was refused. Nothing after it is read.
    unsound: Cell<Option<Unsound>>,
    /// True while hyper has something that is not written.
    has_more: Cell<bool>,
    /// True when no further answer can be believed.
    is_last: Cell<bool>,
}

/// The application's socket behind the gate.
#[derive(Debug)]
struct Gate<S> {
    socket: S,
    talk: Rc<Talk>,
    place: Place,
    /// The start of a head whose end has not arrived.
    held: Vec<u8>,
    /// Bytes that hyper reads next: a head that was held, and what came with its end.
    ready: Ready,
    /// Of the names in the head of a request.
    respelling: Respelling,
    /// True when the application takes no more: what is written is dropped.
    is_deaf: bool,
    limits: HeadLimits,
    metrics: Arc<Metrics>,
}

/// The limits for heads in `limits`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) head_bytes_max: usize,
    pub(crate) headers_max: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing was asked.
    Silent,
    Head {
        question: Question,
        /// Interim answers so far.
        interims: u8,
    },
    Body {
        left: u64,
    },
    Chunks(Chunks),
    /// Everything up to the end of the connection belongs to this answer.
    Rest,
    /// Everything up to the end of the connection belongs to the protocol switched to.
    Switched,
    /// Nobody knows what follows: the connection ends here for hyper.
    Last,
    /// The answer was refused: hyper gets an error once it has read what came before.
    Refused(Unsound),
}

impl From<&Limits> for HeadLimits {
    fn from(limits: &Limits) -> HeadLimits {
        HeadLimits { head_bytes_max: limits.head_bytes_max, headers_max: limits.headers_max }
    }
}

impl<S> Gate<S> {
    fn new(socket: S, talk: Rc<Talk>, limits: HeadLimits, metrics: &Arc<Metrics>) -> Gate<S> {
        Gate {
            socket,
            talk,
            place: Place::Silent,
            held: Vec::new(),
            ready: Ready::default(),
            respelling: Respelling::default(),
            is_deaf: false,
            limits,
            metrics: Arc::clone(metrics),
        }
    }

    /// The socket, and what was read of it that hyper has not seen.
    fn into_parts(self) -> (S, Vec<u8>) {
        (self.socket, self.ready.into_rest())
    }

    /// Something goes out: the first bytes of a request, or more of one.
    fn writes(&mut self) {
        if self.place == Place::Silent {
            match self.talk.question.take() {
                // The rest of a request that was answered before its end.
                Question::None => {}
                question @ (Question::Plain | Question::Head | Question::Upgrade) => {
                    self.place = Place::Head { question, interims: 0 };
                    let client = self.talk.client.borrow();
                    self.respelling.expect(client.as_ref().and_then(Ticket::asked));
                }
            }
        }
    }

    /// The application closed while a request was written. It may have answered before that, as servers do that
    /// refuse a long body at its head, and hyper gives up what it could still read once a write fails. So what
    /// is left of the request is dropped, and reading tells how it ends.
    fn hears_no_more(&mut self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                self.is_deaf = true;
                self.talk.is_last.set(true);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Looks at newly read bytes; says how many of them hyper may see now.
    fn look_at(&mut self, new: &[u8]) -> usize {
        let mut at = 0;
        while at < new.len() {
            let rest = &new[at..];
            match &mut self.place {
                Place::Rest | Place::Switched => return new.len(),
                Place::Body { left } => {
                    let taken = (*left).min(rest.len() as u64);
                    *left -= taken;
                    if *left == 0 {
                        self.place = Place::Silent;
                    }
                    at += usize::try_from(taken).unwrap_or(rest.len());
                }
                Place::Chunks(chunks) => match chunks.follow(rest, Side::Answer) {
                    Ok(taken) => {
                        at += taken;
                        if *chunks == Chunks::Done {
                            self.place = Place::Silent;
                        }
                    }
                    Err(refusal) => self.refuse(refusal.into()),
                },
                Place::Head { question, interims } => {
                    let (question, interims) = (*question, *interims);
                    let Some(end) = lines::end_of(rest, 0) else {
                        self.add_to_held(rest);
                        break;
                    };
                    match self.judge(&rest[..end], question, interims) {
                        Ok(place) => {
                            self.place = place;
                            at += end;
                        }
                        Err(unsound) => self.refuse(unsound),
                    }
                }
                Place::Silent => self.refuse(Unsound::Unasked),
                Place::Last | Place::Refused(_) => break,
            }
        }
        at
    }

    fn judge(&self, head: &[u8], question: Question, interims: u8) -> Result<Place, Unsound> {
        if head.len() > self.limits.head_bytes_max {
            return Err(Refusal::HeadTooLarge.into());
        }
        let mut found = Found::default();
        let follows = head::examine(head, self.limits.headers_max, question, &mut found)?;
        match (follows, &*self.talk.client.borrow()) {
            (Follows::Head, Some(client)) => client.pass(head),
            (_, Some(client)) => client.answered(found.spelling()),
            (_, None) => {}
        }
        match follows {
            Follows::Head if interims == INTERIMS_MAX => Err(Unsound::Interims),
            Follows::Head => Ok(Place::Head { question, interims: interims + 1 }),
            Follows::Nothing => Ok(Place::Silent),
            Follows::Body(Framing::Length(left)) => Ok(Place::Body { left }),
            Follows::Body(Framing::Chunked) => Ok(Place::Chunks(Chunks::START)),
            // (Only requests ask for one.)
            Follows::Body(Framing::Upgrade) => Ok(Place::Silent),
            Follows::Rest => Ok(Place::Rest),
            Follows::Switch => Ok(Place::Switched),
            Follows::Doubt => {
                self.talk.is_last.set(true);
                Ok(Place::Last)
            }
        }
    }

    /// More bytes for a head that is held back: once it is complete, it and what came with it are `ready`.
    fn add_to_held(&mut self, new: &[u8]) {
        // The last line may end in the new bytes.
        let from = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(new);
        if lines::end_of(&self.held, from).is_some() {
            let mut all = std::mem::take(&mut self.held);
            let passed = self.look_at(&all);
            all.truncate(passed);
            self.ready = all.into();
        } else if self.held.len() > self.limits.head_bytes_max {
            self.refuse(Refusal::HeadTooLarge.into());
        }
    }

    fn refuse(&mut self, unsound: Unsound) {
        self.held = Vec::new();
        self.place = Place::Refused(unsound);
        self.talk.unsound.set(Some(unsound));
        self.metrics.answers_refused.with_label_values(&[unsound.reason()]).inc();
        match unsound {
            // Servers say farewell on connections that they are about to close.
            Unsound::Unasked => tracing::debug!("the application spoke and nothing was asked"),
            Unsound::StatusLine
            | Unsound::Message(_)
            | Unsound::Interim
            | Unsound::Interims
            | Unsound::Switch => {
                tracing::warn!(reason = %unsound, "an answer of the application is not passed on");
            }
        }
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
        loop {
            if !gate.ready.is_empty() {
                gate.ready.read_into(into);
                return Poll::Ready(Ok(()));
            }
            match gate.place {
                Place::Last => return Poll::Ready(Ok(())),
                Place::Refused(unsound) => return Poll::Ready(Err(io::Error::other(unsound))),
                Place::Silent
                | Place::Head { .. }
                | Place::Body { .. }
                | Place::Chunks(_)
                | Place::Rest
                | Place::Switched => {}
            }
            let before = into.filled().len();
            ready!(Pin::new(&mut gate.socket).poll_read(context, into))?;
            if into.filled().len() == before {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context)).or_else(|error| self.hears_no_more(error))?;
        self.talk.has_more.set(false);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes();
        self.talk.has_more.set(true);
        let gate = &mut *self;
        if !gate.is_deaf {
            match ready!(gate.respelling.poll_write(&mut gate.socket, context, slices)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(error) => gate.hears_no_more(error)?,
            }
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Interim answers to one request.
const INTERIMS_MAX: u8 = 8;

#[cfg(test)]
mod tests;
