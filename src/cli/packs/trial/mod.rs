//! `earwitness test`: runs the tests that stand in rule packs.
//!
//! A test goes the way of a real request: matched by the router, planned, its reads answered by what the
//! test says the application answers, derived by the same code. Only the wire and the log are missing.
//! What rules in shadow mode would record is expected like anything else, so that turning a rule on
//! changes no test.

mod coverage;
mod expect;
mod play;
mod report;
mod update;

use std::io::Write;

use anyhow::Result;

use self::report::{Detail, Outcome};
use super::check;
use crate::cli::{Exit, TestArgs, TestFormat};
use crate::rules::model::RuleSet;
use crate::rules::trial::Trial;
use crate::yaml::Problems;

/// Runs the tests and tells which failed, and how.
///
/// # Errors
/// When standard output or, with `--update`, a rule file cannot be written.
pub fn test(args: &TestArgs) -> Result<Exit> {
    let Some(rules) = check::load(&args.paths)? else { return Ok(Exit::Wrong) };
    let stage = play::Stage::new(rules);
    let mut outcomes = Vec::new();
    let mut updates = update::Updates::default();
    let mut open = 0;
    for (pack, rule) in stage.rules() {
        for trial in rule.tests.iter().filter(|trial| is_wanted(args, &rule.id, trial)) {
            let (complaints, shadowed) = match stage.run(pack, trial) {
                Ok(played) => {
                    let complaints = expect::compare(trial, &played.events);
                    if !complaints.is_empty() && args.update {
                        updates.add(trial, &played.events);
                    }
                    (complaints, played.shadowed)
                }
                Err(complaint) => {
                    open += 1;
                    (vec![complaint], 0)
                }
            };
            outcomes.push(Outcome { rule: &rule.id, trial, complaints, shadowed });
        }
    }
    // Of a few tests, nobody wants to know what they did not reach.
    let coverage = args.only.is_none().then(|| stage.coverage());
    let detail = if args.coverage { Detail::All } else { Detail::Summary };
    let mut out = std::io::stdout();
    match args.format {
        TestFormat::Text => report::text(&outcomes, coverage.as_ref(), detail, &mut out)?,
        TestFormat::Json => {
            let report = report::to_json(&outcomes, coverage.as_ref());
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        }
        TestFormat::Junit => out.write_all(&report::junit(&outcomes, coverage.as_ref())?)?,
    }
    let is_failed = outcomes.iter().any(|outcome| !outcome.complaints.is_empty());
    if is_failed && args.update {
        writeln!(std::io::stderr(), "{}", updates.write()?)?;
        return Ok(if open == 0 { Exit::Done } else { Exit::Failed });
    }
    Ok(if is_failed { Exit::Failed } else { Exit::Done })
}

/// Runs all tests of these rules; each that fails is an error. For whoever is about to put them in force.
pub fn trial_failures(rules: RuleSet) -> Problems {
    let stage = play::Stage::new(rules);
    let mut problems = Problems::default();
    for (pack, rule) in stage.rules() {
        for trial in &rule.tests {
            let complaints = match stage.run(pack, trial) {
                Ok(played) => expect::compare(trial, &played.events),
                Err(complaint) => vec![complaint],
            };
            if !complaints.is_empty() {
                let message =
                    format!("a test of `{}` fails, `{}`: {}", rule.id, trial.name, complaints.join("; "));
                let cure = "`earwitness test` tells more; mend the rule, or let --update mend the test";
                problems.error("T01", &trial.source, trial.span, message).cure(cure);
            }
        }
    }
    problems
}

fn is_wanted(args: &TestArgs, rule: &str, trial: &Trial) -> bool {
    args.only.as_deref().is_none_or(|only| rule.contains(only) || trial.name.contains(only))
}
