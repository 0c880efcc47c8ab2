//! Headers that move a request, in every spelling that an application may fold into them: CGI and WSGI give
//! `X_HTTP_Method_Override` and `X-HTTP-Method-Override` to the application under one name (THREATS E08, E13).

use http::{HeaderMap, HeaderValue};

/// The values of those headers, each with the name as it stands in `wanted`, in the order received.
pub(super) fn values<'a>(
    headers: &'a HeaderMap,
    wanted: &'static [&'static str],
) -> impl Iterator<Item = (&'static str, &'a HeaderValue)> + use<'a> {
    let headers = (!wanted.is_empty()).then(|| headers.iter());
    headers.into_iter().flatten().filter_map(move |(name, value)| {
        let name = name.as_str();
        // Most names are decided by their first letter: this runs for every request.
        let is_extension = name.as_bytes().first() == Some(&b'x');
        let found = wanted.iter().find(|wanted| is_extension && is_same(name, wanted))?;
        Some((*found, value))
    })
}

/// Equal when `_` counts as `-`; names are in lower case.
fn is_same(name: &str, wanted: &str) -> bool {
    let is_pair = |(left, right): (u8, u8)| left == right || (left == b'_' && right == b'-');
    name.len() == wanted.len() && name.bytes().zip(wanted.bytes()).all(is_pair)
}
