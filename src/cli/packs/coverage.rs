//! `earwitness coverage`: which requests of an application's description no rule covers.
//!
//! A build server runs it against each new description: a request that appeared with an update, and that
//! nobody thought of, fails the build before it is a hole in the log.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::check;
use super::description::describe;
use crate::cli::{AnswerFormat, CoverageArgs, Exit, visible};
use crate::rules::described::{Coverage, Covered, Standing};
use crate::rules::load;

/// Tells what the rules cover; [`Exit::Failed`] when something is uncovered and not excepted.
///
/// # Errors
/// When the description cannot be read, or standard output or error cannot be written.
pub fn coverage(args: &CoverageArgs) -> Result<Exit> {
    let description = describe(&args.openapi)?;
    let Some(rules) = check::load(&args.rules)? else { return Ok(Exit::Wrong) };
    let exceptions = match args.exceptions.as_deref().map(load::exceptions).transpose() {
        Ok(exceptions) => exceptions.unwrap_or_default(),
        Err(problems) => {
            check::show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    let coverage = description.coverage(&rules, &exceptions);
    let mut out = std::io::stdout();
    match args.format {
        AnswerFormat::Text => write!(out, "{}", text(&coverage))?,
        AnswerFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&to_json(&coverage))?)?,
    }
    Ok(if coverage.has_gaps() { Exit::Failed } else { Exit::Done })
}

fn text(coverage: &Coverage) -> String {
    let mut text = String::new();
    for covered in &coverage.operations {
        let Standing::Uncovered(watching) = &covered.standing else { continue };
        let id = covered.id.as_deref().map(|id| format!("  ({id})")).unwrap_or_default();
        let shadow = match watching.as_slice() {
            [] => String::new(),
            rules => format!("  only in shadow mode: {}", rules.join(", ")),
        };
        let line = format!("uncovered: {}{id}{shadow}", covered.line);
        text.push_str(&format!("{}\n", visible(&line)));
    }
    for idle in &coverage.idle {
        text.push_str(&format!("of no use: the exception {}\n", visible(idle)));
    }
    let [covered, excluded, excepted, uncovered] = counts(coverage);
    let all = coverage.operations.len();
    text.push_str(&format!(
        "of {all} requests that may change something, {covered} are covered, {excluded} excluded, \
         {excepted} excepted, {uncovered} uncovered\n"
    ));
    text
}

/// Covered, excluded, excepted, uncovered.
fn counts(coverage: &Coverage) -> [usize; 4] {
    let mut counts = [0; 4];
    for covered in &coverage.operations {
        counts[match covered.standing {
            Standing::Covered(_) => 0,
            Standing::Excluded => 1,
            Standing::Excepted(_) => 2,
            Standing::Uncovered(_) => 3,
        }] += 1;
    }
    counts
}

fn to_json(coverage: &Coverage) -> Value {
    let operation = |covered: &Covered| {
        let (standing, rules, reason) = match &covered.standing {
            Standing::Covered(rules) => ("covered", Some(rules), None),
            Standing::Excluded => ("excluded", None, None),
            Standing::Excepted(reason) => ("excepted", None, Some(reason)),
            Standing::Uncovered(watching) => ("uncovered", Some(watching), None),
        };
        let rules = rules.filter(|rules| !rules.is_empty());
        let members = [
            ("operation", json!(covered.id)),
            ("line", json!(covered.line)),
            ("standing", json!(standing)),
            ("rules", json!(rules)),
            ("reason", json!(reason)),
        ];
        let said = members.into_iter().filter(|(_, value)| !value.is_null());
        said.map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
    };
    let [covered, excluded, excepted, uncovered] = counts(coverage);
    json!({
        "counts": { "covered": covered, "excluded": excluded, "excepted": excepted, "uncovered": uncovered },
        "operations": coverage.operations.iter().map(operation).collect::<Vec<_>>(),
        "idleExceptions": coverage.idle,
    })
}
