//! `earwitness schema`: what an editor needs to complete and underline rule files, and which actions rules
//! record, for whoever has to build filters on them.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

use super::check;
use crate::cli::{Exit, SchemaArgs};
use crate::rules::expr::Expr;
use crate::rules::model::{Mode, RuleSet};
use crate::rules::schema;

/// Writes the schema, or lists actions.
///
/// # Errors
/// When standard output cannot be written.
pub fn schema(args: &SchemaArgs) -> Result<Exit> {
    let mut out = std::io::stdout();
    if args.actions.is_empty() {
        writeln!(out, "{}", serde_json::to_string_pretty(&schema::of_rule_files())?)?;
        return Ok(Exit::Done);
    }
    let Some(rules) = check::load(&args.actions)? else { return Ok(Exit::Wrong) };
    for (action, rules) in actions(&rules) {
        writeln!(out, "{action}\t{}", rules.join(", "))?;
    }
    Ok(Exit::Done)
}

/// Each action with the rules that may record it.
fn actions(rules: &RuleSet) -> BTreeMap<String, Vec<&str>> {
    let mut actions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let rules = rules.packs.iter().flat_map(|pack| &pack.rules).filter(|rule| rule.mode != Mode::Disabled);
    for rule in rules {
        for entry in rule.entries.iter().chain(&rule.otherwise) {
            literals(&entry.action, &mut |action| {
                let rules = actions.entry(action).or_default();
                if rules.last() != Some(&rule.id.as_str()) {
                    rules.push(&rule.id);
                }
            });
        }
    }
    actions
}

/// The names that an `action` may become; one that traffic decides is shown in brackets.
fn literals(action: &Expr, found: &mut dyn FnMut(String)) {
    match action {
        Expr::Literal(value) => found(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        Expr::First(alternatives) => {
            alternatives.iter().for_each(|alternative| literals(&alternative.value, found));
        }
        Expr::Path(path) | Expr::FirstOf(path) | Expr::All(path) | Expr::Count(path) => {
            found(format!("[{}]", path.text));
        }
        Expr::Template(_) | Expr::Map(_) | Expr::List(_) => found("[computed]".to_owned()),
    }
}
