//! A request's address without what rules call secret in its query and its named parts: what is redacted in
//! one place of the record must not stand in another (THREATS P04).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::rules::redact::is_redacted;
use crate::value::Value;

/// A target whose query lacks the values that `query` (`$.request.query`) has redacted.
pub(in crate::derive) fn without_secrets<'t>(target: &'t str, query: &Value) -> Cow<'t, str> {
    let Some((path, pairs)) = target.split_once('?') else { return Cow::Borrowed(target) };
    if !has_redacted(query) {
        return Cow::Borrowed(target);
    }
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name, query) => format!("{name}={PLAIN}"),
        Some(_) | None => pair.to_owned(),
    };
    let pairs: Vec<String> = pairs.split('&').map(pair).collect();
    Cow::Owned(format!("{path}?{}", pairs.join("&")))
}

/// A path without the named parts that are redacted; `parts` are as received, and `$.path`.
pub(in crate::derive) fn without_parts<'t>(
    target: &'t str,
    received: &[(String, String)],
    shown: &Value,
) -> Cow<'t, str> {
    let mut secrets =
        received.iter().filter(|(name, _)| shown.get(name).is_some_and(has_redacted)).peekable();
    if secrets.peek().is_none() {
        return Cow::Borrowed(target);
    }
    let pieces: Vec<&str> =
        secrets.flat_map(|(_, value)| value.split('/')).filter(|p| !p.is_empty()).collect();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let segment = |segment: &str| {
        let plain = percent_decode_str(segment).decode_utf8_lossy();
        let is_secret = pieces.iter().any(|piece| plain.contains(piece));
        if is_secret { PLAIN.to_owned() } else { segment.to_owned() }
    };
    let path = path.split('/').map(segment).collect::<Vec<_>>().join("/");
    Cow::Owned(query.map_or(path.clone(), |query| format!("{path}?{query}")))
}

/// Whether a parameter of this name, as it stands in the query, has a redacted value.
fn is_secret(name: &str, query: &Value) -> bool {
    let Some((name, _)) = form_urlencoded::parse(name.as_bytes()).next() else { return false };
    // `a[]`, `a[b]` and `a.b` are told under `a`, or as they are.
    let stem = name.split(['[', '.']).next().unwrap_or_default();
    [name.as_ref(), stem].iter().any(|name| query.get(*name).is_some_and(has_redacted))
}

/// Whether there is redacted text in a value. As deep as the reader of forms goes.
fn has_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => is_redacted(text),
        Value::Array(elements) => elements.iter().any(has_redacted),
        Value::Object(members) => members.values().any(has_redacted),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

const PLAIN: &str = "[redacted]";
