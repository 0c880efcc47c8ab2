//! Lines that fit a request, and which of them stay: each rule once, by its surest form.

use smallvec::SmallVec;

use super::methods::Standing;
use crate::event::MatchedBy;

/// A line that fits; small, because most are dropped again.
#[derive(Clone, Copy)]
pub(super) struct Found<'r> {
    pub(super) pack: usize,
    pub(super) rule: usize,
    /// Lower is surer, then in the order of the rule's lines.
    pub(super) rank: (Standing, Spelling, MatchedBy, usize),
    pub(super) method: &'r str,
    /// The line's number.
    pub(super) number: u32,
    /// Which of the paths, and how it was met.
    pub(super) said: usize,
    pub(super) by: MatchedBy,
    /// Which of its loosened forms.
    pub(super) form: usize,
    /// Whether the rule opens an envelope.
    pub(super) opens: bool,
}

/// Whether a line is as its rule has it. The others come first: the line itself takes `7.json` for an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    /// Another one, by the pack's `aliases`.
    Alias,
    Own,
}

/// Leaves each rule once, by its surest form, in the order of packs and rules; a rule that only the body
/// can still call once for each method.
pub(super) fn surest(found: &mut SmallVec<[Found<'_>; 8]>) {
    found.sort_by_key(|found| (found.pack, found.rule, found.rank));
    let mut kept: SmallVec<[Found<'_>; 8]> = SmallVec::new();
    for one in found.iter() {
        let is_of_rule = |other: &&Found<'_>| (other.pack, other.rule) == (one.pack, one.rule);
        let mut others = kept.iter().rev().take_while(is_of_rule);
        let is_known = others.any(|other| other.rank.0 != Standing::InBody || other.method == one.method);
        if !is_known {
            kept.push(*one);
        }
    }
    *found = kept;
}

/// Where a pack opens an envelope, its other rules meet the calls inside; it opens one, the first.
pub(super) fn leave_to_envelopes(found: &mut SmallVec<[Found<'_>; 8]>) {
    let mut opening: SmallVec<[(usize, usize); 4]> = SmallVec::new();
    for one in found.iter().filter(|one| one.opens) {
        if opening.iter().all(|(pack, _)| *pack != one.pack) {
            opening.push((one.pack, one.rule));
        }
    }
    let is_left =
        |found: &mut Found<'_>| opening.iter().all(|(pack, rule)| *pack != found.pack || *rule == found.rule);
    found.retain(is_left);
}
