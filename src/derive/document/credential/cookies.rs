//! Whether a head can be read as two people's: cookies that stand twice, old quoting, a session beside an
//! `Authorization` (THREATS E60). Frameworks take the first, the last, or what their parser makes of it, and the
//! one that answered our question may not be the one that did the deed.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use smallvec::SmallVec;

use super::short;
use crate::rules::redact::Key;

/// Why the credential of this head is not certainly one; the candidates by their keyed hashes.
pub(super) fn ambiguity(headers: &HeaderMap, key: &Key) -> Option<String> {
    let mut lines = headers.get_all(COOKIE).iter().map(|line| line.as_bytes());
    let line = lines.next()?;
    if lines.next().is_some() {
        let all = headers.get_all(COOKIE).iter().map(|line| short(key, "cookie", line.as_bytes()));
        return Some(format!("there are several Cookie lines: {}", listed(all)));
    }
    // Commas part cookies for parsers after RFC 2109; a value that holds one has hardly a known name behind it.
    let pieces = line.split(|byte| matches!(byte, b';' | b',')).map(<[u8]>::trim_ascii);
    let mut pairs: SmallVec<[(&[u8], &[u8]); 16]> = SmallVec::new();
    for piece in pieces {
        if let Some(at) = piece.iter().position(|byte| *byte == b'=') {
            pairs.push((piece[..at].trim_ascii(), &piece[at + 1..]));
        }
    }
    if let Some(why) = old_syntax(line, &pairs) {
        return Some(why.to_owned());
    }
    pairs.sort_unstable();
    let doubled = pairs.windows(2).find(|two| two[0].0 == two[1].0 && two[0].1 != two[1].1);
    if let Some([(name, first), (_, second)]) = doubled {
        let both = [first, second].map(|value| short(key, "cookie", value));
        return Some(format!("the cookie {} stands twice: {}", shown(name), listed(both.into_iter())));
    }
    let session = pairs.iter().find(|(name, _)| is_session(name));
    match (headers.get(AUTHORIZATION), session) {
        (Some(_), Some((name, value))) => Some(format!(
            "beside Authorization there is the cookie {}: {}",
            shown(name),
            short(key, "cookie", value)
        )),
        (Some(_), None) | (None, _) => None,
    }
}

/// `$Version` turns on the quoting of RFC 2109 in some parsers, and then `a="x; b=y"` is one cookie or two.
fn old_syntax(line: &[u8], pairs: &[(&[u8], &[u8])]) -> Option<&'static str> {
    if pairs.iter().any(|(name, _)| name.starts_with(b"$")) {
        return Some("the cookies are in the syntax of RFC 2109");
    }
    let is_open = |piece: &[u8]| piece.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
    line.split(|byte| *byte == b';')
        .any(is_open)
        .then_some("a quote in the cookies goes over several of them")
}

/// Whether a cookie of this name is likely to say who somebody is: `PHPSESSID`, `connect.sid`, `auth_token`.
fn is_session(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |part: &str| name.windows(part.len()).any(|window| window == part.as_bytes());
    ["sess", "sid", "auth", "token", "jwt", "login"].into_iter().any(has) && !has("csrf") && !has("xsrf")
}

fn shown(name: &[u8]) -> String {
    let name: String = String::from_utf8_lossy(name).chars().take(NAME_MAX).collect();
    format!("{name:?}")
}

fn listed(hashes: impl Iterator<Item = String>) -> String {
    hashes.take(CANDIDATES_MAX).collect::<Vec<_>>().join(", ")
}

/// Characters of a cookie's name that a note shows.
const NAME_MAX: usize = 64;
/// Hashes that a note lists.
const CANDIDATES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS E60
    #[test]
    fn a_head_that_shows_two_credentials_is_ambiguous() {
        let check = |cookies: &[&str], authorization: Option<&str>, why: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in cookies {
                headers.append(COOKIE, line.parse().unwrap());
            }
            if let Some(line) = authorization {
                headers.append(AUTHORIZATION, line.parse().unwrap());
            }
            let found = ambiguity(&headers, &Key::new([1; 32]));
            assert_eq!(found.is_some(), why.is_some(), "{cookies:?} {found:?}");
            assert!(found.unwrap_or_default().contains(why.unwrap_or_default()), "{cookies:?}");
        };
        check(&[], Some("Basic x"), None);
        check(&["session=a; lang=en"], None, None);
        check(&["session=a; session=a"], None, None);
        check(&["session=a; session=b"], None, Some("\"session\" stands twice: "));
        check(&["session=a, session=b"], None, Some("stands twice"));
        check(&["a=1; session=a; b=2;session =b"], None, Some("stands twice"));
        check(&["session=a", "lang=en"], None, Some("several Cookie lines"));
        check(&["$Version=1; session=a; $Path=/"], None, Some("RFC 2109"));
        check(&["x=\"1; session=a\"; y=2"], None, Some("a quote"));
        check(&["x=\"1\"; session=a"], None, None);
        check(&["_ga=GA1.2; lang=en; XSRF-TOKEN=1"], Some("Bearer x"), None);
        check(&["PHPSESSID=a"], Some("Bearer x"), Some("beside Authorization"));
        check(&["connect.sid=a"], Some("Basic eA=="), Some("beside Authorization"));
        check(&["prefs=a=1,b=2,c=3"], None, None);
    }
}
