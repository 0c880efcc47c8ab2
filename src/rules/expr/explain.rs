//! A condition laid open: each of its tests with what it sees and how it comes out.
//!
//! Evaluation stops as soon as it knows the answer; a person wants to see all of it. So this goes over the
//! condition a second time, apart from evaluation, which knows nothing of it and pays nothing for it.

use super::condition::{Condition, Verdict};
use super::scope::{EvalLog, Phase, Scope};
use crate::value::Value;

/// One line of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// How deep it stands in lists of alternatives.
    pub depth: usize,
    /// The path and the test, as written; for a list, "any of".
    pub text: String,
    /// `None` while the part of the document that it looks at is not known.
    pub verdict: Option<Verdict>,
    /// What the path finds, redacted; the first few.
    pub values: Vec<Value>,
    /// Reasons for doubt.
    pub reasons: Vec<String>,
}

impl Condition {
    /// Each test in the order of the text, with what is known at `now`.
    pub fn explain(&self, scope: &Scope<'_>, now: Phase) -> Vec<Tested> {
        let mut lines = Vec::new();
        self.explain_into(scope, now, 0, &mut lines);
        lines
    }

    fn explain_into(&self, scope: &Scope<'_>, now: Phase, depth: usize, lines: &mut Vec<Tested>) {
        let (text, values) = match self {
            Condition::All(all) => {
                return all.iter().for_each(|one| one.explain_into(scope, now, depth, lines));
            }
            Condition::Any(_) => ("any of".to_owned(), Vec::new()),
            Condition::Changed(fields) => (format!("changed: {}", fields.join(", ")), Vec::new()),
            Condition::Test(check) => {
                let log = EvalLog::default();
                let seen = check.path.all_ref(&quiet(scope, &log));
                let values = seen.into_iter().take(VALUES_MAX).cloned().collect();
                (format!("{}: {}", check.path.text, check.text), values)
            }
        };
        // Reasons and notes of this look are nobody else's.
        let log = EvalLog::default();
        let own = quiet(scope, &log);
        let is_known = self.phase() <= now || !self.may_hold(&own, now);
        let verdict = is_known.then(|| self.test(&own));
        let reasons = if is_known { log.take_reasons() } else { Vec::new() };
        lines.push(Tested { depth, text, verdict, values, reasons });
        if let Condition::Any(any) = self {
            any.iter().for_each(|one| one.explain_into(scope, now, depth + 1, lines));
        }
    }
}

/// The same scope with another log.
fn quiet<'s>(scope: &Scope<'s>, log: &'s EvalLog) -> Scope<'s> {
    let mut own = *scope;
    own.log = log;
    own
}

/// Values shown of a path with many matches.
const VALUES_MAX: usize = 5;
