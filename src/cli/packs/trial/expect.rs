//! What a test expects against what was derived.
//!
//! An expected event lists only the members it cares about. A mapping of tests (`{ exists: false }`) is a
//! test, any other mapping goes a level down; a list is compared element by element with a list, and means
//! "any of these" elsewhere, as in a condition.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::event::{Change, Event};
use crate::rules::expr::{Compiler, EvalLog, Names, Phase, Root, Scope, Verdict};
use crate::rules::trial::Trial;
use crate::yaml::{Key, Node, Problems, Source, Yaml};

/// A member that is not what is expected.
pub(super) struct Differing<'e> {
    /// What is expected, with its place in the file.
    pub(super) node: &'e Node,
    /// What was derived; `None` for nothing.
    pub(super) actual: Option<Value>,
    place: String,
}

/// All ways in which the events are not what a test expects, for people.
pub(super) fn compare(trial: &Trial, events: &[Event]) -> Vec<String> {
    let Some(expected) = &trial.expect else {
        return vec!["it does not say what it expects: write `expect`, or let --update write it".to_owned()];
    };
    let mut complaints: Vec<String> =
        differing(expected, events, &trial.source).iter().map(difference).collect();
    if expected.len() != events.len() {
        let made: Vec<_> =
            events.iter().map(|event| format!("{} by {}", event.action, event.rule.id)).collect();
        let list = if made.is_empty() { "none".to_owned() } else { made.join(", ") };
        complaints.push(format!("{} events were expected; derived: {list}", expected.len()));
    }
    complaints
}

/// The members that are not what is expected, event by event, as far as both go.
pub(super) fn differing<'e>(
    expected: &'e [Node],
    events: &[Event],
    source: &Arc<Source>,
) -> Vec<Differing<'e>> {
    let mut differing = Vec::new();
    for (index, (expected, event)) in expected.iter().zip(events).enumerate() {
        let view = view(event);
        member(expected, Some(&view), &format!("event {}", index + 1), source, &mut differing);
    }
    differing
}

/// The event as tests see it: its JSON, with changes by field, the sentence as text, and shorter names.
pub(super) fn view(event: &Event) -> Value {
    let mut view = serde_json::to_value(event).unwrap_or_default();
    let changes: BTreeMap<&str, &Change> =
        event.changes.iter().map(|change| (change.field.as_str(), change)).collect();
    let codes: Vec<_> = event.notes.iter().map(|note| json!(note.code)).collect();
    if let Value::Object(members) = &mut view {
        members.insert("changes".to_owned(), json!(changes));
        members.insert("message".to_owned(), json!(event.message.text));
        members.insert("beforeState".to_owned(), json!(event.before.state));
        members.insert("certainty".to_owned(), json!(event.r#match.certainty));
        members.insert("notes".to_owned(), json!(codes));
        members.insert("scope".to_owned(), json!(event.scope));
    }
    view
}

fn member<'e>(
    expected: &'e Node,
    actual: Option<&Value>,
    place: &str,
    source: &Arc<Source>,
    found: &mut Vec<Differing<'e>>,
) {
    let differing = || Differing { node: expected, actual: actual.cloned(), place: place.to_owned() };
    match (&expected.value, actual) {
        (Yaml::Map(members), _) if !is_test(members) => {
            for (key, node) in members {
                let inner = actual.and_then(|actual| actual.get(&key.text));
                member(node, inner, &format!("{place}.{}", key.text), source, found);
            }
        }
        (Yaml::List(items), Some(Value::Array(values))) => {
            if items.len() != values.len() {
                found.push(differing());
                return;
            }
            for (index, (item, value)) in items.iter().zip(values).enumerate() {
                member(item, Some(value), &format!("{place}[{index}]"), source, found);
            }
        }
        _ => {
            if !holds(expected, actual, source) {
                found.push(differing());
            }
        }
    }
}

/// True for a mapping in which every name is a test of the rule language.
fn is_test(members: &[(Key, Node)]) -> bool {
    !members.is_empty() && members.iter().all(|(key, _)| TESTS.contains(&key.text.as_str()))
}

/// The test by the rule language itself: the condition `$.item: <test>` with the value as the item.
fn holds(expected: &Node, actual: Option<&Value>, source: &Arc<Source>) -> bool {
    let span = expected.span;
    let key = Key { text: "$.item".to_owned(), span };
    let node = Node { value: Yaml::Map(vec![(key, expected.clone())]), span };
    let mut problems = Problems::default();
    let names = Names {
        phase: Phase::Answer,
        has_answer: false,
        has_item: true,
        parts: Some(Vec::new()),
        vars: Vec::new(),
    };
    let condition = Compiler { source, problems: &mut problems, names }.condition(&node);
    let log = EvalLog::default();
    let actual = actual.cloned().map(crate::value::Value::from);
    let scope = Scope::new(&[], &log).with_option(Root::Item, actual.as_ref());
    condition.is_some_and(|condition| condition.test(&scope) == Verdict::Yes)
}

/// Expected above derived, with a mark where they part.
fn difference(differing: &Differing<'_>) -> String {
    let place = &differing.place;
    let actual = differing.actual.as_ref().map_or_else(|| "missing".to_owned(), Value::to_string);
    let expected = match differing.node.to_json() {
        Value::Object(members) if members.len() == 1 => one(&members),
        other => other.to_string(),
    };
    let same = expected.chars().zip(actual.chars()).take_while(|(one, other)| one == other).count();
    let mark =
        if same > SAME_CHARS_MIN { format!("\n           {}^", " ".repeat(same)) } else { String::new() };
    format!("{place}\n  expected {expected}\n  derived  {actual}{mark}")
}

fn one(members: &Map<String, Value>) -> String {
    members.iter().map(|(name, value)| format!("{name} {value}")).collect()
}

/// Where less than that is the same, anybody sees the difference.
const SAME_CHARS_MIN: usize = 4;

const TESTS: &[&str] =
    &["exists", "not", "matches", "contains", "starts_with", "ends_with", "above", "below"];
