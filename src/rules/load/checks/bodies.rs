//! Paths into bodies which the pack's `formats` read in a way that gives nothing a name there.

use std::collections::BTreeSet;

use super::meets::covers;
use crate::rules::expr::{Reach, ReachStep, Root};
use crate::rules::model::{MatchLine, Pack, Rule};
use crate::rules::reaches;
use crate::yaml::Problems;

/// W10: told once per rule, with all such paths. A warning, because a content type overrules `formats`.
pub(super) fn without_names(rule: &Rule, pack: &Pack, problems: &mut Problems) {
    let Some(format) = format_of(&rule.lines, pack) else { return };
    // The steps below `body` that a format can have at most.
    let depth = match format {
        "text" => 0,
        "form" => 1,
        _ => return,
    };
    let mut found = BTreeSet::new();
    reaches::of_rule(rule, &mut |part| {
        part.visit_reaches(&mut |reach| {
            if is_body(reach) && names_below(&reach.steps[1..]) > depth {
                found.insert(text(reach));
            }
        });
    });
    if !found.is_empty() {
        let paths: Vec<String> = found.into_iter().collect();
        let message = format!("`formats` reads this body as {format}: {} finds nothing", paths.join(", "));
        let cure = "take the whole body and `extract` from it, or correct the line in `formats`";
        problems.warning("W10", &rule.source, rule.span, message).cure(cure);
    }
}

/// The one format in which all of a rule's bodies are read, if there is one.
fn format_of<'p>(lines: &[MatchLine], pack: &'p Pack) -> Option<&'p str> {
    let of_line = |line: &MatchLine| {
        let fits = pack.formats.iter().find(|format| {
            line.methods.iter().all(|method| format.at.methods.contains(method))
                && covers(&format.at.segments, &line.segments)
        });
        fits.map(|format| format.format.as_str())
    };
    let first = of_line(lines.first()?)?;
    lines.iter().all(|line| of_line(line) == Some(first)).then_some(first)
}

fn is_body(reach: &Reach) -> bool {
    matches!(reach.root, Root::Request | Root::Response)
        && matches!(reach.steps.first(), Some(ReachStep::Name(name)) if name == "body")
}

fn names_below(steps: &[ReachStep]) -> usize {
    steps.iter().filter(|step| matches!(step, ReachStep::Name(_))).count()
}

/// The part as a path.
fn text(reach: &Reach) -> String {
    let mut text = format!("`$.{}", reach.root.name());
    for step in &reach.steps {
        match step {
            ReachStep::Name(name) => text.push_str(&format!(".{name}")),
            ReachStep::Index(index) => text.push_str(&format!("[{index}]")),
            ReachStep::Any => text.push_str("[*]"),
        }
    }
    text + "`"
}
