//! The gate for answers over scripted reads: what hyper would see, however the bytes are cut.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::serve::table;

/// A socket that gives its bytes in pieces, then ends; what is written to it is lost.
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

impl AsyncWrite for Reads {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    bytes: String,
    unsound: Option<Unsound>,
    is_last: bool,
}

/// What hyper sees of an answer to that question, cut into pieces of those sizes.
fn read(question: Question, sent: &[u8], sizes: &[usize]) -> Seen {
    let mut pieces = VecDeque::new();
    let (mut rest, mut sizes) = (sent, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).clamp(1, rest.len()));
        let (piece, behind) = rest.split_at(size);
        pieces.push_back(piece.to_vec());
        rest = behind;
    }
    let talk = Rc::new(Talk::default());
    talk.question.set(question);
    let limits = HeadLimits { head_bytes_max: 64 << 10, headers_max: 128 };
    let mut gate = Gate::new(Reads(pieces), Rc::clone(&talk), limits, &Metrics::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(async {
        gate.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut bytes = Vec::new();
        while matches!(gate.read_buf(&mut bytes).await, Ok(count) if count > 0) {}
        bytes
    });
    Seen { bytes: bytes.escape_ascii().to_string(), unsound: talk.unsound.get(), is_last: talk.is_last.get() }
}

fn check(question: Question, sent: &str, shown: &str, unsound: Option<Unsound>) {
    let shown = shown.as_bytes().escape_ascii().to_string();
    for size in 1..=sent.len() {
        let seen = read(question, sent.as_bytes(), &[size]);
        assert_eq!((&seen.bytes, seen.unsound), (&shown, unsound), "{sent:?} in pieces of {size}");
    }
}

#[test]
fn clean_answers_pass_byte_for_byte_however_they_are_cut() {
    for sent in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\n\r\nuntil the end\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ] {
        check(Question::Plain, sent, sent, None);
    }
    let sent = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\0\x01 anything\n";
    check(Question::Upgrade, sent, sent, None);
    let sent = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    check(Question::Head, sent, sent, None);
}

// THREATS D07
#[test]
fn what_was_not_asked_for_is_shown_to_nobody() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    check(Question::Plain, &answer.repeat(2), answer, Some(Unsound::Unasked));
    check(Question::None, answer, "", Some(Unsound::Unasked));
    check(Question::Plain, "HTTP/1.1 101 Switching\r\n\r\nx", "", Some(Unsound::Switch));
    let seen = read(Question::Plain, b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok", &[]);
    assert_eq!((seen.bytes.contains("ok"), seen.is_last, seen.unsound), (false, true, None));
}

// THREATS D06
#[test]
fn the_verdict_on_every_answer_in_the_table_is_the_same_however_it_is_cut() {
    for case in table::read(include_str!("../../../../tests/raw/responses.txt")) {
        let question = if case.about[1] == "HEAD" { Question::Head } else { Question::Plain };
        let whole = read(question, &case.bytes, &[]);
        let is_refused = whole.unsound.is_some_and(|unsound| unsound != Unsound::Unasked);
        let is_to_be_refused = match case.expected[0].as_str() {
            "502" => !case.is_ended || case.about[0] == "9112 2.3" || case.about[0] == "9110 15.2",
            outcome => outcome.ends_with(":cut") && !case.is_ended,
        };
        // (What only ends too early, or lacks an end, hyper notices.)
        if !case.is_ended {
            assert_eq!(is_refused, is_to_be_refused, "{}: {whole:?}", case.id);
        }
        let sizes: &[usize] =
            if case.bytes.len() < 4_000 { &[1, 2, 3, 5, 7, 11, 13, 17, 64] } else { &[997, 8_191] };
        for size in sizes {
            let cut = read(question, &case.bytes, &[*size]);
            assert_eq!((whole.unsound, whole.is_last), (cut.unsound, cut.is_last), "{} by {size}", case.id);
            // How much is shown before a break within a body may differ.
            assert!(is_refused || whole.bytes == cut.bytes, "{} by {size}", case.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_one_verdict_and_nothing_is_changed(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 X\r\n\r\n", "HTTP/1.1 204\r\n", "HTTP/1.0 200 OK\r\n", "\r\n", "\n", "\r",
            "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "X: y\r\n", " z\r\n", "abc", "3\r\nabc\r\n", "0\r\n\r\n", "\0",
        ]), 1..10),
        sizes in prop::collection::vec(1_usize..30, 1..5),
    ) {
        let sent = pieces.concat();
        let whole = read(Question::Plain, sent.as_bytes(), &[]);
        let cut = read(Question::Plain, sent.as_bytes(), &sizes);
        prop_assert_eq!(whole.unsound, cut.unsound);
        for seen in [whole, cut] {
            prop_assert!(sent.as_bytes().escape_ascii().to_string().starts_with(&seen.bytes));
        }
    }
}
