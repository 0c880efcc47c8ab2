//! Other spellings of all of a pack's routes: a segment in front, or an ending behind.
//!
//! The same deed is often reached in more than one way (`/index.php/bookings`, `/de/bookings`,
//! `/bookings.json`), and a rule that names only one of them is blind to the others (THREATS E07).

use super::{MatchLine, SegmentPattern};

/// Something that may stand around a route of the application without making it another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// `/index.php` or `/{locale}`, in front of the path and behind the pack's `base`. Its parts have no name: what
    /// stands there is not for rules.
    Prefix(Vec<SegmentPattern>),
    /// `.json`, at the end of the last segment.
    Suffix(String),
}

impl MatchLine {
    /// The line in each of its other spellings: with a prefix, with a suffix, with one of each. None of them where
    /// there are no aliases. Those with a suffix come first, because the others take `7.json` for an identifier.
    pub fn aliased(&self, aliases: &[Alias]) -> Vec<MatchLine> {
        let (mut prefixes, mut endings): (Vec<&[SegmentPattern]>, Vec<Vec<SegmentPattern>>) =
            Default::default();
        for alias in aliases {
            match alias {
                Alias::Prefix(prefix) => prefixes.push(prefix),
                Alias::Suffix(suffix) => endings.extend(with_suffix(&self.segments, suffix)),
            }
        }
        let own = &self.segments;
        let ended = endings.iter().flat_map(|ending| {
            let behind = prefixes.iter().map(|prefix| [prefix, ending.as_slice()].concat());
            behind.chain([ending.clone()])
        });
        let unended = prefixes.iter().map(|prefix| [prefix, own.as_slice()].concat());
        let line = |segments| MatchLine { methods: self.methods.clone(), segments };
        ended.chain(unended).map(line).collect()
    }
}

/// `None` where there is nothing that the suffix could end: the root, a slash at the end, a tail, which takes
/// it as it is.
fn with_suffix(line: &[SegmentPattern], suffix: &str) -> Option<Vec<SegmentPattern>> {
    let (last, front) = line.split_last()?;
    let last = match last {
        SegmentPattern::Literal(text) if !text.is_empty() => {
            SegmentPattern::Literal(format!("{text}{suffix}"))
        }
        SegmentPattern::Part { prefix, name, suffix: own } => SegmentPattern::Part {
            prefix: prefix.clone(),
            name: name.clone(),
            suffix: format!("{own}{suffix}"),
        },
        SegmentPattern::Literal(_) | SegmentPattern::Tail(_) => return None,
    };
    Some(front.iter().cloned().chain([last]).collect())
}
