//! As what a body is read: what its type declares first, then what it looks like (THREATS E20).

use http::HeaderMap;

use super::{json, soap, xml};

/// A way to read a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// JSON with superjson's wrapping; only where a rule pack says so.
    SuperJson,
    /// A JSON document on each line.
    JsonLines,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// RFC 5545.
    ICalendar,
    /// Text as it is.
    Text,
    /// HTML, as text.
    Html,
    /// HTML, as the forms in it; only where a rule pack says so.
    HtmlForm,
    /// XML without a meaning that is known here.
    Xml,
    /// SOAP 1.1 and 1.2.
    Soap,
    /// The bodies of WebDAV and CalDAV.
    WebDav,
    /// RFC 2046, RFC 7578.
    Multipart,
    /// Anything else; never read.
    Binary,
}

impl Format {
    /// The word used in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::SuperJson => "superjson",
            Format::JsonLines => "jsonl",
            Format::Form => "form",
            Format::ICalendar => "icalendar",
            Format::Text => "text",
            Format::Html => "html",
            Format::HtmlForm => "html-form",
            Format::Xml => "xml",
            Format::Soap => "soap",
            Format::WebDav => "webdav",
            Format::Multipart => "multipart",
            Format::Binary => "binary",
        }
    }

    fn is_xml(self) -> bool {
        match self {
            Format::Xml | Format::Soap | Format::WebDav => true,
            Format::Json
            | Format::SuperJson
            | Format::JsonLines
            | Format::Form
            | Format::ICalendar
            | Format::Text
            | Format::Html
            | Format::HtmlForm
            | Format::Multipart
            | Format::Binary => false,
        }
    }

    /// The format that a rule pack names.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "superjson" => Some(Format::SuperJson),
            "jsonl" => Some(Format::JsonLines),
            "multipart" => Some(Format::Multipart),
            "form" => Some(Format::Form),
            "icalendar" => Some(Format::ICalendar),
            "text" => Some(Format::Text),
            "html" => Some(Format::Html),
            "html-form" => Some(Format::HtmlForm),
            "xml" => Some(Format::Xml),
            "soap" => Some(Format::Soap),
            "webdav" => Some(Format::WebDav),
            _ => None,
        }
    }

    /// Whether a body's look can tell it.
    fn has_look(self) -> bool {
        match self {
            Format::Json | Format::Form | Format::ICalendar | Format::Xml | Format::Multipart => true,
            Format::SuperJson
            | Format::JsonLines
            | Format::Text
            | Format::Html
            | Format::HtmlForm
            | Format::Soap
            | Format::WebDav
            | Format::Binary => false,
        }
    }
}

/// What a rule pack says about the bodies at a path.
#[derive(Clone, Copy, Debug)]
pub struct Forced<'a> {
    /// How they are read where the content type does not tell.
    pub format: Format,
    /// Of XML, the names of elements that are lists even when there is one.
    pub lists: &'a [String],
}

impl Forced<'_> {
    /// Whether this holds beside what the headers say. What the type says plainly is not overruled: a form's
    /// answer is often JSON. Only what kind of XML it is, whether JSON is wrapped, and what matters of a page,
    /// no type tells.
    pub(super) fn holds(&self, declared: &Declared) -> bool {
        if self.format == Format::HtmlForm {
            return declared.format == Format::Html;
        }
        declared.is_vague
            || declared.format == Format::Binary
            || (declared.format == Format::Xml && self.format.is_xml())
            || (declared.format == Format::Json && self.format == Format::SuperJson)
    }
}

/// What the headers say.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) format: Format,
    pub(super) charset: Option<String>,
    /// SOAP's action.
    pub(super) action: Option<String>,
    /// The first content type as it stands; the boundary in it has upper and lower case. Empty for plain JSON.
    pub(super) content_type: String,
    /// True when the type says little, so that the body's look decides.
    pub(super) is_vague: bool,
    /// True when there are two different content types.
    pub(super) is_doubled: bool,
}

/// Reads `content-type`.
pub(super) fn declared(headers: &HeaderMap) -> Declared {
    let mut lines = headers.get_all(http::header::CONTENT_TYPE).iter();
    let first = lines.next();
    let second = lines.next();
    if first.is_some_and(|line| line == JSON) && second.is_none() {
        return plain_json(headers);
    }
    let mut others = second.into_iter().chain(lines);
    let is_doubled = others.any(|line| Some(line) != first);
    let content_type =
        first.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).unwrap_or_default();
    Declared { action: soap::action(headers), is_doubled, ..of_type(content_type) }
}

/// What a content type alone says.
pub(super) fn of_type(content_type: String) -> Declared {
    let text = content_type.to_ascii_lowercase();
    let mut pieces = text.split(';');
    let essence = pieces.next().unwrap_or_default().trim().to_owned();
    let mut charsets: Vec<&str> = pieces
        .filter_map(|piece| piece.trim().strip_prefix("charset="))
        .map(|charset| charset.trim_matches(|c| c == '"' || c == '\''))
        .collect();
    charsets.dedup();
    // Several are no charset that is known: doubt, whatever each of them says.
    let charset = (!charsets.is_empty()).then(|| charsets.join(", "));
    let (format, is_vague) = by_type(&essence);
    Declared { format, charset, content_type, action: None, is_vague, is_doubled: false }
}

/// What nearly all bodies of applications say, without the look at each piece.
fn plain_json(headers: &HeaderMap) -> Declared {
    let action = headers.contains_key(&soap::ACTION).then(|| soap::action(headers)).flatten();
    let (content_type, charset) = (String::new(), None);
    Declared { format: Format::Json, charset, action, content_type, is_vague: false, is_doubled: false }
}

const JSON: &str = "application/json";

fn by_type(essence: &str) -> (Format, bool) {
    match essence {
        "" | "application/octet-stream" | "text/plain" | "*/*" => (Format::Text, true),
        "application/json" | "text/json" | "application/x-json" | "application/csp-report" => {
            (Format::Json, false)
        }
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/jsonlines" => (Format::JsonLines, false),
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
    let may_differ = match declared.format {
        // Nearly every body; it is read once only where it is what it says.
        Format::Json => {
            !looks_like_json(start) && json::parse(text).map_or(true, |reading| !reading.doubts.is_empty())
        }
        Format::Multipart => !start.starts_with("--") && !text.contains("\n--"),
        Format::Xml => !looks_like_xml(start),
        Format::JsonLines
        | Format::Form
        | Format::SuperJson
        | Format::ICalendar
        | Format::Text
        | Format::Html
        | Format::HtmlForm
        | Format::Soap
        | Format::WebDav
        | Format::Binary => true,
    };
    if !may_differ {
        return (declared.format, None);
    }
    let seen = look(start);
    // A list of documents, and a page in XHTML, look like what they also are.
    let is_also =
        matches!((declared.format, seen), (Format::JsonLines, Format::Json) | (Format::Html, Format::Xml));
    if seen == declared.format || is_also || !seen.has_look() {
        return (declared.format, None);
    }
    let why = format!("declared {}, looks like {}", declared.format.as_str(), seen.as_str());
    (seen, Some(why))
}

fn look(start: &str) -> Format {
    if looks_like_json(start) && json::parse(start).is_ok() {
        return Format::Json;
    }
    if start.get(..15).is_some_and(|head| head.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Format::ICalendar;
    }
    if start.starts_with("<?xml") || (looks_like_xml(start) && xml::tree(start).is_some()) {
        return Format::Xml;
    }
    if looks_like_multipart(start) {
        return Format::Multipart;
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

/// An element or a DTD, but not a page.
fn looks_like_xml(start: &str) -> bool {
    let is_page =
        |prefix: &str| start.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    start.starts_with('<') && !is_page("<!doctype html") && !is_page("<html")
}

fn looks_like_multipart(start: &str) -> bool {
    let head: String = start.chars().take(LOOK_CHARS).collect();
    start.starts_with("--") && head.to_ascii_lowercase().contains("content-disposition:")
}

/// `a=1&b=2`: one word of unreserved characters with an equals sign in each of its first pieces.
fn looks_like_form(text: &str) -> bool {
    let text = text.trim_end();
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '{' | '}');
    !text.is_empty() && text.chars().all(is_plain) && text.split('&').take(4).all(|piece| piece.contains('='))
}

/// How much of an undeclared body is looked at to tell text from binary.
const LOOK_CHARS: usize = 512;
