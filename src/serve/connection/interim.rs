//! Interim answers (1xx) on their way to the client (RFC 9110 section 15.2), early hints above all.
//!
//! hyper reads those of the application and cannot write any, so they pass beside it: whoever reads one leaves
//! it here, and the gate writes it to the client's socket at a moment at which hyper has written all it had and
//! the answer is still to come. The final answer waits for that. At most [`COUNT_MAX`] for one request pass
//! (THREATS D06), and never a 100, which is between the client and us, or a 101, which is none.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use parking_lot::Mutex;

/// Those of one client's connection. (hyper wants what it calls to be of every thread; all is on one.)
#[derive(Debug, Default)]
pub(in crate::serve) struct Interims {
    /// Counts requests, and their ends: who reads for another one is too late.
    round: AtomicU64,
    /// True while some are to be written.
    is_waiting: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Of this request so far.
    count: usize,
}

impl Interims {
    /// Has the interim answers to this request, which somebody is about to send, passed on.
    pub(in crate::serve) async fn listen<B>(self: &Arc<Self>, request: &mut Request<B>) {
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let round = self.round.fetch_add(1, Ordering::Relaxed) + 1;
        self.queue.lock().count = 0;
        let interims = Arc::clone(self);
        hyper::ext::on_informational(request, move |answer| {
            interims.push(round, answer.status(), answer.headers(), &waker);
        });
    }

    fn push(&self, round: u64, status: StatusCode, headers: &HeaderMap, waker: &Waker) {
        if status == StatusCode::CONTINUE || self.round.load(Ordering::Relaxed) != round {
            return;
        }
        let mut queue = self.queue.lock();
        queue.count += 1;
        if queue.count <= COUNT_MAX && queue.bytes.len() < BYTES_MAX {
            write_head(&mut queue.bytes, status, headers);
            self.is_waiting.store(true, Ordering::Relaxed);
            waker.wake_by_ref();
        }
    }

    /// Waits until all that came is written; none is accepted afterwards.
    pub(in crate::serve) async fn finish(&self) {
        poll_fn(|_| match self.is_waiting.load(Ordering::Relaxed) {
            // The gate wakes us.
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// What is to be written now.
    pub(in crate::serve) fn take(&self) -> Vec<u8> {
        if self.is_waiting.load(Ordering::Relaxed) {
            std::mem::take(&mut self.queue.lock().bytes)
        } else {
            Vec::new()
        }
    }

    /// What was taken is written.
    pub(in crate::serve) fn written(&self) {
        self.is_waiting.store(!self.queue.lock().bytes.is_empty(), Ordering::Relaxed);
    }
}

/// A head as hyper would write it, without what belongs to the application's connection.
fn write_head(into: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    into.extend_from_slice(b"HTTP/1.1 ");
    into.extend_from_slice(status.as_str().as_bytes());
    into.push(b' ');
    into.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    into.extend_from_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| !OF_ONE_HOP.contains(name)) {
        let mut is_first = true;
        for byte in name.as_str().bytes() {
            into.push(if is_first { byte.to_ascii_uppercase() } else { byte });
            is_first = byte == b'-';
        }
        into.extend_from_slice(b": ");
        into.extend_from_slice(value.as_bytes());
        into.extend_from_slice(b"\r\n");
    }
    into.extend_from_slice(b"\r\n");
}

const OF_ONE_HOP: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// Interim answers to one request.
const COUNT_MAX: usize = 8;
/// Of all that wait together, before the last is added.
const BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interim_answer_is_written_for_its_request_only_and_not_more_than_eight_times() {
        let (interims, mut headers) = (Interims::default(), HeaderMap::new());
        headers.insert("link", "</a>; rel=preload".parse().unwrap());
        headers.insert("keep-alive", "timeout=5".parse().unwrap());
        let push = |round, status| {
            let status = StatusCode::from_u16(status).unwrap();
            interims.push(round, status, &headers, Waker::noop());
            let bytes = interims.take();
            interims.written();
            String::from_utf8(bytes).unwrap()
        };
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
        assert_eq!(push(0, 100), "");
        assert_eq!(push(1, 103), "");
        for _ in 0..COUNT_MAX {
            assert_eq!(push(0, 103), hints);
        }
        assert_eq!(push(0, 103), "");
    }
}
