//! Headers that belong to one connection and not to the message: taken off in both directions
//! (RFC 9110 section 7.6.1). The message is framed anew by hyper on the other side.

use http::header::{CONNECTION, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use super::cookies;
use super::failure::Failure;
use super::forwarding;

/// Takes them off a request, and with them the cookies of the audit listener, which belong to another hop too. `Transfer-Encoding` stays where the body is chunked: hyper would otherwise
/// drop the body of a chunked GET. It goes out in the one spelling that nobody misreads.
///
/// # Errors
/// When `Connection` names a header that the application or the record needs (THREATS E34).
pub(crate) fn strip_request(headers: &mut HeaderMap) -> Result<(), Failure> {
    cookies::strip_request(headers);
    let found = found(headers);
    for name in nominated(headers, &found) {
        if is_end_to_end(&name) {
            return Err(Failure::Nominated);
        }
        if name != TE && name != TRANSFER_ENCODING {
            headers.remove(name);
        }
    }
    for name in found {
        if name == TRANSFER_ENCODING {
            headers.insert(name, HeaderValue::from_static("chunked"));
        } else if name == TE && tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers")) {
            headers.insert(name, HeaderValue::from_static("trailers"));
        } else {
            headers.remove(name);
        }
    }
    Ok(())
}

/// Asks for what the client asks for (RFC 9110 section 7.8).
pub(crate) fn ask_for_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Whether `Connection` names that option.
pub(crate) fn has_option(headers: &HeaderMap, option: &str) -> bool {
    tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(option))
}

/// Takes them off an answer, with the same cookies.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    cookies::strip_answer(headers);
    let found = found(headers);
    for name in nominated(headers, &found) {
        if !is_end_to_end(&name) {
            headers.remove(name);
        }
    }
    for name in found {
        headers.remove(name);
    }
}

/// Those that are there. Most requests have none, and one look at each name is cheaper than a search for each of
/// these.
fn found(headers: &HeaderMap) -> SmallVec<[HeaderName; 4]> {
    headers.keys().filter(|name| is_of_one_hop(name.as_str())).cloned().collect()
}

fn is_of_one_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "keep-alive"
            | "proxy-connection"
            | "http2-settings"
    )
}

/// The names in `Connection`, without its own options.
fn nominated(headers: &HeaderMap, found: &[HeaderName]) -> Vec<HeaderName> {
    // Most say that and nothing else.
    if !found.contains(&CONNECTION)
        || headers.get_all(CONNECTION).iter().all(|line| is_own_option(line.as_bytes()))
    {
        return Vec::new();
    }
    tokens(headers, &CONNECTION)
        .filter(|token| !is_own_option(token.as_bytes()))
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .collect()
}

fn is_own_option(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"keep-alive")
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|token| token.split(';').next().unwrap_or_default().trim())
        .filter(|token| !token.is_empty())
}

fn is_end_to_end(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "authorization" | "cookie" | "set-cookie" | "host" | "x-request-id" | "date" | "location")
        || name.starts_with("content-")
        || forwarding::is_forwarding(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&str, &str)], expected: Result<&[&str], Failure>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let result = strip_request(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(result.map(|()| left.as_slice()), expected, "{lines:?}");
    }

    #[test]
    fn headers_of_one_hop_are_taken_off() {
        check(&[("Connection", "close"), ("X", "y")], Ok(&["x"]));
        check(&[("Connection", "X, keep-alive"), ("X", "y"), ("Z", "")], Ok(&["z"]));
        check(&[("Connection", "upgrade"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")], Ok(&[]));
        check(&[("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close")], Ok(&[]));
        check(&[("TE", "gzip, trailers;q=0.5")], Ok(&["te"]));
        check(&[("Connection", "te"), ("TE", "trailers")], Ok(&["te"]));
        check(&[("TE", "gzip")], Ok(&[]));
        check(
            &[("Trailer", "Etag"), ("Transfer-Encoding", "chunked")],
            Ok(&["trailer", "transfer-encoding"]),
        );
        check(
            &[("Connection", "Transfer-Encoding"), ("Transfer-Encoding", "chunked")],
            Ok(&["transfer-encoding"]),
        );
    }

    // THREATS E34
    #[test]
    fn a_nominated_end_to_end_header_is_refused() {
        for name in [
            "Authorization",
            "cookie",
            "HOST",
            "Content-Length",
            "X-Forwarded-For",
            "x_forwarded_for",
            "Forwarded",
            "X-Request-Id",
            "content-type",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, format!("close, {name}").parse().unwrap());
            assert_eq!(strip_request(&mut headers), Err(Failure::Nominated), "{name}");
        }
    }
}
