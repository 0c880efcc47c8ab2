//! Bytes to text: byte order mark, then the declared charset, then UTF-8 (THREATS E21).
//!
//! Never lossy without a word: bytes that do not fit, a charset that is not known or that the bytes
//! contradict, come back with the reason for doubt.

use std::borrow::Cow;

/// Text, and why it may not be what the application read.
#[derive(Debug)]
pub(super) struct Text<'b> {
    pub(super) text: Cow<'b, str>,
    pub(super) doubt: Option<String>,
}

/// The text of a body.
pub(super) fn text<'b>(bytes: &'b [u8], declared: Option<&str>) -> Text<'b> {
    let declared = declared.map(Charset::named);
    let (marked, rest) = byte_order_mark(bytes);
    let charset = match (marked, declared) {
        (Some(marked), Some(declared)) if !declared.agrees_with(marked) => {
            return with_doubt(rest, marked, "the byte order mark contradicts the charset");
        }
        (Some(marked), _) => marked,
        (None, Some(Charset::Unknown)) => {
            return with_doubt(rest, Charset::Utf8, "the charset is not known");
        }
        (None, Some(Charset::Utf16Be | Charset::Utf16Le | Charset::Utf32Be | Charset::Utf32Le))
            if !rest.contains(&0) =>
        {
            return with_doubt(rest, Charset::Utf8, "declared UTF-16 or UTF-32, but it is not");
        }
        (None, Some(Charset::Utf8) | None) => guess(rest).unwrap_or(Charset::Utf8),
        // What leaves the byte order open has one all the same.
        (None, Some(declared)) => {
            guess(rest).filter(|guessed| declared.agrees_with(*guessed)).unwrap_or(declared)
        }
    };
    decode(rest, charset)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Utf8,
    Utf16Be,
    Utf16Le,
    Utf32Be,
    Utf32Le,
    Latin1,
    Unknown,
}

impl Charset {
    fn named(name: &str) -> Charset {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Charset::Utf8,
            "utf-16" | "utf-16be" => Charset::Utf16Be,
            "utf-16le" => Charset::Utf16Le,
            "utf-32" | "utf-32be" => Charset::Utf32Be,
            "utf-32le" => Charset::Utf32Le,
            "iso-8859-1" | "latin1" | "iso8859-1" | "windows-1252" | "cp1252" => Charset::Latin1,
            _ => Charset::Unknown,
        }
    }

    /// A mark settles the byte order that `utf-16` and `utf-32` leave open (RFC 2781 section 4.3).
    fn agrees_with(self, marked: Charset) -> bool {
        self == marked
            || (self == Charset::Utf16Be && marked == Charset::Utf16Le)
            || (self == Charset::Utf32Be && marked == Charset::Utf32Le)
    }
}

/// Whether it says of itself that it is text.
pub(super) fn is_marked(bytes: &[u8]) -> bool {
    byte_order_mark(bytes).0.is_some()
}

fn byte_order_mark(bytes: &[u8]) -> (Option<Charset>, &[u8]) {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Some(Charset::Utf8), rest),
        [0x00, 0x00, 0xFE, 0xFF, rest @ ..] => (Some(Charset::Utf32Be), rest),
        // UTF-16 with a NUL as its first character would start so too; no format read here does.
        [0xFF, 0xFE, 0x00, 0x00, rest @ ..] => (Some(Charset::Utf32Le), rest),
        [0xFE, 0xFF, rest @ ..] => (Some(Charset::Utf16Be), rest),
        [0xFF, 0xFE, rest @ ..] => (Some(Charset::Utf16Le), rest),
        _ => (None, bytes),
    }
}

/// Every format read here starts with an ASCII character, so the zeros beside it tell UTF-16 and UTF-32 (RFC
/// 4627 section 3).
fn guess(bytes: &[u8]) -> Option<Charset> {
    match bytes {
        [0, 0, 0, fourth, ..] if *fourth != 0 => Some(Charset::Utf32Be),
        [first, 0, 0, 0, ..] if *first != 0 => Some(Charset::Utf32Le),
        [0, second, ..] if *second != 0 => Some(Charset::Utf16Be),
        [first, 0, ..] if *first != 0 => Some(Charset::Utf16Le),
        _ => None,
    }
}

fn decode(bytes: &[u8], charset: Charset) -> Text<'_> {
    match charset {
        Charset::Utf8 | Charset::Unknown => match std::str::from_utf8(bytes) {
            Ok(text) => Text { text: Cow::Borrowed(text), doubt: None },
            Err(_) => {
                Text { text: String::from_utf8_lossy(bytes), doubt: Some("it is not UTF-8".to_owned()) }
            }
        },
        Charset::Latin1 => Text { text: bytes.iter().map(|byte| char::from(*byte)).collect(), doubt: None },
        Charset::Utf16Be => utf16(bytes, u16::from_be_bytes),
        Charset::Utf16Le => utf16(bytes, u16::from_le_bytes),
        Charset::Utf32Be => utf32(bytes, u32::from_be_bytes),
        Charset::Utf32Le => utf32(bytes, u32::from_le_bytes),
    }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Text<'static> {
    let fours = bytes.chunks_exact(4);
    let mut is_broken = !fours.remainder().is_empty();
    let text = fours
        .map(|four| {
            char::from_u32(unit([four[0], four[1], four[2], four[3]])).unwrap_or_else(|| {
                is_broken = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    Text { text, doubt: is_broken.then(|| "it is not UTF-32".to_owned()) }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text<'static> {
    let pairs = bytes.chunks_exact(2);
    let is_odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let mut is_broken = is_odd;
    let text = char::decode_utf16(units)
        .map(|decoded| {
            decoded.unwrap_or_else(|_| {
                is_broken = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    Text { text, doubt: is_broken.then(|| "it is not UTF-16".to_owned()) }
}

fn with_doubt<'b>(bytes: &'b [u8], charset: Charset, why: &str) -> Text<'b> {
    Text { doubt: Some(why.to_owned()), ..decode(bytes, charset) }
}
