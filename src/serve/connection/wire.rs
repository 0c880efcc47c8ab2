//! What a connection's gate and its service tell each other. Both live on one thread, so cells are enough.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::interim::Interims;
use super::pace::Flow;
use crate::serve::Refusal;

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
    /// Since when a head is incomplete.
    head_since: Cell<Option<Instant>>,
    /// True when the clock has given up on that head.
    is_given_up: Cell<bool>,
    /// Since when no request is under way; `None` while one is.
    idle_since: Cell<Option<Instant>>,
    /// Bodies of requests: what the client sends.
    pub(in crate::serve) sending: Flow,
    /// What the client takes.
    pub(in crate::serve) taking: Flow,
    /// True after an answer 101.
    is_switched: Cell<bool>,
    /// The gate, where it waits for the answer under way.
    waiting: RefCell<Option<Waker>>,
    /// Interim answers for the client.
    pub(in crate::serve) interims: Arc<Interims>,
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
            head_since: Cell::new(None),
            is_given_up: Cell::new(false),
            idle_since: Cell::new(Some(Instant::now())),
            sending: Flow::default(),
            taking: Flow::default(),
            is_switched: Cell::new(false),
            waiting: RefCell::new(None),
            interims: Arc::default(),
        }
    }

    /// A clean head goes to hyper.
    pub(in crate::serve) fn head_passed(&self) {
        self.heads.set(self.heads.get() + 1);
        self.head_since.set(None);
    }

    /// A head is refused; hyper gets a harmless one in its place.
    pub(in crate::serve) fn head_refused(&self, refusal: Refusal) {
        self.head_passed();
        self.refused.set(Some((self.heads.get(), refusal)));
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
        self.refused.get().filter(|(head, _)| *head == call).map(|(_, refusal)| refusal)
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
        wire.head_passed();
        assert!(wire.called().is_none());
        wire.head_begun();
        assert!(matches!(wire.look(none, long), Look::Again(_)));
        wire.answered();
        assert_eq!(wire.look(none, long), Look::Slow);
        assert!(matches!(wire.look(long, none), Look::Again(_)));
    }
}
