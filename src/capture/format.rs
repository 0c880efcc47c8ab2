//! As what a body is read: what its type declares first, then what it looks like (THREATS E20).

use http::HeaderMap;

use super::json;

/// A way to read a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// RFC 5545.
    ICalendar,
    /// Text as it is.
    Text,
    /// HTML, as text.
    Html,
    /// XML; not read yet.
    Xml,
    /// Multipart; not read yet.
    Multipart,
    /// Anything else; never read.
    Binary,
}

impl Format {
    /// The word used in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Form => "form",
            Format::ICalendar => "icalendar",
            Format::Text => "text",
            Format::Html => "html",
            Format::Xml => "xml",
            Format::Multipart => "multipart",
            Format::Binary => "binary",
        }
    }

    /// The format that a rule pack names.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "form" => Some(Format::Form),
            "icalendar" => Some(Format::ICalendar),
            "text" => Some(Format::Text),
            "html" => Some(Format::Html),
            _ => None,
        }
    }
}

/// What the headers say.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) format: Format,
    pub(super) charset: Option<String>,
    /// True when the type says little, so that the body's look decides.
    pub(super) is_vague: bool,
    /// True when there are two different content types.
    pub(super) is_doubled: bool,
}

/// Reads `content-type`.
pub(super) fn declared(headers: &HeaderMap) -> Declared {
    let mut lines = headers.get_all(http::header::CONTENT_TYPE).iter();
    let first = lines.next();
    let is_doubled = lines.any(|line| Some(line) != first);
    let text = first.map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase());
    let text = text.unwrap_or_default();
    let mut pieces = text.split(';');
    let essence = pieces.next().unwrap_or_default().trim().to_owned();
    let charset = pieces
        .filter_map(|piece| piece.trim().strip_prefix("charset="))
        .map(|charset| charset.trim_matches(|c| c == '"' || c == '\'').to_owned())
        .next();
    let (format, is_vague) = by_type(&essence);
    Declared { format, charset, is_vague, is_doubled }
}

fn by_type(essence: &str) -> (Format, bool) {
    match essence {
        "" | "application/octet-stream" | "text/plain" | "*/*" => (Format::Text, true),
        "application/json" | "text/json" | "application/x-json" | "application/csp-report" => {
            (Format::Json, false)
        }
        "application/x-www-form-urlencoded" => (Format::Form, false),
        "text/calendar" | "application/ics" => (Format::ICalendar, false),
        "text/html" | "application/xhtml+xml" => (Format::Html, false),
        "application/xml" | "text/xml" => (Format::Xml, false),
        _ if essence.ends_with("+json") => (Format::Json, false),
        _ if essence.ends_with("+xml") => (Format::Xml, false),
        _ if essence.starts_with("multipart/") => (Format::Multipart, false),
        _ if essence.starts_with("text/") => (Format::Text, false),
        _ => (Format::Binary, false),
    }
}

/// The format in which a body is read, and why it could be another.
pub(super) fn settle(declared: &Declared, text: &str) -> (Format, Option<String>) {
    let start = text.trim_start();
    if declared.is_vague {
        return (look(start), None);
    }
    match declared.format {
        // A form whose only name is a JSON object is JSON with a careless label; some servers read it so.
        Format::Form if start.starts_with(['{', '[']) && json::parse(text).is_ok() => {
            (Format::Json, Some("declared a form, looks like JSON".to_owned()))
        }
        Format::Json if !looks_like_json(start) && json::parse(text).is_err() => match look(start) {
            Format::Form => (Format::Form, Some("declared JSON, looks like a form".to_owned())),
            Format::Json
            | Format::ICalendar
            | Format::Text
            | Format::Html
            | Format::Xml
            | Format::Multipart
            | Format::Binary => (Format::Json, None),
        },
        Format::Json
        | Format::Form
        | Format::ICalendar
        | Format::Text
        | Format::Html
        | Format::Xml
        | Format::Multipart
        | Format::Binary => (declared.format, None),
    }
}

fn look(start: &str) -> Format {
    if looks_like_json(start) && json::parse(start).is_ok() {
        return Format::Json;
    }
    if start.get(..15).is_some_and(|head| head.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Format::ICalendar;
    }
    if start.starts_with("<?xml") {
        return Format::Xml;
    }
    if looks_like_form(start) {
        return Format::Form;
    }
    match start.chars().take(LOOK_CHARS).any(|c| c.is_control() && !c.is_whitespace()) {
        true => Format::Binary,
        false => Format::Text,
    }
}

fn looks_like_json(start: &str) -> bool {
    start.starts_with(['{', '['])
}

/// `a=1&b=2`: one word of unreserved characters with an equals sign in each of its first pieces.
fn looks_like_form(text: &str) -> bool {
    let text = text.trim_end();
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '{' | '}');
    !text.is_empty() && text.chars().all(is_plain) && text.split('&').take(4).all(|piece| piece.contains('='))
}

/// How much of an undeclared body is looked at to tell text from binary.
const LOOK_CHARS: usize = 512;
