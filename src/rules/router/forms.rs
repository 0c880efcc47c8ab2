//! The forms of a path: how an application that normalises before it routes may read it.
//!
//! A rule must not be blind to `/v2/%62ookings//x/CANCEL;a=b`, nor may one spelling of an identifier hide
//! behind another. So a path that is not clean is looked up as received and in two loosened forms: **A**,
//! with encoded slashes kept as data, and **B**, with encoded slashes as separators . Both work on copies:
//! what is forwarded is never touched.
//!
//! Decoding goes on until nothing is left to decode (in one pass; applications decode once or twice), so
//! that each form of a form is itself. Nothing here fails: what is no encoding stays as it is.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use smallvec::{SmallVec, smallvec};

use crate::event::MatchedBy;

/// The loosened forms of a path, each once; form A first.
pub(super) type Loosened = SmallVec<[Form; 2]>;

/// A loosened path: segments joined by `/`, without one in front or behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// `Normalised` for form A, `Split` for form B.
    pub(super) by: MatchedBy,
    /// With letters as they came: identifiers keep their case.
    pub(super) kept: String,
    /// Folded, for the look-up; the same number of segments.
    pub(super) folded: String,
    /// The same segments with what was cut off behind them, which to some applications is a part of the name.
    pub(super) whole: String,
}

/// True when no application reads the path otherwise than as it stands: one look-up is enough.
pub(super) fn is_clean(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_plain = |byte: &u8| matches!(byte, b'!'..=b'~') && !byte.is_ascii_uppercase();
    if !bytes.iter().all(|byte| is_plain(byte) && !matches!(byte, b'%' | b'\\' | b';')) {
        return false;
    }
    // (Windows cuts a dot off the end of any segment.)
    let is_odd_pair = |pair: &[u8]| pair == b"//" || pair == b"/." || pair == b"./";
    !bytes.windows(2).any(is_odd_pair) && (path == "/" || !path.ends_with(['/', '.']))
}

/// Forms A and B of a path, each also with parameters that reach over a backslash, where that matters: Java
/// servers end a parameter at a slash only, before they take a backslash for one.
pub(super) fn loosen(path: &str) -> Loosened {
    let decoded = decode_wholly(path);
    let mut forms: Loosened = smallvec![form(MatchedBy::Normalised, &decoded)];
    let is_encoded = ENCODED.iter().any(|slash| decoded.contains(slash));
    let is_mixed = decoded.contains(';') && (decoded.contains('\\') || is_encoded);
    let bare = is_mixed.then(|| without_parameters(&decoded));
    forms.extend(bare.as_ref().map(|bare| form(MatchedBy::Normalised, bare)));
    for text in [Some(&decoded), bare.as_ref()].into_iter().flatten().filter(|_| is_encoded) {
        forms.push(form(MatchedBy::Split, &split_encoded(text)));
    }
    let mut index = 0;
    while index < forms.len() {
        let is_known = forms[..index].iter().any(|form| form.is_as(&forms[index]));
        if is_known { drop(forms.remove(index)) } else { index += 1 }
    }
    forms
}

impl Form {
    fn is_as(&self, other: &Form) -> bool {
        self.kept == other.kept && self.whole == other.whole
    }
}

/// Letters without their case, character by character, so that no new escape can come of it.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(fold_char).collect()
}

/// One character folded.
pub(super) fn fold_char(letter: char) -> impl Iterator<Item = char> {
    if letter == 'ſ' { 's' } else { letter }.to_lowercase()
}

/// The segments of a form, or of a raw path without its slashes in front and behind.
pub(super) fn segments(joined: &str) -> impl Iterator<Item = &str> {
    (!joined.is_empty()).then(|| joined.split('/')).into_iter().flatten()
}

/// A raw segment decoded once, as most applications do; invalid UTF-8 becomes U+FFFD.
pub(super) fn decode_once(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// A segment of a form with its encoded slashes decoded at last.
pub(super) fn decode_slashes(kept: &str) -> String {
    kept.replace("%2f", "/").replace("%5c", "\\")
}

/// Segments without parameters, dots, and what file systems and frameworks cut off behind them.
fn form(by: MatchedBy, decoded: &str) -> Form {
    let mut stack: Vec<(&str, &str)> = Vec::new();
    for whole in decoded.split(['/', '\\']) {
        let segment = whole.split(';').next().unwrap_or("");
        match segment.trim_end_matches(is_blank) {
            "" | "." => {}
            ".." => {
                stack.pop();
            }
            segment => stack.push((segment.trim_end_matches(is_blank_or_dot), whole)),
        }
    }
    stack.retain(|(segment, _)| !segment.is_empty());
    let (kept, whole): (Vec<&str>, Vec<&str>) = stack.into_iter().unzip();
    let kept = kept.join("/");
    let folded = fold(&kept);
    Form { by, kept, folded, whole: whole.join("/") }
}

fn is_blank(letter: char) -> bool {
    letter == ' ' || letter.is_control()
}

fn is_blank_or_dot(letter: char) -> bool {
    letter == '.' || is_blank(letter)
}

/// Without what stands from a `;` to the next slash.
fn without_parameters(decoded: &str) -> String {
    let bare: Vec<&str> = decoded.split('/').map(|part| part.split(';').next().unwrap_or("")).collect();
    bare.join("/")
}

fn split_encoded(decoded: &str) -> String {
    decoded.replace(ENCODED[0], "/").replace(ENCODED[1], "/")
}

/// Decodes `%41`, `%u0041` and overlong UTF-8 until nothing is left; encoded slashes of either kind become
/// `%2f` and `%5c`. Linear: each byte looks only at the few before it.
fn decode_wholly(path: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        out.push(byte);
        while let Some(found) = encoded_end(&out) {
            out.truncate(out.len() - found.length);
            match found.letter {
                '/' => out.extend(b"%2f"),
                '\\' => out.extend(b"%5c"),
                letter if found.is_byte => out.push(letter as u8),
                letter => out.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
            }
            if matches!(found.letter, '/' | '\\') {
                break;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An encoded character that ends where the text ends.
struct Encoded {
    length: usize,
    letter: char,
    /// True when it is a byte of UTF-8, which may be a part of a character.
    is_byte: bool,
}

fn encoded_end(out: &[u8]) -> Option<Encoded> {
    match out {
        [.., b'%', high, low] => {
            let byte = (hex(*high)? << 4 | hex(*low)?) as u8;
            let is_kept =
                matches!(byte, b'/' | b'\\') && !high.is_ascii_uppercase() && !low.is_ascii_uppercase();
            (!is_kept).then_some(Encoded { length: 3, letter: char::from(byte), is_byte: true })
        }
        [.., b'%', b'u' | b'U', a, b, c, d] => {
            let code = hex(*a)? << 12 | hex(*b)? << 8 | hex(*c)? << 4 | hex(*d)?;
            Some(Encoded { length: 6, letter: char::from_u32(code)?, is_byte: false })
        }
        // Overlong UTF-8: a character in more bytes than it needs, which only lenient decoders take.
        [.., lead @ (0xC0 | 0xC1), last @ 0x80..=0xBF] => overlong(2, u32::from(*lead) & 1, &[*last]),
        [.., 0xE0, next @ 0x80..=0x9F, last @ 0x80..=0xBF] => overlong(3, 0, &[*next, *last]),
        [.., 0xF0, next @ 0x80..=0x8F, third @ 0x80..=0xBF, last @ 0x80..=0xBF] => {
            overlong(4, 0, &[*next, *third, *last])
        }
        _ => None,
    }
}

fn overlong(length: usize, lead: u32, rest: &[u8]) -> Option<Encoded> {
    let code = rest.iter().fold(lead, |code, byte| code << 6 | u32::from(byte & 0x3F));
    Some(Encoded { length, letter: char::from_u32(code)?, is_byte: false })
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

/// How a slash and a backslash that were encoded stand in form A.
const ENCODED: [&str; 2] = ["%2f", "%5c"];
