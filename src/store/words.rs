//! Looking for words in an event: a plain look at each of its texts, without case. An index will answer
//! the same question faster; this says what the answer is.

use crate::event::{Actor, Event};
use crate::value::Value;

/// The texts of an event in which words are looked for.
pub(super) struct Words<'a>(&'a Event);

impl<'a> Words<'a> {
    pub(super) fn of(event: &'a Event) -> Words<'a> {
        Words(event)
    }

    /// True when one of the texts holds `word`, which is folded.
    pub(super) fn hold(&self, word: &str) -> bool {
        let event = self.0;
        let optional = [&event.reason, &event.error];
        let target = event
            .target
            .iter()
            .flat_map(|target| [&target.id, &target.requested_id, &target.name].into_iter().flatten());
        let mut texts = [&event.action, &event.title, &event.message.text]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .chain(actor_texts(&event.actor))
            .chain(event.on_behalf_of.iter().flat_map(actor_texts))
            .chain(target)
            .chain(event.links.iter().map(|link| &link.id))
            .chain(event.changes.iter().map(|change| &change.field))
            .chain(event.changes.iter().filter_map(|change| change.label.as_ref()));
        let mut values = event
            .changes
            .iter()
            .flat_map(|change| change.before.iter().chain(&change.after))
            .chain(event.details.values())
            .chain(event.raw.values());
        texts.any(|text| holds(text, word)) || values.any(|value| value_holds(value, word))
    }
}

/// A text without case.
pub(super) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// True when two texts are the same but for case.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || !(left.is_ascii() && right.is_ascii()) && folded(left) == folded(right)
}

fn actor_texts(actor: &Actor) -> impl Iterator<Item = &String> {
    actor.name.iter().chain(&actor.email).chain(&actor.id)
}

/// Looks through a value without recursion, so that its depth does not matter.
fn value_holds(value: &Value, word: &str) -> bool {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        let holds = match value {
            Value::Null => false,
            Value::Bool(is_true) => holds(if *is_true { "true" } else { "false" }, word),
            Value::Number(number) => holds(&number.to_string(), word),
            Value::String(text) => holds(text, word),
            Value::Array(values) => {
                left.extend(values);
                false
            }
            Value::Object(members) => {
                left.extend(members.values());
                false
            }
        };
        if holds {
            return true;
        }
    }
    false
}

fn holds(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let word = word.as_bytes();
        let mut windows = text.as_bytes().windows(word.len().max(1));
        return word.is_empty() || windows.any(|window| window.eq_ignore_ascii_case(word));
    }
    folded(text).contains(word)
}
