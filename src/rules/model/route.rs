//! Paths of rules as text: what a rule file says, and never what a request held.

use std::fmt;

use super::{MatchLine, RuleSet, SegmentPattern};
use crate::rules::router::Candidate;

impl RuleSet {
    /// The path of the line that a request has met: `/app/bookings/{id}`.
    pub fn route(&self, candidate: &Candidate) -> Option<String> {
        let pack = self.packs.get(candidate.pack)?;
        let line = pack.rules.get(candidate.rule)?.lines.get(candidate.line)?;
        Some(format!("{}{}", pack.base, path_of(&line.segments)))
    }
}

/// As it is written in a rule file.
impl fmt::Display for MatchLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.methods.join("|"), path_of(&self.segments))
    }
}

/// As it is written in a rule file.
pub(crate) fn path_of(segments: &[SegmentPattern]) -> String {
    let segment = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(text) => format!("/{text}"),
        SegmentPattern::Part { prefix, name, suffix } => format!("/{prefix}{{{name}}}{suffix}"),
        SegmentPattern::Tail(name) => format!("/{{{name}*}}"),
    };
    segments.iter().map(segment).collect()
}
