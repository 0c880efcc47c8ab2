//! Questions to the application, built from a rule and the document.
//!
//! A value out of the traffic becomes exactly one segment of the address or nothing is asked: percent
//! encoding alone does not stop `..` (THREATS B02). Headers go by an allow-list, because a copied
//! `X-HTTP-Method-Override` would turn our GET into a deletion (B03).

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use smallvec::SmallVec;

use super::super::document::split_target;
use super::{Purpose, ReadFailure, ReadKey, ReadRequest, Recall};
use crate::exchange::Request;
use crate::rules::expr::{Root, Scope};
use crate::rules::model::{Address, Read, SegmentPattern};
use crate::rules::redact::{Key, is_redacted};
use crate::value::Value;

/// What a question is built from.
pub(in crate::derive) struct Asking<'a> {
    /// The pack's path prefix.
    pub(in crate::derive) base: &'a str,
    pub(in crate::derive) request: &'a Request,
    /// The document; its `with` root holds the parameters.
    pub(in crate::derive) scope: Scope<'a>,
    pub(in crate::derive) purpose: Purpose,
}

/// A question without its key: several rules ask the same, and a key is a hash.
#[derive(Debug)]
pub(in crate::derive) struct Asked {
    purpose: Purpose,
    method: Method,
    target: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    credentials: Option<String>,
    recall: Option<Recall>,
    timeout_ms: u64,
    /// The named parts of its address: together they say which thing it is.
    pub(in crate::derive) parts: Vec<String>,
}

impl Asked {
    /// The last named part of its address: the thing's identifier.
    pub(in crate::derive) fn last_part(&self) -> Option<String> {
        self.parts.last().cloned()
    }

    /// Whether both would have the same key.
    pub(in crate::derive) fn is(&self, read: &ReadRequest) -> bool {
        self.purpose == read.purpose
            && self.method == read.method
            && self.target == read.target
            && self.headers == read.headers
            && self.body == read.body
            && self.credentials == read.credentials
            && self.recall == read.recall
    }

    /// Input: purpose, method, target, body, name of the service credential, then name and value of each header, each after its length.
    pub(in crate::derive) fn key(&self, key: &Key) -> ReadKey {
        let purpose: &[u8] = match self.purpose {
            Purpose::Before => b"before",
            Purpose::Identity => b"identity",
            Purpose::After => b"after",
        };
        let mut fields: SmallVec<[&[u8]; 16]> = SmallVec::new();
        fields.extend([purpose, self.method.as_str().as_bytes(), self.target.as_bytes(), &self.body]);
        fields.push(self.credentials.as_deref().unwrap_or_default().as_bytes());
        match &self.recall {
            None => {}
            Some(Recall::Instead(key)) => fields.extend([&b"instead"[..], key.as_bytes()]),
            Some(Recall::Otherwise(key)) => fields.extend([&b"otherwise"[..], key.as_bytes()]),
        }
        for (name, value) in &self.headers {
            fields.push(name.as_str().as_bytes());
            fields.push(value.as_bytes());
        }
        key.hash("read", &fields)
    }

    /// What it is for.
    pub(in crate::derive) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// With which it is asked.
    pub(in crate::derive) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Path and query that are asked for.
    pub(in crate::derive) fn target(&self) -> &str {
        &self.target
    }

    /// The same question, which memory may answer.
    pub(in crate::derive) fn recalled(self, recall: Recall) -> Asked {
        Asked { recall: Some(recall), ..self }
    }

    pub(in crate::derive) fn into_request(self, key: &Key) -> ReadRequest {
        let key = self.key(key);
        let Asked { purpose, method, target, headers, body, credentials, recall, timeout_ms, parts: _ } =
            self;
        ReadRequest { key, purpose, method, target, headers, body, credentials, recall, timeout_ms }
    }
}

impl Asking<'_> {
    /// The question that `read` asks.
    ///
    /// # Errors
    /// [`ReadFailure::NotAsked`] when a part of it is missing, secret, or no plain segment.
    pub(in crate::derive) fn build(&self, read: &Read) -> Result<Asked, ReadFailure> {
        let (mut target, parts) = self.address(read)?;
        if !read.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &read.query {
                query.append_pair(name, &self.text(value.look_up(&self.scope).as_deref())?);
            }
            target = format!("{target}?{}", query.finish());
        }
        if target.len() > TARGET_BYTES_MAX {
            return Err(ReadFailure::NotAsked);
        }
        let method = Method::from_bytes(read.method.as_bytes()).map_err(|_| ReadFailure::NotAsked)?;
        let headers = self.headers(read)?;
        let body = match &read.body {
            Some(body) => Bytes::from(self.text(body.look_up(&self.scope).as_deref())?),
            None => Bytes::new(),
        };
        let (purpose, timeout_ms) = (self.purpose, read.timeout_ms);
        let credentials = read.credentials.as_ref().map(|credentials| credentials.name.clone());
        let recall = None;
        Ok(Asked { purpose, method, target, headers, body, credentials, recall, timeout_ms, parts })
    }

    fn address(&self, read: &Read) -> Result<(String, Vec<String>), ReadFailure> {
        let segments = match &read.address {
            Address::Own => return self.own_address(read),
            Address::Path(segments) => segments,
        };
        let mut target = self.base.to_owned();
        let mut parts = Vec::new();
        for segment in segments {
            target.push('/');
            match segment {
                SegmentPattern::Literal(text) => target.push_str(&encode(text)),
                SegmentPattern::Part { prefix, name, suffix } => {
                    let value = self.part(name)?;
                    let whole = format!("{prefix}{value}{suffix}");
                    check_segment(&value)?;
                    check_segment(&whole)?;
                    target.push_str(&encode(&whole));
                    parts.push(value);
                }
                SegmentPattern::Tail(name) => {
                    let value = self.part(name)?;
                    let pieces: Vec<&str> = value.split('/').collect();
                    for piece in &pieces {
                        check_segment(piece)?;
                    }
                    target.push_str(&pieces.iter().map(|piece| encode(piece)).collect::<Vec<_>>().join("/"));
                    parts.push(value);
                }
            }
        }
        Ok((target, parts))
    }

    /// The request's own path as it came: the application is about to see these very bytes anyway. With a
    /// credential that is not the caller's, only plain segments (B05): it is bound to path prefixes.
    fn own_address(&self, read: &Read) -> Result<(String, Vec<String>), ReadFailure> {
        let (path, _) = split_target(&self.request.target);
        let is_plain =
            path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if read.credentials.is_some() {
            path.split('/').skip(1).filter(|segment| !segment.is_empty()).try_for_each(check_segment)?;
        }
        if is_plain { Ok((path.to_owned(), Vec::new())) } else { Err(ReadFailure::NotAsked) }
    }

    /// The address that a pattern gives, for a key: it is asked for nowhere.
    pub(in crate::derive) fn fill(&self, segments: &[SegmentPattern]) -> Result<String, ReadFailure> {
        let mut address = String::new();
        for segment in segments {
            address.push('/');
            match segment {
                SegmentPattern::Literal(text) => address.push_str(&encode(text)),
                SegmentPattern::Part { prefix, name, suffix } => {
                    address.push_str(&encode(&format!("{prefix}{}{suffix}", self.part(name)?)));
                }
                SegmentPattern::Tail(name) => address.push_str(&encode(&self.part(name)?)),
            }
        }
        Ok(address)
    }

    fn part(&self, name: &str) -> Result<String, ReadFailure> {
        let of = |root: Root| self.scope.root(root).and_then(|value| value.get(name));
        self.text(of(Root::With).or_else(|| of(Root::Path)))
    }

    /// A value as text; missing, null and redacted ones, lists and objects of paths are no parameters.
    fn text(&self, value: Option<&Value>) -> Result<String, ReadFailure> {
        let text = match value {
            None | Some(Value::Null) => return Err(ReadFailure::NotAsked),
            Some(Value::String(text)) => text.as_str().to_owned(),
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => {
                other.to_string()
            }
        };
        if is_redacted(&text) { Err(ReadFailure::NotAsked) } else { Ok(text) }
    }

    fn headers(&self, read: &Read) -> Result<Vec<(HeaderName, HeaderValue)>, ReadFailure> {
        let mut headers = Vec::with_capacity(USUAL_HEADERS);
        let host = HeaderValue::from_str(&self.request.host).map_err(|_| ReadFailure::NotAsked)?;
        headers.push((HOST, host));
        let forwarded = read.forward.iter().filter_map(|name| HeaderName::try_from(name.as_str()).ok());
        let forwarded = forwarded.filter(|name| !matches!(*name, AUTHORIZATION | COOKIE));
        // One who asks as the service does not also ask as the caller.
        let own = [AUTHORIZATION, COOKIE].into_iter().filter(|_| read.credentials.is_none());
        for name in own.chain(forwarded) {
            if !NEVER_SENT.contains(&name.as_str()) {
                // As received, all lines in order: the look-up must see what the application will see.
                headers.extend(
                    self.request.headers.get_all(&name).iter().map(|line| (name.clone(), line.clone())),
                );
            }
        }
        for (name, value) in &read.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| ReadFailure::NotAsked)?;
            let text = self.text(value.look_up(&self.scope).as_deref())?;
            headers.push((name, HeaderValue::from_str(&text).map_err(|_| ReadFailure::NotAsked)?));
        }
        Ok(headers)
    }
}

/// Refuses what could leave its segment, now or after two more decodings by somebody else.
fn check_segment(value: &str) -> Result<(), ReadFailure> {
    let leaves = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%');
    if !value.contains('%') {
        let is_plain = !value.is_empty() && value != "." && value != ".." && !value.contains(leaves);
        return if is_plain { Ok(()) } else { Err(ReadFailure::NotAsked) };
    }
    let once = percent_decode_str(value).decode_utf8_lossy().into_owned();
    let twice = percent_decode_str(&once).decode_utf8_lossy().into_owned();
    for form in [value, &once, &twice] {
        if form.is_empty() || form == "." || form == ".." || form.contains('/') || form.contains('\\') {
            return Err(ReadFailure::NotAsked);
        }
    }
    if twice.contains(leaves) { Err(ReadFailure::NotAsked) } else { Ok(()) }
}

fn encode(segment: &str) -> Cow<'_, str> {
    Cow::from(utf8_percent_encode(segment, SEGMENT))
}

/// All but `pchar` of RFC 3986 that no server treats apart.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b':');

/// Never sent along, even if a rule forwards them: they change what a GET means or how it is framed.
const NEVER_SENT: &[&str] = &[
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "expect",
    "range",
    "prefer",
    "te",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "host",
];
const TARGET_BYTES_MAX: usize = 8 << 10;
/// Headers of most questions, so that their list is made once: host, credentials, a version.
const USUAL_HEADERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::check_segment;

    #[test]
    fn a_value_that_could_leave_its_segment_is_refused() {
        // THREATS B02
        for hostile in [
            "",
            ".",
            "..",
            "%2e%2e",
            "%252e%252e",
            "a/b",
            "a%2fb",
            "a%252Fb",
            "a\\b",
            "a%5cb",
            "a?b",
            "a%3Fb",
            "a#b",
            "a%23b",
            "a\r\nb",
            "a%0d%0ab",
            "a%00",
            "100%",
            "/",
            "//evil.org",
        ] {
            assert!(check_segment(hostile).is_err(), "{hostile}");
        }
        for plain in ["abc", "a@x.org", "a b", "ü", "a.b", "...", "1", "a:b;c=d"] {
            assert!(check_segment(plain).is_ok(), "{plain}");
        }
    }
}
