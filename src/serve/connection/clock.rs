//! A connection's clock: gives up on clients that are idle, slow with a head, or stalled. One timer for a
//! connection, set anew only when it fires.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::pace::{Pace, Patience};
use super::wire::{Look, Wire};
use crate::config::Limits;

/// What the clock remembers.
#[derive(Debug)]
pub(in crate::serve) struct Clock {
    head: Duration,
    idle: Duration,
    patience: Patience,
    sending: Pace,
    taking: Pace,
    /// Told to finish: idleness and heads no longer matter.
    is_leaving: bool,
}

/// Why the clock gives a client up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Strike {
    /// No request for too long.
    Idle,
    /// A head that takes too long.
    Slow,
    /// A body that trickles in, or an answer that is not taken.
    Stalled,
}

impl Clock {
    pub(in crate::serve) fn new(limits: &Limits) -> Clock {
        let window = Duration::from_millis(limits.client_stall_ms);
        Clock {
            head: Duration::from_millis(limits.head_ms),
            idle: Duration::from_millis(limits.idle_ms),
            patience: Patience { window, bytes_min: limits.client_stall_bytes_min },
            sending: Pace::default(),
            taking: Pace::default(),
            is_leaving: false,
        }
    }

    /// From now on only a stalled client is given up: what is in flight may finish.
    pub(in crate::serve) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Waits until the client is to be given up. Dropped, it remembers what it saw.
    pub(in crate::serve) async fn strike(&mut self, wire: &Wire) -> Strike {
        loop {
            let now = Instant::now();
            if self.sending.has_stalled(&wire.sending, now, self.patience)
                || self.taking.has_stalled(&wire.taking, now, self.patience)
            {
                return Strike::Stalled;
            }
            let mut next = now + self.patience.window / LOOKS;
            if !self.is_leaving {
                match wire.look(self.head, self.idle) {
                    Look::Again(then) => next = next.min(then),
                    Look::Idle => return Strike::Idle,
                    Look::Slow => return Strike::Slow,
                }
            }
            sleep_until(next).await;
        }
    }
}

impl Strike {
    /// The limit that was reached.
    pub(in crate::serve) fn limit(self) -> &'static str {
        match self {
            Strike::Idle => "idle_ms",
            Strike::Slow => "head_ms",
            Strike::Stalled => "client_stall_ms",
        }
    }
}

/// So often within its window the pace is looked at.
const LOOKS: u32 = 4;
