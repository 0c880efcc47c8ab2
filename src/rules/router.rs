//! Which rules a request line may concern: one look-up, whose cost does not grow with the number of rules.
//!
//! A request can say its method and its path in more than one way, and the application may believe any of
//! them. So this module looks for every way it could be meant (THREATS E01 to E16), and each candidate
//! says by which it was found. It decides nothing about the traffic itself: what is forwarded is not its
//! business. A clean path costs one walk over a trie and, when no rule fits, no allocation.

mod forms;
mod headers;
mod hosts;
mod methods;
mod parts;
mod trie;

use std::borrow::Cow;

use http::HeaderMap;
use smallvec::SmallVec;

use self::forms::Loosened;
use self::hosts::Hosts;
use self::methods::{Methods, Standing};
use self::trie::Trie;
use super::model::{MatchLine, Mode, Pack, RuleSet, SegmentPattern};
use crate::event::{MatchedBy, Note, NoteCode};

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

impl RuleSet {
    /// The rules that a request may concern: all of them, in the order of packs and rules, each once, by
    /// its surest form. Empty when none, or when an `exclude` line takes it out.
    ///
    /// A rule that only the body can still call (`method_from_body`) is there once for each method that
    /// the body may name. A clean path that no line fits costs no allocation.
    pub fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        self.router().candidates(head)
    }
}

/// All lines of all packs, ready to be looked up.
#[derive(Debug, Default)]
pub(super) struct Router {
    trie: Trie,
    lines: Vec<Line>,
    hosts: Hosts,
}

/// A line as the router keeps it.
#[derive(Debug)]
struct Line {
    owner: Owner,
    /// The pack's prefix, then the line, without the slash at the end.
    segments: Vec<SegmentPattern>,
    /// True when the line was written with a slash at the end.
    ends_in_slash: bool,
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Rule { pack: usize, rule: usize, line: usize },
    Exclude { pack: usize },
}

/// A path that the request may mean, and how it says so.
struct Said<'a> {
    /// As it stands there, without a query.
    raw: &'a str,
    /// `None` where the path is clean.
    loosened: Option<Loosened>,
    /// How it is told; `None` for the request line itself.
    channel: Option<Channel>,
}

/// A way beside the request line to name a path.
#[derive(Clone, Copy)]
enum Channel {
    /// A header of a trusted peer, by its name.
    Override(&'static str),
    /// The `Destination` of a MOVE or COPY.
    Destination,
}

/// A line that fits; small, because most are dropped again.
#[derive(Clone, Copy)]
struct Found<'r> {
    pack: usize,
    rule: usize,
    /// Lower is surer, then in the order of the rule's lines.
    rank: (Standing, MatchedBy, usize),
    method: &'r str,
    /// The line's number.
    number: u32,
    /// Which of the paths, and how it was met.
    said: usize,
    by: MatchedBy,
    /// Which of its loosened forms.
    form: usize,
}

impl Router {
    /// A router for these packs. Disabled rules are left out.
    pub(super) fn new(packs: &[Pack]) -> Router {
        let mut router = Router { hosts: Hosts::new(packs), ..Router::default() };
        for (index, pack) in packs.iter().enumerate() {
            for line in &pack.exclude {
                router.add(&pack.base, line, Owner::Exclude { pack: index });
            }
            for (rule_index, rule) in pack.rules.iter().enumerate() {
                if rule.mode == Mode::Disabled {
                    continue;
                }
                for (line_index, line) in rule.lines.iter().enumerate() {
                    let owner = Owner::Rule { pack: index, rule: rule_index, line: line_index };
                    router.add(&pack.base, line, owner);
                }
            }
        }
        router
    }

    fn add(&mut self, base: &str, line: &MatchLine, owner: Owner) {
        let prefix = base.split('/').filter(|segment| !segment.is_empty());
        let prefix = prefix.map(|segment| SegmentPattern::Literal(segment.to_owned()));
        let mut segments: Vec<SegmentPattern> = prefix.chain(line.segments.iter().cloned()).collect();
        let ends_in_slash = segments.last() == Some(&SegmentPattern::Literal(String::new()));
        if ends_in_slash {
            segments.pop();
        }
        let number = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        self.trie.insert(&segments, &line.methods, number);
        self.lines.push(Line { owner, segments, ends_in_slash });
    }

    fn candidates(&self, head: &HeadView<'_>) -> Vec<Candidate> {
        let methods = Methods::of(head);
        let mut paths: SmallVec<[Said<'_>; 2]> = SmallVec::new();
        let mut found: SmallVec<[Found<'_>; 8]> = SmallVec::new();
        for (raw, channel) in said_paths(head, &methods) {
            let loosened = (!forms::is_clean(raw)).then(|| forms::loosen(raw));
            paths.push(Said { raw, loosened, channel });
            self.look_up(&paths, &methods, &mut found);
        }
        if found.is_empty() {
            return Vec::new();
        }
        let host = self.hosts.of(head.host);
        found.retain(|found| host.is_served_by(found.pack));
        let mut common = methods.note().into_iter().collect::<Vec<Note>>();
        common.extend(host.note());
        surest(&mut found);
        found.iter().map(|found| self.candidate(found, &paths[found.said], &common)).collect()
    }

    /// All lines that the last of the paths meets, in each of its forms, without what is excluded.
    fn look_up<'r>(
        &'r self,
        paths: &[Said<'_>],
        methods: &Methods<'_>,
        found: &mut SmallVec<[Found<'r>; 8]>,
    ) {
        let Some(said) = paths.last() else { return };
        let before = found.len();
        let mut excluded: Option<SmallVec<[usize; 4]>> = None;
        for (form, met, folded) in said.forms() {
            let mut excluded_here: SmallVec<[usize; 4]> = SmallVec::new();
            for end in self.trie.find(&folded).into_iter().flatten() {
                let Some(standing) = methods.standing(&end.method) else { continue };
                for number in &end.lines {
                    let line = &self.lines[*number as usize];
                    let Some(by) = said.exactness(line, met) else { continue };
                    match line.owner {
                        Owner::Exclude { pack } => {
                            let is_exact = excluded.is_some() || by == MatchedBy::Raw;
                            excluded_here.extend((is_exact && standing == Standing::Wire).then_some(pack));
                        }
                        Owner::Rule { pack, rule, .. } => found.push(Found {
                            pack,
                            rule,
                            rank: (standing, said.channel.map_or(by, Channel::matched_by), *number as usize),
                            method: &end.method,
                            number: *number,
                            said: paths.len() - 1,
                            by,
                            form,
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
        let excluded = excluded.filter(|packs| said.channel.is_none() && !packs.is_empty());
        if let Some(packs) = excluded {
            let is_named = |found: &Found<'_>| found.rank.0 == Standing::Named;
            let mut index = 0;
            found.retain(|found| {
                index += 1;
                index <= before || is_named(found) || !packs.contains(&found.pack)
            });
        }
    }

    fn candidate(&self, found: &Found<'_>, said: &Said<'_>, common: &[Note]) -> Candidate {
        let line = &self.lines[found.number as usize];
        let form = said.loosened.as_ref().filter(|_| found.by != MatchedBy::Raw);
        let form = form.and_then(|forms| forms.get(found.form));
        let (parts, doubts) = parts::named(&line.segments, said.raw, said.loosened.as_ref(), form);
        let mut notes = Vec::new();
        if found.by != MatchedBy::Raw {
            notes.push(Note::plain(NoteCode::PathNormalised));
        }
        if let Some(Channel::Override(header)) = said.channel {
            notes.push(Note::with(NoteCode::PathOverridden, header));
        }
        let (uncertain, doubts): (Vec<String>, Vec<Note>) = doubts.into_iter().unzip();
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
            by: found.rank.1,
            method_from_body: (found.rank.0 == Standing::InBody).then(|| found.method.to_owned()),
            notes,
        }
    }
}

impl<'a> Said<'a> {
    /// The forms to look up, folded, with their index: the raw one, unless A is the same (as for a clean
    /// path), then the loosened ones.
    fn forms(&self) -> impl Iterator<Item = (usize, MatchedBy, Cow<'_, str>)> {
        let bare = self.raw.strip_prefix('/').unwrap_or(self.raw);
        let loosened = self.loosened.as_ref();
        let raw = match loosened {
            None => Some((0, MatchedBy::Normalised, Cow::Borrowed(bare))),
            Some(forms) => {
                let folded = forms::fold(bare.strip_suffix('/').unwrap_or(bare));
                let is_another = forms.first().is_none_or(|a| a.folded != folded);
                is_another.then_some((0, MatchedBy::Raw, Cow::Owned(folded)))
            }
        };
        let loosened = loosened.into_iter().flatten().enumerate();
        raw.into_iter()
            .chain(loosened.map(|(index, form)| (index, form.by, Cow::Borrowed(form.folded.as_str()))))
    }

    /// How exactly a line that was found in a form meets the path; `None` when it was found only because
    /// the raw form was folded for the look-up.
    fn exactness(&self, line: &Line, form: MatchedBy) -> Option<MatchedBy> {
        if form != MatchedBy::Split && parts::fits_raw(&line.segments, line.ends_in_slash, self.raw) {
            return Some(MatchedBy::Raw);
        }
        (form != MatchedBy::Raw).then_some(form)
    }
}

impl Channel {
    fn matched_by(self) -> MatchedBy {
        match self {
            Channel::Override(_) => MatchedBy::Override,
            Channel::Destination => MatchedBy::Destination,
        }
    }
}

/// The paths that a request says: its own, those in headers of a trusted peer (E08), and where a MOVE or
/// COPY goes (E16).
fn said_paths<'a>(
    head: &HeadView<'a>,
    methods: &Methods<'_>,
) -> impl Iterator<Item = (&'a str, Option<Channel>)> + use<'a> {
    let own = path_of(head.target);
    let trusted = |names: &'static [&'static str]| if head.is_trusted { names } else { &[] };
    let overrides = headers::values(head.headers, trusted(&PATH_HEADERS))
        .filter_map(|(name, value)| Some((path_of(value.to_str().ok()?)?, Some(Channel::Override(name)))));
    let inside = headers::values(head.headers, trusted(&PREFIX_HEADERS)).filter_map(move |(name, value)| {
        Some((below(own?, value.to_str().ok()?)?, Some(Channel::Override(name))))
    });
    let moves = if methods.names("MOVE") || methods.names("COPY") { PATHS_MAX } else { 0 };
    let destinations = head.headers.get_all("destination").iter().take(moves);
    let destinations =
        destinations.filter_map(|value| Some((path_of(value.to_str().ok()?)?, Some(Channel::Destination))));
    let moved = overrides.chain(inside).take(PATHS_MAX);
    own.map(|path| (path, None)).into_iter().chain(moved).chain(destinations)
}

/// A path below a mount point: what an application that believes the prefix routes by.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let prefix = prefix.trim().trim_end_matches('/');
    let rest = path.strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    rest.starts_with('/').then_some(rest)
}

/// The path of a target or URL reference, without query and fragment.
fn path_of(target: &str) -> Option<&str> {
    let target = target.trim();
    let path = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        Some(_) | None => target,
    };
    let end = path.find(['?', '#']).unwrap_or(path.len());
    Some(&path[..end]).filter(|path| path.starts_with(['/', '\\', '%']))
}

/// Leaves each rule once, by its surest form, in the order of packs and rules; a rule that only the body
/// can still call once for each method.
fn surest(found: &mut SmallVec<[Found<'_>; 8]>) {
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

/// Headers by which a peer may name another path.
const PATH_HEADERS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// Headers by which a peer may say where the application is mounted.
const PREFIX_HEADERS: [&str; 2] = ["x-forwarded-prefix", "x-script-name"];

/// Paths that are looked at beside the request line's, of each kind.
const PATHS_MAX: usize = 4;

#[cfg(test)]
mod tests;
