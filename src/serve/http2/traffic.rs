//! What goes on on an HTTP/2 connection: its frames and its streams say, and the clock that HTTP/1 has too looks.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::serve::connection::Wire;

/// Shared by a connection's frames, streams and clock, all on one thread.
#[derive(Debug)]
pub(super) struct Traffic {
    /// What the clock looks at.
    pub(super) wire: Wire,
    /// Streams that are not answered to the end.
    open: Cell<usize>,
    /// Frames that carried nothing since then.
    light: Cell<u32>,
    light_since: Cell<Instant>,
    is_flooded: Cell<bool>,
}

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic {
            wire: Wire::new(),
            open: Cell::new(0),
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
        self.open.set(self.open.get() + 1);
        // (No head is refused before it is read, in HTTP/2.)
        self.wire.called();
        Open(Rc::clone(self))
    }
}

/// An open stream.
#[derive(Debug)]
pub(super) struct Open(Rc<Traffic>);

impl Drop for Open {
    fn drop(&mut self) {
        let traffic = &self.0;
        traffic.open.set(traffic.open.get() - 1);
        if traffic.open.get() == 0 {
            traffic.wire.answered();
        }
    }
}

/// The body of an answer; its stream is open as long as it is there.
#[derive(Debug)]
pub(super) struct Counted<B> {
    pub(super) body: B,
    pub(super) _open: Open,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// No client needs as many in a second: of PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA together.
const LIGHT_FRAMES_MAX: u32 = 1_000;
const LIGHT_TIME: Duration = Duration::from_secs(1);
