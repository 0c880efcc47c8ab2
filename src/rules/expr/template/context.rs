//! The parts of the document that a template names, in minijinja's values; never the whole document.

use std::collections::BTreeMap;

use minijinja::Value as Jinja;

use super::super::path::fold::{Member, member, otherwise};
use super::super::reach::{Reach, ReachStep};
use super::super::scope::{Root, Scope};
use crate::event::{Note, NoteCode};
use crate::value::Value;

/// The context; `None` when it would be too large, which is noted.
pub(super) fn build(text: &str, reads: &[Reach], scope: &Scope<'_>) -> Option<Jinja> {
    let mut tree = Tree::default();
    let mut budget = Budget::whole();
    for read in reads {
        let Some((value, depth)) = find(text, read, scope) else { continue };
        let Some(value) = budget.convert(value, 0) else {
            let detail = format!("{text} looks at too large a part of the document");
            scope.log.note(Note::with(NoteCode::RuleFailed, detail));
            return None;
        };
        let names = read.steps[..depth].iter().filter_map(|step| match step {
            ReachStep::Name(name) => Some(name.as_str()),
            ReachStep::Index(_) | ReachStep::Any => None,
        });
        tree.insert(std::iter::once(read.root.name()).chain(names), value);
    }
    Some(tree.into_value())
}

/// The value at a way of names, and how many of them were needed: what is no object ends the way, and the
/// engine goes on from there.
pub(super) fn find<'a>(text: &str, read: &Reach, scope: &Scope<'a>) -> Option<(&'a Value, usize)> {
    let mut value = scope.root(read.root)?;
    for (depth, step) in read.steps.iter().enumerate() {
        let (Value::Object(members), ReachStep::Name(name)) = (value, step) else {
            return Some((value, depth));
        };
        let is_clients = match read.root {
            Root::Item => true,
            Root::Request => {
                depth > 0 && matches!(read.steps.first(), Some(ReachStep::Name(name)) if name == "body")
            }
            _ => false,
        };
        let (taken, found) = match member(members, name) {
            Member::Exact(found) => (name.as_str(), found),
            Member::Folded(other, found) if is_clients => (other, found),
            Member::Folded(..) | Member::Missing => return None,
        };
        if let Some(why) = is_clients.then(|| otherwise(members, name, taken)).flatten() {
            scope.log.note(Note::with(NoteCode::DuplicateKey, format!("{text}: {why}")));
        }
        value = found;
    }
    Some((value, read.steps.len()))
}

#[derive(Default)]
struct Tree {
    value: Option<Jinja>,
    below: BTreeMap<String, Tree>,
}

impl Tree {
    fn insert<'n>(&mut self, names: impl Iterator<Item = &'n str>, value: Jinja) {
        let mut at = self;
        for name in names {
            at = at.below.entry(name.to_owned()).or_default();
        }
        at.value = Some(value);
    }

    /// As deep as a template's names are dotted: bounded by its length.
    fn into_value(self) -> Jinja {
        match self.value {
            Some(value) => value,
            None => Jinja::from_iter(self.below.into_iter().map(|(name, tree)| (name, tree.into_value()))),
        }
    }
}

/// What one template may look at.
pub(super) struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn whole() -> Budget {
        Budget { values: VALUES_MAX, bytes: BYTES_MAX }
    }

    pub(super) fn convert(&mut self, value: &Value, depth: usize) -> Option<Jinja> {
        self.values = self.values.checked_sub(1)?;
        if depth > DEPTH_MAX {
            return None;
        }
        Some(match value {
            Value::Null => Jinja::from(()),
            Value::Bool(value) => Jinja::from(*value),
            Value::Number(_) => Jinja::from_serialize(value),
            Value::String(text) => {
                self.bytes = self.bytes.checked_sub(text.len())?;
                Jinja::from(text.as_str())
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.convert(item, depth + 1));
                Jinja::from(items.collect::<Option<Vec<_>>>()?)
            }
            Value::Object(members) => {
                let mut out = BTreeMap::new();
                for (name, member) in members {
                    self.bytes = self.bytes.checked_sub(name.len())?;
                    out.insert(name.to_string(), self.convert(member, depth + 1)?);
                }
                Jinja::from(out)
            }
        })
    }
}

const VALUES_MAX: usize = 10_000;
const BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 64;
