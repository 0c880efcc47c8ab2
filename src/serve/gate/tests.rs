//! The gate over scripted reads: what hyper would see, however the bytes are cut.

use std::collections::VecDeque;

use tokio::io::AsyncReadExt;

use super::*;

/// A socket that gives its bytes in pieces, then ends.
struct Reads(VecDeque<Vec<u8>>);

impl AsyncRead for Reads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(into.remaining()));
            into.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

pub(super) struct Seen {
    pub(super) bytes: Vec<u8>,
    pub(super) refused_call: Option<(u64, Refusal)>,
    pub(super) broke: bool,
}

fn read(pieces: Vec<Vec<u8>>) -> Seen {
    read_with(pieces, 512, 16)
}

pub(super) fn read_with(pieces: Vec<Vec<u8>>, head_bytes_max: usize, headers_max: usize) -> Seen {
    let wire = Rc::new(Wire::new());
    let mut gate = Gate::new(Reads(pieces.into()), Rc::clone(&wire), head_bytes_max, headers_max);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut bytes = Vec::new();
    let mut broke = false;
    runtime.block_on(poll_fn(|context| {
        loop {
            let mut future = std::pin::pin!(gate.read_buf(&mut bytes));
            match future.as_mut().poll(context) {
                Poll::Ready(Ok(0)) | Poll::Pending => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => {
                    broke = true;
                    return Poll::Ready(());
                }
            }
        }
    }));
    let refused_call = (1..=8).find_map(|call| wire.called().map(|refusal| (call, refusal)));
    Seen { bytes, refused_call, broke }
}

fn check(sent: &[u8], expected: &[u8], refused_call: Option<(u64, Refusal)>) {
    let cuts = (1..=sent.len()).map(|size| sent.chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>());
    for pieces in cuts {
        let size = pieces[0].len();
        let seen = read(pieces);
        assert_eq!(seen.bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "by {size}");
        assert_eq!(seen.refused_call, refused_call, "in pieces of {size}");
        assert!(!seen.broke);
    }
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n#\r\n\r\n\0";
const CHUNKED: &str =
    "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n#\r\n\0\r\n0\r\n\r\n";

#[test]
fn clean_requests_pass_byte_for_byte_however_they_are_cut() {
    let sent = [GET, POST, GET, CHUNKED, POST, GET].concat();
    check(sent.as_bytes(), sent.as_bytes(), None);
}

#[test]
fn a_refused_head_is_replaced_and_nothing_after_it_is_shown() {
    let sent = [POST, CHUNKED, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat();
    let expected = [POST.as_bytes(), CHUNKED.as_bytes(), STAND_IN].concat();
    check(sent.as_bytes(), &expected, Some((3, Refusal::HashInTarget)));
}

#[test]
fn a_head_over_the_limit_is_refused_before_its_end() {
    let sent = format!("{GET}GET /{} HTTP/1.1\r\n", "x".repeat(600));
    let expected = [GET.as_bytes(), STAND_IN].concat();
    check(sent.as_bytes(), &expected, Some((2, Refusal::HeadTooLarge)));
}

// THREATS E32
#[test]
fn what_comes_behind_an_upgrade_is_not_shown_before_its_answer() {
    let ask = "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n";
    for next in ["", GET, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "\0\r\n\r\n"] {
        check([GET, ask, next].concat().as_bytes(), [GET, ask].concat().as_bytes(), None);
    }
}

#[test]
fn a_malformed_chunk_breaks_the_connection() {
    let sent = b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\nbody\r\n0\r\n\r\n";
    for size in 1..=sent.len() {
        assert!(read(sent.chunks(size).map(<[u8]>::to_vec).collect()).broke, "in pieces of {size}");
    }
}
