//! The gate's way out: what hyper writes, with interim answers between answers and the names of headers as they came.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::Gate;

impl<S: AsyncWrite + Unpin> Gate<S> {
    /// Writes the rest of interim answers, if one is on its way: hyper must not write in its middle.
    fn write_interims(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interims.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.interims.is_empty() {
            let attempt = Pin::new(&mut self.socket).poll_write(context, &self.interims);
            self.wire.taking.note(written(&attempt));
            match ready!(attempt)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => drop(self.interims.drain(..count)),
            }
        }
        self.wire.beside.written();
        // The final answer waits for this, in the same task.
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    /// hyper flushes when it has written all it had: then interim answers may be written, unless the answer
    /// itself has begun.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.beside.heed(context);
        if self.interims.is_empty() && self.wire.is_under_way() {
            self.interims = self.wire.beside.take();
        }
        ready!(self.write_interims(context))?;
        let attempt = Pin::new(&mut self.socket).poll_flush(context);
        if attempt.is_ready() {
            self.wire.beside.flushed(context);
        }
        self.wire.taking.note(attempt.is_ready().then_some(0));
        attempt
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_interims(context))?;
        let gate = &mut *self;
        if let Some(spelling) = gate.wire.beside.spelling() {
            gate.respelling.expect(Some(spelling));
        }
        let attempt = gate.respelling.poll_write(&mut gate.socket, context, slices);
        self.wire.taking.note(written(&attempt));
        attempt
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// How much an attempt to write moved; `None` when it has to wait.
pub(in crate::serve) fn written(attempt: &Poll<io::Result<usize>>) -> Option<usize> {
    match attempt {
        Poll::Ready(result) => Some(result.as_ref().map_or(0, |bytes| *bytes)),
        Poll::Pending => None,
    }
}
