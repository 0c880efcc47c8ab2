//! The look at the head of an HTTP/2 request, and its form in HTTP/1.1: pure functions.
//!
//! What the gate refuses in HTTP/1 is refused here, so that no attack gets through by changing the protocol
//! (THREATS E09, E33). hyper's h2 has refused before what no HTTP/2 message may hold (RFC 9113 section 8):
//! upper-case names, headers of one connection, control bytes, pseudo-headers twice or after others.
//!
//! One thing it cannot see: a `#` in `:path` and what follows were dropped before. So the application gets the
//! same shortened path that the rules look at.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::serve::Refusal;
use crate::serve::gate::head::{folded, is_host};
use crate::serve::gate::lines::Lengths;

/// Whether a request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The head is all.
    Nothing,
    /// DATA frames follow.
    Follows,
}

/// Looks at a head and gives it the form that it has in HTTP/1.1: one `Host` (section 8.3.1), one `Cookie`
/// (section 8.2.3), and a `Transfer-Encoding` where nothing says how long the body is.
pub(super) fn examine(head: &mut Parts, content: Content, headers_max: usize) -> Result<(), Refusal> {
    if head.method == Method::CONNECT || head.method.as_str().eq_ignore_ascii_case("TRACE") {
        return Err(Refusal::Method);
    }
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    if head.method.as_str().eq_ignore_ascii_case("HEAD") && head.method != Method::HEAD {
        return Err(Refusal::HeadInOtherCase);
    }
    let is_of_a_thing = target.starts_with('/') || (target == "*" && head.method == Method::OPTIONS);
    if !is_of_a_thing {
        return Err(Refusal::BadRequestLine);
    }
    look_at_headers(&head.headers, headers_max)?;
    let host = host_of(head)?;
    head.headers.insert(HOST, host);
    join_cookies(&mut head.headers);
    if content == Content::Follows && !head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

fn look_at_headers(headers: &HeaderMap, headers_max: usize) -> Result<(), Refusal> {
    // Crumbs of one cookie line are one line.
    let crumbs = headers.get_all(COOKIE).iter().count();
    if headers.len() - crumbs.saturating_sub(1) > headers_max {
        return Err(Refusal::TooManyHeaders);
    }
    // RFC 9113 section 8.2.1.
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let is_padded = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        is_blank(bytes.first()) || is_blank(bytes.last())
    };
    if headers.values().any(is_padded) {
        return Err(Refusal::BadHeaderLine);
    }
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Refusal::AuthorizationDoubled);
    }
    let mut lengths = Lengths::default();
    headers.iter().try_for_each(|(name, value)| lengths.header(name.as_str().as_bytes(), value.as_bytes()))
}

/// The one host that is addressed.
fn host_of(head: &Parts) -> Result<HeaderValue, Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::HostDoubled);
    }
    let authority = head.uri.authority().map(|authority| authority.as_str());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(Refusal::UserInformation);
    }
    if authority.is_some_and(|authority| authority.contains('%')) {
        return Err(Refusal::HostInvalid);
    }
    let one = match (authority, host) {
        (None, None) => return Err(Refusal::HostMissing),
        (Some(authority), Some(host)) if folded(authority.as_bytes()) != folded(host.as_bytes()) => {
            return Err(Refusal::HostDisagrees);
        }
        (Some(authority), Some(_) | None) => {
            HeaderValue::from_str(authority).map_err(|_| Refusal::HostInvalid)?
        }
        (None, Some(host)) => host.clone(),
    };
    let is_sound = !one.is_empty() && is_host(one.as_bytes());
    if is_sound { Ok(one) } else { Err(Refusal::HostInvalid) }
}

/// Before anybody looks a session up, or takes note of one (THREATS E33).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    // Made of values that were some before: it cannot fail.
    if let Ok(line) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            // (What a HeaderValue cannot hold, h2 refuses.)
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_the_gate_refuses_is_refused_in_http_2_too() {
        // THREATS E09, E33
        let check = |method: &str, uri: &str, headers: &[(&str, &str)], expected: Refusal| {
            let result = examine(&mut head(method, uri, headers), Content::Nothing, 4);
            assert_eq!(result, Err(expected), "{method} {uri} {headers:?}");
        };
        let plain = "https://x/a";
        check("CONNECT", "x:443", &[], Refusal::Method);
        check("TRACE", plain, &[], Refusal::Method);
        check("trace", plain, &[], Refusal::Method);
        check("head", plain, &[], Refusal::HeadInOtherCase);
        check("GET", "*", &[("host", "x")], Refusal::BadRequestLine);
        check("GET", plain, &[("host", "y")], Refusal::HostDisagrees);
        check("GET", plain, &[("host", "x"), ("host", "x")], Refusal::HostDoubled);
        check("GET", "/a", &[], Refusal::HostMissing);
        check("GET", "/a", &[("host", "")], Refusal::HostInvalid);
        check("GET", "/a", &[("host", "x/y")], Refusal::HostInvalid);
        check("GET", "/a", &[("host", "a@x")], Refusal::HostInvalid);
        check("GET", "https://a@x/a", &[], Refusal::UserInformation);
        check("GET", "https://x!/a", &[], Refusal::HostInvalid);
        check("GET", plain, &[("authorization", "a"), ("authorization", "a")], Refusal::AuthorizationDoubled);
        check("GET", plain, &[("content-length", "1"), ("content-length", "1")], Refusal::BadLength);
        check("GET", plain, &[("content-length", "+1")], Refusal::BadLength);
        check("GET", plain, &[("content_length", "1")], Refusal::BadLength);
        check("GET", plain, &[("transfer_encoding", "chunked")], Refusal::BadCoding);
        check("GET", plain, &[("a", " b")], Refusal::BadHeaderLine);
        check("GET", plain, &[("a", "b\t")], Refusal::BadHeaderLine);
        check(
            "GET",
            plain,
            &[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")],
            Refusal::TooManyHeaders,
        );
    }

    #[test]
    fn a_head_gets_the_form_it_has_in_http_1() {
        let check = |uri: &str, headers: &[(&str, &str)], content: Content, expected: &[(&str, &str)]| {
            let mut head = head("POST", uri, headers);
            assert_eq!(examine(&mut head, content, 4), Ok(()), "{uri} {headers:?}");
            let mut found: Vec<(&str, &str)> =
                head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{uri} {headers:?}");
        };
        check("https://x/a", &[], Content::Nothing, &[("host", "x")]);
        check("https://X:443/a", &[("host", "x.")], Content::Nothing, &[("host", "X:443")]);
        check("/a", &[("host", "x:8")], Content::Nothing, &[("host", "x:8")]);
        let crumbs: &[(&str, &str)] =
            &[("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"), ("cookie", "c=3"), ("y", "2")];
        let joined = &[("cookie", "a=1; b=2; c=3"), ("host", "x"), ("x", "1"), ("y", "2")];
        check("https://x/a", crumbs, Content::Nothing, joined);
        let chunked = [("host", "x"), ("transfer-encoding", "chunked")];
        check("https://x/a", &[], Content::Follows, &chunked);
        let known = [("content-length", "3"), ("host", "x")];
        check("https://x/a", &[("content-length", "3")], Content::Follows, &known);
    }
}
