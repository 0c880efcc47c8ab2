//! `match` lines: `POST|PUT /v2/bookings/{bookingUid}/cancel`.
//!
//! A line is parsed once, here; what it may not say (two tails, a part twice, a query) is told with the
//! place and the cure.

use crate::rules::model::{MatchLine, SegmentPattern};
use crate::yaml::nearest;

/// What is wrong with a line, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// First byte of what is wrong.
    pub offset: usize,
    /// How many bytes.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
}

impl MatchLine {
    /// Parses `METHOD[|METHOD] /path/{part}/{tail*}`.
    ///
    /// # Errors
    /// The first thing that is wrong: an unknown method, a path that cannot be matched, a part named twice.
    pub fn parse(text: &str) -> Result<MatchLine, LineError> {
        let trimmed = text.trim_end();
        let Some((methods, path)) = trimmed.split_once(char::is_whitespace) else {
            let is_path = trimmed.starts_with('/');
            let message =
                if is_path { "no method in front of the path" } else { "no path behind the method" };
            return Err(fail(0, text.len(), message, "write `METHOD /path`, for instance `POST /bookings`"));
        };
        let methods = parse_methods(methods)?;
        let path_at = trimmed.len() - path.trim_start().len();
        let segments = parse_path(path.trim_start(), path_at)?;
        Ok(MatchLine { methods, segments })
    }

    /// The path, written out.
    pub fn path(&self) -> String {
        let segment = |segment: &SegmentPattern| match segment {
            SegmentPattern::Literal(text) => format!("/{text}"),
            SegmentPattern::Part { prefix, name, suffix } => format!("/{prefix}{{{name}}}{suffix}"),
            SegmentPattern::Tail(name) => format!("/{{{name}*}}"),
        };
        let path: String = self.segments.iter().map(segment).collect();
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// The names of its parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            SegmentPattern::Literal(_) => None,
            SegmentPattern::Part { name, .. } | SegmentPattern::Tail(name) => Some(name.as_str()),
        })
    }
}

/// Parses the path of a line or of a read, which stands `at` bytes into its text.
///
/// A slash at the end is an empty literal at the end.
pub(super) fn parse_path(path: &str, at: usize) -> Result<Vec<SegmentPattern>, LineError> {
    let Some(inside) = path.strip_prefix('/') else {
        return Err(fail(at, path.len(), "a path begins with /", "write `METHOD /path`"));
    };
    refuse_odd_text(path, at)?;
    if inside.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments: Vec<SegmentPattern> = Vec::new();
    let mut offset = at + 1;
    for text in inside.split('/') {
        let segment = parse_segment(text, offset)?;
        refuse_repeats(&segments, &segment, text, offset)?;
        segments.push(segment);
        offset += text.len() + 1;
    }
    let is_inner_gap = |segment: &SegmentPattern| *segment == SegmentPattern::Literal(String::new());
    if segments[..segments.len() - 1].iter().any(is_inner_gap) {
        return Err(fail(at, path.len(), "an empty segment (//)", "remove one of the slashes"));
    }
    if segments.len() > SEGMENTS_MAX {
        return Err(fail(at, path.len(), "more than 64 segments", "use a tail such as {rest*}"));
    }
    Ok(segments)
}

fn parse_methods(text: &str) -> Result<Vec<String>, LineError> {
    let mut methods: Vec<String> = Vec::new();
    let mut offset = 0;
    for method in text.split('|') {
        if !METHODS.split_whitespace().any(|known| known == method) {
            let cure = match nearest(method, METHODS.split_whitespace()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "methods are written in capitals, several as `PUT|PATCH`".to_owned(),
            };
            return Err(fail(offset, method.len(), &format!("unknown method `{method}`"), &cure));
        }
        if methods.iter().any(|known| known == method) {
            let message = format!("the method {method} stands here twice");
            return Err(fail(offset, method.len(), &message, "remove one of the two"));
        }
        methods.push(method.to_owned());
        offset += method.len() + 1;
    }
    Ok(methods)
}

fn refuse_odd_text(path: &str, at: usize) -> Result<(), LineError> {
    let odd = |found: usize, message: &str, cure: &str| Err(fail(at + found, 1, message, cure));
    match path.find(|letter: char| matches!(letter, '?' | '#' | '%' | '\\' | ';') || letter.is_control()) {
        Some(found) if path[found..].starts_with('?') => odd(
            found,
            "a line matches the path without the query",
            "test the query in `when`: { $.request.query.name: value }",
        ),
        Some(found) if path[found..].starts_with('%') => {
            odd(found, "an encoded character", "write the path decoded")
        }
        Some(found) => odd(found, "this character never reaches a rule in a path", "remove it"),
        None => match path.find(" /") {
            Some(found) => odd(found, "a second path in one line", "one line holds one path; write a list"),
            None => Ok(()),
        },
    }
}

fn parse_segment(text: &str, at: usize) -> Result<SegmentPattern, LineError> {
    if matches!(text, "." | "..") {
        return Err(fail(at, text.len(), "a dot segment never reaches a rule", "remove it"));
    }
    let Some(open) = text.find('{') else {
        return match text.find(['}', '*']) {
            Some(_) if text == "*" => Err(fail(
                at,
                1,
                "`*` alone matches nothing",
                "name it: {part}, or {rest*} for several segments",
            )),
            Some(found) if text[found..].starts_with('}') => {
                Err(fail(at + found, 1, "a } without a {", "write {name}"))
            }
            Some(_) | None => Ok(SegmentPattern::Literal(text.to_owned())),
        };
    };
    let Some(length) = text[open..].find('}') else {
        return Err(fail(at + open, text.len() - open, "a { without a }", "write {name}"));
    };
    let (prefix, suffix) = (&text[..open], &text[open + length + 1..]);
    let name = &text[open + 1..open + length];
    if let Some(second) = suffix.find(['{', '}']) {
        let place = at + open + length + 1 + second;
        return Err(fail(
            place,
            1,
            "two parts in one segment",
            "one part per segment; take it apart in `vars`",
        ));
    }
    let bare = name.strip_suffix('*').unwrap_or(name);
    if !is_name(bare) {
        let cure = "names are letters, digits and _, such as {bookingUid}";
        return Err(fail(at + open, length + 1, &format!("`{name}` is no name of a part"), cure));
    }
    if bare == name {
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        return Ok(SegmentPattern::Part { prefix, name: name.to_owned(), suffix });
    }
    if !prefix.is_empty() || !suffix.is_empty() {
        let cure = "write it as a segment of its own: /{path*}/{name}.ics";
        return Err(fail(at, text.len(), "a {tail*} takes whole segments", cure));
    }
    Ok(SegmentPattern::Tail(bare.to_owned()))
}

fn refuse_repeats(
    before: &[SegmentPattern],
    segment: &SegmentPattern,
    text: &str,
    at: usize,
) -> Result<(), LineError> {
    let is_tail = |segment: &SegmentPattern| matches!(segment, SegmentPattern::Tail(_));
    if is_tail(segment) && before.iter().any(is_tail) {
        let cure = "at most one {tail*} per line";
        return Err(fail(at, text.len(), "a second tail: nobody could say where the first ends", cure));
    }
    let name = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(_) => None,
        SegmentPattern::Part { name, .. } | SegmentPattern::Tail(name) => Some(name.clone()),
    };
    match name(segment) {
        Some(new) if before.iter().any(|other| name(other).as_ref() == Some(&new)) => Err(fail(
            at,
            text.len(),
            &format!("the part `{new}` stands here twice"),
            "name one of them otherwise",
        )),
        Some(_) | None => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    let is_start = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    is_start && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn fail(offset: usize, length: usize, message: &str, cure: &str) -> LineError {
    LineError { offset, length: length.max(1), message: message.to_owned(), cure: cure.to_owned() }
}

const SEGMENTS_MAX: usize = 64;

/// The IANA registry of HTTP methods (without `*` and `PRI`), and QUERY.
const METHODS: &str = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK \
    LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST \
    PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE \
    UPDATEREDIRECTREF VERSION-CONTROL";
