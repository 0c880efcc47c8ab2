//! What packs' `formats` say about an address: of requests and their answers, and of reads alike.

use crate::capture::{Forced, Format};
use crate::rules::model::{FormatLine, Pack, SegmentPattern};

/// The format that the first pack with a line for this address names.
pub(in crate::derive) fn forced<'a>(
    packs: impl Iterator<Item = &'a Pack>,
    method: &str,
    target: &str,
) -> Option<Forced<'a>> {
    let mut packs = packs.peekable();
    packs.peek()?;
    let path = super::clean_path(super::split_target(target).0);
    packs.find_map(|pack| {
        let path = path.strip_prefix(pack.base.as_str()).unwrap_or(&path);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let fits = |line: &&FormatLine| {
            line.at.methods.iter().any(|known| known.eq_ignore_ascii_case(method))
                && is_at(&line.at.segments, &segments)
        };
        let line = pack.formats.iter().find(fits)?;
        Some(Forced { format: Format::parse(&line.format)?, lists: &line.lists })
    })
}

/// Whether a path has the shape of a `formats` line. Literals compare without case, as loosened routes do.
fn is_at(line: &[SegmentPattern], segments: &[&str]) -> bool {
    match line {
        [] => segments.is_empty(),
        [SegmentPattern::Literal(text), rest @ ..] if text.is_empty() => is_at(rest, segments),
        [SegmentPattern::Tail(_), rest @ ..] => (1..=segments.len())
            .any(|taken| rest.len() <= segments.len() - taken && is_at(rest, &segments[taken..])),
        [pattern, rest @ ..] => match segments {
            [] => false,
            [segment, others @ ..] => is_one(pattern, segment) && is_at(rest, others),
        },
    }
}

fn is_one(pattern: &SegmentPattern, segment: &str) -> bool {
    match pattern {
        SegmentPattern::Literal(text) => text.eq_ignore_ascii_case(segment),
        SegmentPattern::Part { prefix, suffix, .. } => {
            segment.len() > prefix.len() + suffix.len()
                && segment.starts_with(prefix.as_str())
                && segment.ends_with(suffix.as_str())
        }
        SegmentPattern::Tail(_) => false,
    }
}
