//! All lines of all packs as one trie over path segments, run as a set of active states.
//!
//! Keys are folded, so one walk serves strict and loosened look-ups; who looks up strictly verifies what
//! was found. A walk costs segments times active states: literal children are found by hash, parts with
//! text around them by the hash of that text, so the number of rules does not count. Nothing is allocated
//! on the way unless a trie is odd enough to need more than a dozen states at a time.

use foldhash::HashMap;
use smallvec::{SmallVec, smallvec};

use super::forms;
use crate::rules::model::SegmentPattern;

/// The trie.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

/// Lines that end at a node, by method.
#[derive(Debug)]
pub(super) struct End {
    /// Upper case.
    pub(super) method: String,
    /// Their numbers.
    pub(super) lines: Vec<u32>,
}

/// Nodes by index.
type States = SmallVec<[u32; 12]>;

/// A place in the trie: the segments so far.
#[derive(Debug, Default)]
struct Node {
    /// By folded text.
    literals: HashMap<Box<str>, u32>,
    /// `{name}.ics`, by the lengths of the text around the part.
    affixes: Vec<Affixes>,
    /// `{x}`.
    whole: Option<u32>,
    /// `{x*}`, whose node stays active for each further segment.
    tail: Option<u32>,
    /// True for the node of a `{x*}`.
    stays: bool,
    ends: Vec<End>,
}

/// Parts that have as many bytes in front and as many behind; by these bytes, joined.
#[derive(Debug)]
struct Affixes {
    prefix_bytes: usize,
    suffix_bytes: usize,
    by_text: HashMap<Box<[u8]>, u32>,
}

impl Default for Trie {
    fn default() -> Trie {
        Trie { nodes: vec![Node::default()] }
    }
}

impl Trie {
    /// Adds a line under its number.
    pub(super) fn insert(&mut self, segments: &[SegmentPattern], methods: &[String], number: u32) {
        let at = segments.iter().fold(0, |at, segment| self.child(at, segment));
        let ends = &mut self.nodes[at as usize].ends;
        for method in methods {
            match ends.iter_mut().find(|end| end.method == *method) {
                Some(end) => end.lines.push(number),
                None => ends.push(End { method: method.clone(), lines: vec![number] }),
            }
        }
    }

    /// What ends where a path of folded segments ends.
    pub(super) fn find(&self, folded: &str) -> SmallVec<[&[End]; 4]> {
        let mut active: States = smallvec![0];
        let mut next = States::new();
        for segment in ends_of_long_paths(folded) {
            next.clear();
            for at in &active {
                self.step(*at, segment, &mut next);
            }
            std::mem::swap(&mut active, &mut next);
            if active.is_empty() {
                break;
            }
        }
        let ends = active.iter().map(|at| self.nodes[*at as usize].ends.as_slice());
        ends.filter(|ends| !ends.is_empty()).collect()
    }

    /// From one node over one segment. No node is reached twice: a line has at most one tail, so above a
    /// tail's node each node is active at its own depth only.
    fn step(&self, at: u32, segment: &str, next: &mut States) {
        let node = &self.nodes[at as usize];
        next.extend(node.literals.get(segment).copied());
        next.extend(node.affixes.iter().filter_map(|affixes| affixes.find(segment.as_bytes())));
        if !segment.is_empty() {
            next.extend(node.whole);
            next.extend(node.tail);
            next.extend(node.stays.then_some(at));
        }
    }

    fn child(&mut self, at: u32, segment: &SegmentPattern) -> u32 {
        let new = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let node = &mut self.nodes[at as usize];
        let child = match segment {
            SegmentPattern::Literal(text) => {
                *node.literals.entry(forms::fold(text).into_boxed_str()).or_insert(new)
            }
            SegmentPattern::Part { prefix, suffix, .. } if prefix.is_empty() && suffix.is_empty() => {
                *node.whole.get_or_insert(new)
            }
            SegmentPattern::Part { prefix, suffix, .. } => node.affix(prefix, suffix, new),
            SegmentPattern::Tail(_) => *node.tail.get_or_insert(new),
        };
        if child == new {
            let stays = matches!(segment, SegmentPattern::Tail(_));
            self.nodes.push(Node { stays, ..Node::default() });
        }
        child
    }
}

impl Node {
    fn affix(&mut self, prefix: &str, suffix: &str, new: u32) -> u32 {
        let (prefix, suffix) = (forms::fold(prefix), forms::fold(suffix));
        let (prefix_bytes, suffix_bytes) = (prefix.len(), suffix.len());
        let is_same =
            |affixes: &Affixes| affixes.prefix_bytes == prefix_bytes && affixes.suffix_bytes == suffix_bytes;
        let index = self.affixes.iter().position(is_same).unwrap_or_else(|| {
            self.affixes.push(Affixes { prefix_bytes, suffix_bytes, by_text: HashMap::default() });
            self.affixes.len() - 1
        });
        let text = [prefix.as_bytes(), suffix.as_bytes()].concat().into_boxed_slice();
        *self.affixes[index].by_text.entry(text).or_insert(new)
    }
}

impl Affixes {
    /// The part itself is never empty.
    fn find(&self, segment: &[u8]) -> Option<u32> {
        let rest =
            segment.len().checked_sub(self.prefix_bytes + self.suffix_bytes).filter(|rest| *rest > 0)?;
        let mut text: SmallVec<[u8; 64]> = SmallVec::from_slice(&segment[..self.prefix_bytes]);
        text.extend_from_slice(&segment[self.prefix_bytes + rest..]);
        self.by_text.get(text.as_slice()).copied()
    }
}

/// The segments of a path, of a very long one only those at both ends. What a line's fixed segments meet
/// is still there, because a line has fewer than [`END_SEGMENTS`] of them; what is left out could only be
/// inside a `{x*}`. So the limit hides nothing, and nobody slips by with `/./` a thousand times.
fn ends_of_long_paths(folded: &str) -> impl Iterator<Item = &str> {
    let count = forms::segments(folded).count();
    let first = if count > 2 * END_SEGMENTS { END_SEGMENTS } else { count };
    let last = count.saturating_sub(END_SEGMENTS).max(first);
    let is_kept = move |index: usize| index < first || index >= last;
    forms::segments(folded).enumerate().filter(move |(index, _)| is_kept(*index)).map(|(_, segment)| segment)
}

/// Half of the segments that a look-up goes through at most.
const END_SEGMENTS: usize = 128;
