//! Properties of the gate: its verdict does not hang on how the bytes were cut into reads, and where it lets a
//! message end, hyper and a plain reader of RFC 9112 end it too.

use std::cell::RefCell;
use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::spelling::Found;
use super::tests::{Seen, read_with};
use super::*;
use crate::serve::table;

fn read(sent: &[u8], cuts: &[usize]) -> Seen {
    let mut pieces = Vec::new();
    let (mut rest, mut sizes) = (sent, cuts.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).clamp(1, rest.len()));
        let (piece, behind) = rest.split_at(size);
        pieces.push(piece.to_vec());
        rest = behind;
    }
    read_with(pieces, 64 << 10, 100)
}

// THREATS E30
#[test]
fn the_verdict_on_every_request_in_the_table_is_the_same_however_it_is_cut() {
    for case in table::read(include_str!("../../../tests/raw/requests.txt")) {
        let whole = read(&case.bytes, &[]);
        // Single bytes where that is quick; primes, so that cuts wander through the long ones.
        let sizes: &[usize] =
            if case.bytes.len() < 4_000 { &[1, 2, 3, 5, 7, 11, 13, 17, 64] } else { &[997, 8_191] };
        for size in sizes {
            let cut = read(&case.bytes, &[*size]);
            let verdicts = [&whole, &cut].map(|seen| (seen.refused_call, seen.broke));
            assert_eq!(verdicts[0], verdicts[1], "{} in pieces of {size}", case.id);
            // How much of a broken body is shown before its break may differ.
            assert!(whole.broke || whole.bytes == cut.bytes, "{} in pieces of {size}", case.id);
        }
    }
}

/// A request as somebody reads it: target, and the body unless it broke off.
type Read = (String, Option<Vec<u8>>);

/// What hyper makes of those bytes.
fn by_hyper(bytes: &[u8]) -> Vec<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seen = RefCell::new(Vec::new());
    let service = service_fn(async |request: Request<Incoming>| {
        let target = request.uri().to_string();
        let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
        seen.borrow_mut().push((target, body));
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        // An error is the end of a message that was cut.
        let _ = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    seen.into_inner()
}

/// What a plain reader makes of them, who trusts that they are clean.
fn by_the_letter(mut bytes: &[u8]) -> Vec<Read> {
    let mut seen = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let target = String::from_utf8_lossy(&bytes[..end]).split(' ').nth(1).unwrap_or_default().to_owned();
        bytes = &bytes[end + 4..];
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let body = if value("transfer-encoding:").is_some() {
            chunked(&mut bytes)
        } else {
            let length = value("content-length:").map_or(0, |length| length.parse().unwrap());
            taken(&mut bytes, length).map(<[u8]>::to_vec)
        };
        let is_last = body.is_none() || value("connection:") == Some("close");
        seen.push((target, body));
        if is_last {
            break;
        }
    }
    seen
}

fn chunked(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(bytes)?;
        let size = usize::from_str_radix(size.split(';').next()?, 16).ok()?;
        if size == 0 {
            while !line(bytes)?.is_empty() {}
            return Some(body);
        }
        body.extend_from_slice(taken(bytes, size)?);
        line(bytes)?;
    }
}

fn line(bytes: &mut &[u8]) -> Option<String> {
    let end = bytes.windows(2).position(|window| window == b"\r\n")?;
    let text = String::from_utf8_lossy(taken(bytes, end)?).into_owned();
    taken(bytes, 2)?;
    Some(text)
}

fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Pieces of requests, good and bad, out of which streams are made.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "GET /a HTTP/1.1\r\nHost: x\r\n",
        "POST /b HTTP/1.1\r\nHost: x\r\n",
        "PUT /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /e HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "Content-Length: 3\r\n",
        "Content-Length: 12\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X: y\r\n",
        "X-Long: yyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        " folded\r\n",
        "5\r\nhello\r\n",
        "A;x=y\r\n0123456789\r\n",
        "0\r\n\r\n",
        "0\r\nX-Trailer: y\r\n\r\n",
        "0\r\n",
        "5\nhello\r\n",
        "abc",
        "\0",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    // THREATS E30
    #[test]
    fn hyper_and_a_plain_reader_find_the_same_requests_in_what_passes(
        pieces in prop::collection::vec(piece(), 1..12),
        cuts in prop::collection::vec(1_usize..40, 1..6),
    ) {
        let sent = pieces.concat().into_bytes();
        let whole = read(&sent, &[]);
        let cut = read(&sent, &cuts);
        prop_assert_eq!((whole.refused_call, whole.broke), (cut.refused_call, cut.broke));
        prop_assert!(whole.broke || whole.bytes == cut.bytes);
        let passed = whole.bytes.strip_suffix(STAND_IN).unwrap_or(&whole.bytes);
        let passed = passed.strip_prefix(b"\r\n").unwrap_or(passed);
        prop_assert_eq!(by_hyper(passed), by_the_letter(passed), "{}", passed.escape_ascii());
    }

    // THREATS E06
    #[test]
    fn a_target_that_passes_is_one_that_hyper_takes(
        target in prop::collection::vec(prop::sample::select(&b"/a?b<>`\"{}|\\^[]@:%#*;=&~\xc3\xa4\xff"[..]), 1..8),
    ) {
        let target = [b"/", &target[..]].concat();
        let head = [b"GET ", &target[..], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        let is_taken = !target.contains(&b'#') && http::Uri::try_from(&target[..]).is_ok();
        prop_assert_eq!(head::examine(&head, 16, &mut Found::default()).is_ok(), is_taken, "{}", target.escape_ascii());
    }
}
