//! What a connection's gate and its service tell each other. Both live on one thread, so cells are enough.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::beside::Beside;
use super::pace::Flow;
use crate::serve::Refusal;
use crate::serve::gate::spelling::Spelling;

/// Shared by the gate (which writes what it saw on the wire), the service (which counts its calls) and the
/// connection's clock (which closes what is idle or slow).
#[derive(Debug)]
pub(in crate::serve) struct Wire {
    /// Heads handed to hyper so far, the refused one included.
    heads: Cell<u64>,
    /// Calls of the service so far: hyper makes one for each head, in order.
    calls: Cell<u64>,
    /// Which head is refused, and why. Nothing after it is read.
    refused: Cell<Option<(u64, Refusal)>>,
    /// Of heads whose call is still to come; hyper gets no more heads than a read has room for.
    spellings: RefCell<VecDeque<(u64, Rc<Spelling>)>>,
    /// Since when a head is incomplete.
    head_since: Cell<Option<Instant>>,
    /// True when the clock has given up on that head.
    is_given_up: Cell<bool>,
    /// Since when no request is under way; `None` while one is.
    idle_since: Cell<Option<Instant>>,
    /// True while hyper holds the body of an answer.
    is_sending: Cell<bool>,
    /// True while hyper waits for the next head, and the gate has nothing for it.
    is_awaited: Cell<bool>,
    /// Bodies of requests: what the client sends.
    pub(in crate::serve) sending: Flow,
    /// What the client takes.
    pub(in crate::serve) taking: Flow,
    /// True after an answer 101.
    is_switched: Cell<bool>,
    /// The gate, where it waits for the answer under way.
    waiting: RefCell<Option<Waker>>,
    /// What passes beside hyper.
    pub(in crate::serve) beside: Rc<Beside>,
}

/// Dropped with the body of an answer.
#[derive(Debug)]
pub(super) struct Sent(pub(super) Rc<Wire>);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.is_sending.set(false);
    }
}

/// What a connection's clock finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Look {
    /// Nothing to do; look again then.
    Again(Instant),
    /// No request for too long.
    Idle,
    /// A head that takes too long.
    Slow,
}

impl Wire {
    pub(in crate::serve) fn new() -> Wire {
        Wire {
            heads: Cell::new(0),
            calls: Cell::new(0),
            refused: Cell::new(None),
            spellings: RefCell::default(),
            head_since: Cell::new(None),
            is_given_up: Cell::new(false),
            idle_since: Cell::new(Some(Instant::now())),
            is_sending: Cell::new(false),
            is_awaited: Cell::new(false),
            sending: Flow::default(),
            taking: Flow::default(),
            is_switched: Cell::new(false),
            waiting: RefCell::new(None),
            beside: Rc::default(),
        }
    }

    /// A clean head goes to hyper.
    pub(in crate::serve) fn head_passed(&self, spelling: Option<Rc<Spelling>>) {
        self.heads.set(self.heads.get() + 1);
        self.head_since.set(None);
        if let Some(spelling) = spelling {
            self.spellings.borrow_mut().push_back((self.heads.get(), spelling));
        }
    }

    /// A head is refused; hyper gets a harmless one in its place.
    pub(in crate::serve) fn head_refused(&self, refusal: Refusal) {
        self.head_passed(None);
        self.refused.set(Some((self.heads.get(), refusal)));
    }

    /// Whether a head was refused.
    pub(in crate::serve) fn is_refused(&self) -> bool {
        self.refused.get().is_some()
    }

    /// Bytes of an incomplete head arrived.
    pub(in crate::serve) fn head_begun(&self) {
        if self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    /// The head under way takes too long: the gate refuses it at its next read.
    pub(in crate::serve) fn give_up_on_head(&self) {
        self.is_given_up.set(true);
    }

    /// Whether the clock has given up on the head under way.
    pub(in crate::serve) fn is_given_up(&self) -> bool {
        self.is_given_up.get()
    }

    /// The service is called; says whether this is the call of the refused head.
    pub(in crate::serve) fn called(&self) -> Option<Refusal> {
        let call = self.calls.get() + 1;
        self.calls.set(call);
        self.idle_since.set(None);
        self.is_sending.set(true);
        self.refused.get().filter(|(head, _)| *head == call).map(|(_, refusal)| refusal)
    }

    /// How the names are spelled in the head of this call, where hyper would not write them so.
    pub(super) fn spelling(&self) -> Option<Rc<Spelling>> {
        let mut spellings = self.spellings.borrow_mut();
        let spelling = spellings.pop_front_if(|(head, _)| *head == self.calls.get());
        spelling.map(|(_, spelling)| spelling)
    }

    /// How often the service was called.
    pub(in crate::serve) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// The service has answered; the body may still be on its way.
    pub(in crate::serve) fn answered(&self) {
        self.idle_since.set(Some(Instant::now()));
        if let Some(gate) = self.waiting.take() {
            gate.wake();
        }
    }

    /// Whether hyper's last look for the next head was in vain.
    pub(in crate::serve) fn awaits_head(&self, is_awaited: bool) {
        self.is_awaited.set(is_awaited);
    }

    /// Ends once nothing was asked for a moment. It looks now and then, so that a request costs no timer.
    pub(super) async fn rest(&self, moment: Duration) {
        loop {
            sleep(moment).await;
            let has_rested = self.idle_since.get().is_some_and(|since| since.elapsed() >= moment / 2);
            if has_rested && self.is_at_rest() {
                return;
            }
        }
    }

    /// Whether all is answered and taken by the client, and hyper waits for the next head: then it holds nothing that
    /// came or goes.
    fn is_at_rest(&self) -> bool {
        let is_sent = !self.is_sending.get() && !self.taking.awaits_client();
        self.is_answered() && is_sent && self.is_awaited.get()
    }

    /// The answer is a 101: what follows on the connection is not HTTP.
    pub(in crate::serve) fn switched(&self) {
        self.is_switched.set(true);
    }

    /// Whether the connection has become something else.
    pub(in crate::serve) fn is_switched(&self) -> bool {
        self.is_switched.get()
    }

    /// Whether a request is called, and its answer is still to come.
    pub(in crate::serve) fn is_under_way(&self) -> bool {
        self.idle_since.get().is_none()
    }

    /// Whether every head that hyper got is answered.
    pub(in crate::serve) fn is_answered(&self) -> bool {
        self.calls.get() == self.heads.get() && self.idle_since.get().is_some()
    }

    /// Has the gate's task look again once the answer under way is there.
    pub(in crate::serve) fn wake_when_answered(&self, context: &Context<'_>) {
        *self.waiting.borrow_mut() = Some(context.waker().clone());
    }

    /// Whether the head under way, or the lack of one, has lasted too long.
    pub(in crate::serve) fn look(&self, head_max: Duration, idle_max: Duration) -> Look {
        let now = Instant::now();
        if let (Some(begun), Some(answered)) = (self.head_since.get(), self.idle_since.get()) {
            // While a call was under way, hyper did not read on: that time is not the client's.
            let since = begun.max(answered);
            return if now >= since + head_max { Look::Slow } else { Look::Again(since + head_max) };
        }
        match self.idle_since.get() {
            Some(since) if now >= since + idle_max => Look::Idle,
            Some(since) => Look::Again((since + idle_max).min(now + head_max)),
            None => Look::Again(now + head_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_behind_a_request_under_way_is_not_slow() {
        let (wire, none, long) = (Wire::new(), Duration::ZERO, Duration::from_secs(60));
        wire.head_passed(None);
        assert!(wire.called().is_none());
        wire.head_begun();
        assert!(matches!(wire.look(none, long), Look::Again(_)));
        wire.answered();
        assert_eq!(wire.look(none, long), Look::Slow);
        assert!(matches!(wire.look(long, none), Look::Again(_)));
    }

    #[test]
    fn a_connection_is_at_rest_only_while_nothing_is_under_way() {
        let wire = Rc::new(Wire::new());
        assert!(!wire.is_at_rest());
        wire.awaits_head(true);
        assert!(wire.is_at_rest());
        wire.awaits_head(false);
        wire.head_passed(None);
        assert!(wire.called().is_none());
        let body = Sent(Rc::clone(&wire));
        wire.awaits_head(true);
        assert!(!wire.is_at_rest(), "it is not answered");
        wire.answered();
        assert!(!wire.is_at_rest(), "the answer's body is under way");
        wire.taking.note(None);
        drop(body);
        assert!(!wire.is_at_rest(), "the client has not taken the answer");
        wire.taking.note(Some(1));
        assert!(wire.is_at_rest());
        wire.awaits_head(false);
        assert!(!wire.is_at_rest(), "hyper has something of a request's body");
        wire.awaits_head(true);
        wire.head_passed(None);
        assert!(!wire.is_at_rest(), "a request behind it is still to be called");
    }
}
