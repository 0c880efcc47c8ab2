//! The record of a stream's end: of a WebSocket, or of an event stream. Dropped, it records, so that no way to
//! end is forgotten: by either side, by a break, or because we stop.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Instant;

use super::Story;
use super::intent::Intended;
use crate::exchange::{Capture, CaptureState, Ending, Response, Stream};

/// What is known of an open stream that a rule watches.
#[derive(Debug)]
pub(in crate::proxy) struct Closing {
    /// `None` once it is recorded.
    open: Option<(Box<Story>, Response)>,
    begun: Instant,
    ending: Ending,
    counts: Rc<Counts>,
}

/// Bytes that went by.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Counts {
    /// From the client to the application.
    pub(in crate::proxy) bytes_in: Cell<u64>,
    /// From the application to the client.
    pub(in crate::proxy) bytes_out: Cell<u64>,
}

impl Closing {
    pub(in crate::proxy) fn new(story: Story, response: Response, counts: Rc<Counts>) -> Closing {
        let open = Some((Box::new(story), response));
        Closing { open, begun: Instant::now(), ending: Ending::Complete, counts }
    }

    /// More went to the client.
    pub(in crate::proxy) fn sent(&self, bytes: usize) {
        self.counts.bytes_out.set(self.counts.bytes_out.get() + bytes as u64);
    }

    /// The application's side broke.
    pub(in crate::proxy) fn broke(&mut self) {
        self.ending = Ending::UpstreamGone;
    }
}

impl Story {
    /// What records the end of a stream that has just opened, where a rule watches it.
    pub(super) fn closing(&self, seen: &Response, counts: Rc<Counts>) -> Option<Closing> {
        if !self.plan.watches_streams {
            return None;
        }
        let mut request = self.request.clone();
        // It is kept for as long as the stream lasts.
        request.body = match self.copy.borrow().as_ref() {
            Some(copy) if copy.seen_bytes() <= STREAM_BODY_BYTES_MAX => copy.so_far(),
            Some(_) => Capture { state: CaptureState::Skipped, ..Capture::default() },
            None => Capture::default(),
        };
        let story = Story {
            worker: Rc::clone(&self.worker),
            bond: Rc::clone(&self.bond),
            plan: self.plan.clone(),
            answers: self.answers.clone(),
            turns: Vec::new(),
            client: self.client.clone(),
            request,
            copy: Rc::default(),
            head: self.head.clone(),
            intent: Intended::Not,
            is_derived: false,
            id: self.id.clone(),
            exchange_id: self.exchange_id,
            received_at: self.received_at,
            begun: self.begun,
            answered_after: None,
            place: None,
        };
        Some(Closing::new(story, seen.clone(), counts))
    }

    /// Ends the story of a stream: derives and records in a task of its own.
    fn close(self: Box<Self>, response: Response, ending: Ending) {
        let tasks = Rc::clone(&self.worker.tasks);
        tasks.spawn(self.record(Some(response), ending));
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some((story, mut response)) = self.open.take() {
            response.stream = Some(Stream::Closed {
                bytes_in: self.counts.bytes_in.get(),
                bytes_out: self.counts.bytes_out.get(),
                duration_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            story.close(response, self.ending);
        }
    }
}

/// A larger body is not kept for the record of a stream's end.
const STREAM_BODY_BYTES_MAX: u64 = 16 << 10;
