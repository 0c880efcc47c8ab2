//! How long the application may fall silent in the middle of an answer's body (`upstream_body_ms`): without a limit, one
//! that hangs there keeps the client, a place and a connection for ever (THREATS D03). What stays open on
//! purpose, an event stream or a WebSocket, is not held to it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::proxy::crowd::Place;
use crate::telemetry::Metrics;

/// Measures one answer's silence. An answer that is never waited for has no timer, and one that comes in pieces has one
/// that is set anew only when it fires: between the limit and twice the limit, silence is too long.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Something came since the timer was set.
    has_moved: bool,
}

/// What holds for an answer that comes to an end.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Kept until the end.
    place: Place,
    silence: Silence,
}

/// The application was silent for too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the application fell silent in the middle of its answer")]
pub(super) struct Silent;

impl Silence {
    pub(super) fn up_to(limit_ms: u64) -> Silence {
        Silence { limit: Duration::from_millis(limit_ms), timer: None, has_moved: false }
    }

    /// Takes note of a look for the next frame; true when it was one too many, which is counted. Else its task is woken when the
    /// silence must be looked at again. While the client takes nothing, nobody looks, and nothing counts.
    pub(super) fn is_too_long<T>(
        &mut self,
        frame: &Poll<T>,
        context: &mut Context<'_>,
        metrics: &Metrics,
    ) -> bool {
        if frame.is_ready() {
            self.has_moved = true;
            return false;
        }
        let timer = self.timer.get_or_insert_with(|| {
            self.has_moved = false;
            Box::pin(sleep(self.limit))
        });
        while timer.as_mut().poll(context).is_ready() {
            if !std::mem::take(&mut self.has_moved) {
                metrics.limits_hit.with_label_values(&["upstream_body_ms"]).inc();
                return true;
            }
            timer.as_mut().reset(Instant::now() + self.limit);
        }
        false
    }
}

impl Bounds {
    pub(super) fn of(place: Place, silence_ms: u64) -> Bounds {
        Bounds { place, silence: Silence::up_to(silence_ms) }
    }

    /// Likewise.
    pub(super) fn are_passed<T>(&mut self, frame: &Poll<T>, context: &mut Context<'_>) -> bool {
        self.silence.is_too_long(frame, context, self.place.metrics())
    }
}
