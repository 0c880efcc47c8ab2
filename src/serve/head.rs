//! The look at a raw request head before hyper parses it: pure functions over bytes.
//!
//! hyper is lenient where two honest parsers may disagree (it drops a `#`, takes Transfer-Encoding beside
//! Content-Length, two Host headers, absolute targets that name another host). What is not clean is refused
//! here, so that neither hyper nor the application ever sees it (THREATS E06, E09, E30). Nothing is changed
//! or copied: a clean head passes as it came.

use memchr::{memchr, memchr2};

use super::refusal::Refusal;

/// How a request's body is framed: where the next head begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// That many bytes; 0 when there is no body.
    Length(u64),
    /// RFC 9112 section 7.1.
    Chunked,
}

/// Where the head ends (one past its empty line), looking from `from`, at which a line may be under way.
/// Leading empty lines, which RFC 9112 section 2.2 tolerates, do not end it.
pub(super) fn end_of(bytes: &[u8], from: usize) -> Option<usize> {
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

/// Reads a complete head, its empty line included.
pub(super) fn examine(head: &[u8], headers_max: usize) -> Result<Framing, Refusal> {
    let leading = leading_lines(head);
    if leading > LEADING_BYTES_MAX {
        return Err(Refusal::BadRequestLine);
    }
    let (line, mut rest) = line_of(&head[leading..])?;
    let request = request_line(line)?;
    let mut seen = Seen::default();
    loop {
        let (line, next) = line_of(rest)?;
        if line.is_empty() {
            return seen.judge(&request);
        }
        seen.lines += 1;
        if seen.lines > headers_max {
            return Err(Refusal::TooManyHeaders);
        }
        seen.header(line)?;
        rest = next;
    }
}

fn leading_lines(bytes: &[u8]) -> usize {
    bytes.chunks_exact(2).take(LEADING_BYTES_MAX).take_while(|pair| *pair == b"\r\n").count() * 2
}

/// The next line without its CRLF, and what follows. Refuses every other way to end a line.
fn line_of(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let end = memchr2(b'\r', b'\n', bytes).ok_or(Refusal::BareLineEnd)?;
    match &bytes[end..] {
        [b'\r', b'\n', rest @ ..] => Ok((&bytes[..end], rest)),
        _ => Err(Refusal::BareLineEnd),
    }
}

#[derive(Clone, Copy)]
struct RequestLine<'a> {
    authority: Option<&'a [u8]>,
    is_http_10: bool,
}

fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    if line.iter().any(|byte| is_control(*byte) || *byte == b'\t') {
        return Err(Refusal::ControlByte);
    }
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::BadRequestLine);
    };
    let is_http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        other if other.starts_with(b"HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::BadRequestLine),
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::BadRequestLine);
    }
    if method.eq_ignore_ascii_case(b"CONNECT") || method.eq_ignore_ascii_case(b"TRACE") {
        return Err(Refusal::Method);
    }
    if target.contains(&b'#') {
        return Err(Refusal::HashInTarget);
    }
    Ok(RequestLine { authority: authority_of(target, method)?, is_http_10 })
}

/// The authority of an absolute-form target; `None` for origin-form and for `OPTIONS *`.
fn authority_of<'a>(target: &'a [u8], method: &[u8]) -> Result<Option<&'a [u8]>, Refusal> {
    if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
        return Ok(None);
    }
    let rest = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(|scheme| &target[scheme.len()..])
        .ok_or(Refusal::BadRequestLine)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let authority = &rest[..end];
    if authority.contains(&b'@') {
        return Err(Refusal::UserInformation);
    }
    if authority.is_empty() || !is_host(authority) {
        return Err(Refusal::HostInvalid);
    }
    Ok(Some(authority))
}

/// What the header lines said about framing and addressing.
#[derive(Default)]
struct Seen<'a> {
    lines: usize,
    host: Option<&'a [u8]>,
    length: Option<u64>,
    is_chunked: bool,
    is_authorized: bool,
}

impl<'a> Seen<'a> {
    fn header(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        if matches!(line[0], b' ' | b'\t') {
            return Err(Refusal::FoldedHeader);
        }
        let colon = memchr(b':', line).ok_or(Refusal::BadHeaderLine)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Refusal::BadHeaderLine);
        }
        if value.iter().any(|byte| is_control(*byte)) {
            return Err(Refusal::ControlByte);
        }
        // By length first: most headers are none of the four, and then no letter is compared.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(trimmed(value)),
            13 if name.eq_ignore_ascii_case(b"authorization") => {
                once(&mut self.is_authorized, Refusal::AuthorizationDoubled)
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(trimmed(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if trimmed(value).eq_ignore_ascii_case(b"chunked") {
                    once(&mut self.is_chunked, Refusal::BadCoding)
                } else {
                    Err(Refusal::BadCoding)
                }
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &'a [u8]) -> Result<(), Refusal> {
        if self.host.replace(value).is_some() {
            return Err(Refusal::HostDoubled);
        }
        if is_host(value) { Ok(()) } else { Err(Refusal::HostInvalid) }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let is_plain = !value.is_empty() && value.len() <= LENGTH_DIGITS_MAX;
        if !is_plain || !value.iter().all(u8::is_ascii_digit) || self.length.is_some() {
            return Err(Refusal::BadLength);
        }
        self.length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn judge(&self, request: &RequestLine<'_>) -> Result<Framing, Refusal> {
        match (self.host, request.authority) {
            (None, _) if !request.is_http_10 => return Err(Refusal::HostMissing),
            (Some(host), Some(authority)) if folded(host) != folded(authority) => {
                return Err(Refusal::HostDisagrees);
            }
            (None | Some(_), _) => {}
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Refusal::LengthAndCoding),
            (true, None) if request.is_http_10 => Err(Refusal::BadCoding),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

fn once(flag: &mut bool, refusal: Refusal) -> Result<(), Refusal> {
    if std::mem::replace(flag, true) { Err(refusal) } else { Ok(()) }
}

/// Without case, default port and trailing dot.
fn folded(host: &[u8]) -> Vec<u8> {
    let mut host = host.to_ascii_lowercase();
    for port in [&b":80"[..], b":443"] {
        if host.ends_with(port) {
            host.truncate(host.len() - port.len());
            break;
        }
    }
    if host.ends_with(b".") {
        host.pop();
    }
    host
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = value.iter().position(is_text) else { return &[] };
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// Letters that a host name, an address or a port can have; an underscore is common inside networks.
fn is_host(value: &[u8]) -> bool {
    value.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'~' | b'%')
    })
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

/// (Also as many lines are looked at, which is more than enough to refuse.) One empty line before a request is an old habit of clients; more is not.
const LEADING_BYTES_MAX: usize = 2;
/// 10^18 fits into 64 bits.
const LENGTH_DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests;
