//! What the fuzz targets in `fuzz/` call: the parts of this room that read a client's bytes, and what must hold
//! for all bytes. For nobody else.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::connection::Wire;
use super::gate::Gate;
use super::welcome;

/// The gate before requests: it does not panic, and its verdict does not hang on how the bytes were cut.
///
/// # Panics
/// When it does.
pub fn requests(bytes: &[u8]) {
    let whole = through_the_gate(bytes);
    assert_eq!(whole, through_the_gate(Pieces(bytes)));
}

/// A PROXY header.
pub fn proxy_header(bytes: &[u8]) {
    // Refused is as good as read.
    let _ = welcome::parse(bytes);
}

/// Bytes that come by sevens, so that pieces end in every place of a line.
pub(crate) struct Pieces<'a>(pub(crate) &'a [u8]);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (piece, rest) = self.0.split_at(self.0.len().min(into.remaining()).min(7));
        into.put_slice(piece);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

/// Whether a head was refused, and whether a body broke.
fn through_the_gate(socket: impl AsyncRead + Unpin) -> (bool, bool) {
    let wire = Rc::new(Wire::new());
    let mut gate = Gate::new(socket, Rc::clone(&wire), HEAD_BYTES_MAX, HEADERS_MAX);
    let mut shown = Vec::new();
    // A gate that has refused is never ready again.
    let mut context = Context::from_waker(Waker::noop());
    let reading = std::pin::pin!(gate.read_to_end(&mut shown));
    let broke = matches!(reading.poll(&mut context), Poll::Ready(Err(_)));
    (wire.is_refused(), broke)
}

const HEAD_BYTES_MAX: usize = 4 << 10;
const HEADERS_MAX: usize = 32;
