//! Conditions: yes, no or doubt.
//!
//! A mapping means all, a list means any. Doubt is not "no" (THREATS chapter 2): a test that looks at a part
//! of the document that was cut, could not be parsed or can be read in two ways is neither met nor excluded.

use super::Expr;
use super::path::Path;
use super::reach::{Reach, ReachStep};
use super::scope::{Phase, Root, Scope};
use super::test::Test;
use crate::value::Value;

/// A condition, compiled.
#[derive(Debug)]
pub enum Condition {
    /// All of them; none means always.
    All(Vec<Condition>),
    /// Any of them.
    Any(Vec<Condition>),
    /// One of these fields is in `$.changes`.
    Changed(Vec<String>),
    /// A path and a test.
    Test(Box<Check>),
}

/// A path and what is asked of its matches.
#[derive(Debug)]
pub struct Check {
    /// The path.
    pub path: Path,
    /// The test.
    pub test: Test,
    /// The test as written, as JSON, for `explain`.
    pub text: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It looks at a part of the document that cannot be relied on.
    Doubt,
}

impl Condition {
    /// The condition that always holds.
    pub fn always() -> Condition {
        Condition::All(Vec::new())
    }

    /// Whether it holds. Reasons for doubt go to the scope's log.
    pub fn test(&self, scope: &Scope<'_>) -> Verdict {
        let verdict = match self {
            Condition::All(all) => fold(all, scope, Verdict::No, Verdict::Yes),
            Condition::Any(any) => fold(any, scope, Verdict::Yes, Verdict::No),
            Condition::Changed(fields) => changed(fields, scope),
            Condition::Test(check) => check.test(scope),
        };
        scope.log.came_out(self, verdict);
        verdict
    }

    /// False when the condition cannot hold whatever comes later: tests on parts that are known only after
    /// `now` count as open, and so do those on an item that is not at hand yet.
    pub fn may_hold(&self, scope: &Scope<'_>, now: Phase) -> bool {
        let may_hold = match self {
            Condition::All(all) => all.iter().all(|one| one.may_hold(scope, now)),
            Condition::Any(any) => any.iter().any(|one| one.may_hold(scope, now)),
            Condition::Changed(fields) => now < Phase::Answer || changed(fields, scope) != Verdict::No,
            Condition::Test(check) => check.is_open(scope, now) || check.test(scope) != Verdict::No,
        };
        if !may_hold {
            scope.log.came_out(self, Verdict::No);
        }
        may_hold
    }

    /// When the last of its tests can be decided.
    pub fn phase(&self) -> Phase {
        let mut phase = Phase::Head;
        self.visit_reaches(&mut |reach| phase = phase.max(reach.phase));
        phase
    }

    /// Each part of the document that it looks at.
    pub fn visit_reaches(&self, visit: &mut dyn FnMut(&Reach)) {
        match self {
            Condition::All(many) | Condition::Any(many) => {
                many.iter().for_each(|one| one.visit_reaches(visit));
            }
            Condition::Changed(fields) => {
                for field in fields {
                    visit(&changes_of(field));
                }
            }
            Condition::Test(check) => check.visit_reaches(visit),
        }
    }
}

impl Check {
    /// Whether the test holds for what the path finds.
    pub fn test(&self, scope: &Scope<'_>) -> Verdict {
        let look = self.path.look(scope);
        let right = || {
            let mut doubt = None;
            self.test.visit_values(&mut |value| {
                if doubt.is_none() {
                    doubt = value.doubt(scope);
                }
            });
            doubt
        };
        if let Some(reason) = look.doubt.or_else(right) {
            scope.log.reason(reason);
            return Verdict::Doubt;
        }
        if self.test.holds(&look.values, scope) { Verdict::Yes } else { Verdict::No }
    }

    fn is_open(&self, scope: &Scope<'_>, now: Phase) -> bool {
        let mut is_open = false;
        self.visit_reaches(&mut |reach| {
            let is_absent_item = match reach.root {
                Root::Item | Root::Key | Root::Answer | Root::With => scope.root(reach.root).is_none(),
                Root::Request
                | Root::Path
                | Root::Client
                | Root::Credential
                | Root::Vars
                | Root::Actor
                | Root::OnBehalfOf
                | Root::Response
                | Root::Result
                | Root::Before
                | Root::After
                | Root::BeforeState
                | Root::Changes => false,
            };
            is_open |= reach.phase > now || is_absent_item;
        });
        is_open
    }

    fn visit_reaches(&self, visit: &mut dyn FnMut(&Reach)) {
        self.path.reaches().iter().for_each(&mut *visit);
        self.test.visit_values(&mut |value: &Expr| value.visit_reaches(visit));
    }
}

/// `decisive` as soon as one says so, else doubt if any doubts, else `otherwise`.
fn fold(conditions: &[Condition], scope: &Scope<'_>, decisive: Verdict, otherwise: Verdict) -> Verdict {
    let mut verdict = otherwise;
    for condition in conditions {
        match condition.test(scope) {
            one if one == decisive => return decisive,
            Verdict::Doubt => verdict = Verdict::Doubt,
            Verdict::Yes | Verdict::No => {}
        }
    }
    verdict
}

fn changed(fields: &[String], scope: &Scope<'_>) -> Verdict {
    let doubted = fields.iter().find_map(|field| {
        let doubt = changes_of(field).doubted(scope.doubts, 0)?;
        Some(super::reach::reason(&format!("changed: {field}"), doubt))
    });
    let is_in = |field: &String| {
        scope
            .root(Root::Changes)
            .and_then(Value::as_object)
            .is_some_and(|changes| changes.contains_key(field))
    };
    if fields.iter().any(is_in) {
        return Verdict::Yes;
    }
    match doubted {
        Some(reason) => {
            scope.log.reason(reason);
            Verdict::Doubt
        }
        None => Verdict::No,
    }
}

fn changes_of(field: &str) -> Reach {
    Reach { root: Root::Changes, steps: vec![ReachStep::Name(field.to_owned())], phase: Phase::Answer }
}
