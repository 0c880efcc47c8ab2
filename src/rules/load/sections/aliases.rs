//! `aliases`: what may stand around every route of the application.
//!
//! ```yaml
//! aliases: [/index.php, "/{locale}", .json]
//! ```

use crate::rules::load::keys::Page;
use crate::rules::load::lines;
use crate::rules::model::{Alias, SegmentPattern};
use crate::yaml::Node;

/// Reads the list of aliases.
pub(in crate::rules::load) fn read(node: &Node, page: &mut Page<'_>) -> Vec<Alias> {
    let items = page.list(node, "`aliases`");
    if let Some(item) = items.get(ALIASES_MAX) {
        // Each combination of a prefix and a suffix is a line more for every line of every rule.
        page.error("E22", item.span, "more than 8 aliases", "keep those that clients use");
        return Vec::new();
    }
    let mut aliases: Vec<Alias> = Vec::new();
    for item in items {
        let Some(alias) = page.text(item, "an alias").and_then(|text| alias(&text, item, page)) else {
            continue;
        };
        if aliases.contains(&alias) {
            page.error("E05", item.span, "this alias stands here twice", "remove one of the two");
        } else {
            aliases.push(alias);
        }
    }
    aliases
}

fn alias(text: &str, node: &Node, page: &mut Page<'_>) -> Option<Alias> {
    let is_ending = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    if text.strip_prefix('.').is_some_and(is_ending) {
        return Some(Alias::Suffix(text.to_owned()));
    }
    if !text.starts_with('/') || text.ends_with('/') {
        let cure = "write what stands in front of the path, such as /index.php or /{locale}, or an ending such as .json";
        page.error("E03", node.span, &format!("`{text}` is no alias"), cure);
        return None;
    }
    let segments = lines::parse_path(text, 0).map_err(|error| page.line_error(node, &error)).ok()?;
    if segments.iter().any(|segment| matches!(segment, SegmentPattern::Tail(_))) {
        let cure = "write one {part} for each segment that may stand there";
        page.error(
            "E13",
            node.span,
            "an alias that takes any number of segments would meet every path",
            cure,
        );
        return None;
    }
    Some(Alias::Prefix(segments.into_iter().map(nameless).collect()))
}

/// What stands at a part of an alias is nothing that a rule may rely on, and must not hide a part of its own.
fn nameless(segment: SegmentPattern) -> SegmentPattern {
    match segment {
        SegmentPattern::Part { prefix, suffix, name: _ } => {
            SegmentPattern::Part { prefix, suffix, name: String::new() }
        }
        SegmentPattern::Literal(_) | SegmentPattern::Tail(_) => segment,
    }
}

/// With as many prefixes as suffixes, a line becomes 25.
const ALIASES_MAX: usize = 8;
