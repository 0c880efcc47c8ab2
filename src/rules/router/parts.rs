//! Lines against paths, segment by segment: whether a line meets the path as received, and what its named
//! parts hold. Runs only for lines that the trie has found.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::forms::{self, Form, Loosened};
use crate::event::{Note, NoteCode};
use crate::rules::model::SegmentPattern;

/// Named parts with what they hold.
pub(super) type Parts = Vec<(String, String)>;

/// The name of a part that can be read in another way, and the note that tells it.
pub(super) type Uncertain = (String, Note);

/// True when the path as received is what the line says: literal text to the letter (or in its one proper
/// encoding), and nothing in a named part that an application would take away or split.
pub(super) fn fits_raw(line: &[SegmentPattern], ends_in_slash: bool, raw: &str) -> bool {
    let Some(bare) = raw.strip_prefix('/') else { return false };
    let (bare, has_slash) = match bare.strip_suffix('/') {
        Some(bare) => (bare, true),
        None => (bare, false),
    };
    if has_slash != ends_in_slash {
        return false;
    }
    let Some(pairs) = align(line, forms::segments(bare).collect()) else { return false };
    pairs.into_iter().all(|(pattern, segments)| match pattern {
        SegmentPattern::Literal(text) => is_text(segments[0], text),
        SegmentPattern::Part { prefix, suffix, .. } => {
            let part =
                segments[0].strip_prefix(prefix.as_str()).and_then(|s| s.strip_suffix(suffix.as_str()));
            part.is_some_and(|part| is_whole(part) && is_whole(segments[0]))
        }
        SegmentPattern::Tail(_) => segments.into_iter().all(is_whole),
    })
}

/// The named parts of a line for a path as received or in one of its forms, decoded, and the doubts that there are other
/// readings of one of them, by its name: the application may have acted on any (THREATS E11).
pub(super) fn named(
    line: &[SegmentPattern],
    raw: &str,
    loosened: Option<&Loosened>,
    form: Option<&Form>,
) -> (Parts, Vec<Uncertain>) {
    let loose = |form: &Form| read(line, &form.kept, forms::decode_slashes);
    let bare = raw.strip_prefix('/').unwrap_or(raw);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let once = || read(line, bare, |segment| forms::decode_once(segment).into_owned());
    let parts = form.map_or_else(once, loose);
    let Some(loosened) = loosened else { return (parts, Vec::new()) };
    let twice = read(line, bare, |segment| forms::decode_once(&forms::decode_once(segment)).into_owned());
    let read_forms =
        loosened.iter().flat_map(|form| [loose(form), read(line, &form.whole, forms::decode_slashes)]);
    let others: Vec<Parts> = [once(), twice].into_iter().chain(read_forms).collect();
    let is_loose = form.is_some();
    let doubt = |(index, (name, value)): (usize, &(String, String))| {
        // That a tail holds empty or dot segments is what its form says already.
        let is_tail = line.iter().any(|part| matches!(part, SegmentPattern::Tail(tail) if tail == name));
        let mut read: Vec<&str> =
            others.iter().filter_map(|other| Some(other.get(index)?.1.as_str())).collect();
        read.retain(|other| other != value && !other.is_empty() && !(is_tail && is_loose));
        read.sort_unstable();
        read.dedup();
        let told: Vec<_> = read.into_iter().map(|other| format!("`{other}`")).collect();
        let detail = match (told.is_empty(), value.contains(char::is_control)) {
            (false, _) => format!("`{name}` can also be read as {}", told.join(" or ")),
            // Left out, taken for the end, or a line of its own to a pattern (THREATS E05).
            (true, true) => {
                format!("`{name}` holds control characters, which applications read in different ways")
            }
            (true, false) => return None,
        };
        Some((name.clone(), Note::with(NoteCode::TargetUncertain, detail)))
    };
    let doubts = parts.iter().enumerate().filter_map(doubt).collect();
    (parts, doubts)
}

/// The last part of another spelling of a line that was met only loosely: who does not know the ending
/// (`/bookings/7.JSON`) takes it for a part of the name.
pub(super) fn with_its_ending(line: &[SegmentPattern], raw: &str, parts: &Parts) -> Option<Uncertain> {
    let Some(SegmentPattern::Part { name, .. }) = line.last() else { return None };
    let (_, value) = parts.last().filter(|(last, _)| last == name)?;
    let whole = forms::decode_once(raw.trim_end_matches('/').rsplit('/').next()?);
    let detail = format!("`{name}` can also be read as `{whole}`");
    (whole != *value).then(|| (name.clone(), Note::with(NoteCode::TargetUncertain, detail)))
}

/// The named parts of a path whose segments are joined by `/`.
fn read(line: &[SegmentPattern], joined: &str, decode: impl Fn(&str) -> String) -> Parts {
    let pairs = align(line, forms::segments(joined).collect()).unwrap_or_default();
    let part = |(pattern, segments): (&SegmentPattern, Vec<&str>)| match pattern {
        SegmentPattern::Literal(_) => None,
        SegmentPattern::Part { prefix, name, suffix } => {
            Some((name.clone(), decode(between(segments[0], prefix, suffix))))
        }
        SegmentPattern::Tail(name) => {
            let decoded: Vec<String> = segments.into_iter().map(&decode).collect();
            Some((name.clone(), decoded.join("/")))
        }
    };
    pairs.into_iter().filter_map(part).collect()
}

/// Each pattern with its segments: one, or for a tail what the others leave. `None` when the numbers do
/// not fit.
fn align<'l, 's>(
    line: &'l [SegmentPattern],
    segments: Vec<&'s str>,
) -> Option<Vec<(&'l SegmentPattern, Vec<&'s str>)>> {
    let tails = line.iter().filter(|pattern| matches!(pattern, SegmentPattern::Tail(_))).count();
    let extra = segments.len().checked_sub(line.len())?;
    if extra > 0 && tails == 0 {
        return None;
    }
    let mut rest = segments.into_iter();
    let take = |pattern| {
        let count = if matches!(pattern, &SegmentPattern::Tail(_)) { extra + 1 } else { 1 };
        (pattern, rest.by_ref().take(count).collect())
    };
    Some(line.iter().map(take).collect())
}

/// What stands between a prefix and a suffix that are there, though perhaps in other letters.
fn between<'s>(segment: &'s str, prefix: &str, suffix: &str) -> &'s str {
    let (front, back) = (forms::fold(prefix).len(), forms::fold(suffix).len());
    let start =
        folded_end(segment.char_indices().map(|(at, letter)| (at + letter.len_utf8(), letter)), front);
    let end = folded_end(segment.char_indices().rev(), back).unwrap_or(segment.len());
    segment.get(start.unwrap_or(0)..end).unwrap_or("")
}

/// Where as many bytes as given of folded text are used up.
fn folded_end(mut letters: impl Iterator<Item = (usize, char)>, bytes: usize) -> Option<usize> {
    let mut left = bytes;
    let mut at = None;
    while left > 0 {
        let (next, letter) = letters.next()?;
        let folded_bytes: usize = forms::fold_char(letter).map(char::len_utf8).sum();
        left = left.saturating_sub(folded_bytes);
        at = Some(next);
    }
    at
}

fn is_text(segment: &str, text: &str) -> bool {
    segment == text
        || (segment.contains('%') && Cow::from(utf8_percent_encode(text, NOT_IN_SEGMENTS)) == segment)
}

/// True for a segment from which nothing would be taken away.
fn is_whole(segment: &str) -> bool {
    let is_dots = matches!(&*forms::decode_once(segment), "" | "." | "..");
    !is_dots && !segment.contains([';', '\\'])
}

/// What a segment holds only encoded (RFC 3986 section 3.3: pchar).
const NOT_IN_SEGMENTS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
