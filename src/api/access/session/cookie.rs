//! The cookie of a session. Cookies know no ports (RFC 6265 section 8.5): the application that Earwitness stands before
//! may share a host with the audit listener, so that it is sent ours. The proxy takes it out (`exchange::OWN_COOKIE`), and the name
//! binds it to one host, all of its paths, and a secure way (`__Host-`, RFC 6265bis section 4.1.3.2).

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};

use crate::exchange::OWN_COOKIE;

use super::super::oidc::SIGN_IN_LASTS_S;

/// Why a request that writes is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api::access) enum Foreign {
    /// It has not the header that only our own page sets.
    Bare,
    /// It comes from another place, or does not say from where.
    Elsewhere,
}

impl Foreign {
    /// What to do about it.
    pub(in crate::api::access) fn detail(self) -> &'static str {
        match self {
            Foreign::Bare => {
                "Who is signed in by a cookie changes something with the header `Earwitness-Request: 1`."
            }
            Foreign::Elsewhere => "Only the page at this address changes something by a cookie.",
        }
    }
}

/// The secret in our cookie.
pub(in crate::api::access) fn of_request(headers: &HeaderMap) -> Option<&str> {
    named(headers, OWN_COOKIE)
}

/// What a browser keeps of a sign-in that it has begun.
pub(super) fn of_sign_in(headers: &HeaderMap) -> Option<&str> {
    named(headers, SIGN_IN_COOKIE)
}

/// What a cookie holds; two cookies of that name are none: one of them was planted.
fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
    match (ours.next(), ours.next()) {
        (Some(secret), None) => Some(secret),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

/// The cookie of a session.
pub(super) fn set(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("{OWN_COOKIE}={secret}; {RULES}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What makes a browser forget it.
pub(super) fn forget() -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{OWN_COOKIE}=; {RULES}; Max-Age=0")).ok()
}

/// The cookie of a sign-in that was begun.
pub(super) fn set_sign_in(value: &str) -> Option<HeaderValue> {
    let text = format!("{SIGN_IN_COOKIE}={value}; {RULES}; Max-Age={SIGN_IN_LASTS_S}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What makes a browser forget that one.
pub(super) fn forget_sign_in() -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{SIGN_IN_COOKIE}=; {RULES}; Max-Age=0")).ok()
}

/// True for methods that only read (RFC 9110 section 9.2.1), of those that some route here takes.
pub(in crate::api::access) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// Whether a request by cookie that changes something was made by our own page: a browser sends the cookie with what
/// other pages ask for too (THREATS Q07). A page of another port of this host is another page.
///
/// # Errors
/// When it was not, or cannot be known to have been.
pub(in crate::api::access) fn is_ours(method: &Method, headers: &HeaderMap) -> Result<(), Foreign> {
    if is_safe(method) {
        return Ok(());
    }
    if !headers.contains_key(OWN_HEADER) {
        return Err(Foreign::Bare);
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same_origin = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let origin = origin.parse::<Uri>().ok();
            let authority = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str());
            authority.is_some() && authority == text(HOST.as_str())
        }
        (None, None) => false,
    };
    is_same_origin.then_some(()).ok_or(Foreign::Elsewhere)
}

/// Begins as the other does, so that the proxy takes it out, too.
const SIGN_IN_COOKIE: &str = "__Host-earwitness-sign-in";
const RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// A page of another origin cannot set it without being asked first, which nothing here allows.
const OWN_HEADER: &str = "earwitness-request";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    // THREATS Q08
    #[test]
    fn our_cookie_is_found_among_others_and_not_when_there_are_two() {
        let check = |lines: &[&str], expected: Option<&str>| {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(of_request(&map), expected, "{lines:?}");
        };
        check(&[], None);
        check(&["a=b; __Host-earwitness=x; c=d"], Some("x"));
        check(&["a=b", "__Host-earwitness=x"], Some("x"));
        check(&["__Host-earwitness=x; __Host-earwitness=y"], None);
        check(&["__Host-earwitness=x", "__Host-earwitness=x"], None);
        check(&["__Host-earwitness-sign-in=y; __Host-earwitness=x"], Some("x"));
        check(&["__Host-earwitness2=x; __host-earwitness=y; earwitness=z"], None);
    }

    // THREATS Q07
    #[test]
    fn only_a_page_of_our_own_origin_writes_by_cookie() {
        let check = |method: &Method, lines: &[(&'static str, &str)], expected: Result<(), Foreign>| {
            let mut all = headers(lines);
            all.insert(HOST, HeaderValue::from_static("audit.test:9090"));
            assert_eq!(is_ours(method, &all), expected, "{method} {lines:?}");
        };
        let (own, none) = (("earwitness-request", "1"), Err(Foreign::Elsewhere));
        check(&Method::GET, &[], Ok(()));
        check(&Method::HEAD, &[("sec-fetch-site", "cross-site")], Ok(()));
        for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
            check(&method, &[], Err(Foreign::Bare));
            check(&method, &[("sec-fetch-site", "same-origin")], Err(Foreign::Bare));
            check(&method, &[own], none);
            check(&method, &[own, ("sec-fetch-site", "same-origin")], Ok(()));
            for site in ["cross-site", "same-site", "none", ""] {
                check(&method, &[own, ("sec-fetch-site", site), ("origin", "http://audit.test:9090")], none);
            }
            check(&method, &[own, ("origin", "http://audit.test:9090")], Ok(()));
            for origin in ["http://audit.test:8080", "http://audit.test", "null", "", "http://evil.test:9090"]
            {
                check(&method, &[own, ("origin", origin)], none);
            }
        }
    }
}
