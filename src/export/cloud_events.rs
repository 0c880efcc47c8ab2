//! CloudEvents 1.0 in the JSON event format, one a line (docs/exports.md has the table).

use serde::Serialize;
use serde_json::value::RawValue;

use super::facts::Facts;
use crate::event::Event;

/// The members of the specification, with the whole event as `data`.
#[derive(Serialize)]
struct CloudEvent<'e> {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    /// The extension for order: texts that sort as the numbers do.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    datacontenttype: &'static str,
    data: &'e RawValue,
}

/// Appends an event as a line.
///
/// # Errors
/// When it is no event.
pub(super) fn push(text: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let event: Event = serde_json::from_str(text)?;
    let place: Option<super::Place> = serde_json::from_str(text).ok();
    let target = event.target.as_ref();
    let of_target = |id: &str| target.map(|target| attribute(&format!("{}/{id}", target.r#type)));
    let cloud = CloudEvent {
        specversion: "1.0",
        id: event.id.to_string(),
        source: source(&event.request.url),
        r#type: format!("{TYPE}{}", attribute(&event.action)),
        subject: target.and_then(|target| of_target(target.id.as_deref()?)),
        time: event.time.to_string(),
        sequence: place.and_then(|place| place.sequence).map(|sequence| format!("{sequence:020}")),
        datacontenttype: "application/json",
        data: serde_json::from_str(text)?,
    };
    serde_json::to_writer(&mut *out, &cloud)?;
    out.push(b'\n');
    Ok(())
}

/// The facts of the export as an event of their own, after all others.
pub(super) fn end(facts: &Facts) -> String {
    let data = format!("{{\"start\":{},\"end\":{}}}", facts.start(), facts.end());
    let data = RawValue::from_string(data).expect("two JSON documents in an object");
    let last = facts.oldest.as_ref().map_or("none", |place| place.id.as_str());
    let cloud = CloudEvent {
        specversion: "1.0",
        // Another export of the same events has another one.
        id: format!("export-{}-{last}", facts.made),
        source: OWN_SOURCE.to_owned(),
        r#type: "earwitness.export.end".to_owned(),
        subject: None,
        time: facts.made.to_string(),
        sequence: None,
        datacontenttype: "application/json",
        data: &data,
    };
    serde_json::to_string(&cloud).expect("texts are JSON")
}

/// Where it happened: scheme and host of the application, which a URL begins with.
fn source(url: &str) -> String {
    match url.parse::<http::Uri>() {
        Ok(uri) => match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            (_, _) => OWN_SOURCE.to_owned(),
        },
        Err(_) => OWN_SOURCE.to_owned(),
    }
}

/// An attribute holds neither control characters nor what Unicode keeps free (CloudEvents 1.0, Type System); it may become a
/// header on its further way (THREATS X07).
fn attribute(text: &str) -> String {
    let is_odd = |character: char| character.is_control() || is_noncharacter(u32::from(character));
    text.chars().map(|character| if is_odd(character) { '\u{fffd}' } else { character }).collect()
}

fn is_noncharacter(code: u32) -> bool {
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

const TYPE: &str = "earwitness.audit.";
const OWN_SOURCE: &str = "urn:earwitness";

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS X07
    #[test]
    fn an_attribute_can_stand_in_a_header() {
        let check = |text: &str, expected: &str| assert_eq!(attribute(text), expected);
        check("RESCHEDULED", "RESCHEDULED");
        check("a\r\nSet-Cookie: b", "a\u{fffd}\u{fffd}Set-Cookie: b");
        check("a\u{85}\u{fdd0}\u{1ffff}", "a\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_source_is_the_application_and_never_empty() {
        let check = |url: &str, expected: &str| assert_eq!(source(url), expected);
        check("http://office.example.org/api/bookings/103/move?x=1", "http://office.example.org");
        check("https://office.example.org:8443/", "https://office.example.org:8443");
        check("/api", "urn:earwitness");
        check("", "urn:earwitness");
    }
}
