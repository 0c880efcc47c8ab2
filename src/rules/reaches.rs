//! All that a rule looks at in the document, so that what no rule looks at need not be put there.
//!
//! The types are taken apart whole: a field that is added to the model does not compile until it is either
//! visited here or said not to look at anything.

use super::expr::{Expr, Path, Reach};
use super::model::{
    ActorWay, After, Before, ChangeSpec, ComputedChange, Entry, Field, ForEach, LinkSpec, Pack, Read,
    RedactTarget, Resource, Rule, TargetSpec,
};

type Visit<'v> = dyn FnMut(&Reach) + 'v;

/// Visits each part of the document that deriving by this rule of this pack looks at.
pub fn visit(pack: &Pack, rule: &Rule, visit: &mut Visit<'_>) {
    let Pack {
        name: _,
        title: _,
        base: _,
        hosts: _,
        version: _,
        vars,
        formats: _,
        resources,
        actors,
        redact,
        // Keeps from redaction what is there, and looks at nothing.
        reveal: _,
        exclude: _,
        rules: _,
    } = pack;
    named(vars, visit);
    resources.iter().for_each(|one| resource(one, visit));
    actors.iter().for_each(|way| actor_way(way, visit));
    redacted(redact, visit);
    of_rule(rule, visit);
}

fn of_rule(rule: &Rule, visit: &mut Visit<'_>) {
    let Rule {
        id: _,
        lines: _,
        operations: _,
        when,
        mode: _,
        guarantee: _,
        on_failure: _,
        vars,
        before,
        after,
        for_each,
        entries,
        otherwise,
        redact,
        source: _,
        span: _,
        tests: _,
    } = rule;
    when.visit_reaches(visit);
    named(vars, visit);
    if let Some(Before { resource: _, with }) = before {
        named(with, visit);
    }
    match after {
        Some(After::Value(expr) | After::Merged(expr)) => expr.visit_reaches(visit),
        Some(After::Read) | None => {}
    }
    each(for_each.as_ref(), visit);
    entries.iter().chain(otherwise).for_each(|one| entry(one, visit));
    redacted(redact, visit);
}

fn entry(entry: &Entry, visit: &mut Visit<'_>) {
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
    } = entry;
    when.visit_reaches(visit);
    each(for_each.as_ref(), visit);
    action.visit_reaches(visit);
    for expr in [title, message, kind, category, source, api_kind, result, error, reason, organization, team]
    {
        perhaps(expr.as_ref(), visit);
    }
    if let Some(TargetSpec { kind, id, name }) = target {
        [kind, id, name].into_iter().for_each(|expr| perhaps(expr.as_ref(), visit));
    }
    for LinkSpec { rel, kind, id } in links {
        [rel, kind, id].into_iter().for_each(|expr| expr.visit_reaches(visit));
    }
    actor.iter().chain(on_behalf_of).for_each(|members| named(members, visit));
    changed(changes, visit);
    named(details, visit);
    raw.iter().for_each(|path| found(path, visit));
}

fn changed(changes: &ChangeSpec, visit: &mut Visit<'_>) {
    match changes {
        ChangeSpec::Unsaid | ChangeSpec::Fields(_) => {}
        ChangeSpec::Computed(all) => {
            for ComputedChange { field: _, label, before, after } in all {
                [label, before, after].into_iter().for_each(|expr| perhaps(expr.as_ref(), visit));
            }
        }
    }
}

fn resource(resource: &Resource, visit: &mut Visit<'_>) {
    let Resource { name: _, read: asked, select, kind: _, name_field: _, fields, ignore: _ } = resource;
    read(asked, visit);
    select.visit_reaches(visit);
    for Field { name: _, label: _, key: _, values } in fields {
        perhaps(values.as_ref(), visit);
    }
}

fn read(read: &Read, visit: &mut Visit<'_>) {
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

fn actor_way(way: &ActorWay, visit: &mut Visit<'_>) {
    let ActorWay { name: _, when, ask, actor, on_behalf_of } = way;
    when.visit_reaches(visit);
    ask.iter().for_each(|asked| read(asked, visit));
    named(actor, visit);
    on_behalf_of.iter().for_each(|members| named(members, visit));
}

fn redacted(redact: &[RedactTarget], visit: &mut Visit<'_>) {
    for target in redact {
        match target {
            RedactTarget::Name(_) => {}
            RedactTarget::Path(path) => found(path, visit),
        }
    }
}

fn each(for_each: Option<&ForEach>, visit: &mut Visit<'_>) {
    match for_each {
        None => {}
        Some(ForEach::Each(expr)) => expr.visit_reaches(visit),
        Some(ForEach::Product(axes)) => named(axes, visit),
    }
}

fn named(members: &[(String, Expr)], visit: &mut Visit<'_>) {
    members.iter().for_each(|(_, expr)| expr.visit_reaches(visit));
}

fn perhaps(expr: Option<&Expr>, visit: &mut Visit<'_>) {
    expr.into_iter().for_each(|expr| expr.visit_reaches(visit));
}

fn found(path: &Path, visit: &mut Visit<'_>) {
    path.reaches().iter().for_each(visit);
}
