//! Who may see an event: its organization and team, from what the application said and never from what the
//! client sent, which could file the deed where its victim's administrator does not look (THREATS E63). What
//! cannot be told is left out, and such an event is its installation's operator's to see.

use std::borrow::Cow;

use super::Who;
use crate::derive::case::Case;
use crate::derive::events::text;
use crate::event::{Note, NoteCode, Scope as Visibility};
use crate::rules::expr::{Expr, ReachStep, Root, Scope};
use crate::rules::model::{After, Entry, ForEach, Pack, Rule};
use crate::value::Value;

/// Organization and team of an entry's event.
pub(in crate::derive) fn visibility(
    case: &Case<'_>,
    entry: &Entry,
    who: &Who,
    scope: &Scope<'_>,
) -> Visibility {
    if entry.organization.is_none() && entry.team.is_none() {
        return who.scopes.0.clone();
    }
    let rests = case.engine.rests(case.candidate, case.rule, entry);
    let actor = limited(&who.document, &who.scopes.0);
    let behalf = who.behalf_document.as_ref().map(|behalf| limited(behalf, &who.scopes.1));
    let scope = scope.with(Root::Actor, &actor).with_option(Root::OnBehalfOf, behalf.as_deref());
    let pick = |name: &str, expr: &Option<Expr>, basis: Basis, own: &Option<String>| {
        let Some(expr) = expr else { return own.clone() };
        if basis == Basis::Request {
            let why = format!("`scope.{name}` rests on what the request says");
            scope.log.note(Note::with(NoteCode::RuleFailed, why));
            return None;
        }
        // Read in two ways, it would be filed in one of two places.
        if expr.doubt(&scope).is_some() { None } else { expr.look_up(&scope).as_deref().and_then(text) }
    };
    Visibility {
        organization: pick(
            "organization",
            &entry.organization,
            rests.organization,
            &who.scopes.0.organization,
        ),
        team: pick("team", &entry.team, rests.team, &who.scopes.0.team),
    }
}

/// What organization and team of an entry rest on; known when the rules are.
#[derive(Clone, Copy, Debug)]
pub(in crate::derive) struct Rests {
    organization: Basis,
    team: Basis,
}

/// Whose word a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// Somebody's who may decide.
    Told,
    /// The request's.
    Request,
}

impl Rests {
    /// Where nobody has looked.
    pub(in crate::derive) const UNKNOWN: Rests = Rests { organization: Basis::Request, team: Basis::Request };

    pub(in crate::derive) fn of(pack: &Pack, rule: &Rule, entry: &Entry) -> Rests {
        let basis = |expr: &Option<Expr>| {
            let mut sight = Sight { pack, rule, entry, vars: Vec::new(), is_clear: true };
            expr.iter().for_each(|expr| sight.look(expr));
            if sight.is_clear { Basis::Told } else { Basis::Request }
        };
        Rests { organization: basis(&entry.organization), team: basis(&entry.team) }
    }
}

/// A person's document with organization and team as far as they may decide.
fn limited<'p>(person: &'p Value, scope: &Visibility) -> Cow<'p, Value> {
    let may_decide =
        |name: &str, told: &Option<String>| person.get(name).and_then(Value::as_str) == told.as_deref();
    if may_decide("organization", &scope.organization) && may_decide("team", &scope.team) {
        return Cow::Borrowed(person);
    }
    let mut person = person.clone();
    if let Some(members) = person.as_object_mut() {
        for (name, value) in [("organization", &scope.organization), ("team", &scope.team)] {
            match value {
                Some(value) => members.insert(name, Value::from(value)),
                None => members.remove(name),
            };
        }
    }
    Cow::Owned(person)
}

/// A look at what an expression rests on, through variables and items.
struct Sight<'c> {
    pack: &'c Pack,
    rule: &'c Rule,
    entry: &'c Entry,
    /// Variables looked at already.
    vars: Vec<String>,
    is_clear: bool,
}

impl Sight<'_> {
    fn look(&mut self, expr: &Expr) {
        let mut reaches = Vec::new();
        expr.visit_reaches(&mut |reach| reaches.push(reach.clone()));
        for reach in reaches {
            match reach.root {
                Root::Response | Root::Answer | Root::Before | Root::BeforeState | Root::Result => {}
                // With the members that the request alone says taken out.
                Root::Actor | Root::OnBehalfOf => {}
                Root::After => match &self.rule.after {
                    Some(After::Value(value)) => self.look(value),
                    Some(After::Merged(_)) => self.is_clear = false,
                    Some(After::Read) | None => {}
                },
                Root::Vars => self.variable(reach.steps.first()),
                Root::Item => {
                    let lists = self.entry.for_each.iter().chain(&self.rule.for_each);
                    for list in lists {
                        match list {
                            ForEach::Each(expr) => self.look(expr),
                            ForEach::Product(axes) => axes.iter().for_each(|(_, expr)| self.look(expr)),
                        }
                    }
                }
                Root::Request
                | Root::Path
                | Root::Client
                | Root::Credential
                | Root::Changes
                | Root::Key
                | Root::With => self.is_clear = false,
            }
        }
    }

    fn variable(&mut self, name: Option<&ReachStep>) {
        let vars = self.pack.vars.iter().chain(&self.rule.vars);
        match name {
            Some(ReachStep::Name(name)) if self.vars.contains(name) => {}
            Some(ReachStep::Name(name)) => {
                self.vars.push(name.clone());
                for (_, expr) in vars.filter(|(known, _)| known == name) {
                    self.look(expr);
                }
            }
            Some(ReachStep::Index(_) | ReachStep::Any) | None => self.is_clear = false,
        }
    }
}
