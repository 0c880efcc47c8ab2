//! Lines against paths, segment by segment: whether a line meets the path as received, and what its named
//! parts hold. Runs only for lines that the trie has found.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::forms::{self, Form, Loosened};
use crate::event::{MatchedBy, Note, NoteCode};
use crate::rules::model::SegmentPattern;

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

/// The named parts of a line for a path in one of its forms, decoded, and the doubt that there may be
/// another reading of one of them.
pub(super) fn named(
    line: &[SegmentPattern],
    raw: &str,
    loosened: Option<&Loosened>,
    form: MatchedBy,
) -> (Vec<(String, String)>, Option<Note>) {
    let loose = |form: &Form| read(line, &form.kept, forms::decode_slashes);
    let of_form = match form {
        MatchedBy::Normalised => loosened.map(|loosened| &loosened.a),
        MatchedBy::Split => loosened.map(|loosened| loosened.b.as_ref().unwrap_or(&loosened.a)),
        MatchedBy::Raw | MatchedBy::Override | MatchedBy::Destination => None,
    };
    if let Some(form) = of_form {
        return (loose(form), None);
    }
    let bare = raw.strip_prefix('/').unwrap_or(raw);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let parts = read(line, bare, |segment| forms::decode_once(segment).into_owned());
    let others = loosened.map(|loosened| loose(&loosened.a)).unwrap_or_default();
    let doubt = parts.iter().zip(&others).find(|(part, other)| part != other).map(|((name, _), _)| {
        Note::with(NoteCode::TargetUncertain, format!("`{name}` can be read in two ways"))
    });
    (parts, doubt)
}

/// The named parts of a path whose segments are joined by `/`.
fn read(line: &[SegmentPattern], joined: &str, decode: impl Fn(&str) -> String) -> Vec<(String, String)> {
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
