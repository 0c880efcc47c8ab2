//! `earwitness test`: runs the tests that stand in rule packs.
//!
//! A test goes the way of a real request: matched by the router, planned, its reads answered by what the
//! test says the application answers, derived by the same code. Only the wire and the log are missing.

mod expect;
mod play;

use std::io::Write;

use anyhow::Result;

use super::{Exit, TestArgs, check, visible};
use crate::rules::trial::Trial;

/// Runs the tests and tells which failed, and how.
///
/// # Errors
/// When standard output cannot be written.
pub fn test(args: &TestArgs) -> Result<Exit> {
    let Some(rules) = check::load(&args.paths)? else { return Ok(Exit::Wrong) };
    let stage = play::Stage::new(rules);
    let (mut passed, mut failed) = (0, 0);
    let mut out = std::io::stdout();
    for (pack, rule) in stage.rules() {
        for trial in rule.tests.iter().filter(|trial| is_wanted(args, &rule.id, trial)) {
            match stage.run(pack, trial) {
                Ok(()) => passed += 1,
                Err(complaints) => {
                    failed += 1;
                    writeln!(out, "{}", report(&rule.id, trial, &complaints))?;
                }
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn is_wanted(args: &TestArgs, rule: &str, trial: &Trial) -> bool {
    args.only.as_deref().is_none_or(|only| rule.contains(only) || trial.name.contains(only))
}

fn report(rule: &str, trial: &Trial, complaints: &[String]) -> String {
    let line = trial.source.line(trial.span.start);
    let mut text = format!("FAILED {rule}: {}\n  at {}:{line}\n", visible(&trial.name), trial.source.name);
    for complaint in complaints {
        for (index, line) in complaint.lines().enumerate() {
            text.push_str(if index == 0 { "  - " } else { "    " });
            text.push_str(&visible(line));
            text.push('\n');
        }
    }
    text
}
