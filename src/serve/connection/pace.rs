//! How fast a client is, where only the client is waited for: bodies that trickle in, answers that nobody
//! takes (THREATS D03).
//!
//! The socket's side counts bytes and leaves a flag; a clock looks at both now and then. So a request costs
//! no timer and no look at the time. Waiting for the application, or for nothing, never counts.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// One direction of a connection, as its socket's side sees it.
#[derive(Debug, Default)]
pub(in crate::serve) struct Flow {
    moved_bytes: Cell<u64>,
    awaits_client: Cell<bool>,
}

/// What the clock remembers of a direction between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::serve) struct Pace {
    since: Option<Instant>,
    moved_bytes: u64,
}

/// The least that a client must do.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Patience {
    /// In this time,
    pub(in crate::serve) window: Duration,
    /// that many bytes.
    pub(in crate::serve) bytes_min: u64,
}

impl Flow {
    /// Whether the last attempt had to wait.
    pub(in crate::serve) fn awaits_client(&self) -> bool {
        self.awaits_client.get()
    }

    /// Takes note of an attempt that moved so many bytes, or (`None`) has to wait.
    pub(in crate::serve) fn note(&self, moved_bytes: Option<usize>) {
        self.awaits_client.set(moved_bytes.is_none());
        if let Some(bytes) = moved_bytes {
            self.moved_bytes.set(self.moved_bytes.get() + bytes as u64);
        }
    }
}

impl Pace {
    /// Whether the client has been waited for longer than patience allows.
    pub(in crate::serve) fn has_stalled(&mut self, flow: &Flow, now: Instant, patience: Patience) -> bool {
        let moved = flow.moved_bytes.get();
        if !flow.awaits_client.get() {
            self.since = None;
            return false;
        }
        match self.since {
            Some(since) if moved - self.moved_bytes < patience.bytes_min => now >= since + patience.window,
            Some(_) | None => {
                *self = Pace { since: Some(now), moved_bytes: moved };
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks after each second of the given attempts; the second in which the client is given up, if it is.
    fn given_up_in(seconds: &[&[Option<usize>]]) -> Option<usize> {
        let patience = Patience { window: Duration::from_secs(3), bytes_min: 300 };
        let (flow, mut pace, start) = (Flow::default(), Pace::default(), Instant::now());
        seconds.iter().enumerate().position(|(second, attempts)| {
            attempts.iter().for_each(|attempt| flow.note(*attempt));
            pace.has_stalled(&flow, start + Duration::from_secs(second as u64), patience)
        })
    }

    #[test]
    fn only_a_client_that_is_waited_for_and_does_too_little_is_given_up() {
        const WAIT: Option<usize> = None;
        const fn moved(bytes: usize) -> Option<usize> {
            Some(bytes)
        }
        assert_eq!(given_up_in(&[&[WAIT], &[], &[], &[], &[]]), Some(3));
        assert_eq!(given_up_in(&[&[moved(9)], &[], &[], &[], &[]]), None);
        let trickle: &[Option<usize>] = &[moved(10), WAIT];
        assert_eq!(given_up_in(&[trickle; 6]), Some(3));
        let steady: &[Option<usize>] = &[moved(101), WAIT];
        assert_eq!(given_up_in(&[steady; 9]), None);
        assert_eq!(given_up_in(&[&[WAIT], &[], &[moved(1)], &[WAIT], &[], &[]]), None);
    }
}
