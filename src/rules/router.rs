//! Which rules a request line may concern: one look-up, whose cost does not grow with the number of rules.

use http::HeaderMap;

use super::model::RuleSet;
use crate::event::{MatchedBy, Note};

/// A request's head, as far as matching looks at it. Borrowed: nothing is copied for a request that no
/// rule concerns.
#[derive(Clone, Copy)]
pub struct HeadView<'a> {
    /// As received.
    pub method: &'a str,
    /// Path and query as received.
    pub target: &'a str,
    /// Host as received.
    pub host: &'a str,
    /// As received.
    pub headers: &'a HeaderMap,
    /// True when the peer is a trusted proxy.
    pub is_trusted: bool,
}

/// A rule that a request may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Index into [`RuleSet::packs`].
    pub pack: usize,
    /// Index into the pack's rules.
    pub rule: usize,
    /// Index into the rule's lines.
    pub line: usize,
    /// Named parts, decoded once, case kept.
    pub parts: Vec<(String, String)>,
    /// Which form of the request met the line.
    pub by: MatchedBy,
    /// The line's method, where it is not the request's own but one that the body may still name
    /// (`_method=DELETE` in a POST): without it there, the rule does not fire.
    pub method_from_body: Option<String>,
    /// What to tell with every event of this candidate: normalised path, overridden method, unknown host.
    pub notes: Vec<Note>,
}

impl RuleSet {
    /// The rules that a request may concern: all of them, in the order of packs and rules, each once, by
    /// its surest form. Empty when none, or when an `exclude` line takes it out. Does not allocate when no
    /// rule's line fits.
    pub fn candidates(&self, _head: &HeadView<'_>) -> Vec<Candidate> {
        unimplemented!()
    }
}
