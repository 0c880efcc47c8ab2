//! The look at a raw request head before hyper parses it: pure functions over bytes.
//!
//! hyper is lenient where two honest parsers may disagree (it drops a `#`, takes Transfer-Encoding beside
//! Content-Length, two Host headers, absolute targets that name another host). What is not clean is refused
//! here, so that neither hyper nor the application ever sees it (THREATS E06, E09, E30). Nothing is changed
//! or copied: a clean head passes as it came.

use memchr::memchr;

use super::lines::{
    self, Framing, LEADING_BYTES_MAX, Lengths, field_of, has_control, is_token, line_of, trimmed,
};
use super::refusal::Refusal;
use super::spelling::Found;

/// Reads a complete head, its empty line included.
pub(super) fn examine(head: &[u8], headers_max: usize, found: &mut Found) -> Result<Framing, Refusal> {
    let (line, mut rest) = first_line(head)?;
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
        let (name, value) = field_of(line)?;
        seen.header(name, value)?;
        found.name(name);
        rest = next;
    }
}

/// Reads what has arrived of a head's first line, as far as it is complete: who speaks HTTP/0.9 sends nothing
/// else and waits.
pub(super) fn examine_start(start: &[u8]) -> Result<(), Refusal> {
    if start[lines::leading_lines(start)..].contains(&b'\n') {
        request_line(first_line(start)?.0)?;
    }
    Ok(())
}

fn first_line(head: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let leading = lines::leading_lines(head);
    if leading > LEADING_BYTES_MAX {
        return Err(Refusal::BadRequestLine);
    }
    line_of(&head[leading..])
}

#[derive(Clone, Copy)]
struct RequestLine<'a> {
    authority: Option<&'a [u8]>,
    is_http_10: bool,
}

fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    if has_control(line) || memchr(b'\t', line).is_some() {
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
    if method.eq_ignore_ascii_case(b"HEAD") && method != b"HEAD" {
        return Err(Refusal::HeadInOtherCase);
    }
    if target.contains(&b'#') {
        return Err(Refusal::HashInTarget);
    }
    if !is_target(target) {
        return Err(Refusal::BadTarget);
    }
    Ok(RequestLine { authority: authority_of(target, method)?, is_http_10 })
}

/// No byte that `http::Uri` refuses. It takes more than RFC 3986 does, as browsers and servers do.
fn is_target(target: &[u8]) -> bool {
    let query = memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(query);
    !path.iter().any(|byte| matches!(byte, b'<' | b'>' | b'`'))
        && !query.iter().any(|byte| matches!(byte, b'<' | b'>' | b'"'))
        && (target.is_ascii() || std::str::from_utf8(target).is_ok())
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
    if authority.is_empty() || authority.contains(&b'%') || !is_host(authority) {
        return Err(Refusal::HostInvalid);
    }
    Ok(Some(authority))
}

/// What the header lines said about framing and addressing.
#[derive(Default)]
struct Seen<'a> {
    lines: usize,
    host: Option<&'a [u8]>,
    lengths: Lengths,
    is_authorized: bool,
    has_upgrade: bool,
}

impl<'a> Seen<'a> {
    fn header(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(trimmed(value)),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.has_upgrade = true;
                Ok(())
            }
            13 if name.eq_ignore_ascii_case(b"authorization") => {
                once(&mut self.is_authorized, Refusal::AuthorizationDoubled)
            }
            _ => self.lengths.header(name, value),
        }
    }

    fn host(&mut self, value: &'a [u8]) -> Result<(), Refusal> {
        if self.host.replace(value).is_some() {
            return Err(Refusal::HostDoubled);
        }
        if is_host(value) { Ok(()) } else { Err(Refusal::HostInvalid) }
    }

    fn judge(&self, request: &RequestLine<'_>) -> Result<Framing, Refusal> {
        match (self.host, request.authority) {
            (None, _) if !request.is_http_10 => return Err(Refusal::HostMissing),
            (Some(host), Some(authority)) if folded(host) != folded(authority) => {
                return Err(Refusal::HostDisagrees);
            }
            (None | Some(_), _) => {}
        }
        match self.lengths.framing()? {
            // RFC 9112 section 6.1.
            Some(Framing::Chunked) if request.is_http_10 => Err(Refusal::BadCoding),
            None | Some(Framing::Length(0)) if self.has_upgrade && !request.is_http_10 => {
                Ok(Framing::Upgrade)
            }
            framing => Ok(framing.unwrap_or(Framing::Length(0))),
        }
    }
}

fn once(flag: &mut bool, refusal: Refusal) -> Result<(), Refusal> {
    if std::mem::replace(flag, true) { Err(refusal) } else { Ok(()) }
}

/// Without case, default port and trailing dot.
pub(in crate::serve) fn folded(host: &[u8]) -> Vec<u8> {
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

fn name_end(host: &[u8]) -> usize {
    memchr(b':', host).unwrap_or(host.len())
}

/// A name or an address with an optional port; an underscore is common inside networks.
pub(in crate::serve) fn is_host(value: &[u8]) -> bool {
    let is_bracketed = value.starts_with(b"[");
    let end = if is_bracketed { memchr(b']', value).map_or(0, |at| at + 1) } else { name_end(value) };
    let (name, port) = value.split_at(end);
    let is_name = name.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b'~' | b'%')
            || (is_bracketed && matches!(byte, b'[' | b']' | b':'))
    });
    is_name && port.strip_prefix(b":").unwrap_or(port).iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
