//! What passes beside hyper between a client's gate and the gate for answers: interim answers (1xx, RFC 9110
//! section 15.2), early hints above all, which hyper cannot write, and how names of headers are spelled, which it
//! forgets.
//!
//! The gate for answers, which has looked at an interim answer, leaves it here as it came, and the client's gate
//! writes it at a moment at which hyper has written all it had and the answer is still to come. The final answer
//! waits for that. At most [`COUNT_MAX`] for one request pass (THREATS D06), and never a 100, which is between the
//! client and us, or a 101, which is none. A request with nothing to pass costs a few numbers and no allocation.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::Version;

use crate::serve::gate::lines::{field_of, line_of};
use crate::serve::gate::spelling::Spelling;

/// One client's connection, beside hyper; all is on one thread.
#[derive(Debug, Default)]
pub struct Beside {
    /// Counts requests, and their ends: what comes for another one is too late.
    round: Cell<u64>,
    /// Whether the client understands interim answers: HTTP/1.0 does not.
    takes_interims: Cell<bool>,
    /// Interim answers that are to be written.
    interims: RefCell<Vec<u8>>,
    /// True while some are to be written, or are being written.
    is_waiting: Cell<bool>,
    /// Of this request so far.
    count: Cell<usize>,
    /// The connection's task.
    waker: RefCell<Option<Waker>>,
    /// How the names of the request are spelled.
    asked: RefCell<Option<Rc<Spelling>>>,
    /// The same of its answer.
    answered: RefCell<Option<Rc<Spelling>>>,
    /// True when what hyper writes next is the answer's head.
    is_next: Cell<bool>,
    /// True while hyper has something that is not written.
    has_more: Cell<bool>,
}

/// The place of one request there, for the connection that it is sent over.
#[derive(Debug)]
pub(crate) struct Ticket {
    beside: Rc<Beside>,
    round: u64,
}

impl Beside {
    /// A request begins.
    pub(super) fn begin(&self, version: Version, spelling: Option<Rc<Spelling>>) {
        self.round.set(self.round.get() + 1);
        self.takes_interims.set(version == Version::HTTP_11);
        self.count.set(0);
        self.is_next.set(false);
        self.asked.replace(spelling);
        self.answered.take();
    }

    /// Waits until all that came before the answer is written; nothing is accepted afterwards.
    pub(super) async fn finish(&self) {
        poll_fn(|_| {
            let is_mixed = self.has_more.get() && self.answered.borrow().is_some();
            // The gate wakes us.
            if self.is_waiting.get() || is_mixed { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.round.set(self.round.get() + 1);
        self.is_next.set(true);
    }

    /// For the request under way.
    pub(crate) fn ticket(self: &Rc<Self>) -> Ticket {
        Ticket { beside: Rc::clone(self), round: self.round.get() }
    }

    /// The gate says whom to wake.
    pub(in crate::serve) fn heed(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// What interim answers are to be written now.
    pub(in crate::serve) fn take(&self) -> Vec<u8> {
        self.interims.take()
    }

    /// What was taken is written.
    pub(in crate::serve) fn written(&self) {
        self.is_waiting.set(!self.interims.borrow().is_empty());
    }

    /// hyper writes; how the names are spelled in the head that it begins with, if it begins with one and its own
    /// way is another.
    pub(in crate::serve) fn spelling(&self) -> Option<Rc<Spelling>> {
        self.has_more.set(true);
        if self.is_next.replace(false) { self.answered.take() } else { None }
    }

    /// All that hyper had is written.
    pub(in crate::serve) fn flushed(&self, context: &Context<'_>) {
        if self.has_more.replace(false) && self.answered.borrow().is_some() {
            context.waker().wake_by_ref();
        }
    }
}

impl Ticket {
    /// Passes on an interim answer, whose head was looked at.
    pub(crate) fn pass(&self, head: &[u8]) {
        let beside = &*self.beside;
        if !self.is_good() || !beside.takes_interims.get() || head.starts_with(CONTINUE) {
            return;
        }
        let mut interims = beside.interims.borrow_mut();
        beside.count.set(beside.count.get() + 1);
        if beside.count.get() <= COUNT_MAX && interims.len() < BYTES_MAX {
            write_head(&mut interims, head);
            beside.is_waiting.set(true);
            if let Some(waker) = &*beside.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }

    /// How the names of the request are spelled, where hyper's way is another.
    pub(crate) fn asked(&self) -> Option<Rc<Spelling>> {
        if self.is_good() { self.beside.asked.borrow().clone() } else { None }
    }

    /// The same of its answer.
    pub(crate) fn answered(&self, spelling: Option<Rc<Spelling>>) {
        if self.is_good() {
            self.beside.answered.replace(spelling);
        }
    }

    fn is_good(&self) -> bool {
        self.round == self.beside.round.get()
    }
}

/// A head as it came, without what belongs to the application's connection.
fn write_head(into: &mut Vec<u8>, head: &[u8]) {
    let mut rest = head;
    while let Ok((line, next)) = line_of(rest) {
        // (The first line has no name.)
        let is_of_one_hop = field_of(line)
            .is_ok_and(|(name, _)| OF_ONE_HOP.iter().any(|known| name.eq_ignore_ascii_case(known)));
        if !is_of_one_hop {
            into.extend_from_slice(line);
            into.extend_from_slice(b"\r\n");
        }
        rest = next;
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100";
const OF_ONE_HOP: [&[u8]; 8] = [
    b"connection",
    b"content-length",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"keep-alive",
    b"proxy-connection",
];
/// Interim answers to one request.
const COUNT_MAX: usize = 8;
/// Of all that wait together, before the last is added.
const BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::gate::spelling::Found;

    #[test]
    fn an_interim_answer_is_written_for_its_request_only_and_not_more_than_eight_times() {
        let beside = Rc::new(Beside::default());
        let pass = |ticket: &Ticket, status: &str| {
            let fields = "link: </a>; rel=preload\r\nKeep-Alive: timeout=5\r\n\r\n";
            ticket.pass(format!("HTTP/1.1 {status}\r\n{fields}").as_bytes());
            let bytes = beside.take();
            beside.written();
            String::from_utf8(bytes).unwrap()
        };
        beside.begin(Version::HTTP_10, None);
        assert_eq!(pass(&beside.ticket(), "103 Early Hints"), "");
        beside.begin(Version::HTTP_11, None);
        let ticket = beside.ticket();
        assert_eq!(pass(&ticket, "100 Continue"), "");
        for _ in 0..COUNT_MAX {
            let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
            assert_eq!(pass(&ticket, "103 Early Hints"), hints);
        }
        assert_eq!(pass(&ticket, "103 Early Hints"), "");
        assert!(is_finished(&beside));
        beside.begin(Version::HTTP_11, None);
        assert_eq!(pass(&ticket, "103 Early Hints"), "");
        assert_ne!(pass(&beside.ticket(), "103 Early Hints"), "");
    }

    #[test]
    fn a_spelling_is_of_the_head_that_is_written_next_and_of_no_other() {
        let mut found = Found::default();
        found.name(b"etag");
        let spelling = found.spelling();
        let (beside, context) = (Rc::new(Beside::default()), Context::from_waker(Waker::noop()));
        beside.begin(Version::HTTP_11, spelling.clone());
        let ticket = beside.ticket();
        assert!(ticket.asked().is_some());
        // What is left of the answer before goes out first.
        assert!(beside.spelling().is_none());
        ticket.answered(spelling.clone());
        assert!(!is_finished(&beside));
        assert!(beside.spelling().is_none());
        beside.flushed(&context);
        assert!(is_finished(&beside));
        assert!(beside.spelling().is_some());
        assert!(beside.spelling().is_none());
        // Too late.
        ticket.answered(spelling);
        assert!(ticket.asked().is_none());
        beside.begin(Version::HTTP_11, None);
        assert!(beside.ticket().asked().is_none());
        assert!(is_finished(&beside));
        assert!(beside.spelling().is_none());
    }

    fn is_finished(beside: &Beside) -> bool {
        std::pin::pin!(beside.finish()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
