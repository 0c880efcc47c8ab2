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
use crate::yaml::{Key, Node, Problems, Source, Yaml};

/// All ways in which the events are not what is expected.
pub(super) fn compare(expected: &[Node], events: &[Event], source: &Arc<Source>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, (expected, event)) in expected.iter().zip(events).enumerate() {
        let view = view(event);
        member(expected, Some(&view), &format!("event {}", index + 1), source, &mut complaints);
    }
    if expected.len() != events.len() {
        let made: Vec<_> =
            events.iter().map(|event| format!("{} by {}", event.action, event.rule.id)).collect();
        let list = if made.is_empty() { "none".to_owned() } else { made.join(", ") };
        complaints.push(format!("{} events were expected; derived: {list}", expected.len()));
    }
    complaints
}

/// The event as tests see it: its JSON, with changes by field, the sentence as text, and shorter names.
fn view(event: &Event) -> Value {
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

fn member(
    expected: &Node,
    actual: Option<&Value>,
    place: &str,
    source: &Arc<Source>,
    complaints: &mut Vec<String>,
) {
    match (&expected.value, actual) {
        (Yaml::Map(members), _) if !is_test(members) => {
            for (key, node) in members {
                let inner = actual.and_then(|actual| actual.get(&key.text));
                member(node, inner, &format!("{place}.{}", key.text), source, complaints);
            }
        }
        (Yaml::List(items), Some(Value::Array(values))) => {
            if items.len() != values.len() {
                complaints.push(difference(place, expected, actual));
                return;
            }
            for (index, (item, value)) in items.iter().zip(values).enumerate() {
                member(item, Some(value), &format!("{place}[{index}]"), source, complaints);
            }
        }
        _ => {
            if !holds(expected, actual, source) {
                complaints.push(difference(place, expected, actual));
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
    let scope = Scope::new(&[], &log).with_option(Root::Item, actual);
    condition.is_some_and(|condition| condition.test(&scope) == Verdict::Yes)
}

fn difference(place: &str, expected: &Node, actual: Option<&Value>) -> String {
    let actual = actual.map_or_else(|| "missing".to_owned(), Value::to_string);
    let expected = match expected.to_json() {
        Value::Object(members) if members.len() == 1 => one(&members),
        other => other.to_string(),
    };
    format!("{place}\n  expected {expected}\n  derived  {actual}")
}

fn one(members: &Map<String, Value>) -> String {
    members.iter().map(|(name, value)| format!("{name} {value}")).collect()
}

const TESTS: &[&str] =
    &["exists", "not", "matches", "contains", "starts_with", "ends_with", "above", "below"];
