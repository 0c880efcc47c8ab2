//! Content codings (RFC 9110 section 8.4.1) undone on the copy, in order, under three limits each: output,
//! ratio, and the codec's window (THREATS D04). Reaching one means the body is cut, never an error.
//!
//! A label that lies is common and harmless to applications that ignore it, so bytes that do not decode
//! are tried as they are, with doubt (THREATS E22).

use std::borrow::Cow;
use std::io::Read;

use http::HeaderMap;

use super::Doubtful;
use crate::event::{Note, NoteCode};

/// A body without its codings.
#[derive(Debug, Default)]
pub(super) struct Unpacked<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// True when a limit was reached: `bytes` is not the whole.
    pub(super) is_cut: bool,
    pub(super) doubts: Vec<Doubtful>,
    pub(super) notes: Vec<Note>,
}

/// Undoes what `content-encoding` says.
pub(super) fn undo<'a>(bytes: &'a [u8], headers: &HeaderMap, bytes_max: usize) -> Unpacked<'a> {
    let codings = declared(headers);
    if codings.len() > CODINGS_MAX {
        return as_it_is(bytes, "more than three content codings");
    }
    let mut current = Cow::Borrowed(bytes);
    // The last coding was applied last, so it comes off first.
    for coding in codings.iter().rev() {
        let Some(codec) = Codec::named(coding) else {
            return as_it_is(bytes, &format!("content coding {coding:.40}"));
        };
        match codec.decode(&current, bytes_max) {
            Step::Done(decoded) => current = Cow::Owned(decoded),
            Step::Cut => {
                return Unpacked { is_cut: true, ..Unpacked::default() };
            }
            Step::Wrong => return as_it_is(bytes, &format!("not {coding:.40}, though it says so")),
        }
    }
    Unpacked { bytes: current, ..Unpacked::default() }
}

fn declared(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(http::header::CONTENT_ENCODING);
    let text = lines.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let names: Vec<String> = text
        .flat_map(|line| line.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty() && name != "identity")
        .take(CODINGS_MAX + 1)
        .collect();
    names
}

fn as_it_is<'a>(bytes: &'a [u8], why: &str) -> Unpacked<'a> {
    Unpacked {
        bytes: Cow::Borrowed(bytes),
        is_cut: false,
        doubts: vec![Doubtful::at(Vec::new(), NoteCode::CodingUnknown, why)],
        notes: vec![Note::with(NoteCode::CodingUnknown, why)],
    }
}

#[derive(Clone, Copy, Debug)]
enum Codec {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// What one codec made of its input.
#[derive(Debug)]
enum Step {
    Done(Vec<u8>),
    Cut,
    Wrong,
}

impl Codec {
    fn named(name: &str) -> Option<Codec> {
        match name {
            "gzip" | "x-gzip" => Some(Codec::Gzip),
            "deflate" => Some(Codec::Deflate),
            "br" => Some(Codec::Brotli),
            "zstd" => Some(Codec::Zstd),
            _ => None,
        }
    }

    fn decode(self, bytes: &[u8], bytes_max: usize) -> Step {
        let bytes_max = bytes_max.min(bytes.len().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES));
        match self {
            Codec::Gzip => pull(flate2::read::MultiGzDecoder::new(bytes), bytes_max),
            // RFC 9110 section 8.4.1.2 means zlib; some senders have always sent raw deflate.
            Codec::Deflate => match pull(flate2::read::ZlibDecoder::new(bytes), bytes_max) {
                Step::Wrong => pull(flate2::read::DeflateDecoder::new(bytes), bytes_max),
                other @ (Step::Done(_) | Step::Cut) => other,
            },
            Codec::Brotli => brotli_decode(bytes, bytes_max),
            Codec::Zstd => zstd_decode(bytes, bytes_max),
        }
    }
}

/// The decoder gives nothing away before its window is full, and the stream says how large that is: left to it, two
/// hundred bytes have it write 16 MiB before anybody can count. So the window is made as small as the output may be.
fn brotli_decode(bytes: &[u8], bytes_max: usize) -> Step {
    let Some((&first, rest)) = bytes.split_first() else { return Step::Done(Vec::new()) };
    // No window of RFC 7932, but of an extension that goes up to a gigabyte; the decoder would take it.
    if first & 0x7F == BROTLI_LARGE_WINDOW {
        return Step::Wrong;
    }
    let first = [narrowed(first, bytes_max)];
    pull(brotli_decompressor::Decompressor::new(first.chain(rest), CHUNK_BYTES), bytes_max)
}

/// A stream's first byte with the least window that so much output fits into, where the stream asks for more. RFC 7932
/// section 9.1: windows of 2^18 to 2^24 bytes, less 16, are written in its last four bits. What reaches back
/// further than the window means something else, but no output that is kept is longer.
fn narrowed(first: u8, bytes_max: usize) -> u8 {
    let asked = first & 0x0F;
    if asked & 1 == 0 || asked == 1 {
        return first;
    }
    let fits = |bits: &u8| bytes_max <= (1 << (bits + 17)) - 16;
    let least = (1..7).find(fits).unwrap_or(7) << 1 | 1;
    first & 0xF0 | asked.min(least)
}

fn zstd_decode(bytes: &[u8], bytes_max: usize) -> Step {
    if !bytes.starts_with(&ZSTD_MAGIC) {
        return Step::Wrong;
    }
    let Ok(mut decoder) = zstd::stream::read::Decoder::with_buffer(bytes) else { return Step::Wrong };
    if decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).is_err() {
        return Step::Wrong;
    }
    match pull(decoder, bytes_max) {
        // Behind a right magic number, an error is mostly the window limit: too large rather than false.
        Step::Wrong => Step::Cut,
        other @ (Step::Done(_) | Step::Cut) => other,
    }
}

fn pull(mut reader: impl Read, bytes_max: usize) -> Step {
    let mut decoded = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Step::Done(decoded),
            Ok(count) if decoded.len() + count > bytes_max => return Step::Cut,
            Ok(count) => decoded.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) if decoded.is_empty() => return Step::Wrong,
            // Something came out: the label is true, the body breaks off.
            Err(_) => return Step::Cut,
        }
    }
}

/// Codings on top of each other; more is an attack on the decoder.
const CODINGS_MAX: usize = 3;
/// Output to input of one codec. JSON lists reach 1:50; gzip bombs 1:1,000, brotli and zstd far more.
const RATIO_MAX: usize = 400;
/// Output below this is never held against the ratio.
const RATIO_FREE_BYTES: usize = 256 << 10;
/// The seven bits that RFC 7932 section 9.1 leaves without a meaning.
const BROTLI_LARGE_WINDOW: u8 = 0x11;
/// 8 MiB, the window that RFC 9659 asks every reader of `zstd` to stop at.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const CHUNK_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// `[1,` 200,000 spaces `1]`, in two pieces, from an encoder that asks for the largest window of RFC 7932.
    const SPACES: &[u8] = &[
        0x8F, 0xF3, 0x01, 0xF8, 0xA5, 0x41, 0x58, 0x62, 0xB6, 0x44, 0x69, 0x81, 0x80, 0xE7, 0x13, 0x03, 0xC5,
        0x95, 0x30, 0xF8, 0xA5, 0x62, 0xBA, 0x4A, 0x92, 0xC3, 0x02, 0x80, 0x15, 0x01, 0x03, 0x04,
    ];

    // THREATS D04
    #[test]
    fn a_window_is_no_larger_than_the_output_may_be() {
        let check = |bits_asked: u8, bytes_max: usize, expected: u8| {
            let first = 0xA0 | (bits_asked - 17) << 1 | 1;
            let narrow = narrowed(first, bytes_max);
            assert_eq!(
                (narrow & 0xF0, narrow & 1, (narrow >> 1 & 7) + 17),
                (0xA0, 1, expected),
                "{bits_asked}"
            );
        };
        check(24, 0, 18);
        check(24, (1 << 18) - 16, 18);
        check(24, (1 << 18) - 15, 19);
        check(20, 8 << 20, 20);
        check(24, 8 << 20, 24);
        check(24, usize::MAX, 24);
        check(18, usize::MAX, 18);
        for shorter in [0x0A, 0x11, 0xA1, 0xB1] {
            assert_eq!(narrowed(shorter, 0), shorter, "{shorter:#x}: a window of another form");
        }
    }

    #[test]
    fn a_stream_with_a_large_window_is_read_as_before() {
        let Step::Done(decoded) = Codec::Brotli.decode(SPACES, 8 << 20) else { panic!("it is whole") };
        assert_eq!((decoded.len(), &decoded[..4], &decoded[200_003..]), (200_005, &b"[1, "[..], &b"1]"[..]));
        assert!(matches!(Codec::Brotli.decode(SPACES, 200_000), Step::Cut));
        assert!(matches!(Codec::Brotli.decode(&[], 10), Step::Done(nothing) if nothing.is_empty()));
    }

    // THREATS D04
    #[test]
    fn windows_of_a_gigabyte_are_no_brotli() {
        let gigabyte = [&[BROTLI_LARGE_WINDOW, 30][..], SPACES].concat();
        assert!(matches!(Codec::Brotli.decode(&gigabyte, 8 << 20), Step::Wrong));
    }
}
