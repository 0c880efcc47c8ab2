//! Evaluating values: never fails, never panics; what is not there is missing.

use std::borrow::Cow;

use super::condition::{Condition, Verdict};
use super::path::Path;
use super::reach::Reach;
use super::scope::{Phase, Scope};
use super::{Alternative, Expr};
use crate::event::{Note, NoteCode, Part, Sentence};
use crate::value::Value;

impl Expr {
    /// The value; `None` is missing.
    pub fn eval(&self, scope: &Scope<'_>) -> Option<Value> {
        self.look_up(scope).map(Cow::into_owned)
    }

    /// The same without a copy of what stands in the document or in the rule: snapshots are large.
    pub fn look_up<'a>(&'a self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let made = match self {
            Expr::Literal(value) => return Some(Cow::Borrowed(value)),
            Expr::Path(path) | Expr::FirstOf(path) => return path.first(scope).map(Cow::Borrowed),
            Expr::First(alternatives) => return chosen(alternatives, scope, Expr::look_up),
            Expr::Template(template) => template.eval(scope)?,
            Expr::All(path) => {
                let all = path.all(scope);
                if all.is_empty() {
                    return None;
                }
                Value::Array(all)
            }
            Expr::Count(path) => Value::from(path.all_ref(scope).len()),
            Expr::Map(members) => {
                let known =
                    members.iter().filter_map(|(name, value)| Some((name.clone(), value.eval(scope)?)));
                Value::Object(known.collect())
            }
            Expr::List(items) => Value::Array(items.iter().filter_map(|item| item.eval(scope)).collect()),
        };
        Some(Cow::Owned(made))
    }

    /// The value as a sentence with its parts; literals are words, paths are values.
    pub fn eval_sentence(&self, scope: &Scope<'_>) -> Option<Sentence> {
        let parts = self.parts(scope)?;
        let mut out = Vec::with_capacity(parts.len());
        let mut room = SENTENCE_BYTES_MAX;
        for part in parts {
            let part = match part {
                Part::Text(text) => Part::Text(one_line(text, Blanks::Kept)),
                Part::Value(text) => Part::Value(cut_value(one_line(text, Blanks::Folded))),
            };
            let length = part.as_str().len();
            if length > room {
                out.push(match part {
                    Part::Text(text) => Part::Text(text[..floor(&text, room)].to_owned()),
                    Part::Value(text) => Part::Value(text[..floor(&text, room)].to_owned()),
                });
                scope.log.note(Note::with(NoteCode::FieldCut, "a sentence of more than 4 KiB"));
                break;
            }
            room -= length;
            out.push(part);
        }
        Some(Sentence::from_parts(out))
    }

    /// Each match of the path for `for_each`, with its key: a singular path's list gives its elements with
    /// their index, null or missing nothing, anything else itself (key 0); a path with many gives each match
    /// with the index or member name it stands at.
    pub fn each(&self, scope: &Scope<'_>) -> Vec<(Value, Value)> {
        if let Expr::All(path) = self {
            return path.keyed(scope).into_iter().map(|(key, value)| (key, value.clone())).collect();
        }
        match self.eval(scope) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(index, item)| (Value::from(index), item)).collect()
            }
            Some(value) => vec![(Value::from(0), value)],
        }
    }

    /// When the value can be known at the earliest.
    pub fn phase(&self) -> Phase {
        let mut phase = Phase::Head;
        self.visit_reaches(&mut |reach| phase = phase.max(reach.phase));
        phase
    }

    /// Each part of the document that it looks at.
    pub fn visit_reaches(&self, visit: &mut dyn FnMut(&Reach)) {
        match self {
            Expr::Literal(_) => {}
            Expr::Path(path) | Expr::FirstOf(path) | Expr::All(path) | Expr::Count(path) => {
                path.reaches().iter().for_each(visit);
            }
            Expr::Template(template) => template.reaches().iter().for_each(visit),
            Expr::First(alternatives) => {
                for alternative in alternatives {
                    alternative.value.visit_reaches(visit);
                    if let Some(when) = &alternative.when {
                        when.visit_reaches(visit);
                    }
                }
            }
            Expr::Map(members) => members.iter().for_each(|(_, value)| value.visit_reaches(visit)),
            Expr::List(items) => items.iter().for_each(|item| item.visit_reaches(visit)),
        }
    }

    /// Why its value cannot be relied on, if so. Whoever stores the value under a name of the document
    /// (`vars`, `after`) hands the doubt on with it.
    pub fn doubt(&self, scope: &Scope<'_>) -> Option<String> {
        match self {
            Expr::Literal(_) => None,
            Expr::Path(path) | Expr::FirstOf(path) | Expr::All(path) | Expr::Count(path) => {
                path.look(scope).doubt
            }
            Expr::Template(template) => template.doubt(scope),
            Expr::First(alternatives) => doubt_of_first(alternatives, scope),
            Expr::Map(members) => members.iter().find_map(|(_, value)| value.doubt(scope)),
            Expr::List(items) => items.iter().find_map(|item| item.doubt(scope)),
        }
    }

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

    fn parts(&self, scope: &Scope<'_>) -> Option<Vec<Part>> {
        let of_path = |path: &Path| Some(vec![Part::Value(plain_text(path.first(scope)?))]);
        match self {
            Expr::Literal(value) => Some(vec![Part::Text(plain_text(value))]),
            Expr::Path(path) | Expr::FirstOf(path) => of_path(path),
            Expr::Template(template) => template.eval_parts(scope),
            Expr::First(alternatives) => chosen(alternatives, scope, Expr::parts),
            Expr::All(_) | Expr::Count(_) | Expr::Map(_) | Expr::List(_) => {
                Some(vec![Part::Value(plain_text(&self.eval(scope)?))])
            }
        }
    }
}

/// Text of a value as people read it.
pub(super) fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.as_str().to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// The last character boundary at or before a byte.
pub(super) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The first alternative that exists and whose condition holds; doubt does not count.
fn chosen<'a, T>(
    alternatives: &'a [Alternative],
    scope: &Scope<'a>,
    eval: impl Fn(&'a Expr, &Scope<'a>) -> Option<T>,
) -> Option<T> {
    alternatives
        .iter()
        .filter(|one| one.when.as_ref().is_none_or(|when| when.test(scope) == Verdict::Yes))
        .find_map(|one| eval(&one.value, scope))
}

/// Doubt up to the alternative that is chosen; what comes after it does not matter.
fn doubt_of_first(alternatives: &[Alternative], scope: &Scope<'_>) -> Option<String> {
    for one in alternatives {
        match one.when.as_ref().map(|when| when.test(scope)) {
            Some(Verdict::Doubt) => return Some("a condition inside `first` is in doubt".to_owned()),
            Some(Verdict::No) => continue,
            Some(Verdict::Yes) | None => {}
        }
        let doubt = one.value.doubt(scope);
        if doubt.is_some() || one.value.look_up(scope).is_some() {
            return doubt;
        }
    }
    None
}

/// What happens to runs of blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    Kept,
    Folded,
}

/// THREATS E69: a value with line ends or ten thousand blanks must not look like a sentence of ours.
fn one_line(text: String, blanks: Blanks) -> String {
    // Nearly all texts are so already.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain && (blanks == Blanks::Kept || !text.contains("  ")) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_blank = c.is_control() || c.is_whitespace();
        if is_blank && blanks == Blanks::Folded && out.ends_with(' ') {
            continue;
        }
        out.push(if is_blank { ' ' } else { c });
    }
    out
}

fn cut_value(text: String) -> String {
    if text.len() <= VALUE_CHARS_MAX {
        return text;
    }
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some(_) => text.chars().take(VALUE_CHARS_MAX - 1).chain(['…']).collect(),
        None => text,
    }
}

const VALUE_CHARS_MAX: usize = 200;
const SENTENCE_BYTES_MAX: usize = 4 << 10;
