//! What no single rule can know: names that nothing uses, rules that meet the same requests or never any,
//! tests that are missing, bodies that are held, and what a client could choose or a body cannot hold.

mod apart;
mod bodies;
mod clients;
mod credentials;
mod meets;
mod shapes;

use std::collections::BTreeSet;

pub use self::credentials::Allowed;
pub(in crate::rules) use self::meets::can_meet;
use self::meets::covers;
use super::files::PackFiles;
use super::keys::each_text;
use super::pack::Member;
use super::sections::resource::parts;
use super::sections::vars::{Written, used_in};
use crate::rules::expr::{Condition, Phase, ReachStep, Root};
use crate::rules::model::{Exclusion, MatchLine, Mode, Pack, Read, Rule};
use crate::rules::reaches;
use crate::yaml::Problems;

/// Looks at a whole pack.
pub(super) fn pack(
    pack: &Pack,
    files: &PackFiles,
    vars: &[Written<'_>],
    resources: &[Member<'_>],
    problems: &mut Problems,
) {
    unused(files, vars, resources, problems);
    for (index, rule) in pack.rules.iter().enumerate() {
        excluded(rule, &pack.exclude, problems);
        overlaps(rule, &pack.rules[..index], problems);
        tests(rule, problems);
        held(rule, pack, problems);
        bare(rule, problems);
        spare_parameters(rule, pack, problems);
        unchanging(rule, problems);
        clients::chosen(rule, pack, problems);
    }
}

/// Looks at what a whole pack, with the rules that open its envelopes, takes from bodies.
pub(super) fn bodies(pack: &Pack, resources: &[Member<'_>], problems: &mut Problems) {
    pack.rules
        .iter()
        .filter(|rule| rule.opens.is_none())
        .for_each(|rule| bodies::of_rule(rule, pack, problems));
    for resource in &pack.resources {
        if let Some(written) = resources.iter().find(|(key, _, _)| key.text == resource.name) {
            bodies::of_resource(resource, written, pack, problems);
        }
    }
}

/// W1.
fn unused(files: &PackFiles, vars: &[Written<'_>], resources: &[Member<'_>], problems: &mut Problems) {
    let used: BTreeSet<String> = files.files.iter().flat_map(|file| used_in(&file.root)).collect();
    for var in vars.iter().filter(|var| !used.contains(&var.key.text)) {
        let message = format!("nothing uses the variable `{}`", var.key.text);
        problems.warning("W1", var.source, var.key.span, message).cure("remove it");
    }
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for rule in files.files.iter().filter_map(|file| file.root.member("rules")?.as_list()).flatten() {
        if let Some(before) = rule.member("before") {
            each_text(before, &mut |text, _| {
                read.insert(text);
            });
        }
    }
    for (key, _, source) in resources.iter().filter(|(key, _, _)| !read.contains(key.text.as_str())) {
        let message = format!("no rule reads the resource `{}`", key.text);
        problems.warning("W1", source, key.span, message).cure("remove it, or name it in `before`");
    }
}

/// W1: parameters of a read that neither its address nor its resource uses.
fn spare_parameters(rule: &Rule, pack: &Pack, problems: &mut Problems) {
    let Some(before) = &rule.before else { return };
    let Some(resource) = pack.resources.get(before.resource) else { return };
    let mut used: BTreeSet<String> = parts(&resource.read).into_iter().map(str::to_owned).collect();
    let mut is_used_whole = false;
    reaches::of_resource(resource, &mut |part| {
        part.visit_reaches(&mut |reach| match (reach.root, reach.steps.first()) {
            (Root::With, Some(ReachStep::Name(name))) => drop(used.insert(name.clone())),
            (Root::With, _) => is_used_whole = true,
            (_, _) => {}
        });
    });
    for (name, _) in before.with.iter().filter(|(name, _)| !is_used_whole && !used.contains(name)) {
        let message = format!("the read of `{}` uses no parameter `{name}`", resource.name);
        let cure = "remove it from `with`, or name it as the address does";
        problems.warning("W1", &rule.source, rule.span, message).cure(cure);
    }
}

/// E17: an entry or rule that waits for a change where nothing is compared.
fn unchanging(rule: &Rule, problems: &mut Problems) {
    let (missing, cure) = match (&rule.before, &rule.after) {
        (Some(_), Some(_)) => return,
        (None, _) => ("before", "add `before: …`, or test what the request says"),
        (Some(_), None) => ("after", "add `after: $.response.body`, `after: { merged: … }` or `after: read`"),
    };
    let mut conditions = rule.entries.iter().map(|entry| &entry.when).chain([&rule.when]);
    if conditions.any(needs_change) {
        let message = format!("`changed` never holds: this rule has no `{missing}` to compare with");
        problems.error("E17", &rule.source, rule.span, message).cure(cure);
    }
}

fn needs_change(condition: &Condition) -> bool {
    match condition {
        Condition::Changed(_) => true,
        Condition::All(all) => all.iter().any(needs_change),
        Condition::Any(any) => !any.is_empty() && any.iter().all(needs_change),
        Condition::Test(_) => false,
    }
}

/// E17: a rule that an `exclude` line covers wholly.
fn excluded(rule: &Rule, exclude: &[Exclusion], problems: &mut Problems) {
    let is_covered = |line: &MatchLine| {
        line.methods.iter().all(|method| {
            exclude.iter().any(|wide| {
                wide.line.methods.contains(method)
                    && covers(&wide.line.segments, &line.segments)
                    && (wide.operations.is_empty() || is_within(&rule.operations, &wide.operations))
            })
        })
    };
    if !rule.lines.is_empty() && rule.lines.iter().all(is_covered) {
        let message = "this rule never fires: `exclude` takes all of its requests out";
        problems
            .error("E17", &rule.source, rule.span, message)
            .cure("remove the rule, or the `exclude` line");
    }
}

/// W2: told once per rule, with the earlier rules that it overlaps.
fn overlaps(rule: &Rule, earlier: &[Rule], problems: &mut Problems) {
    let meets = |other: &&Rule| {
        if !can_be_one(&rule.operations, &other.operations) || apart::exclude(&rule.when, &other.when) {
            return false;
        }
        let pairs = rule.lines.iter().flat_map(|line| other.lines.iter().map(move |other| (line, other)));
        pairs.into_iter().any(|(one, other)| {
            one.methods.iter().any(|method| other.methods.contains(method))
                && can_meet(&one.segments, &other.segments)
        })
    };
    let is_on = |rule: &Rule| rule.mode != Mode::Disabled;
    let met: Vec<&str> = earlier
        .iter()
        .filter(|other| is_on(rule) && is_on(other))
        .filter(meets)
        .map(|other| other.id.as_str())
        .take(OVERLAPS_TOLD)
        .collect();
    if !met.is_empty() {
        let message = format!("a request can meet this rule and {}: both are recorded", met.join(", "));
        let cure = "fine if that is meant; else tell them apart with `when`";
        problems.warning("W2", &rule.source, rule.span, message).cure(cure);
    }
}

/// W3.
fn tests(rule: &Rule, problems: &mut Problems) {
    let expects = || rule.tests.iter().filter_map(|test| test.expect.as_deref());
    let has_positive = expects().any(|events| !events.is_empty());
    let has_negative = expects().any(<[_]>::is_empty);
    let (message, cure) = match (has_positive, has_negative) {
        (true, true) => return,
        (false, false) => ("this rule has no tests", "add `tests` with a request and what to expect"),
        (true, false) => ("no test shows what this rule leaves alone", "add a test with `expect: []`"),
        (false, true) => ("no test shows what this rule records", "add a test that expects an event"),
    };
    problems.warning("W3", &rule.source, rule.span, message).cure(cure);
}

/// W4: a read before the request that needs the request's body.
fn held(rule: &Rule, pack: &Pack, problems: &mut Problems) {
    let Some(before) = &rule.before else { return };
    let read = pack.resources.get(before.resource).map(|resource| &resource.read);
    let is_late =
        before.with.iter().any(|(_, value)| value.phase() > Phase::Head) || read.is_some_and(is_late);
    if is_late {
        let message = "the request's body is held back until it is complete, because the read needs it";
        let cure = "fine for small bodies; else read at an address that the path alone tells";
        problems.warning("W4", &rule.source, rule.span, message).cure(cure);
    }
}

fn is_late(read: &Read) -> bool {
    let mut values = read.query.iter().chain(&read.headers).map(|(_, value)| value).chain(&read.body);
    values.any(|value| value.phase() == Phase::Body)
}

/// W5: told once per rule, with all that is missing.
fn bare(rule: &Rule, problems: &mut Problems) {
    let entries = || rule.entries.iter().chain(&rule.otherwise);
    let mut missing = Vec::new();
    if entries().any(|entry| entry.source.is_none()) {
        missing.push("source");
    }
    if entries().any(|entry| entry.organization.is_none() && entry.team.is_none()) {
        missing.push("scope");
    }
    if entries().any(|entry| entry.target.is_none()) {
        missing.push("target");
    }
    if !missing.is_empty() {
        let message = format!("events of this rule have no {}", missing.join(", no "));
        let cure = "add it to the rule, or to `defaults` for all";
        problems.warning("W5", &rule.source, rule.span, message).cure(cure);
    }
}

/// True for names, all of which are among others.
fn is_within(names: &[String], others: &[String]) -> bool {
    !names.is_empty() && names.iter().all(|name| others.contains(name))
}

/// True when one operation can be meant by both; none named means any.
fn can_be_one(names: &[String], others: &[String]) -> bool {
    names.is_empty() || others.is_empty() || names.iter().any(|name| others.contains(name))
}

const OVERLAPS_TOLD: usize = 3;
