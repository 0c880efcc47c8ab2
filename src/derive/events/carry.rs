//! Which event carries which change, with its label and its values as people read them.

use super::{eval_text, text};
use crate::derive::case::Case;
use crate::derive::rule::Firing;
use crate::derive::thing::{Situation, changes};
use crate::event::{BeforeState, Change, Event};
use crate::rules::expr::{Expr, Scope, is_same};
use crate::rules::model::{ChangeSpec, ComputedChange, Field};
use crate::value::Value;

/// Puts the entry's changes into the event; the answer is which pieces it carries.
pub(super) fn fill_changes(
    event: &mut Event,
    case: &Case<'_>,
    firing: &Firing<'_>,
    scope: &Scope<'_>,
) -> Vec<usize> {
    let (entry, situation) = (firing.entry, firing.situation);
    let all = &situation.changes;
    let carried: Vec<usize> = match &entry.changes {
        ChangeSpec::Fields(fields) => {
            let mut carried = Vec::new();
            for field in fields {
                let of_field = all.of_field(field);
                if of_field.is_empty() {
                    event.changes.extend(one_sided(case, situation, firing, field, scope));
                }
                carried.extend(
                    of_field.into_iter().filter(|index| !carried.contains(index)).collect::<Vec<_>>(),
                );
            }
            carried
        }
        ChangeSpec::Computed(computed) => {
            event.changes.extend(computed.iter().filter_map(|one| computed_change(one, scope)));
            return computed.iter().flat_map(|one| all.of_field(&one.field)).collect();
        }
        ChangeSpec::Unsaid if !entry.carries.is_empty() => match (&entry.for_each, firing.item) {
            (Some(_), Some(item)) => of_item(case, all, &entry.carries, &item.value),
            (Some(_) | None, _) => entry.carries.iter().flat_map(|field| all.of_field(field)).collect(),
        },
        ChangeSpec::Unsaid if case.rule.entries.len() == 1 && case.rule.otherwise.is_none() => {
            (0..all.atoms.len()).collect()
        }
        ChangeSpec::Unsaid => Vec::new(),
    };
    event.changes.extend(changes_of(case, scope, situation, carried.iter().copied()));
    carried
}

/// The pieces of one element that an entry goes through.
fn of_item(case: &Case<'_>, all: &changes::Changes, fields: &[String], item: &Value) -> Vec<usize> {
    let mut carried = Vec::new();
    for field in fields {
        let declared =
            case.resource().and_then(|resource| resource.fields.iter().find(|one| one.name == *field));
        let Some(key) = declared.and_then(|field| field.key.as_deref()) else { continue };
        let is_pair =
            item.get("key").is_some() && (item.get("before").is_some() || item.get("after").is_some());
        let own = if is_pair { item.get("key") } else { item.get(key) };
        if let Some(own) = own.and_then(text) {
            carried.extend(all.of_element(field, &own.trim().to_lowercase()));
        }
    }
    carried
}

/// Pieces as the event tells them, with label and shown values.
pub(in crate::derive) fn changes_of(
    case: &Case<'_>,
    scope: &Scope<'_>,
    situation: &Situation<'_>,
    indexes: impl Iterator<Item = usize>,
) -> Vec<Change> {
    indexes
        .filter_map(|index| situation.changes.atoms.get(index))
        .map(|atom| {
            let field = declared(case, &atom.field);
            let is_whole = atom.element.is_none();
            let show =
                |value: &Option<Value>| value.clone().map(|value| shown(field, is_whole, value, scope));
            Change {
                field: atom.name.clone(),
                pointer: Some(atom.pointer.clone()),
                label: field.and_then(|field| field.label.clone()),
                before: show(&atom.before),
                after: show(&atom.after),
            }
        })
        .collect()
}

/// A named field of a thing of which only one side is known: created, deleted, or not to be read before.
fn one_sided(
    case: &Case<'_>,
    situation: &Situation<'_>,
    firing: &Firing<'_>,
    name: &str,
    scope: &Scope<'_>,
) -> Option<Change> {
    let is_known = situation.before.is_some() && situation.after.is_some();
    // What an attempt that failed would have changed is not known: the value before alone would read
    // like a deletion.
    let is_failed = !situation.ending.is_done() && situation.after.is_none();
    if is_known
        || is_failed
        || (situation.is_attempted && firing.before.facts.state == BeforeState::Unavailable)
    {
        return None;
    }
    let field = declared(case, name);
    let side = |value: Option<&Value>| {
        changes::at(value?, name).map(|value| shown(field, true, value.clone(), scope))
    };
    let (before, after) = (side(situation.before), side(situation.after.as_deref()));
    if before.is_none() && after.is_none() {
        return None;
    }
    let label = field.and_then(|field| field.label.clone());
    let thing = if after.is_some() { situation.after.as_deref() } else { situation.before };
    let pointer = thing.map(|thing| changes::pointer_to(thing, name));
    Some(Change { field: name.to_owned(), pointer, label, before, after })
}

fn computed_change(one: &ComputedChange, scope: &Scope<'_>) -> Option<Change> {
    let of = |expr: &Option<Expr>| expr.as_ref().and_then(|expr| expr.eval(scope));
    let (before, after) = (of(&one.before), of(&one.after));
    match (&before, &after) {
        (None, None) => return None,
        (Some(before), Some(after)) if is_same(before, after) => return None,
        (Some(_), _) | (None, Some(_)) => {}
    }
    let label = eval_text(&one.label, scope);
    Some(Change { field: one.field.clone(), pointer: None, label, before, after })
}

fn declared<'a>(case: &Case<'a>, name: &str) -> Option<&'a Field> {
    case.resource()?.fields.iter().find(|field| field.name == name)
}

/// A value as the field's table shows it.
fn shown(field: Option<&Field>, is_whole: bool, value: Value, scope: &Scope<'_>) -> Value {
    let table = field.filter(|_| is_whole).and_then(|field| field.values.as_ref());
    let Some(table) = table.and_then(|table| table.eval(scope)) else { return value };
    text(&value).and_then(|text| table.get(text.as_str()).cloned()).unwrap_or(value)
}
