//! Field by field, before and after (RULES section 6).
//!
//! A difference is kept twice: as `$.changes`, which conditions and `for_each` look at, and as atoms, the
//! smallest pieces that an event can carry, so that none is lost between the entries of a rule.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::event::{Note, NoteCode};
use crate::rules::expr::is_same;
use crate::rules::model::{Field, Resource};

/// All that differs between two snapshots.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// `$.changes`.
    pub(super) document: Map<String, Value>,
    /// The pieces.
    pub(super) atoms: Vec<Atom>,
    /// What could not be compared as asked.
    pub(super) notes: Vec<Note>,
}

/// The smallest piece of a change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Atom {
    /// The field as declared or named by its top member: `attendees`.
    pub(super) field: String,
    /// The element of a keyed list.
    pub(super) element: Option<String>,
    /// The name in the event: `attendees[a@x.org].responseStatus`.
    pub(super) name: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Compares two snapshots.
pub(super) fn compare(before: &Value, after: &Value, resource: Option<&Resource>) -> Changes {
    let mut changes = Changes::default();
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if !is_same(before, after) {
            changes.whole("value", Some(before.clone()), Some(after.clone()));
        }
        return changes;
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        compare_member(&mut changes, name, old.get(name), new.get(name), resource);
    }
    changes
}

fn compare_member(
    changes: &mut Changes,
    name: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    resource: Option<&Resource>,
) {
    let fields: &[Field] = resource.map(|resource| resource.fields.as_slice()).unwrap_or_default();
    let ignore: &[String] = resource.map(|resource| resource.ignore.as_slice()).unwrap_or_default();
    if ignore.iter().any(|ignored| ignored == name) || is_equal(old, new) {
        return;
    }
    let below = format!("{name}.");
    let nested: Vec<&Field> = fields.iter().filter(|field| field.name.starts_with(&below)).collect();
    let ignored: Vec<&str> = ignore.iter().filter_map(|field| field.strip_prefix(&below)).collect();
    if nested.is_empty() && ignored.is_empty() {
        let key = fields.iter().find(|field| field.name == name).and_then(|field| field.key.as_deref());
        return compare_field(changes, name, old, new, key);
    }
    let (mut old_rest, mut new_rest) = (old.cloned(), new.cloned());
    for way in &ignored {
        take(&mut old_rest, way);
        take(&mut new_rest, way);
    }
    let mut has_nested = false;
    for field in nested {
        let way = &field.name[below.len()..];
        let (old, new) = (take(&mut old_rest, way), take(&mut new_rest, way));
        if !is_equal(old.as_ref(), new.as_ref()) {
            has_nested = true;
            compare_field(changes, &field.name, old.as_ref(), new.as_ref(), field.key.as_deref());
        }
    }
    if !is_equal(old_rest.as_ref(), new_rest.as_ref()) {
        changes.whole(name, old.cloned(), new.cloned());
    } else if has_nested {
        // `changed: start` holds when `start.dateTime` did; the pieces are recorded apart.
        changes.document.insert(name.to_owned(), sides(old, new));
    }
}

fn compare_field(
    changes: &mut Changes,
    name: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    key: Option<&str>,
) {
    if let Some(key) = key
        && let (Some(old_list), Some(new_list)) = (elements(old), elements(new))
    {
        match (by_key(old_list, key), by_key(new_list, key)) {
            (Some(old_by), Some(new_by)) => return changes.keyed(name, &old_by, &new_by),
            _ => changes.notes.push(Note::with(
                NoteCode::DuplicateKey,
                format!("{name}: elements without `{key}`, or two with the same; compared as a whole"),
            )),
        }
    }
    changes.whole(name, old.cloned(), new.cloned());
}

/// A list; missing and null count as the empty one.
fn elements(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None | Some(Value::Null) => Some(&[]),
        Some(Value::Array(elements)) => Some(elements),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => None,
    }
}

/// Elements by their key, trimmed and folded; `None` when one has none or two share one.
fn by_key<'v>(elements: &'v [Value], key: &str) -> Option<BTreeMap<String, &'v Value>> {
    let mut by_key = BTreeMap::new();
    for element in elements {
        let text = match element.get(key)? {
            Value::String(text) => text.trim().to_lowercase(),
            number @ Value::Number(_) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        if by_key.insert(text, element).is_some() {
            return None;
        }
    }
    Some(by_key)
}

impl Changes {
    fn whole(&mut self, name: &str, before: Option<Value>, after: Option<Value>) {
        self.document.insert(name.to_owned(), sides(before.as_ref(), after.as_ref()));
        let (field, name) = (name.to_owned(), name.to_owned());
        self.atoms.push(Atom { field, element: None, name, before, after });
    }

    fn keyed(&mut self, field: &str, old: &BTreeMap<String, &Value>, new: &BTreeMap<String, &Value>) {
        let (mut added, mut removed, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (key, element) in old {
            if !new.contains_key(key) {
                removed.push((*element).clone());
                self.element(field, key, None, Some(element), None);
            }
        }
        for (key, element) in new {
            match old.get(key) {
                None => {
                    added.push((*element).clone());
                    self.element(field, key, None, None, Some(element));
                }
                Some(before) if !is_same(before, element) => {
                    changed.push(json!({ "key": key, "before": before, "after": element }));
                    self.members(field, key, before, element);
                }
                Some(_) => {}
            }
        }
        if !(added.is_empty() && removed.is_empty() && changed.is_empty()) {
            let lists = json!({ "added": added, "removed": removed, "changed": changed });
            self.document.insert(field.to_owned(), lists);
        }
    }

    fn members(&mut self, field: &str, key: &str, before: &Value, after: &Value) {
        let (Value::Object(old), Value::Object(new)) = (before, after) else {
            return self.element(field, key, None, Some(before), Some(after));
        };
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            if !is_equal(old.get(name), new.get(name)) {
                self.element(field, key, Some(name), old.get(name), new.get(name));
            }
        }
    }

    fn element(
        &mut self,
        field: &str,
        key: &str,
        member: Option<&str>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let name = match member {
            Some(member) => format!("{field}[{key}].{member}"),
            None => format!("{field}[{key}]"),
        };
        let (field, element) = (field.to_owned(), Some(key.to_owned()));
        self.atoms.push(Atom { field, element, name, before: before.cloned(), after: after.cloned() });
    }

    /// The pieces that belong to a field, or to the fields below it.
    pub(super) fn of_field(&self, field: &str) -> Vec<usize> {
        let is_of = |atom: &Atom| {
            atom.field == field || atom.field.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))
        };
        self.indexes(is_of)
    }

    /// The pieces of one element of a keyed list.
    pub(super) fn of_element(&self, field: &str, key: &str) -> Vec<usize> {
        self.indexes(|atom| atom.field == field && atom.element.as_deref() == Some(key))
    }

    fn indexes(&self, is_wanted: impl Fn(&Atom) -> bool) -> Vec<usize> {
        self.atoms.iter().enumerate().filter(|(_, atom)| is_wanted(atom)).map(|(index, _)| index).collect()
    }
}

/// A value by member names joined by dots.
pub(super) fn at<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value.get(field) {
        Some(found) => Some(found),
        None => field.split('.').try_fold(value, |value, name| value.get(name)),
    }
}

/// Takes a nested member out.
fn take(value: &mut Option<Value>, way: &str) -> Option<Value> {
    let (parents, last) = way.rsplit_once('.').unwrap_or(("", way));
    let mut current = value.as_mut()?;
    for name in parents.split('.').filter(|name| !name.is_empty()) {
        current = current.get_mut(name)?;
    }
    current.as_object_mut()?.remove(last)
}

fn is_equal(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => is_same(old, new),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn sides(before: Option<&Value>, after: Option<&Value>) -> Value {
    let sides = [("before", before), ("after", after)];
    let known = sides.into_iter().filter_map(|(name, side)| Some((name.to_owned(), side?.clone())));
    Value::Object(known.collect())
}
