//! Which protocol a client in clear speaks: the first bytes tell. A client that knows beforehand that we speak
//! HTTP/2 begins with a preface (RFC 9113 section 3.4) that is no HTTP/1 request.
//!
//! It costs HTTP/1 nothing but one small copy for each connection: what was read is handed on.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// What a client begins with, as far as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// HTTP/1, or nothing that we know: the gate decides.
    Http1(Vec<u8>),
    /// The whole preface, and what came with it.
    Http2(Vec<u8>),
}

impl First {
    /// Reads until it is clear. A start that could be both is waited for no longer than `head_ms`; then it is
    /// for the gate, which waits as long for the head it may become.
    pub(super) async fn of<S: AsyncRead + Unpin>(socket: &mut S, head_ms: u64) -> io::Result<First> {
        let mut space = [0; START_BYTES];
        let mut read = socket.read(&mut space).await?;
        while could_be_both(&space[..read]) {
            let more = timeout(Duration::from_millis(head_ms), socket.read(&mut space[read..])).await;
            match more.unwrap_or(Ok(0))? {
                0 => break,
                more => read += more,
            }
        }
        let start = space[..read].to_vec();
        Ok(if start.starts_with(PREFACE) { First::Http2(start) } else { First::Http1(start) })
    }
}

fn could_be_both(start: &[u8]) -> bool {
    !start.is_empty() && start.len() < PREFACE.len() && PREFACE.starts_with(start)
}

pub(in crate::serve) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for most heads, so that they take one read as before.
const START_BYTES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn check(pieces: &[&[u8]], expected: First) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(1);
            let sending = async {
                for piece in pieces {
                    theirs.write_all(piece).await.unwrap();
                }
                theirs.shutdown().await.unwrap();
            };
            // Only what is needed is read: the sender may be left waiting.
            tokio::select! {
                biased;
                first = First::of(&mut ours, 60_000) => first.unwrap(),
                () = async { sending.await; std::future::pending().await } => unreachable!(),
            }
        });
        assert_eq!(first, expected, "{pieces:?}");
    }

    #[test]
    fn the_first_byte_that_is_not_the_preface_makes_it_http_1() {
        check(&[b"G", b"ET /"], First::Http1(b"G".to_vec()));
        check(&[b"POST / HTTP/1.1"], First::Http1(b"PO".to_vec()));
        check(&[b"PRI /"], First::Http1(b"PRI /".to_vec()));
        check(
            &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"],
            First::Http1(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX".to_vec()),
        );
        check(&[b"PRI"], First::Http1(b"PRI".to_vec()));
        check(&[], First::Http1(Vec::new()));
        check(&[PREFACE, b"more"], First::Http2(PREFACE.to_vec()));
    }
}
