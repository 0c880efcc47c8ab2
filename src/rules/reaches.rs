//! All that a rule looks at in the document, so that what no rule looks at need not be put there.
//!
//! The types are taken apart whole: a field that is added to the model does not compile until it is either
//! visited here or said not to look at anything.

use std::collections::BTreeSet;

use super::expr::{Condition, Expr, Path, Reach, ReachStep, Root};
use super::model::{
    ActorWay, After, Before, ChangeSpec, ComputedChange, Entry, Field, ForEach, LinkSpec, Pack, Read,
    RedactTarget, Resource, Rule, TargetSpec,
};

/// A part of a rule or pack that looks at the document.
#[derive(Clone, Copy, Debug)]
pub enum Part<'r> {
    /// A value.
    Value(&'r Expr),
    /// A condition.
    Condition(&'r Condition),
    /// A path with any number of matches.
    Path(&'r Path),
}

type Visit<'r, 'v> = dyn FnMut(Part<'r>) + 'v;

impl Part<'_> {
    /// Visits what it looks at.
    pub fn visit_reaches(self, visit: &mut dyn FnMut(&Reach)) {
        match self {
            Part::Value(value) => value.visit_reaches(visit),
            Part::Condition(when) => when.visit_reaches(visit),
            Part::Path(path) => path.reaches().iter().for_each(visit),
        }
    }
}

/// Visits each part of the document that deriving by this rule of this pack looks at.
pub fn visit(pack: &Pack, rule: &Rule, visit: &mut dyn FnMut(&Reach)) {
    of_pack(pack, &mut |part| part.visit_reaches(visit));
    of_rule(rule, &mut |part| part.visit_reaches(visit));
}

/// The variables that deriving by this rule needs, as places in those of the pack and then of the rule: a pack
/// has twenty for all its rules, and each rule looks at few.
pub fn needed_vars(pack: &Pack, rule: &Rule) -> Vec<usize> {
    let mut needed = Needed::default();
    let things = rule.before.iter().filter_map(|before| pack.resources.get(before.resource));
    things
        .for_each(|thing| of_resource(thing, &mut |part| part.visit_reaches(&mut |reach| needed.add(reach))));
    let mut add = |part: Part<'_>| part.visit_reaches(&mut |reach| needed.add(reach));
    pack.actors.iter().for_each(|way| actor_way(way, &mut add));
    redacted(&pack.redact, &mut add);
    of_rule(rule, &mut add);
    // Each uses only earlier ones.
    let mut places = Vec::new();
    let vars: Vec<_> = pack.vars.iter().chain(&rule.vars).enumerate().collect();
    for (place, (name, expr)) in vars.into_iter().rev() {
        if needed.all || needed.names.contains(name) {
            places.push(place);
            expr.visit_reaches(&mut |reach| needed.add(reach));
        }
    }
    places.reverse();
    places
}

/// Whether it looks at how far a stream has come: such a rule is derived by again when the stream closes.
pub fn watches_streams(pack: &Pack, rule: &Rule) -> bool {
    let mut watches = false;
    let mut look = |reach: &Reach| {
        let is_stream = matches!(reach.steps.first(), Some(ReachStep::Name(name)) if name == "stream");
        watches |= reach.root == Root::Response && is_stream;
    };
    of_rule(rule, &mut |part| part.visit_reaches(&mut look));
    let vars: Vec<_> = pack.vars.iter().chain(&rule.vars).collect();
    for place in needed_vars(pack, rule) {
        vars[place].1.visit_reaches(&mut look);
    }
    watches
}

/// Names of variables that something looks at.
#[derive(Default)]
struct Needed {
    /// True when an expression takes them as a whole.
    all: bool,
    names: BTreeSet<String>,
}

impl Needed {
    fn add(&mut self, reach: &Reach) {
        match (reach.root == Root::Vars, reach.steps.first()) {
            (false, _) => {}
            (true, Some(ReachStep::Name(name))) => {
                if !self.names.contains(name) {
                    self.names.insert(name.clone());
                }
            }
            (true, Some(ReachStep::Index(_) | ReachStep::Any) | None) => self.all = true,
        }
    }
}

fn of_pack<'r>(pack: &'r Pack, visit: &mut Visit<'r, '_>) {
    let Pack {
        name: _,
        title: _,
        base: _,
        hosts: _,
        version: _,
        files: _,
        vars,
        formats: _,
        resources,
        actors,
        redact,
        // Keeps from redaction what is there, and looks at nothing.
        reveal: _,
        aliases: _,
        exclude: _,
        blind_spots: _,
        exceptions: _,
        rules: _,
    } = pack;
    named(vars, visit);
    resources.iter().for_each(|one| of_resource(one, visit));
    actors.iter().for_each(|way| actor_way(way, visit));
    redacted(redact, visit);
}

/// Visits each part of a rule and of its entries that looks at the document.
pub fn of_rule<'r>(rule: &'r Rule, visit: &mut Visit<'r, '_>) {
    let Rule {
        id: _,
        lines: _,
        operations: _,
        opens: _,
        when,
        mode: _,
        guarantee: _,
        on_failure: _,
        is_authenticated: _,
        refuses_websocket: _,
        vars,
        before,
        after,
        for_each,
        entries,
        otherwise,
        redact,
        // Where a token is, is looked up in the answer as it came.
        session: _,
        digest: _,
        source: _,
        span: _,
        tests: _,
    } = rule;
    visit(Part::Condition(when));
    named(vars, visit);
    if let Some(Before { resource: _, with, from: _ }) = before {
        named(with, visit);
    }
    match after {
        Some(After::Value(expr) | After::Merged(expr)) => visit(Part::Value(expr)),
        Some(After::Read) | None => {}
    }
    each(for_each.as_ref(), visit);
    entries.iter().chain(otherwise).for_each(|one| entry(one, visit));
    redacted(redact, visit);
}

fn entry<'r>(entry: &'r Entry, visit: &mut Visit<'r, '_>) {
    let Entry {
        when,
        carries: _,
        for_each,
        action,
        title,
        message,
        kind,
        category,
        source,
        api_kind,
        target,
        links,
        actor,
        on_behalf_of,
        result,
        error,
        reason,
        changes,
        details,
        organization,
        team,
        raw,
        tags: _,
        places: _,
    } = entry;
    visit(Part::Condition(when));
    each(for_each.as_ref(), visit);
    visit(Part::Value(action));
    for expr in [title, message, kind, category, source, api_kind, result, error, reason, organization, team]
    {
        perhaps(expr.as_ref(), visit);
    }
    if let Some(TargetSpec { kind, id, name }) = target {
        [kind, id, name].into_iter().for_each(|expr| perhaps(expr.as_ref(), visit));
    }
    for LinkSpec { rel, kind, id } in links {
        [rel, kind, id].into_iter().for_each(|expr| visit(Part::Value(expr)));
    }
    actor.iter().chain(on_behalf_of).for_each(|members| named(members, visit));
    changed(changes, visit);
    named(details, visit);
    raw.iter().for_each(|path| found(path, visit));
}

fn changed<'r>(changes: &'r ChangeSpec, visit: &mut Visit<'r, '_>) {
    match changes {
        ChangeSpec::Unsaid | ChangeSpec::Fields(_) => {}
        ChangeSpec::Computed(all) => {
            for ComputedChange { field: _, label, before, after } in all {
                [label, before, after].into_iter().for_each(|expr| perhaps(expr.as_ref(), visit));
            }
        }
    }
}

/// Visits each part of a resource that looks at the document.
pub fn of_resource<'r>(resource: &'r Resource, visit: &mut Visit<'r, '_>) {
    let Resource {
        name: _,
        read: asked,
        select,
        kind: _,
        id_field: _,
        organization_field: _,
        name_field: _,
        fields,
        ignore: _,
        is_serialized: _,
        is_remembered: _,
        is_observed: _,
        tells_drift: _,
        key: _,
    } = resource;
    read(asked, visit);
    visit(Part::Value(select));
    for Field { name: _, label: _, key: _, values } in fields {
        perhaps(values.as_ref(), visit);
    }
}

fn read<'r>(read: &'r Read, visit: &mut Visit<'r, '_>) {
    let Read {
        method: _,
        address: _,
        query,
        headers,
        // As received: these never come from the document.
        forward: _,
        body,
        credentials: _,
        timeout_ms: _,
    } = read;
    named(query, visit);
    named(headers, visit);
    perhaps(body.as_ref(), visit);
}

fn actor_way<'r>(way: &'r ActorWay, visit: &mut Visit<'r, '_>) {
    let ActorWay { name: _, when, ask, is_learned: _, actor, on_behalf_of } = way;
    visit(Part::Condition(when));
    ask.iter().for_each(|asked| read(asked, visit));
    named(actor, visit);
    on_behalf_of.iter().for_each(|members| named(members, visit));
}

fn redacted<'r>(redact: &'r [RedactTarget], visit: &mut Visit<'r, '_>) {
    for target in redact {
        match target {
            RedactTarget::Name(_) => {}
            RedactTarget::Path(path) => found(path, visit),
        }
    }
}

fn each<'r>(for_each: Option<&'r ForEach>, visit: &mut Visit<'r, '_>) {
    match for_each {
        None => {}
        Some(ForEach::Each(expr)) => visit(Part::Value(expr)),
        Some(ForEach::Product(axes)) => named(axes, visit),
    }
}

fn named<'r>(members: &'r [(String, Expr)], visit: &mut Visit<'r, '_>) {
    members.iter().for_each(|(_, expr)| visit(Part::Value(expr)));
}

fn perhaps<'r>(expr: Option<&'r Expr>, visit: &mut Visit<'r, '_>) {
    expr.into_iter().for_each(|expr| visit(Part::Value(expr)));
}

fn found<'r>(path: &'r Path, visit: &mut Visit<'r, '_>) {
    visit(Part::Path(path));
}

#[cfg(test)]
mod tests {
    use super::{needed_vars, watches_streams};
    use crate::rules::model::RuleSet;

    #[test]
    fn a_rule_needs_the_variables_it_looks_at_and_those_behind_them() {
        let text = r#"
version: 1
vars: { unused: x, root: y, middle: "{{ vars.root }}!", who: "{{ request.host }}" }
actors: [{ name: basic, when: { $.credential.user: $.vars.who }, actor: { type: user, id: $.credential.user } }]
rules:
  - id: one
    match: POST /one
    vars: { own: "{{ vars.middle }}", idle: 1 }
    action: ONE
    details: { own: $.vars.own }
  - { id: all, match: POST /all, action: ALL, details: { all: $.vars } }
"#;
        let set = RuleSet::from_texts("pack", &[("rules.yaml", text)]).expect("the rules are sound").rules;
        let pack = &set.packs[0];
        let needed = |place: usize| {
            let rule = &pack.rules[place];
            let vars: Vec<&str> = pack.vars.iter().chain(&rule.vars).map(|(name, _)| name.as_str()).collect();
            needed_vars(pack, rule).into_iter().map(|place| vars[place]).collect::<Vec<_>>()
        };
        let mut one = needed(0);
        one.sort_unstable();
        assert_eq!(one, ["middle", "own", "root", "who"]);
        assert_eq!(needed(1).len(), pack.vars.len());
    }

    #[test]
    fn a_rule_that_looks_at_a_stream_watches_it() {
        let text = r#"
version: 1
vars: { sent: "$.response.stream.bytesOut" }
rules:
  - { id: none, match: GET /none, action: NONE, details: { status: $.response.status } }
  - { id: when, match: GET /when, when: { $.response.stream.state: closed }, action: WHEN }
  - { id: entry, match: GET /entry, events: [{ action: ENTRY, details: { time: $.response.stream.durationMs } }] }
  - { id: var, match: GET /var, action: VAR, message: "{{ vars.sent }} bytes" }
"#;
        let set = RuleSet::from_texts("pack", &[("rules.yaml", text)]).expect("the rules are sound").rules;
        let pack = &set.packs[0];
        let watching: Vec<bool> = pack.rules.iter().map(|rule| watches_streams(pack, rule)).collect();
        assert_eq!(watching, [false, true, true, true]);
    }
}
