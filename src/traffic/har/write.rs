//! An exchange as an entry of a HAR, without its secrets.
//!
//! Everything goes through the redactor first: addresses, headers, bodies. A body is written only where its
//! structure could be read, because only then can it be redacted by structure; of any other one stay type,
//! length and a keyed hash (THREATS P05, O06).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::form::{Own, OwnBody};
use crate::exchange::{Capture, Exchange, Response};
use crate::rules::redact::{Key, Redactor};
use crate::traffic::bodies::{self, Kept};

/// The beginning of a file.
pub const HEAD: &str = concat!(
    "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"earwitness\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"},\"entries\":["
);

/// The end of a file. It is written behind every entry, and the next one over it: so the file is whole at
/// any moment.
pub const TAIL: &str = "\n]}}\n";

/// What an entry is written with.
pub struct Writing<'w> {
    /// Takes the secrets out.
    pub redactor: &'w Redactor<'w>,
    /// For the hashes of what is withheld.
    pub key: &'w Key,
    /// A body larger than this after decoding is withheld.
    pub decoded_bytes_max: usize,
}

impl Writing<'_> {
    /// One entry, on one line.
    pub fn entry(&self, exchange: &Exchange) -> String {
        let request = &exchange.request;
        let url = self.redactor.text(&format!("{}://{}{}", request.scheme, request.host, request.target));
        let sent = bodies::keep("request", &request.body, &request.headers, self);
        let mut asked = json!({
            "method": self.redactor.text(&request.method),
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self.headers(&request.headers),
            "queryString": query(&url),
            "headersSize": -1,
            "bodySize": request.body.seen_bytes,
        });
        if let Some(text) = &sent.text {
            asked["postData"] = json!({ "mimeType": self.mime(&request.headers), "text": text });
        }
        let (answered, received) = match &exchange.response {
            Some(response) => {
                let received = bodies::keep("response", &response.body, &response.headers, self);
                (self.response(response, received.text.as_deref()), Some((&response.body, received)))
            }
            None => (no_response(), None),
        };
        let own = Own {
            id: exchange.id,
            request_id: self.redactor.text(&request.id),
            ip: exchange.client.ip,
            peer: exchange.client.peer,
            is_trusted: exchange.client.is_trusted,
            certificate: exchange.client.certificate.as_deref().cloned(),
            ending: exchange.ending.into(),
            request_body: own_body(&request.body, sent),
            response_body: received.map(|(body, kept)| own_body(body, kept)),
        };
        json!({
            "startedDateTime": exchange.received_at.to_string(),
            "time": exchange.duration_ms,
            "request": asked,
            "response": answered,
            "cache": {},
            "timings": { "send": 0, "wait": exchange.duration_ms, "receive": 0 },
            "_earwitness": serde_json::to_value(own).unwrap_or_default(),
        })
        .to_string()
    }

    fn response(&self, response: &Response, text: Option<&str>) -> Value {
        let mut content = json!({
            "size": response.body.seen_bytes,
            "mimeType": self.mime(&response.headers),
        });
        if let Some(text) = text {
            content["text"] = text.into();
        }
        json!({
            "status": response.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self.headers(&response.headers),
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": response.body.seen_bytes,
        })
    }

    fn mime(&self, headers: &HeaderMap) -> String {
        match headers.contains_key(CONTENT_TYPE) {
            true => self.redactor.header(headers, &CONTENT_TYPE),
            false => String::new(),
        }
    }

    fn headers(&self, headers: &HeaderMap) -> Vec<Value> {
        let mut pairs = Vec::new();
        for name in headers.keys() {
            let texts = || {
                headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            };
            let lines: Vec<String> = match name {
                &AUTHORIZATION | &PROXY_AUTHORIZATION => {
                    texts().map(|line| self.credential(&line, headers, name)).collect()
                }
                &COOKIE => texts().map(|line| self.cookies(&line)).collect(),
                &SET_COOKIE => texts().map(|line| self.set_cookie(&line)).collect(),
                _ => vec![self.redactor.header(headers, name)],
            };
            pairs.extend(lines.into_iter().map(|line| json!({ "name": name.as_str(), "value": line })));
        }
        pairs
    }

    /// A credential that lets nobody in and still tells who it was, as far as rules can know: the user of
    /// Basic (RFC 7617) and the claims of a JWT (RFC 7519), in their forms, without password and signature.
    fn credential(&self, line: &str, headers: &HeaderMap, name: &HeaderName) -> String {
        let kept = match line.trim().split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                user_of(rest.trim()).map(|user| {
                    format!("Basic {}", STANDARD.encode(format!("{}:[redacted]", self.redactor.text(&user))))
                })
            }
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => self.claims(rest.trim()),
            Some(_) | None => None,
        };
        // Lines that are joined there are one line here: nobody sends two.
        kept.unwrap_or_else(|| self.redactor.header(headers, name))
    }

    fn claims(&self, token: &str) -> Option<String> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let mut claims: crate::value::Value =
            serde_json::from_slice(&claims).ok().filter(crate::value::Value::is_object)?;
        self.redactor.value(&["credential", "claims"], &mut claims);
        let head = URL_SAFE_NO_PAD.encode("{\"alg\":\"redacted\"}");
        let hash = self.key.short("recorded token", token.as_bytes());
        Some(format!("Bearer {head}.{}.{hash}", URL_SAFE_NO_PAD.encode(claims.to_string())))
    }

    /// The names, which rules may look at, and hashes of the values.
    fn cookies(&self, line: &str) -> String {
        line.split(';').map(|piece| self.cookie(piece.trim())).collect::<Vec<_>>().join("; ")
    }

    /// Attributes are the application's words, and no secrets.
    fn set_cookie(&self, line: &str) -> String {
        match line.split_once(';') {
            Some((pair, attributes)) => {
                format!("{};{}", self.cookie(pair.trim()), self.redactor.text(attributes))
            }
            None => self.cookie(line.trim()),
        }
    }

    fn cookie(&self, pair: &str) -> String {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut value = crate::value::Value::from(value);
        self.redactor.named("token", &mut value);
        let name = self.redactor.text(name);
        let value = value.as_str().unwrap_or_default();
        if name.is_empty() { value.to_owned() } else { format!("{name}={value}") }
    }
}

fn user_of(encoded: &str) -> Option<String> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, _)| user.to_owned()).filter(|user| !user.is_empty())
}

fn own_body(body: &Capture, kept: Kept) -> OwnBody {
    OwnBody {
        state: body.state.into(),
        seen_bytes: body.seen_bytes,
        withheld: kept.withheld,
        hash: kept.hash,
    }
}

/// HAR has no place for "none": tools write status 0.
fn no_response() -> Value {
    json!({
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
        "content": { "size": 0, "mimeType": "" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
    })
}

/// Of an address that has been redacted already.
fn query(url: &str) -> Vec<Value> {
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}
