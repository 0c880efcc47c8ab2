//! URL-encoded forms and queries (WHATWG URL section 5).
//!
//! Applications disagree about a name that is given twice: the first, the last, or all count. So all are
//! kept in order, as a list, and a doubt names the member (THREATS E10). `name[]` is the declared list and
//! no doubt.

use serde_json::{Map, Value};

use super::Doubtful;
use crate::event::NoteCode;

/// A form or query as a document.
#[derive(Debug, Default)]
pub struct Form {
    /// By name.
    pub members: Map<String, Value>,
    /// Names given twice.
    pub doubts: Vec<Doubtful>,
}

/// Reads a form or query.
pub fn parse(text: &str) -> Form {
    let mut form = Form::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()).take(PAIRS_MAX) {
        match name.strip_suffix("[]") {
            Some(list) if !list.is_empty() => push(&mut form.members, list.to_owned(), value.into_owned()),
            _ => insert(&mut form, name.into_owned(), value.into_owned()),
        }
    }
    for doubt in &mut form.doubts {
        let values = doubt.path.first().and_then(|name| form.members.get(name)).and_then(Value::as_array);
        doubt.values = values.map(|all| all.iter().take(VALUES_MAX).cloned().collect()).unwrap_or_default();
    }
    if text.split('&').nth(PAIRS_MAX).is_some() {
        form.doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyCut, "more than 10,000 fields"));
    }
    form
}

fn insert(form: &mut Form, name: String, value: String) {
    if !form.members.contains_key(&name) {
        form.members.insert(name, Value::String(value));
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

fn push(members: &mut Map<String, Value>, name: String, value: String) {
    let entry = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    match entry {
        Value::Array(values) => values.push(Value::String(value)),
        single => *single = Value::Array(vec![single.take(), Value::String(value)]),
    }
}

/// Fields of one form; more are not looked at, with doubt.
const PAIRS_MAX: usize = 10_000;
/// Doubts about one form.
const DOUBTS_MAX: usize = 50;
/// Values of one name that a doubt tells.
const VALUES_MAX: usize = 20;
