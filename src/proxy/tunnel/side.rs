//! One end of a tunnel: a socket, and what had been read of it before the tunnel began.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose first bytes are already here.
#[derive(Debug)]
pub(super) struct Side<'c, S> {
    socket: S,
    early: Vec<u8>,
    /// How much was written to it.
    taken: &'c Cell<u64>,
}

impl<'c, S> Side<'c, S> {
    pub(super) fn new(socket: S, early: Vec<u8>, taken: &'c Cell<u64>) -> Side<'c, S> {
        Side { socket, early, taken }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Side<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.socket).poll_read(context, into);
        }
        let taken = self.early.len().min(into.remaining());
        let rest = self.early.split_off(taken);
        into.put_slice(&std::mem::replace(&mut self.early, rest));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Side<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &attempt {
            self.taken.set(self.taken.get() + *written as u64);
        }
        attempt
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
