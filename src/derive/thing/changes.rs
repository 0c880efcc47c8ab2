//! Field by field, before and after (RULES section 6).
//!
//! A difference is kept twice: as `$.changes`, which conditions and `for_each` look at, and as atoms, the
//! smallest pieces that an event can carry, so that none is lost between the entries of a rule.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Note, NoteCode};
use crate::rules::expr::is_same;
use crate::rules::model::{Field, Resource};
use crate::value::{Map, Text, Value};

/// All that differs between two snapshots.
#[derive(Debug, Default)]
pub(in crate::derive) struct Changes {
    /// `$.changes`.
    pub(super) document: Map,
    /// The pieces.
    pub(in crate::derive) atoms: Vec<Atom>,
    /// What could not be compared as asked.
    pub(super) notes: Vec<Note>,
}

/// The smallest piece of a change.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::derive) struct Atom {
    /// The field as declared or named by its top member: `attendees`.
    pub(in crate::derive) field: String,
    /// The element of a keyed list.
    pub(in crate::derive) element: Option<String>,
    /// The name in the event: `attendees[a@x.org].responseStatus`.
    pub(in crate::derive) name: String,
    /// Where it is in the thing (RFC 6901): in the thing afterwards, or before if it is gone.
    pub(in crate::derive) pointer: String,
    pub(in crate::derive) before: Option<Value>,
    pub(in crate::derive) after: Option<Value>,
}

/// Compares two snapshots.
pub(super) fn compare(before: &Value, after: &Value, resource: Option<&Resource>) -> Changes {
    let mut changes = Changes::default();
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if !is_same(before, after) {
            let place = Place { name: "value", pointer: String::new() };
            changes.whole(place, Some(before.clone()), Some(after.clone()));
        }
        return changes;
    };
    // Both sides are sorted by name.
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (Some((old, _)), Some((new, _))) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return changes,
        };
        let old = if order.is_le() { olds.next() } else { None };
        let new = if order.is_ge() { news.next() } else { None };
        if let Some((name, _)) = old.or(new) {
            compare_member(&mut changes, name, old.map(|old| old.1), new.map(|new| new.1), resource);
        }
    }
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
    let below = |field: &'_ str| field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let nested: Vec<&Field> = fields.iter().filter(|field| below(&field.name)).collect();
    let ignored: Vec<&str> =
        ignore.iter().filter(|field| below(field)).map(|field| &field[name.len() + 1..]).collect();
    if nested.is_empty() && ignored.is_empty() {
        let key = fields.iter().find(|field| field.name == name).and_then(|field| field.key.as_deref());
        return compare_field(changes, Place::top(name), old, new, key);
    }
    let (mut old_rest, mut new_rest) = (old.cloned(), new.cloned());
    for way in &ignored {
        take(&mut old_rest, way);
        take(&mut new_rest, way);
    }
    let mut has_nested = false;
    for field in nested {
        let way = &field.name[name.len() + 1..];
        let (old, new) = (take(&mut old_rest, way), take(&mut new_rest, way));
        if !is_equal(old.as_ref(), new.as_ref()) {
            has_nested = true;
            let place = Place { name: &field.name, pointer: format!("{}{}", token(name), pointer(way)) };
            compare_field(changes, place, old.as_ref(), new.as_ref(), field.key.as_deref());
        }
    }
    if !is_equal(old_rest.as_ref(), new_rest.as_ref()) {
        changes.whole(Place::top(name), old.cloned(), new.cloned());
    } else if has_nested {
        // `changed: start` holds when `start.dateTime` did; the pieces are recorded apart.
        changes.document.insert(name, sides(old, new));
    }
}

/// A field, and where it is in the thing.
struct Place<'n> {
    name: &'n str,
    pointer: String,
}

impl Place<'_> {
    fn top(name: &str) -> Place<'_> {
        Place { name, pointer: token(name) }
    }
}

/// A JSON Pointer (RFC 6901) to member names joined by dots.
fn pointer(field: &str) -> String {
    field.split('.').map(token).collect()
}

/// One step of a JSON Pointer (RFC 6901 section 3).
fn token(name: &str) -> String {
    let mut token = String::with_capacity(1 + name.len());
    token.push('/');
    for char in name.chars() {
        match char {
            '~' => token.push_str("~0"),
            '/' => token.push_str("~1"),
            _ => token.push(char),
        }
    }
    token
}

fn compare_field(
    changes: &mut Changes,
    place: Place<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    key: Option<&str>,
) {
    if let Some(key) = key
        && let (Some(old_list), Some(new_list)) = (elements(old), elements(new))
    {
        match (by_key(old_list, key), by_key(new_list, key)) {
            (Some(old_by), Some(new_by)) => return changes.keyed(&place, key, &old_by, &new_by),
            _ => changes.notes.push(Note::with(
                NoteCode::DuplicateKey,
                format!(
                    "{}: elements without `{key}`, or two with the same; compared as a whole",
                    place.name
                ),
            )),
        }
    }
    changes.whole(place, old.cloned(), new.cloned());
}

/// An element of a keyed list.
struct Element<'e> {
    place: &'e Place<'e>,
    key: &'e str,
    index: usize,
}

/// A list; missing and null count as the empty one.
fn elements(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None | Some(Value::Null) => Some(&[]),
        Some(Value::Array(elements)) => Some(elements),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => None,
    }
}

/// Elements of a list, with their index, by their key, trimmed and folded.
type ByKey<'v> = BTreeMap<String, (usize, &'v Value)>;

/// `None` when an element has no key or two share one.
fn by_key<'v>(elements: &'v [Value], key: &str) -> Option<ByKey<'v>> {
    let mut by_key = BTreeMap::new();
    for (index, element) in elements.iter().enumerate() {
        let text = match element.get(key)? {
            Value::String(text) => text.trim().to_lowercase(),
            number @ Value::Number(_) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        if by_key.insert(text, (index, element)).is_some() {
            return None;
        }
    }
    Some(by_key)
}

impl Changes {
    fn whole(&mut self, place: Place<'_>, before: Option<Value>, after: Option<Value>) {
        let Place { name, pointer } = place;
        self.document.insert(name, sides(before.as_ref(), after.as_ref()));
        let (field, name) = (name.to_owned(), name.to_owned());
        self.atoms.push(Atom { field, element: None, name, pointer, before, after });
    }

    fn keyed(&mut self, place: &Place<'_>, key_name: &str, old: &ByKey<'_>, new: &ByKey<'_>) {
        let field = place.name;
        let (mut added, mut removed, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (key, (index, element)) in old {
            if !new.contains_key(key) {
                removed.push((*element).clone());
                let at = Element { place, key, index: *index };
                self.element(&at, None, Some(element), None);
            }
        }
        for (key, (index, element)) in new {
            let at = Element { place, key, index: *index };
            match old.get(key) {
                None => {
                    added.push((*element).clone());
                    self.element(&at, None, None, Some(element));
                }
                Some((_, before)) => {
                    // The key's own spelling is no change: it was folded to find the pair.
                    let differing = differing(before, element, key_name);
                    if !differing.is_empty() {
                        changed.push(Map::from([
                            ("key", Value::from(key)),
                            ("before", Value::clone(before)),
                            ("after", Value::clone(element)),
                        ]));
                    }
                    for name in differing {
                        self.element(&at, Some(name), before.get(name), element.get(name));
                    }
                }
            }
        }
        if !(added.is_empty() && removed.is_empty() && changed.is_empty()) {
            let lists = Map::from([
                ("added", Value::Array(added)),
                ("removed", Value::Array(removed)),
                ("changed", changed.into()),
            ]);
            self.document.insert(field, lists.into());
        }
    }

    fn element(
        &mut self,
        at: &Element<'_>,
        member: Option<&str>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let (field, key) = (at.place.name, at.key);
        let mut pointer = format!("{}/{}", at.place.pointer, at.index);
        let name = match member {
            Some(member) => {
                pointer += &token(member);
                format!("{field}[{key}].{member}")
            }
            None => format!("{field}[{key}]"),
        };
        let (field, element) = (field.to_owned(), Some(key.to_owned()));
        let (before, after) = (before.cloned(), after.cloned());
        self.atoms.push(Atom { field, element, name, pointer, before, after });
    }

    /// The pieces that belong to a field, or to the fields below it.
    pub(in crate::derive) fn of_field(&self, field: &str) -> Vec<usize> {
        let is_of = |atom: &Atom| {
            atom.field == field || atom.field.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))
        };
        self.indexes(is_of)
    }

    /// The pieces of one element of a keyed list.
    pub(in crate::derive) fn of_element(&self, field: &str, key: &str) -> Vec<usize> {
        self.indexes(|atom| atom.field == field && atom.element.as_deref() == Some(key))
    }

    fn indexes(&self, is_wanted: impl Fn(&Atom) -> bool) -> Vec<usize> {
        self.atoms.iter().enumerate().filter(|(_, atom)| is_wanted(atom)).map(|(index, _)| index).collect()
    }
}

/// Names of the members that differ, the key's apart. Elements with a key are objects.
fn differing<'v>(before: &'v Value, after: &'v Value, key_name: &str) -> BTreeSet<&'v str> {
    let names = [before, after].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    names
        .map(Text::as_str)
        .filter(|name| *name != key_name && !is_equal(before.get(*name), after.get(*name)))
        .collect()
}

/// A value by member names joined by dots.
pub(in crate::derive) fn at<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    match value.get(field) {
        Some(found) => Some(found),
        None => field.split('.').try_fold(value, |value, name| value.get(name)),
    }
}

/// Where [`at`] finds it.
pub(in crate::derive) fn pointer_to(value: &Value, field: &str) -> String {
    if value.get(field).is_some() { token(field) } else { pointer(field) }
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
    let sides = [("after", after), ("before", before)];
    let known = sides.into_iter().filter_map(|(name, side)| Some((name, side?.clone())));
    Value::Object(known.collect())
}

#[cfg(test)]
mod tests;
