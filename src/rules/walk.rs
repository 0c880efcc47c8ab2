//! Every value and condition of a rule, one after the other: what asks "where does this rule look" and
//! "which ways can it go" walks here, so that a new key of an entry is added in one place.

use super::expr::{Alternative, Condition, Expr, Reach};
use super::model::{After, Before, ChangeSpec, ComputedChange, Entry, ForEach, LinkSpec, Rule, TargetSpec};

impl Rule {
    /// Each part of the document that a condition or value of the rule looks at.
    pub fn visit_reaches(&self, visit: &mut dyn FnMut(&Reach)) {
        self.when.visit_reaches(visit);
        for entry in self.entries.iter().chain(&self.otherwise) {
            entry.when.visit_reaches(visit);
        }
        self.visit_values(&mut |value| value.visit_reaches(visit));
    }

    /// Each value of the rule and of its entries.
    pub fn visit_values<'r>(&'r self, visit: &mut dyn FnMut(&'r Expr)) {
        self.vars.iter().for_each(|(_, value)| visit(value));
        self.for_each.iter().for_each(|each| each.visit_values(visit));
        if let Some(Before { with, .. }) = &self.before {
            with.iter().for_each(|(_, value)| visit(value));
        }
        match &self.after {
            Some(After::Value(value) | After::Merged(value)) => visit(value),
            Some(After::Read) | None => {}
        }
        self.entries.iter().chain(&self.otherwise).for_each(|entry| entry.visit_values(visit));
    }
}

impl Entry {
    /// Each value of the entry.
    pub fn visit_values<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        self.for_each.iter().for_each(|each| each.visit_values(visit));
        visit(&self.action);
        let plain = [
            &self.title,
            &self.message,
            &self.kind,
            &self.category,
            &self.source,
            &self.api_kind,
            &self.result,
            &self.error,
            &self.reason,
            &self.organization,
            &self.team,
        ];
        plain.into_iter().flatten().for_each(&mut *visit);
        if let Some(TargetSpec { kind, id, name }) = &self.target {
            [kind, id, name].into_iter().flatten().for_each(&mut *visit);
        }
        for LinkSpec { rel, kind, id } in &self.links {
            [rel, kind, id].into_iter().for_each(&mut *visit);
        }
        let members = [&self.actor, &self.on_behalf_of].into_iter().flatten().flatten();
        members.chain(&self.details).for_each(|(_, value)| visit(value));
        if let ChangeSpec::Computed(computed) = &self.changes {
            for ComputedChange { label, before, after, .. } in computed {
                [label, before, after].into_iter().flatten().for_each(&mut *visit);
            }
        }
    }
}

impl ForEach {
    fn visit_values<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match self {
            ForEach::Each(value) => visit(value),
            ForEach::Product(lists) => lists.iter().for_each(|(_, value)| visit(value)),
        }
    }
}

impl Expr {
    /// Each alternative with a condition, however deep.
    pub fn visit_guards<'e>(&'e self, visit: &mut dyn FnMut(&'e Alternative, &'e Condition)) {
        match self {
            Expr::First(alternatives) => {
                for alternative in alternatives {
                    if let Some(when) = &alternative.when {
                        visit(alternative, when);
                    }
                    alternative.value.visit_guards(visit);
                }
            }
            Expr::Map(members) => members.iter().for_each(|(_, value)| value.visit_guards(visit)),
            Expr::List(items) => items.iter().for_each(|item| item.visit_guards(visit)),
            Expr::Literal(_)
            | Expr::Path(_)
            | Expr::Template(_)
            | Expr::FirstOf(_)
            | Expr::All(_)
            | Expr::Count(_) => {}
        }
    }
}
