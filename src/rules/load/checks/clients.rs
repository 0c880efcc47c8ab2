//! Conditions on what a client chooses (THREATS E50): who can send `User-Agent: healthcheck` goes
//! unrecorded where a rule leaves that out. A warning, because some applications leave no other way.

use std::collections::BTreeSet;

use crate::rules::expr::{Condition, Expr, Reach, ReachStep, Root};
use crate::rules::model::{Pack, Rule};
use crate::yaml::Problems;

/// W9: told once per rule, with all headers that decide.
pub(super) fn chosen(rule: &Rule, pack: &Pack, problems: &mut Problems) {
    let vars: Vec<&(String, Expr)> = pack.vars.iter().chain(&rule.vars).collect();
    let mut found = BTreeSet::new();
    let entries = rule.entries.iter().chain(&rule.otherwise).map(|entry| &entry.when);
    for condition in std::iter::once(&rule.when).chain(entries).filter(|when| !asks_for_trust(when)) {
        condition.visit_reaches(&mut |reach| look(reach, &vars, 0, &mut found));
    }
    if !found.is_empty() {
        let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("a client can choose {} and so decide what is recorded", names.join(", "));
        let cure = "test the path, the body or the answer; or add `$.client.trusted: true` beside it";
        problems.warning("W9", &rule.source, rule.span, message).cure(cure);
    }
}

/// True for a condition that holds only for peers which the configuration trusts.
fn asks_for_trust(when: &Condition) -> bool {
    match when {
        Condition::All(all) => all.iter().any(asks_for_trust),
        Condition::Any(any) => !any.is_empty() && any.iter().all(asks_for_trust),
        Condition::Changed(_) => false,
        Condition::Test(check) => check.path.text == "$.client.trusted" && check.text == "true",
    }
}

fn look(reach: &Reach, vars: &[&(String, Expr)], depth: usize, found: &mut BTreeSet<String>) {
    let name = |step: Option<&ReachStep>| match step {
        Some(ReachStep::Name(name)) => name.clone(),
        Some(ReachStep::Index(_) | ReachStep::Any) | None => "any header".to_owned(),
    };
    match (reach.root, reach.steps.as_slice()) {
        (Root::Request, [ReachStep::Name(first), rest @ ..]) if first == "headers" => {
            let header = name(rest.first());
            if !ACTED_ON.contains(&header.as_str()) {
                found.insert(header);
            }
        }
        (Root::Vars, steps) if depth < VARS_DEEP => {
            let wanted = steps.first().map(|step| name(Some(step)));
            let meant = vars.iter().filter(|(var, _)| wanted.as_ref().is_none_or(|wanted| wanted == var));
            for (_, value) in meant {
                value.visit_reaches(&mut |reach| look(reach, vars, depth + 1, found));
            }
        }
        (_, _) => {}
    }
}

/// Headers that tell the application itself what to do: who sends another gets another thing done.
const ACTED_ON: [&str; 7] =
    ["content-type", "depth", "destination", "if-match", "if-none-match", "overwrite", "schedule-reply"];
/// Variables that use variables; cycles are an error already.
const VARS_DEEP: usize = 16;
