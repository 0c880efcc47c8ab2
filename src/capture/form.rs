//! URL-encoded forms and queries (WHATWG URL section 5).
//!
//! Applications disagree about a name that is given twice: the first, the last, or all count. So all are
//! kept in order, as a list, and a doubt names the member (THREATS E10). They disagree about names too.
//! `name[]` is the declared list and no doubt.

use std::collections::BTreeMap;

use super::Doubtful;
use crate::event::NoteCode;
use crate::value::{Map, Value};

/// A form or query as a document.
#[derive(Debug, Default)]
pub struct Form {
    /// By name.
    pub members: Map,
    /// Names given twice.
    pub doubts: Vec<Doubtful>,
    /// Names under which an application may find a value that is not here. Common in honest forms
    /// (`user.name`, `items[0]`), so no shortcoming by themselves: only a rule that looks there is in doubt.
    pub others: Vec<Doubtful>,
}

/// Reads a form or query.
pub fn parse(text: &str) -> Form {
    let mut form = Form::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()).take(PAIRS_MAX) {
        form.add(&name, Value::from(value));
    }
    form.tell_repeated();
    form.others = doubtful(other_readings(text));
    if text.split('&').nth(PAIRS_MAX).is_some() {
        form.doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyCut, "more than 10,000 fields"));
    }
    form
}

impl Form {
    /// A field, as whatever kind of form brings it.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        match name.strip_suffix("[]") {
            Some(list) if !list.is_empty() => push(&mut self.members, list.to_owned(), value),
            _ => insert(self, name.to_owned(), value),
        }
    }

    /// Lets the doubts about repeated names tell the values.
    pub(super) fn tell_repeated(&mut self) {
        for doubt in &mut self.doubts {
            let values = doubt.path.first().and_then(|name| self.members.get(name)).and_then(Value::as_array);
            doubt.values =
                values.map(|all| all.iter().take(VALUES_MAX).cloned().collect()).unwrap_or_default();
        }
    }
}

fn insert(form: &mut Form, name: String, value: Value) {
    if !form.members.contains_key(&name) {
        form.members.insert(name, value);
        return;
    }
    let is_known = form.doubts.iter().any(|known| known.path[0] == name);
    if !is_known && form.doubts.len() < DOUBTS_MAX {
        let detail = Some("given more than once".to_owned());
        let path = vec![name.clone()];
        form.doubts.push(Doubtful { path, code: NoteCode::DuplicateKey, detail, values: Vec::new() });
    } else if !is_known && form.doubts.len() == DOUBTS_MAX {
        // One for the whole stands for all that follow; an empty name keeps the look-up above simple.
        let detail = "many names given more than once";
        form.doubts.insert(0, Doubtful::at(vec![String::new()], NoteCode::DuplicateKey, detail));
    }
    push(&mut form.members, name, value);
}

fn push(members: &mut Map, name: String, value: Value) {
    match members.place(name, || Value::Array(Vec::new())) {
        Value::Array(values) => values.push(value),
        single => *single = Value::Array(vec![single.take(), value]),
    }
}

/// What PHP (`.`, blank and `[` in a name become `_`, `id[0]` belongs to `id`) and readers that also split at
/// `;` would find.
fn other_readings(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').take(PAIRS_MAX) {
        let mut pieces = pair.split(';').map(|piece| form_urlencoded::parse(piece.as_bytes()).next());
        if pair.contains(';') {
            let read = pieces.by_ref().flatten().take(OTHERS_MAX + 1 - found.len().min(OTHERS_MAX));
            found.extend(read.map(|(name, value)| (name.into_owned(), value.into_owned())));
        } else if let Some((name, value)) = pieces.next().flatten() {
            found.extend(as_variable(&name).map(|other| (other, value.into_owned())));
        }
    }
    found
}

/// Names that can be read otherwise, with their values, as doubts.
pub(super) fn doubtful(found: Vec<(String, String)>) -> Vec<Doubtful> {
    let mut by_name: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in found {
        if by_name.len() == OTHERS_MAX && !by_name.contains_key(&name) {
            return vec![Doubtful::at(
                Vec::new(),
                NoteCode::BodyAmbiguous,
                "many names that can be read otherwise",
            )];
        }
        let values = by_name.entry(name).or_default();
        if values.len() < VALUES_MAX {
            values.push(Value::from(value));
        }
    }
    let doubtful = |(name, values)| Doubtful {
        path: vec![name],
        code: NoteCode::BodyAmbiguous,
        detail: Some("another name can be read as this one".to_owned()),
        values,
    };
    by_name.into_iter().map(doubtful).collect()
}

/// The variable that PHP makes of a name, where that is another; `name[]` is a list of that name here too.
pub(super) fn as_variable(name: &str) -> Option<String> {
    let start = name.trim_start_matches(' ');
    let start = start.split('\0').next().unwrap_or_default();
    let bare = match start.find('[') {
        Some(open) if start[open..].contains(']') => &start[..open],
        Some(_) | None => start,
    };
    let variable = bare.replace(['.', ' ', '['], "_");
    (variable != name && !variable.is_empty() && format!("{variable}[]") != name).then_some(variable)
}

/// Fields of one form; more are not looked at, with doubt.
const PAIRS_MAX: usize = 10_000;
/// Doubts about one form.
const DOUBTS_MAX: usize = 50;
/// Names that can be read otherwise; beyond, the whole form is in doubt for every rule that looks at it.
const OTHERS_MAX: usize = 1_000;
/// Values of one name that a doubt tells.
const VALUES_MAX: usize = 20;
