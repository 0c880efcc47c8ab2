//! Which rules a request line may concern: one look-up, whose cost does not grow with the number of rules.
//!
//! A request can say its method and its path in more than one way, and the application may believe any of
//! them. So this module looks for every way it could be meant (THREATS E01 to E16), and each candidate
//! says by which it was found. It decides nothing about the traffic itself: what is forwarded is not its
//! business. A clean path costs one walk over a trie and, when no rule fits, no allocation.

mod forms;
mod found;
mod headers;
mod hosts;
mod methods;
mod parts;
mod said;
mod trie;

use http::HeaderMap;
use smallvec::SmallVec;

use self::found::{Found, Spelling, leave_to_envelopes, surest};
use self::hosts::Hosts;
pub use self::methods::is_mutating;
use self::methods::{Methods, Standing};
use self::said::{Channel, Said};
use self::trie::Trie;
use super::model::{MatchLine, Mode, Pack, RuleSet, SegmentPattern};
use crate::event::{MatchedBy, Note, NoteCode};
use crate::exchange::Request;

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
    /// Names of those parts that can also be read otherwise; the notes tell how.
    pub uncertain: Vec<String>,
    /// What to tell with every event of this candidate: normalised path, overridden method, unknown host.
    pub notes: Vec<Note>,
}

impl<'a> HeadView<'a> {
    /// Of a request as it is kept for the record, as if a stranger had sent it.
    pub fn of(request: &'a Request) -> HeadView<'a> {
        let Request { method, target, host, headers, .. } = request;
        HeadView { method, target, host, headers, is_trusted: false }
    }
}

impl RuleSet {
    /// The rules that a request may concern: all of them, in the order of packs and rules, each once, by
    /// its surest form. Empty when none, or when an `exclude` line takes it out.
    ///
    /// A rule that only the body can still call (`method_from_body`) is there once for each method that
    /// the body may name. A clean path that no line fits costs no allocation.
    ///
    /// Where a pack opens an envelope, its other rules are not among them: they meet the calls inside.
    pub fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        self.router().candidates(head, Sought::Request)
    }

    /// The rules of a pack that a call out of one of its envelopes may concern. Without an operation, which
    /// stands in a body that is not there yet, those of any. An envelope may be among them: one inside another.
    pub fn candidates_inside(
        &self,
        pack: usize,
        operation: Option<&str>,
        head: &HeadView<'_>,
    ) -> Vec<Candidate> {
        self.router().candidates(head, Sought::Call { pack, operation })
    }

    /// True when a pack says of a request that it may change something, whatever its method (THREATS E15).
    pub fn is_listed(&self, head: &HeadView<'_>) -> bool {
        let listed = self.listed();
        !listed.lines.is_empty() && !listed.candidates(head, Sought::Request).is_empty()
    }

    /// True when no rule records a request because an `exclude` line says so: it is no blind spot. Only to
    /// be asked of a request without candidates.
    pub fn is_excluded(&self, head: &HeadView<'_>) -> bool {
        self.router().is_excluded(head)
    }
}

impl MatchLine {
    /// True when a path, as it stands, meets the line.
    pub(super) fn fits(&self, method: &str, path: &str) -> bool {
        let (segments, ends_in_slash) = without_slash(&self.segments);
        self.methods.iter().any(|own| own == method) && parts::fits_raw(segments, ends_in_slash, path)
    }
}

/// All lines of all packs, ready to be looked up.
#[derive(Debug, Default)]
pub(super) struct Router {
    trie: Trie,
    lines: Vec<Line>,
    hosts: Hosts,
    has_exclusions: bool,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Sought<'a> {
    /// The rules of a request as it came.
    Request,
    /// Those of a pack for a call out of an envelope.
    Call { pack: usize, operation: Option<&'a str> },
}

/// A line as the router keeps it.
#[derive(Debug)]
struct Line {
    owner: Owner,
    /// Only these operations of an envelope; empty for any.
    operations: Vec<String>,
    /// The pack's prefix, then the line, without the slash at the end.
    segments: Vec<SegmentPattern>,
    /// True when the line was written with a slash at the end.
    ends_in_slash: bool,
    spelling: Spelling,
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Rule { pack: usize, rule: usize, line: usize, opens: bool },
    Exclude { pack: usize },
}

impl Sought<'_> {
    /// Whether a line of a pack is looked for at all. An operation is known only inside an envelope, and an
    /// exclusion must be sure of it.
    fn is_among(self, line: &Line) -> bool {
        match (self, line.owner) {
            (Sought::Request, _) => line.operations.is_empty(),
            (Sought::Call { pack: sought, operation }, Owner::Rule { pack, .. }) => {
                let is_it = |own: &String| operation.is_none_or(|operation| own == operation);
                sought == pack && (line.operations.is_empty() || line.operations.iter().any(is_it))
            }
            (Sought::Call { pack: sought, operation }, Owner::Exclude { pack }) => {
                let is_it = |own: &String| operation == Some(own.as_str());
                sought == pack && (line.operations.is_empty() || line.operations.iter().any(is_it))
            }
        }
    }
}

impl Router {
    /// A router for these packs. Disabled rules are left out.
    pub(super) fn new(packs: &[Pack]) -> Router {
        let mut router = Router { hosts: Hosts::new(packs), ..Router::default() };
        for (index, pack) in packs.iter().enumerate() {
            for exclusion in &pack.exclude {
                let owner = Owner::Exclude { pack: index };
                // Not in other spellings: `/{locale}/search` would take out what has nothing to do with it.
                router.add(&pack.base, &exclusion.line, &exclusion.operations, owner, Spelling::Own);
            }
            for (rule_index, rule) in pack.rules.iter().enumerate() {
                if rule.mode == Mode::Disabled {
                    continue;
                }
                for (line_index, line) in rule.lines.iter().enumerate() {
                    let opens = rule.opens.is_some();
                    let owner = Owner::Rule { pack: index, rule: rule_index, line: line_index, opens };
                    router.add_everywhere(pack, line, &rule.operations, owner);
                }
            }
        }
        router
    }

    /// A router for what stands in their `blind_spots`.
    pub(super) fn of_listed(packs: &[Pack]) -> Router {
        let mut router = Router { hosts: Hosts::new(packs), ..Router::default() };
        for (pack, of) in packs.iter().enumerate() {
            for (line, listed) in of.blind_spots.iter().enumerate() {
                let owner = Owner::Rule { pack, rule: 0, line, opens: false };
                router.add_everywhere(of, listed, &[], owner);
            }
        }
        router
    }

    /// Adds a line in each of its spellings.
    fn add_everywhere(&mut self, pack: &Pack, line: &MatchLine, operations: &[String], owner: Owner) {
        self.add(&pack.base, line, operations, owner, Spelling::Own);
        for other in line.aliased(&pack.aliases) {
            self.add(&pack.base, &other, operations, owner, Spelling::Alias);
        }
    }

    fn add(&mut self, base: &str, line: &MatchLine, operations: &[String], owner: Owner, spelling: Spelling) {
        let prefix = base.split('/').filter(|segment| !segment.is_empty());
        let prefix = prefix.map(|segment| SegmentPattern::Literal(segment.to_owned()));
        self.has_exclusions |= matches!(owner, Owner::Exclude { .. });
        let (bare, ends_in_slash) = without_slash(&line.segments);
        let segments: Vec<SegmentPattern> = prefix.chain(bare.iter().cloned()).collect();
        let number = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        self.trie.insert(&segments, &line.methods, number);
        self.lines.push(Line { owner, operations: operations.to_vec(), segments, ends_in_slash, spelling });
    }

    fn candidates(&self, head: &HeadView<'_>, sought: Sought<'_>) -> Vec<Candidate> {
        let methods = Methods::of(head);
        let mut paths: SmallVec<[Said<'_>; 2]> = SmallVec::new();
        let mut found: SmallVec<[Found<'_>; 8]> = SmallVec::new();
        for (raw, channel) in said::paths(head, &methods) {
            paths.push(Said::new(raw, channel));
            self.look_up(&paths, &methods, sought, &mut found);
        }
        if found.is_empty() {
            return Vec::new();
        }
        let host = self.hosts.of(head.host);
        found.retain(|found| host.is_served_by(found.pack));
        let mut common = methods.note().into_iter().collect::<Vec<Note>>();
        common.extend(host.note());
        surest(&mut found);
        if matches!(sought, Sought::Request) {
            leave_to_envelopes(&mut found);
        }
        found.iter().map(|found| self.candidate(found, &paths[found.said], &common)).collect()
    }

    fn is_excluded(&self, head: &HeadView<'_>) -> bool {
        if !self.has_exclusions {
            return false;
        }
        let methods = Methods::of(head);
        let own = said::paths(head, &methods).next().filter(|(_, channel)| channel.is_none());
        let Some((raw, channel)) = own else { return false };
        let paths = [Said::new(raw, channel)];
        let packs = self.look_up(&paths, &methods, Sought::Request, &mut SmallVec::new());
        let host = self.hosts.of(head.host);
        packs.into_iter().any(|pack| host.is_served_by(pack))
    }

    /// All lines that the last of the paths meets, in each of its forms, without what is excluded; the
    /// packs that exclude it.
    fn look_up<'r>(
        &'r self,
        paths: &[Said<'_>],
        methods: &Methods<'_>,
        sought: Sought<'_>,
        found: &mut SmallVec<[Found<'r>; 8]>,
    ) -> SmallVec<[usize; 4]> {
        let Some(said) = paths.last() else { return SmallVec::new() };
        let before = found.len();
        let mut excluded: Option<SmallVec<[usize; 4]>> = None;
        for (form, met, folded) in said.forms() {
            let mut excluded_here: SmallVec<[usize; 4]> = SmallVec::new();
            for end in self.trie.find(&folded).into_iter().flatten() {
                let Some(standing) = methods.standing(&end.method) else { continue };
                for number in &end.lines {
                    let line = &self.lines[*number as usize];
                    if !sought.is_among(line) {
                        continue;
                    }
                    let Some(by) = said.exactness(&line.segments, line.ends_in_slash, met) else { continue };
                    match line.owner {
                        Owner::Exclude { pack } => {
                            let is_exact = excluded.is_some() || by == MatchedBy::Raw;
                            excluded_here.extend((is_exact && standing == Standing::Wire).then_some(pack));
                        }
                        // What a body is taken for cannot hang on what stands in it.
                        Owner::Rule { opens: true, .. } if standing == Standing::InBody => {}
                        Owner::Rule { pack, rule, opens, .. } => found.push(Found {
                            pack,
                            rule,
                            rank: (
                                standing,
                                line.spelling,
                                said.channel.map_or(by, Channel::matched_by),
                                *number as usize,
                            ),
                            method: &end.method,
                            number: *number,
                            said: paths.len() - 1,
                            by,
                            form,
                            opens,
                        }),
                    }
                }
            }
            match &mut excluded {
                // An exclusion must hold for each way to read the path, or it would be a place to hide in.
                Some(packs) => packs.retain(|pack| excluded_here.contains(pack)),
                None => excluded = Some(excluded_here),
            }
        }
        let packs = excluded.filter(|_| said.channel.is_none()).unwrap_or_default();
        if !packs.is_empty() {
            let is_named = |found: &Found<'_>| found.rank.0 == Standing::Named;
            let mut index = 0;
            found.retain(|found| {
                index += 1;
                index <= before || is_named(found) || !packs.contains(&found.pack)
            });
        }
        packs
    }

    fn candidate(&self, found: &Found<'_>, said: &Said<'_>, common: &[Note]) -> Candidate {
        let line = &self.lines[found.number as usize];
        let form = said.loosened.as_ref().filter(|_| found.by != MatchedBy::Raw);
        let form = form.and_then(|forms| forms.get(found.form));
        let (mut parts, mut doubts) = parts::named(&line.segments, said.raw, said.loosened.as_ref(), form);
        let mut by = found.rank.2;
        if line.spelling == Spelling::Alias {
            if found.by != MatchedBy::Raw {
                doubts.extend(parts::with_its_ending(&line.segments, said.raw, &parts));
            }
            by = said.channel.map_or(MatchedBy::Alias, Channel::matched_by);
            // What stands where an alias has a part is nobody's.
            parts.retain(|(name, _)| !name.is_empty());
            doubts.retain(|(name, _)| !name.is_empty());
        }
        let mut notes = Vec::new();
        if found.by != MatchedBy::Raw {
            notes.push(Note::plain(NoteCode::PathNormalised));
        }
        if let Some(Channel::Override(header)) = said.channel {
            notes.push(Note::with(NoteCode::PathOverridden, header));
        }
        let (mut uncertain, doubts): (Vec<String>, Vec<Note>) = doubts.into_iter().unzip();
        uncertain.dedup();
        notes.extend(doubts);
        notes.extend_from_slice(common);
        let line_index = match line.owner {
            Owner::Rule { line, .. } => line,
            Owner::Exclude { .. } => 0,
        };
        Candidate {
            pack: found.pack,
            rule: found.rule,
            line: line_index,
            parts,
            uncertain,
            by,
            method_from_body: (found.rank.0 == Standing::InBody).then(|| found.method.to_owned()),
            notes,
        }
    }
}

/// A line's segments without the empty one at its end, which stands for a slash there.
fn without_slash(segments: &[SegmentPattern]) -> (&[SegmentPattern], bool) {
    match segments {
        [bare @ .., SegmentPattern::Literal(text)] if text.is_empty() => (bare, true),
        _ => (segments, false),
    }
}

#[cfg(test)]
mod tests;
