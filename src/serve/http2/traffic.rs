//! What goes on on an HTTP/2 connection: its frames and its streams say, and the clock that HTTP/1 has too looks.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::stream::Stream;
use crate::config::Limits;

use crate::serve::connection::Wire;

/// Shared by a connection's frames, streams and clock, all on one thread.
#[derive(Debug)]
pub(super) struct Traffic {
    /// What the clock looks at.
    pub(super) wire: Wire,
    /// Streams that are not answered to the end; never more than `streams_max`.
    open: RefCell<Vec<Rc<Stream>>>,
    /// The last of them until the task that works for it begins.
    begun: RefCell<Option<Rc<Stream>>>,
    /// Frames that carried nothing since then.
    light: Cell<u32>,
    light_since: Cell<Instant>,
    is_flooded: Cell<bool>,
}

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic {
            wire: Wire::new(),
            open: RefCell::default(),
            begun: RefCell::default(),
            light: Cell::new(0),
            light_since: Cell::new(Instant::now()),
            is_flooded: Cell::new(false),
        }
    }

    /// A frame came that carries nothing; false when that was one too many. The clock is read once in a
    /// thousand of them.
    pub(super) fn bears_one_more(&self) -> bool {
        self.light.set(self.light.get() + 1);
        if self.light.get() < LIGHT_FRAMES_MAX {
            return true;
        }
        let now = Instant::now();
        self.is_flooded.set(now < self.light_since.get() + LIGHT_TIME);
        self.light.set(0);
        self.light_since.set(now);
        !self.is_flooded.get()
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.is_flooded.get()
    }

    /// A stream begins; it is open until what comes back is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let stream = Rc::new(Stream::default());
        self.open.borrow_mut().push(Rc::clone(&stream));
        *self.begun.borrow_mut() = Some(Rc::clone(&stream));
        // (No head is refused before it is read, in HTTP/2.)
        self.wire.called();
        Open { traffic: Rc::clone(self), stream }
    }

    /// The stream that has just begun, once.
    pub(super) fn take_begun(&self) -> Option<Rc<Stream>> {
        self.begun.take()
    }

    /// Ends streams that stand still, now and then, for ever; tells of each.
    pub(super) async fn end_stalled(&self, limits: &Limits, tell: impl Fn()) -> Infallible {
        let pause = Duration::from_millis(limits.client_stall_ms) / LOOKS;
        loop {
            sleep(pause).await;
            let now = Instant::now();
            // (Whoever is ended is dropped by its own task, not from in here.)
            for stream in self.open.borrow().iter().filter(|stream| stream.has_stalled(now, limits)) {
                stream.end();
                tell();
            }
        }
    }
}

/// An open stream.
#[derive(Debug)]
pub(super) struct Open {
    traffic: Rc<Traffic>,
    pub(super) stream: Rc<Stream>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.traffic.open.borrow_mut();
        if let Some(at) = open.iter().position(|stream| Rc::ptr_eq(stream, &self.stream)) {
            open.swap_remove(at);
        }
        if open.is_empty() {
            self.traffic.wire.answered();
        }
    }
}

/// No client needs as many in a second: of PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA together.
const LIGHT_FRAMES_MAX: u32 = 1_000;
const LIGHT_TIME: Duration = Duration::from_secs(1);
/// So often within its time a stream is looked at.
const LOOKS: u32 = 4;
