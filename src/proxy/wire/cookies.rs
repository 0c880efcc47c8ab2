//! Keeps the cookies of the audit listener out of the application's traffic. Cookies know no ports (RFC 6265 section
//! 8.5): where both are at one host, a browser shows the application who is signed in to the audit log, and takes from
//! it what it says about that (THREATS Q08).
//!
//! Every other byte of a line stays as it is; a line without such a cookie is not copied.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

use crate::exchange::OWN_COOKIE;

/// Takes them out of a request.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    rewrite(headers, &COOKIE, |line| {
        let parts = line.split(|byte| *byte == b';');
        let others: Vec<&[u8]> = parts.filter(|part| !is_own(part)).collect();
        let joined = others.join(&b';');
        (!joined.trim_ascii().is_empty()).then(|| joined.trim_ascii_start().to_vec())
    });
}

/// Takes them out of an answer: the application signs nobody in.
pub(super) fn strip_answer(headers: &mut HeaderMap) {
    rewrite(headers, &SET_COOKIE, |line| (!is_own(line)).then(|| line.to_vec()));
}

/// Puts what `keep` leaves of each line in its place, where one of them has such a cookie.
fn rewrite(headers: &mut HeaderMap, name: &HeaderName, keep: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let has_own = |line: &HeaderValue| memmem::find(line.as_bytes(), OWN_COOKIE.as_bytes()).is_some();
    if !headers.get_all(name).iter().any(has_own) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    for line in lines {
        if let Some(Ok(kept)) = keep(line.as_bytes()).map(|bytes| HeaderValue::from_bytes(&bytes)) {
            headers.append(name, kept);
        }
    }
}

fn is_own(cookie: &[u8]) -> bool {
    cookie.trim_ascii_start().starts_with(OWN_COOKIE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(strip: fn(&mut HeaderMap), name: HeaderName, lines: &[&str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        headers.append("x-other", HeaderValue::from_static("__Host-earwitness=x"));
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        strip(&mut headers);
        let left: Vec<&str> = headers.get_all(&name).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(left, expected, "{lines:?}");
        assert_eq!(headers["x-other"], "__Host-earwitness=x");
    }

    // THREATS Q08
    #[test]
    fn a_request_loses_our_cookies_and_nothing_else() {
        let check = |lines: &[&str], expected: &[&str]| check(strip_request, COOKIE, lines, expected);
        check(&["a=b;  c=\"d;e\""], &["a=b;  c=\"d;e\""]);
        check(&["__Host-earwitness=x"], &[]);
        check(&["a=b; __Host-earwitness=x;c=d"], &["a=b;c=d"]);
        check(&["__Host-earwitness=x; a=b;"], &["a=b;"]);
        check(&["a=b", "__Host-earwitness-2=x;", "c=__Host-earwitness"], &["a=b", "c=__Host-earwitness"]);
        check(&["__Host-earwitness=x; __Host-earwitness=y; a"], &["a"]);
        check(&["not__Host-earwitness=x"], &["not__Host-earwitness=x"]);
    }

    // THREATS Q08
    #[test]
    fn an_answer_plants_no_cookie_of_ours() {
        let check = |lines: &[&str], expected: &[&str]| check(strip_answer, SET_COOKIE, lines, expected);
        check(&["a=b; Path=/", "__Host-earwitness=x; Secure; Path=/", "c=d"], &["a=b; Path=/", "c=d"]);
        check(&["a=__Host-earwitness"], &["a=__Host-earwitness"]);
    }
}
