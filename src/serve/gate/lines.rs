//! What both gates read of a raw head, the one for requests and the one for answers: its end, its lines, and
//! what they say about the body's end. Pure functions over bytes; nothing is changed or copied, and what two
//! parsers could read differently is refused (THREATS E30, D06).

use memchr::{memchr, memchr2};

use super::refusal::Refusal;

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// That many bytes.
    Length(u64),
    /// RFC 9112 section 7.1.
    Chunked,
    /// A request without a body whose client would like to speak something else from here on: only the answer
    /// tells whether what follows is a head (RFC 9110 section 7.8).
    Upgrade,
}

/// Where the head ends (one past its empty line), looking from `from`, at which a line may be under way.
/// Leading empty lines, which RFC 9112 section 2.2 tolerates, do not end it.
pub(crate) fn end_of(bytes: &[u8], from: usize) -> Option<usize> {
    let start = leading_lines(bytes).max(from);
    let mut at = start;
    while let Some(found) = memchr(b'\n', bytes.get(at..)?) {
        at += found + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// How many bytes of empty lines stand before the head; they are counted no further than is enough to refuse.
pub(super) fn leading_lines(bytes: &[u8]) -> usize {
    bytes.chunks_exact(2).take(LEADING_BYTES_MAX).take_while(|pair| *pair == b"\r\n").count() * 2
}

/// The next line without its CRLF, and what follows. Refuses every other way to end a line.
pub(crate) fn line_of(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let end = memchr2(b'\r', b'\n', bytes).ok_or(Refusal::BareLineEnd)?;
    match &bytes[end..] {
        [b'\r', b'\n', rest @ ..] => Ok((&bytes[..end], rest)),
        _ => Err(Refusal::BareLineEnd),
    }
}

/// A header line's name and value, the whitespace around the value included.
pub(crate) fn field_of(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::FoldedHeader);
    }
    let colon = memchr(b':', line).ok_or(Refusal::BadHeaderLine)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::BadHeaderLine);
    }
    if has_control(value) {
        return Err(Refusal::ControlByte);
    }
    Ok((name, value))
}

/// What the header lines said about the body's end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lengths {
    length: Option<u64>,
    is_chunked: bool,
}

impl Lengths {
    /// Takes note of a header, whatever its name.
    pub(crate) fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        // By length first: most headers are neither, and then no letter is compared.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(trimmed(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(trimmed(value)),
            // Gateways of the CGI kind take them for the names with a hyphen.
            14 if name.eq_ignore_ascii_case(b"content_length") => Err(Refusal::BadLength),
            17 if name.eq_ignore_ascii_case(b"transfer_encoding") => Err(Refusal::BadCoding),
            _ => Ok(()),
        }
    }

    /// The framing they make; `None` when they say nothing.
    pub(crate) fn framing(&self) -> Result<Option<Framing>, Refusal> {
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Refusal::LengthAndCoding),
            (true, None) => Ok(Some(Framing::Chunked)),
            (false, length) => Ok(length.map(Framing::Length)),
        }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let is_plain = !value.is_empty() && value.len() <= LENGTH_DIGITS_MAX;
        if !is_plain || !value.iter().all(u8::is_ascii_digit) || self.length.is_some() {
            return Err(Refusal::BadLength);
        }
        self.length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::BadCoding);
        }
        self.is_chunked = true;
        Ok(())
    }
}

/// Without the spaces and tabs around it.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = value.iter().position(is_text) else { return &[] };
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether there is a byte that no value and no line has: below 0x20 but for the tab, or DEL. All bytes are
/// looked at, many at once: to stop at the first would cost a clean head, which is nearly every one, four times
/// as much.
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte < 0x20 && *byte != b'\t') | (*byte == 0x7f))
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] = letter.is_ascii_alphanumeric()
            || matches!(
                letter,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

/// One empty line before a request is an old habit of clients; more is not. (As many lines are counted, which
/// is more than enough to refuse.)
pub(super) const LEADING_BYTES_MAX: usize = 2;
/// 10^18 fits into 64 bits.
const LENGTH_DIGITS_MAX: usize = 18;
