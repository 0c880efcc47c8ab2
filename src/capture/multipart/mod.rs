//! Multipart bodies (RFC 2046 section 5.1): the splitter that every multipart format rests on.
//!
//! Readers disagree about boundaries more than about anything else in a body, and evasions live there
//! (THREATS E23). So this one takes what the most tolerant reader takes and says where a stricter one would
//! see something else. Crates do one or the other: `multer` is asynchronous and refuses, `mail-parser`
//! repairs without a word; neither can say that a body has two readings.
//!
//! Splitting decodes nothing, copies nothing but headers, and nothing grows past the limits below.

mod form;
mod list;
mod parameter;

use std::collections::BTreeSet;

use memchr::memmem;

pub(crate) use self::parameter::{Parameter, parameters};
use super::{Doubtful, Parsed};
use crate::event::{Note, NoteCode};

/// A multipart body, split.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// In order.
    pub parts: Vec<Part<'a>>,
    /// Why another reader may see other parts: the whole body is in doubt.
    pub doubts: BTreeSet<&'static str>,
    /// What is odd about it, though every reader that takes it sees the same parts.
    pub oddities: BTreeSet<&'static str>,
    /// True when there were more parts than the limit: the rest is not here.
    pub is_cut: bool,
}

/// One part, as sent.
#[derive(Debug)]
pub struct Part<'a> {
    /// Names in lower case, in order; folded lines are joined.
    pub headers: Vec<(String, String)>,
    /// What stands between the header and the next boundary; transfer encodings are not undone.
    pub bytes: &'a [u8],
}

impl Part<'_> {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is somebody's field.
    fn is_named(&self) -> bool {
        let dispositions = self.headers.iter().filter(|(name, _)| name == "content-disposition");
        let mut named = dispositions.flat_map(|(_, value)| parameters(value));
        named.any(|one| one.name == "name" || one.name.starts_with("name*"))
    }
}

/// Reads a multipart body: as a form, or as a list of parts where no part has a name and the type does not say
/// that it is a form. Some applications take a form for one whatever its type says.
pub(super) fn parse(bytes: &[u8], content_type: &str) -> Parsed {
    let mut split = parts(bytes, content_type);
    // No browser writes them; a reader that insists on CRLF sees one field with all the others in its value.
    if split.oddities.remove(BARE_LINE_ENDS) {
        split.doubts.insert(BARE_LINE_ENDS);
    }
    let essence = essence(content_type);
    let is_form = !essence.starts_with("multipart/") || essence == "multipart/form-data";
    let parsed = match is_form || split.parts.iter().any(Part::is_named) {
        true => form::parse(&split.parts),
        false => list::parse(&split.parts),
    };
    let mut doubts: Vec<Doubtful> = split.doubts.iter().map(|why| whole(why)).collect();
    if split.is_cut {
        doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyCut, "more than 10,000 parts"));
    }
    doubts.extend(parsed.doubts);
    let mut notes: Vec<Note> =
        split.oddities.iter().map(|why| Note::with(NoteCode::BodyAmbiguous, *why)).collect();
    notes.extend(parsed.notes);
    Parsed { doubts, notes, ..parsed }
}

/// A doubt about all of a body.
fn whole(detail: &str) -> Doubtful {
    Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail)
}

/// Past the limit the whole body is in doubt.
fn tell(doubts: &mut Vec<Doubtful>, doubt: Doubtful) {
    match doubts.len() {
        DOUBTS_MAX => doubts.push(whole("many doubtful parts")),
        count if count < DOUBTS_MAX => doubts.push(doubt),
        _ => {}
    }
}

/// A content type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Splits a multipart body of whatever subtype, by the boundary in `content_type`.
///
/// Where the type names none, the body's first line is taken for it, with doubt.
pub fn parts<'a>(bytes: &'a [u8], content_type: &str) -> Parts<'a> {
    let mut found = Parts::default();
    let Some(boundary) = boundary(bytes, content_type, &mut found.doubts) else {
        found.doubts.insert("no boundary");
        return found;
    };
    let lines = delimiters(bytes, &boundary, &mut found);
    let Some(first) = lines.first() else {
        found.doubts.insert("the boundary does not occur");
        return found;
    };
    if !is_blank(&bytes[..first.before]) {
        found.oddities.insert("text before the first boundary");
    }
    note_line_ends(&lines, &mut found);
    for (index, line) in lines.iter().enumerate() {
        if line.is_last {
            note_end(&bytes[line.after..], &lines[index + 1..], &mut found);
            return found;
        }
        let end = lines.get(index + 1).map_or(bytes.len(), |next| next.before.max(line.after));
        if found.parts.len() == PARTS_MAX {
            found.is_cut = true;
            return found;
        }
        let part = part(&bytes[line.after..end], &mut found);
        found.parts.push(part);
    }
    found.doubts.insert("no boundary at the end");
    found
}

/// The boundary that the type names; of several, one that occurs.
fn boundary(bytes: &[u8], content_type: &str, doubts: &mut BTreeSet<&'static str>) -> Option<String> {
    let named = parameters(content_type);
    if named.iter().any(|parameter| parameter.name.starts_with("boundary*")) {
        doubts.insert("a boundary in pieces");
    }
    let mut candidates: Vec<&Parameter> = named.iter().filter(|one| one.name == "boundary").collect();
    if candidates.iter().any(|one| one.is_odd) {
        doubts.insert("a boundary that is quoted wrongly");
    }
    candidates.dedup_by(|one, other| one.value == other.value);
    if candidates.len() > 1 {
        doubts.insert("two boundaries");
    }
    candidates.retain(|one| !one.value.is_empty() && one.value.len() <= BOUNDARY_BYTES_MAX);
    let occurs = |one: &&&Parameter| memmem::find(bytes, format!("--{}", one.value).as_bytes()).is_some();
    if let Some(boundary) = candidates.iter().find(occurs).or(candidates.first()) {
        return Some(boundary.value.clone());
    }
    doubts.insert("no boundary in the content type");
    boundary_in_body(bytes)
}

/// A first line `--x`, as some readers take it for the boundary.
pub(super) fn boundary_in_body(bytes: &[u8]) -> Option<String> {
    let line = bytes.get(..bytes.len().min(BOUNDARY_BYTES_MAX))?.split(|byte| *byte == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?.strip_prefix("--")?.trim_end();
    (!text.is_empty() && line.len() < bytes.len()).then(|| text.to_owned())
}

/// A boundary's line.
struct Delimiter {
    /// Where the content before it ends: the line end in front belongs to the boundary.
    before: usize,
    /// Where the next line starts.
    after: usize,
    is_last: bool,
    /// Whether both line ends around it are CRLF.
    has_proper_ends: bool,
}

fn delimiters(bytes: &[u8], boundary: &str, found: &mut Parts<'_>) -> Vec<Delimiter> {
    let dashes = format!("--{boundary}");
    let mut lines = Vec::new();
    for start in memmem::find_iter(bytes, dashes.as_bytes()) {
        let (before, has_proper_start) = match &bytes[..start] {
            [] => (0, true),
            [.., b'\r', b'\n'] => (start - 2, true),
            [.., b'\n'] => (start - 1, false),
            [.., b'\r'] => {
                found.doubts.insert("a boundary behind half a line end");
                continue;
            }
            [..] => {
                // Django splits here.
                found.doubts.insert("a boundary within a line");
                continue;
            }
        };
        let rest = &bytes[start + dashes.len()..];
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line = &rest[..length];
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let has_proper_end = text.len() == line.len() || text.ends_with(b"\r");
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.contains(&b'\r') {
            found.doubts.insert("a boundary with half a line end");
        }
        let is_last = match text.trim_ascii_end() {
            b"" if text.len() < line.len() => false,
            b"--" => true,
            more => {
                found.doubts.insert("a line that only starts like a boundary");
                match more.starts_with(b"--") {
                    true => true,
                    false => continue,
                }
            }
        };
        let after = start + dashes.len() + length;
        lines.push(Delimiter { before, after, is_last, has_proper_ends: has_proper_start && has_proper_end });
        if lines.len() > PARTS_MAX + 1 {
            break;
        }
    }
    lines
}

/// Some clients write bare line feeds throughout; a mixture is made to divide readers.
fn note_line_ends(lines: &[Delimiter], found: &mut Parts<'_>) {
    let proper = lines.iter().filter(|line| line.has_proper_ends).count();
    if proper == lines.len() {
        return;
    }
    match proper {
        0 => found.oddities.insert(BARE_LINE_ENDS),
        _ => found.doubts.insert("boundaries with different line ends"),
    };
}

fn note_end(rest: &[u8], lines: &[Delimiter], found: &mut Parts<'_>) {
    if !lines.is_empty() {
        found.doubts.insert("parts behind the last boundary");
    } else if !is_blank(rest) {
        found.oddities.insert("text behind the last boundary");
    }
}

fn part<'a>(bytes: &'a [u8], found: &mut Parts<'_>) -> Part<'a> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut rest = bytes;
    loop {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            found.doubts.insert("a part without an end of its header");
            return Part { headers, bytes: &[] };
        };
        let line = &rest[..end];
        if !line.ends_with(b"\r") && !found.oddities.contains(BARE_LINE_ENDS) {
            found.doubts.insert("a part with different line ends in its header");
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rest = &rest[end + 1..];
        if line.is_empty() {
            return Part { headers, bytes: rest };
        }
        if headers.len() == HEADERS_MAX || line.len() > HEADER_BYTES_MAX {
            found.doubts.insert("a part with a huge header");
            return Part { headers, bytes: &[] };
        }
        header(line, &mut headers, found);
    }
}

fn header(line: &[u8], headers: &mut Vec<(String, String)>, found: &mut Parts<'_>) {
    let text = String::from_utf8_lossy(line);
    if text.contains(|c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t')) {
        found.doubts.insert("a part with an unreadable header");
    }
    if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        found.doubts.insert("a part with a folded header");
        if let Some((_, value)) = headers.last_mut()
            && value.len() < HEADER_BYTES_MAX
        {
            value.push(' ');
            value.push_str(text.trim());
        }
        return;
    }
    let Some((name, value)) = text.split_once(':') else {
        found.doubts.insert("a part with a line that is no header");
        return;
    };
    if name.trim() != name {
        found.doubts.insert("a part with a blank in a header's name");
    }
    if name.trim().is_empty() || !name.trim().bytes().all(is_token) {
        found.doubts.insert("a part with a name that no header can have");
    }
    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.trim_ascii().is_empty()
}

/// What [`Parts::oddities`] says of a body whose boundaries all end in a bare line feed; a reader that insists
/// on CRLF sees one part at most.
pub(super) const BARE_LINE_ENDS: &str = "bare line feeds";
/// Parts of one body. Forms of people have dozens, Google's batches 1,000.
const PARTS_MAX: usize = 10_000;
/// Headers of one part.
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 8 << 10;
/// RFC 2046 allows 70; what is longer is still read.
const BOUNDARY_BYTES_MAX: usize = 1_000;
/// Doubts about one body.
const DOUBTS_MAX: usize = 50;

#[cfg(test)]
mod tests;
