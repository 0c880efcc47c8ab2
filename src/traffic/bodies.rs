//! Bodies written again without their secrets, each in its own format.

use form_urlencoded::Serializer;
use http::HeaderMap;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer, XmlVersion};

use super::har::Writing;
use crate::capture::{self, BodyState};
use crate::exchange::{Capture, CaptureState};
use crate::rules::redact::Redactor;
use crate::value::{Value, json};

/// What is kept of a body.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The body, redacted.
    pub(super) text: Option<String>,
    /// Why there is no text.
    pub(super) withheld: Option<String>,
    /// Keyed hash of what is withheld.
    pub(super) hash: Option<String>,
}

/// The body at `root` (`request`, `response`), redacted by its structure, or what may be told of it.
pub(super) fn keep(root: &str, body: &Capture, headers: &HeaderMap, writing: &Writing<'_>) -> Kept {
    match body.state {
        CaptureState::Empty => return Kept::default(),
        CaptureState::Skipped => return withheld("no copy was made", body, writing),
        CaptureState::Cut | CaptureState::Broken => return withheld("it is not whole", body, writing),
        CaptureState::Complete => {}
    }
    let read = capture::decode(body, headers, None, writing.decoded_bytes_max);
    let is_ambiguous = read.doubts.iter().any(|doubt| doubt.path.is_empty());
    let redactor = writing.redactor;
    let text = || capture::text(body, headers, writing.decoded_bytes_max);
    let kept = match (read.state, read.value) {
        (BodyState::Empty, _) => return Kept::default(),
        (BodyState::Complete, Some(_)) if is_ambiguous => None,
        (BodyState::Complete, Some(mut value)) => {
            redact(root, &mut value, redactor);
            match read.format {
                "json" => Some(value.to_string()),
                "jsonl" => lines(&value),
                "form" => form(&value),
                // Paths of packs cannot be followed in these.
                _ if redactor.has_paths() => None,
                "icalendar" => text().and_then(|text| icalendar(&text, redactor)),
                "xml" | "soap" | "webdav" => text().and_then(|text| xml(&text, redactor)),
                _ => None,
            }
        }
        (BodyState::Complete | BodyState::Truncated | BodyState::Unreadable, _) => None,
    };
    match kept {
        Some(text) => Kept { text: Some(text), ..Kept::default() },
        None => withheld("it cannot be redacted by its structure", body, writing),
    }
}

fn withheld(why: &str, body: &Capture, writing: &Writing<'_>) -> Kept {
    let hash = (!body.bytes.is_empty()).then(|| writing.key.short("recorded body", &body.bytes));
    Kept { text: None, withheld: Some(why.to_owned()), hash }
}

fn redact(root: &str, body: &mut Value, redactor: &Redactor<'_>) {
    redactor.value(&[root, "body"], body);
    if redactor.has_paths() {
        let mut whole = json!({ root: { "body": body.take() } });
        redactor.paths(&mut whole);
        *body = whole[root]["body"].take();
    }
}

fn lines(value: &Value) -> Option<String> {
    let lines = value.as_array()?.iter().map(|line| format!("{line}\n"));
    Some(lines.collect())
}

/// `application/x-www-form-urlencoded`; several values of a name are a list.
fn form(value: &Value) -> Option<String> {
    let mut written = Serializer::new(String::new());
    for (name, value) in value.as_object()? {
        match value {
            Value::Array(values) => {
                for value in values {
                    written.append_pair(name, &plain(value));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                written.append_pair(name, &plain(value));
            }
        }
    }
    Some(written.finish())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// RFC 5545, one content line after the other, unfolded: the name decides, then the shape.
fn icalendar(text: &str, redactor: &Redactor<'_>) -> Option<String> {
    let unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let mut written = String::with_capacity(unfolded.len());
    for line in unfolded.lines().filter(|line| !line.is_empty()) {
        let mut is_quoted = false;
        let colon = line.find(|c| {
            is_quoted ^= c == '"';
            c == ':' && !is_quoted
        })?;
        let (head, value) = (&line[..colon], &line[colon + 1..]);
        let name = head.split(';').next().unwrap_or(head);
        written.push_str(&redactor.text(head));
        written.push(':');
        written.push_str(&named(name, value.to_owned(), redactor));
        written.push_str("\r\n");
    }
    Some(written)
}

/// XML, element by element: names of elements around a text and of attributes decide, then the shape.
/// Comments, declarations and instructions are left out; `None` where something is not resolved.
fn xml(text: &str, redactor: &Redactor<'_>) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let mut writer = Writer::new(Vec::new());
    let mut names: Vec<String> = Vec::new();
    let mut content = String::new();
    loop {
        let event = reader.read_event().ok()?;
        let ends_text = matches!(event, Event::Start(_) | Event::End(_) | Event::Empty(_) | Event::Eof);
        if ends_text && !content.is_empty() {
            let text = names
                .iter()
                .rev()
                .fold(std::mem::take(&mut content), |text, name| named(name, text, redactor));
            writer.write_event(Event::Text(BytesText::new(&text))).ok()?;
        }
        match event {
            Event::Start(start) => {
                if names.len() >= DEPTH_MAX {
                    return None;
                }
                names.push(start.local_name().as_ref().to_owned());
                writer.write_event(Event::Start(attributes(&start, redactor)?)).ok()?;
            }
            Event::Empty(start) => writer.write_event(Event::Empty(attributes(&start, redactor)?)).ok()?,
            Event::End(end) => {
                names.pop();
                writer.write_event(Event::End(end)).ok()?;
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::CData(data) => content.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => content.push(character),
                None => content.push_str(resolve_predefined_entity(&reference.xml10_content())?),
            },
            Event::DocType(_) => return None,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    String::from_utf8(writer.into_inner()).ok()
}

fn attributes(start: &BytesStart<'_>, redactor: &Redactor<'_>) -> Option<BytesStart<'static>> {
    let mut written = BytesStart::new(start.name().as_ref().to_owned());
    for attribute in start.attributes() {
        let attribute: Attribute<'_> = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        let value = named(attribute.key.local_name().as_ref(), value.into_owned(), redactor);
        written.push_attribute((attribute.key.as_ref(), value.as_str()));
    }
    Some(written)
}

fn named(name: &str, text: String, redactor: &Redactor<'_>) -> String {
    let mut value = Value::from(text);
    redactor.named(name, &mut value);
    plain(&value)
}

const DEPTH_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::rules::redact::Key;

    fn kept(kind: &str, body: &str) -> Kept {
        let key = Key::new([1; 32]);
        let redactor = Redactor::new(&key, []);
        let writing = Writing { redactor: &redactor, key: &key, decoded_bytes_max: 1 << 20 };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let capture = Capture {
            seen_bytes: bytes.len() as u64,
            bytes,
            state: CaptureState::Complete,
            ..Capture::default()
        };
        keep("request", &capture, &headers, &writing)
    }

    #[test]
    fn a_body_is_written_again_without_its_secrets_or_not_at_all() {
        let check = |kind: &str, body: &str, expected: Option<&str>| {
            let kept = kept(kind, body);
            assert_eq!(kept.text.as_deref(), expected, "{body}");
            assert_eq!(kept.withheld.is_some(), expected.is_none(), "{body}");
        };
        check("application/json", "{\"a\": [{\"pin\": 7}]}", Some("{\"a\":[{\"pin\":\"[redacted]\"}]}"));
        check(
            "application/jsonl",
            "{\"password\": \"x\"}\n{\"b\": 2}\n",
            Some("{\"password\":\"[redacted]\"}\n{\"b\":2}\n"),
        );
        check(
            "application/x-www-form-urlencoded",
            "b=1&password=x&b=%26",
            Some("b=1&b=%26&password=%5Bredacted%5D"),
        );
        check(
            "application/xml",
            "<?xml version='1.0'?><!-- x --><p:a xmlns:p='u'><p:password><i>x</i></p:password>1 &lt; &#50;<![CDATA[<]]></p:a>",
            Some("<p:a xmlns:p=\"u\"><p:password><i>[redacted]</i></p:password>1 &lt; 2&lt;</p:a>"),
        );
        check("application/xml", "<!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>", None);
        check(
            "text/calendar",
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY;X=\"a:b\":Sh\r\n ort\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            Some(
                "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY;X=\"a:b\":Short\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            ),
        );
        check("text/plain", "my password is x", None);
        check("application/json", "{\"password\": \"x", None);
        check("application/json", "{\"a\": 1} {\"password\": \"x\"}", None);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_writer_panic(kind in 0usize..4, body in "[-<>&;:=\"'/a-c\\[\\]{},\r\n\t !?#x0-9]{0,200}") {
            let kinds = ["application/json", "application/xml", "text/calendar", "application/x-www-form-urlencoded"];
            kept(kinds[kind], &body);
            kept(kinds[1], &format!("<a>{body}</a>"));
            kept(kinds[2], &format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{body}\nEND:VEVENT\nEND:VCALENDAR\n"));
        }
    }
}
