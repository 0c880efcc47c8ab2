//! A HAR read entry by entry, so that what stands before a cut end is not lost with it: a recorder that was
//! killed leaves such files, and so do full disks.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use super::form::{self, OwnBody, OwnState, Pair};
use crate::exchange::{Capture, CaptureState, Client, Ending, Exchange, Request, Response, trace_id};
use crate::traffic::{ENTRIES_MAX, Entry, Traffic, TrafficError, body, unknown_body};

/// The exchanges of a HAR. Bodies are copied up to `body_bytes_max` each, as the proxy copies them.
///
/// HAR keeps bodies with their content codings undone, so `content-encoding` is left out of the headers of a
/// body that is there. What only our own recordings say is made up otherwise: the client's address is then
/// `0.0.0.0`, and the ids are the entry's number.
///
/// # Errors
/// When it is no HAR, or an entry says something that no exchange can.
pub fn read(text: &str, body_bytes_max: usize) -> Result<Traffic, TrafficError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Found { body_bytes_max, ..Found::default() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let inside = Inside { path: &["log", "entries"], found: &mut found };
    let outcome = inside.deserialize(&mut reader).and_then(|()| reader.end());
    if let Some(wrong) = found.wrong {
        return Err(wrong);
    }
    in_order(&mut found.traffic.entries);
    match outcome {
        Ok(()) if !found.has_list => Err(TrafficError::Nothing("it has no `log.entries`: it is no HAR")),
        Ok(()) => Ok(found.traffic),
        Err(error) if error.is_eof() && found.has_list => Ok(Traffic { is_cut: true, ..found.traffic }),
        Err(error) => Err(shape(&error, found.count, found.has_list)),
    }
}

/// An exchange is written when it ends; what rules make of it rests on what was asked before it.
fn in_order(entries: &mut [Entry]) {
    if entries.iter().all(|entry| entry.exchange.received_at != Timestamp::UNIX_EPOCH) {
        entries.sort_by_key(|entry| entry.exchange.received_at);
    }
}

fn shape(error: &serde_json::Error, count: usize, has_list: bool) -> TrafficError {
    let told = error.to_string();
    // The place is told apart from the text.
    let what = told.rsplit_once(" at line ").map_or(told.as_str(), |(what, _)| what);
    let what = if has_list { format!("in entry {}: {what}", count + 1) } else { what.to_owned() };
    TrafficError::Shape { line: error.line(), column: error.column(), what }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Found {
    traffic: Traffic,
    body_bytes_max: usize,
    /// Entries read, those that are no exchange too.
    count: usize,
    has_list: bool,
    wrong: Option<TrafficError>,
}

impl Found {
    /// False when reading cannot go on.
    fn take(&mut self, entry: form::Entry) -> bool {
        self.count += 1;
        let number = self.count;
        let taken = match number > ENTRIES_MAX {
            true => Err(format!("more than {ENTRIES_MAX} entries: split the file")),
            false => exchange(entry, number, self.body_bytes_max),
        };
        match taken {
            Ok(Some(exchange)) => self.traffic.entries.push(Entry { number, exchange }),
            Ok(None) => self.traffic.skipped += 1,
            Err(what) => self.wrong = Some(TrafficError::Entry { number, what }),
        }
        self.wrong.is_none()
    }
}

/// Goes down into the members of `path`, past everything else, to the list of entries.
struct Inside<'f> {
    path: &'static [&'static str],
    found: &'f mut Found,
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.first() {
            Some(name) => write!(out, "an object with `{name}`"),
            None => write!(out, "the list of entries"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.path.split_first() else {
            return Err(A::Error::custom("`entries` is an object, not a list"));
        };
        while let Some(name) = members.next_key::<String>()? {
            if name == *wanted {
                members.next_value_seed(Inside { path: rest, found: self.found })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let Some(name) = self.path.first() {
            return Err(A::Error::custom(format!("a list where an object with `{name}` belongs")));
        }
        self.found.has_list = true;
        while let Some(entry) = entries.next_element::<form::Entry>()? {
            if !self.found.take(entry) {
                return Err(A::Error::custom("an entry is wrong"));
            }
        }
        Ok(())
    }
}

/// The exchange of an entry; `None` for what never went over HTTP.
fn exchange(entry: form::Entry, number: usize, body_bytes_max: usize) -> Result<Option<Exchange>, String> {
    let form::Entry { started_date_time, time, request, response, own } = entry;
    let Some((scheme, host, target)) = parts_of(&request.url) else { return Ok(None) };
    let received_at = match &started_date_time {
        None => Timestamp::UNIX_EPOCH,
        Some(text) => text.parse().map_err(|_| format!("`{text}` is no time: write it as RFC 3339 does"))?,
    };
    if HeaderName::from_bytes(request.method.as_bytes()).is_err() {
        return Err(format!("`{}` is no method", request.method));
    }
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let client = match &own {
        Some(own) => Client {
            ip: own.ip,
            port: None,
            peer: own.peer,
            is_trusted: own.is_trusted,
            certificate: own.certificate.clone().map(Arc::new),
        },
        None => Client { ip: unknown, port: None, peer: unknown, is_trusted: false, certificate: None },
    };
    let mut head = headers(request.headers)?;
    let sent = request_body(request.post_data, request.body_size, body_bytes_max, &mut head)?;
    let sent = with_state(sent, own.as_ref().map(|own| &own.request_body));
    let host = match head.get(HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => host.to_owned(),
        None => {
            let value = HeaderValue::from_str(host).map_err(|_| format!("`{host}` is no host"))?;
            head.insert(HOST, value);
            host.to_owned()
        }
    };
    let response = match response.filter(|response| response.status > 0) {
        Some(answered) => Some(answer(answered, own.as_ref(), body_bytes_max)?),
        None => None,
    };
    let ending = match (&own, &response) {
        (Some(own), _) => own.ending.into(),
        (None, Some(_)) => Ending::Complete,
        (None, None) => Ending::UpstreamGone,
    };
    let id = match &own {
        Some(own) => own.request_id.clone(),
        None => format!("entry-{number}"),
    };
    Ok(Some(Exchange {
        id: own.map_or_else(|| Uuid::from_u128(number as u128), |own| own.id),
        received_at,
        client,
        request: Request {
            method: request.method,
            target: target.to_owned(),
            scheme,
            host,
            id,
            trace_id: trace_id(&head).map(str::to_owned),
            headers: head,
            body: sent,
        },
        response,
        ending,
        // Whatever is not a number of milliseconds becomes 0.
        duration_ms: time.unwrap_or_default() as u64,
    }))
}

fn answer(
    response: form::Response,
    own: Option<&form::Own>,
    body_bytes_max: usize,
) -> Result<Response, String> {
    let status = u16::try_from(response.status).ok().filter(|status| (100..1000).contains(status));
    let status = status.ok_or_else(|| format!("{} is no status", response.status))?;
    let mut head = headers(response.headers)?;
    let size = response.content.as_ref().and_then(|content| content.size).or(response.body_size);
    let received = match response.content {
        Some(content) => copied(content, size, body_bytes_max, &mut head)?,
        None => absent(size),
    };
    let received = with_state(received, own.and_then(|own| own.response_body.as_ref()));
    Ok(Response { status, headers: head, body: received, stream: None })
}

fn request_body(
    posted: Option<form::Body>,
    size: Option<f64>,
    body_bytes_max: usize,
    head: &mut HeaderMap,
) -> Result<Capture, String> {
    let Some(mut posted) = posted else { return Ok(absent(size)) };
    let mime = posted.mime_type.as_deref().unwrap_or_default();
    if posted.text.as_deref().unwrap_or_default().is_empty()
        && !posted.params.is_empty()
        && mime.starts_with("application/x-www-form-urlencoded")
    {
        let pairs = posted.params.iter();
        let pairs = pairs.map(|pair| (&pair.name, pair.value.as_deref().unwrap_or_default()));
        posted.text = Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    }
    copied(posted, size, body_bytes_max, head)
}

/// The copy of a body whose text is there, or of one that is known to have been.
fn copied(
    given: form::Body,
    size: Option<f64>,
    body_bytes_max: usize,
    head: &mut HeaderMap,
) -> Result<Capture, String> {
    let Some(text) = given.text.filter(|text| !text.is_empty()) else { return Ok(absent(size)) };
    let bytes = match given.encoding.as_deref() {
        None | Some("") => text.into_bytes(),
        Some("base64") => {
            STANDARD.decode(text.trim()).map_err(|_| "a body says that it is base64 and is not".to_owned())?
        }
        Some(other) => return Err(format!("a body is encoded as `{other}`: only base64 is known")),
    };
    head.remove(CONTENT_ENCODING);
    if let (false, Some(Ok(mime))) =
        (head.contains_key(CONTENT_TYPE), given.mime_type.map(HeaderValue::try_from))
        && !mime.is_empty()
    {
        head.insert(CONTENT_TYPE, mime);
    }
    Ok(body(bytes, body_bytes_max))
}

fn absent(size: Option<f64>) -> Capture {
    match size {
        Some(size) if size >= 1.0 => unknown_body(size as u64),
        Some(_) | None => Capture::default(),
    }
}

/// What the recorder knew about a body and its text does not say.
fn with_state(capture: Capture, own: Option<&OwnBody>) -> Capture {
    let Some(own) = own else { return capture };
    let state = match own.state {
        OwnState::Cut => CaptureState::Cut,
        OwnState::Broken => CaptureState::Broken,
        OwnState::Skipped => CaptureState::Skipped,
        OwnState::Empty => CaptureState::Empty,
        OwnState::Complete if capture.bytes.is_empty() => CaptureState::Skipped,
        OwnState::Complete => capture.state,
    };
    Capture { state, seen_bytes: own.seen_bytes, ..capture }
}

/// Several values of one header stand as several pairs, or, as browsers write it, on lines of one.
fn headers(pairs: Vec<Pair>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for Pair { name, value } in pairs {
        // HTTP/2's pseudo headers say what the URL says.
        if name.starts_with(':') {
            continue;
        }
        let parsed = HeaderName::try_from(&name).map_err(|_| format!("`{name}` is no name of a header"))?;
        for line in value.unwrap_or_default().split('\n') {
            let line = line.trim().as_bytes();
            let line =
                HeaderValue::from_bytes(line).map_err(|_| format!("the header `{name}` is no text"))?;
            if headers.try_append(parsed.clone(), line).is_err() {
                return Err("more headers than any server takes".to_owned());
            }
        }
    }
    Ok(headers)
}

/// Scheme, authority and request target of a URL; `None` for one that is not HTTP.
fn parts_of(url: &str) -> Option<(&'static str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => "http",
        "https" => "https",
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some((scheme, host, if target.is_empty() { "/" } else { target }))
}

#[cfg(test)]
mod tests;
