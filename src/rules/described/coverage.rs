//! Which requests of a description no rule records: the blind spots that are known before the first of
//! them is seen.
//!
//! Each request that may change something is made up, with a value of no meaning for each named part, and
//! goes the way of a real one through the router. What the body or the answer would decide (`when`) is not
//! asked: a rule that looks at a request covers it.

use http::HeaderMap;

use super::{Description, Operation};
use crate::rules::model::{MatchLine, Mode, RuleSet, SegmentPattern};
use crate::rules::router::{HeadView, is_mutating};

/// A request that no rule covers, on purpose.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Which.
    pub excepted: Excepted,
    /// Why nothing has to be recorded of it.
    pub reason: String,
}

/// How an exception names its requests.
#[derive(Clone, Debug)]
pub enum Excepted {
    /// By the operation's name.
    Operation(String),
    /// By method and path.
    Line(MatchLine),
}

/// What rules cover of a description.
#[derive(Debug)]
pub struct Coverage {
    /// Its requests that may change something, as written.
    pub operations: Vec<Covered>,
    /// What exceptions name and no uncovered request is; they are of no use.
    pub idle: Vec<String>,
}

/// One request and what becomes of it.
#[derive(Debug)]
pub struct Covered {
    /// The operation's name, where it has one.
    pub id: Option<String>,
    /// `POST /v2/bookings/{uid}/cancel`, with what stands before the description's paths.
    pub line: String,
    /// What becomes of it.
    pub standing: Standing,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// These rules look at it.
    Covered(Vec<String>),
    /// A pack leaves it out (`exclude`).
    Excluded,
    /// No rule covers it, for this reason.
    Excepted(String),
    /// No rule covers it; those named look at it in shadow mode only, which records nothing.
    Uncovered(Vec<String>),
}

impl Description {
    /// What these rules cover. Of the places that the paths may stand at, the one counts where they cover
    /// most: a pack is written for one of them.
    pub fn coverage(&self, rules: &RuleSet, exceptions: &[Exception]) -> Coverage {
        let exceptions: Vec<&Exception> =
            rules.packs.iter().flat_map(|pack| &pack.exceptions).chain(exceptions).collect();
        let mutating: Vec<&Operation> =
            self.operations.iter().filter(|operation| is_mutating(&operation.method)).collect();
        let (mut best, mut best_count) = (None, 0);
        for base in 0..self.bases.len() {
            let standings: Vec<Standing> =
                mutating.iter().map(|operation| standing(operation, base, rules)).collect();
            let count = standings.iter().filter(|standing| matches!(standing, Standing::Covered(_))).count();
            if best.is_none() || count > best_count {
                (best, best_count) = (Some((base, standings)), count);
            }
        }
        let (base, mut standings) = best.unwrap_or_default();
        let mut is_used = vec![false; exceptions.len()];
        for (operation, standing) in mutating.iter().zip(&mut standings) {
            let excepts = |exception: &&Exception| operation.is_meant_by(exception, base);
            if let (Standing::Uncovered(_), Some(at)) = (&*standing, exceptions.iter().position(excepts)) {
                *standing = Standing::Excepted(exceptions[at].reason.clone());
                is_used[at] = true;
            }
        }
        let idle = exceptions.iter().zip(is_used).filter(|(_, is_used)| !is_used);
        let covered = |(operation, standing): (&Operation, Standing)| Covered {
            id: operation.id.clone(),
            line: operation.line(base),
            standing,
        };
        Coverage {
            operations: mutating.into_iter().zip(standings).map(covered).collect(),
            idle: idle.map(|(exception, _)| exception.excepted.to_string()).collect(),
        }
    }
}

impl Coverage {
    /// True when a request is neither covered nor left out on purpose.
    pub fn has_gaps(&self) -> bool {
        self.operations.iter().any(|covered| matches!(covered.standing, Standing::Uncovered(_)))
    }
}

impl Operation {
    /// The path of a made-up request, behind one of the bases.
    fn example(&self, base: usize) -> String {
        let bare = |segment: &SegmentPattern| match segment {
            SegmentPattern::Literal(text) => SegmentPattern::Literal(text.clone()),
            SegmentPattern::Part { prefix, suffix, .. } => {
                SegmentPattern::Literal(format!("{prefix}{MADE_UP}{suffix}"))
            }
            SegmentPattern::Tail(_) => SegmentPattern::Literal(MADE_UP.to_owned()),
        };
        let segments = self.forms.get(base).into_iter().flatten().map(bare).collect();
        MatchLine { methods: Vec::new(), segments }.path()
    }

    /// Method and path behind one of the bases.
    fn line(&self, base: usize) -> String {
        let segments = self.forms.get(base).cloned().unwrap_or_default();
        let path = MatchLine { methods: Vec::new(), segments }.path();
        format!("{} {path}", self.method)
    }

    fn is_meant_by(&self, exception: &Exception, base: usize) -> bool {
        match &exception.excepted {
            Excepted::Operation(id) => self.id.as_ref() == Some(id),
            Excepted::Line(line) => line.fits(&self.method, &self.example(base)),
        }
    }
}

impl std::fmt::Display for Excepted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Excepted::Operation(id) => formatter.write_str(id),
            Excepted::Line(line) => write!(formatter, "{} {}", line.methods.join("|"), line.path()),
        }
    }
}

/// What the rules make of a request behind a base; exceptions come later.
fn standing(operation: &Operation, base: usize, rules: &RuleSet) -> Standing {
    let target = operation.example(base);
    let headers = HeaderMap::new();
    // A pack that is bound to hosts is asked under one of them.
    let bound = rules.packs.iter().filter_map(|pack| pack.hosts.first());
    let hosts = bound.map(|host| host.replace('*', MADE_UP)).chain([String::new()]);
    let (mut recording, mut watching, mut is_excluded) = (Vec::new(), Vec::new(), false);
    for host in hosts {
        let (method, target) = (operation.method.as_str(), target.as_str());
        let head = HeadView { method, target, host: &host, headers: &headers, is_trusted: false };
        // That a body could still name another method is no cover for this one.
        for candidate in rules.candidates(&head).iter().filter(|found| found.method_from_body.is_none()) {
            let rule = &rules.packs[candidate.pack].rules[candidate.rule];
            let found = if rule.mode == Mode::Record { &mut recording } else { &mut watching };
            if !found.contains(&rule.id) {
                found.push(rule.id.clone());
            }
        }
        is_excluded |= rules.is_excluded(&head);
    }
    match (recording.is_empty(), is_excluded) {
        (false, _) => Standing::Covered(recording),
        (true, true) => Standing::Excluded,
        (true, false) => Standing::Uncovered(watching),
    }
}

/// In the place of each named part: what no pack has as literal text.
const MADE_UP: &str = "made-up-7f3a";
