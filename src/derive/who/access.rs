//! Who may see an event: its organization and team, from what the application said and never from what the
//! client sent, which could file the deed where its victim's administrator does not look (THREATS E63). What
//! cannot be told is left out, and such an event is its installation's operator's to see.

use super::Who;
use crate::derive::case::Case;
use crate::derive::events::text;
use crate::event::{Note, NoteCode, Scope as Visibility};
use crate::rules::expr::{Expr, ReachStep, Root, Scope};
use crate::rules::model::{After, Entry, ForEach};
use crate::value::{Value, json};

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
    let actor = limited(&who.document, &who.scopes.0);
    let behalf = who.behalf_document.as_ref().map(|behalf| limited(behalf, &who.scopes.1));
    let scope = scope.with(Root::Actor, &actor).with_option(Root::OnBehalfOf, behalf.as_ref());
    let pick = |name: &str, expr: &Option<Expr>, own: &Option<String>| {
        let Some(expr) = expr else { return own.clone() };
        let mut sight = Sight { case, entry, vars: Vec::new(), is_clear: true };
        sight.look(expr);
        if !sight.is_clear {
            let why = format!("`scope.{name}` rests on what the request says");
            scope.log.note(Note::with(NoteCode::RuleFailed, why));
            return None;
        }
        // Read in two ways, it would be filed in one of two places.
        if expr.doubt(&scope).is_some() { None } else { expr.look_up(&scope).as_deref().and_then(text) }
    };
    Visibility {
        organization: pick("organization", &entry.organization, &who.scopes.0.organization),
        team: pick("team", &entry.team, &who.scopes.0.team),
    }
}

/// A person's document with organization and team as far as they may decide.
fn limited(person: &Value, scope: &Visibility) -> Value {
    let mut person = person.clone();
    if let Some(members) = person.as_object_mut() {
        for (name, value) in [("organization", &scope.organization), ("team", &scope.team)] {
            match value {
                Some(value) => members.insert(name.to_owned(), json!(value)),
                None => members.remove(name),
            };
        }
    }
    person
}

/// A look at what an expression rests on, through variables and items.
struct Sight<'c> {
    case: &'c Case<'c>,
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
                Root::After => match &self.case.rule.after {
                    Some(After::Value(value)) => self.look(value),
                    Some(After::Merged(_)) => self.is_clear = false,
                    Some(After::Read) | None => {}
                },
                Root::Vars => self.variable(reach.steps.first()),
                Root::Item => {
                    let lists = self.entry.for_each.iter().chain(&self.case.rule.for_each);
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
        let vars = self.case.pack.vars.iter().chain(&self.case.rule.vars);
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
