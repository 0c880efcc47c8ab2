//! Bounded copies of bodies turned into documents: content codings undone, format found, text decoded,
//! parsed.
//!
//! The application's parser decides what a request does, not ours; so wherever two honest readers could
//! see different things, the document says so in its doubts instead of choosing silently. What cannot be
//! read gives no value at all, because text without structure cannot be redacted by structure (THREATS
//! P05). Nothing here fails, panics, or grows past the limits that are handed in.

mod charset;
mod coding;
pub mod envelope;
pub mod form;
mod format;
mod html;
mod icalendar;
pub mod json;
pub mod multipart;
pub mod soap;
pub mod superjson;
mod xml;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use crate::event::{Note, NoteCode};
use crate::exchange::{Capture, CaptureState};
use crate::value::Value;
pub use format::{Forced, Format};

/// A body as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it says; `None` where nothing could be read.
    pub value: Option<Value>,
    /// As what it was read.
    pub format: &'static str,
    /// What a SOAP message asks for: the name of the element in its body.
    pub operation: Option<String>,
    /// How much of it could be read.
    pub state: BodyState,
    /// The parts that cannot be relied on; an empty path is the whole body.
    pub doubts: Vec<Doubtful>,
    /// What is missing or odd about it, for the event.
    pub notes: Vec<Note>,
}

/// How much of a body could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    /// All of it.
    Complete,
    /// The copy, or what came of it after decoding, ends early; no value.
    Truncated,
    /// There was no body.
    Empty,
    /// It is not what it says it is, or in no format that is read here.
    Unreadable,
}

impl BodyState {
    /// The word used in rules (`bodyState`).
    pub fn as_str(self) -> &'static str {
        match self {
            BodyState::Complete => "complete",
            BodyState::Truncated => "truncated",
            BodyState::Empty => "empty",
            BodyState::Unreadable => "unreadable",
        }
    }
}

/// A part of a body that can be read in two ways, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubtful {
    /// Member names from the body's root.
    pub path: Vec<String>,
    /// Why.
    pub code: NoteCode,
    /// What is doubtful, for people. May hold values of the body: redact before it is kept.
    pub detail: Option<String>,
    /// Values of the body that the detail must name, redacted by the member's name first.
    pub values: Vec<Value>,
}

impl Doubtful {
    fn at(path: Vec<String>, code: NoteCode, detail: impl Into<String>) -> Doubtful {
        Doubtful { path, code, detail: Some(detail.into()), values: Vec::new() }
    }
}

/// What a declared format makes of text.
#[derive(Debug, Default)]
struct Parsed {
    value: Option<Value>,
    doubts: Vec<Doubtful>,
    /// Doubts that are no shortcoming by themselves: no note tells them.
    quiet: Vec<Doubtful>,
    /// Of a SOAP message.
    operation: Option<String>,
    /// What is odd and no reason for doubt.
    notes: Vec<Note>,
}

/// Reads the copy of a body.
///
/// `forced` is what a rule pack says about this path; it holds where the content type does not tell.
/// `decoded_bytes_max` bounds the body after its content codings are undone; at the limit it counts as cut.
pub fn decode(
    capture: &Capture,
    headers: &HeaderMap,
    forced: Option<Forced<'_>>,
    decoded_bytes_max: usize,
) -> Document {
    let mut document = decoded(capture, headers, forced, decoded_bytes_max);
    if !capture.dropped_trailers.is_empty() {
        let names = capture.dropped_trailers.iter().take(TRAILERS_TOLD_MAX);
        let names: Vec<String> = names.map(|name| format!("{:.64}", name.as_str())).collect();
        document.notes.push(Note::with(NoteCode::TrailerDropped, names.join(", ")));
    }
    document
}

fn decoded(
    capture: &Capture,
    headers: &HeaderMap,
    forced: Option<Forced<'_>>,
    decoded_bytes_max: usize,
) -> Document {
    let declared = format::declared(headers);
    let lists = forced.map_or(&[][..], |forced| forced.lists);
    let forced = forced.filter(|forced| forced.holds(&declared)).map(|forced| forced.format);
    let format = forced.unwrap_or(declared.format);
    match capture.state {
        CaptureState::Empty => return bodiless(),
        CaptureState::Complete if capture.bytes.is_empty() => return bodiless(),
        CaptureState::Cut | CaptureState::Broken => {
            return truncated(
                format,
                &format!("{} bytes of {}", capture.bytes.len(), passed(capture, headers)),
            );
        }
        CaptureState::Skipped => return truncated(format, "no copy was made"),
        CaptureState::Complete => {}
    }
    let unpacked = coding::undo(&capture.bytes, headers, decoded_bytes_max);
    if unpacked.is_cut {
        let mut document = truncated(format, "larger than the limit after decoding");
        document.notes.extend(unpacked.notes);
        return document;
    }
    let mut document = read(&unpacked.bytes, forced, lists, &declared);
    document.notes.extend(unpacked.notes.iter().cloned());
    document.doubts.extend(unpacked.doubts);
    if declared.is_doubled {
        let detail = "two content types";
        document.doubts.push(Doubtful::at(Vec::new(), NoteCode::DuplicateHeader, detail));
        document.notes.push(Note::with(NoteCode::DuplicateHeader, "content-type"));
    }
    document
}

/// The text of a body with its content codings undone, for who writes it again; `None` where it is not whole
/// or can be read in two ways.
pub fn text(capture: &Capture, headers: &HeaderMap, decoded_bytes_max: usize) -> Option<String> {
    if capture.state != CaptureState::Complete {
        return None;
    }
    let unpacked = coding::undo(&capture.bytes, headers, decoded_bytes_max);
    if unpacked.is_cut || !unpacked.doubts.is_empty() {
        return None;
    }
    let inner = xml::encoding(&unpacked.bytes);
    let declared = format::declared(headers).charset;
    let text = charset::text(&unpacked.bytes, declared.as_deref().or(inner.as_deref()));
    text.doubt.is_none().then(|| text.text.into_owned())
}

fn read(bytes: &[u8], forced: Option<Format>, lists: &[String], declared: &format::Declared) -> Document {
    if bytes.is_empty() {
        return bodiless();
    }
    // What claims to be an image may be JSON to an application that does not look at the claim; but then it
    // is text.
    let is_text = || charset::is_marked(bytes) || std::str::from_utf8(bytes).is_ok();
    if forced.is_none() && declared.format == Format::Binary && !is_text() {
        return unreadable(Format::Binary, "not a format that is read here");
    }
    let inner = xml::encoding(bytes);
    let charset = declared.charset.as_deref();
    let text = charset::text(bytes, charset.or(inner.as_deref()));
    let (mut format, sniff_doubt) = match forced {
        Some(Format::HtmlForm) | None => format::settle(declared, &text.text),
        Some(format) => (format, None),
    };
    if forced == Some(Format::HtmlForm) && format == Format::Html {
        format = Format::HtmlForm;
    }
    let parsed = match format {
        Format::Json => json_document(&text.text),
        Format::Form => form_document(&text.text),
        Format::ICalendar => icalendar::parse(&text.text),
        Format::Text | Format::Html => Parsed { value: Some(Value::from(text.text)), ..Parsed::default() },
        Format::Xml | Format::Soap | Format::WebDav => {
            let parsed;
            (format, parsed) = xml::parse(&text.text, forced, lists, declared.action.as_deref());
            parsed
        }
        Format::HtmlForm => html::parse(&text.text),
        Format::JsonLines => json::lines::parse(&text.text),
        Format::SuperJson => superjson::parse(&text.text),
        Format::Multipart => multipart::parse(bytes, &declared.content_type),
        Format::Binary => Parsed::default(),
    };
    if parsed.value.is_none() {
        return unreadable(format, "it cannot be read as that");
    }
    let mut doubts = parsed.doubts;
    // Each part of a multipart body has its own encoding.
    let text_doubt = text.doubt.filter(|_| format != Format::Multipart);
    doubts.extend(text_doubt.map(|detail| Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail)));
    if inner.is_some() && charset.is_some() && inner.as_deref() != charset {
        let detail = "the XML declaration names another charset than the content type";
        doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail));
    }
    doubts.extend(sniff_doubt.map(|detail| Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail)));
    let mut notes = parsed.notes;
    for doubt in &doubts {
        let note = match doubt.path.is_empty() {
            true => Note { code: doubt.code, detail: doubt.detail.clone() },
            false => Note::with(doubt.code, doubt.path.join(".")),
        };
        if !notes.contains(&note) && notes.len() < NOTES_MAX {
            notes.push(note);
        }
    }
    doubts.extend(parsed.quiet);
    let (value, operation) = (parsed.value, parsed.operation);
    Document { value, format: format.as_str(), operation, state: BodyState::Complete, doubts, notes }
}

/// How much of a body went by; and how much was announced, where that is not as much (THREATS E36).
fn passed(capture: &Capture, headers: &HeaderMap) -> String {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(announced) if announced != capture.seen_bytes => {
            format!("{} that passed, {announced} announced", capture.seen_bytes)
        }
        Some(_) | None => capture.seen_bytes.to_string(),
    }
}

fn json_document(text: &str) -> Parsed {
    match json::parse(text) {
        Ok(reading) => Parsed { value: Some(reading.value), doubts: reading.doubts, ..Parsed::default() },
        Err(_) => Parsed::default(),
    }
}

fn form_document(text: &str) -> Parsed {
    let reading = form::parse(text);
    Parsed {
        value: Some(Value::Object(reading.members)),
        doubts: reading.doubts,
        quiet: reading.others,
        ..Parsed::default()
    }
}

fn bodiless() -> Document {
    Document {
        value: None,
        format: "empty",
        operation: None,
        state: BodyState::Empty,
        doubts: Vec::new(),
        notes: Vec::new(),
    }
}

fn truncated(format: Format, why: &str) -> Document {
    without_value(format, BodyState::Truncated, NoteCode::BodyCut, why)
}

fn unreadable(format: Format, why: &str) -> Document {
    without_value(
        format,
        BodyState::Unreadable,
        NoteCode::BodyUnparsed,
        &format!("{}: {why}", format.as_str()),
    )
}

fn without_value(format: Format, state: BodyState, code: NoteCode, why: &str) -> Document {
    Document {
        value: None,
        format: format.as_str(),
        operation: None,
        state,
        doubts: vec![Doubtful::at(Vec::new(), code, why)],
        notes: vec![Note::with(code, why)],
    }
}

/// Notes about one body; a body made of duplicates must not fill the event.
const NOTES_MAX: usize = 20;
/// Names of dropped trailers in a note.
const TRAILERS_TOLD_MAX: usize = 8;

#[cfg(test)]
mod tests;
