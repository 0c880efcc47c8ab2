//! `--update`: writes what was derived into the `expect` of tests that lack it or fail, for review.
//!
//! Only the members that differ are replaced, as text and in place, so that a file keeps its comments and
//! its layout, and a reviewer sees in the diff what changed.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::expect::{self, Differing};
use crate::event::Event;
use crate::rules::trial::Trial;

/// A replacement of a range of bytes.
#[derive(Debug, PartialEq, Eq)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// All replacements, by file.
#[derive(Debug, Default)]
pub(super) struct Updates {
    files: BTreeMap<String, (String, Vec<Edit>)>,
    tests: usize,
}

impl Updates {
    /// What makes this test expect these events.
    pub(super) fn add(&mut self, trial: &Trial, events: &[Event]) {
        let text = &trial.source.text;
        let edits = match &trial.expect {
            None => vec![missing(trial, events)],
            Some(expected) => {
                let mut edits: Vec<Edit> = Vec::new();
                for Differing { node, actual, .. } in expect::differing(expected, events, &trial.source) {
                    let text = actual.as_ref().map_or_else(|| "{ exists: false }".to_owned(), flow);
                    edits.push(Edit { start: node.span.start, end: node.end(&trial.source.text), text });
                }
                edits.extend(count(trial, expected, events));
                edits
            }
        };
        let file = self.files.entry(trial.source.name.clone()).or_insert_with(|| (text.clone(), Vec::new()));
        file.1.extend(edits);
        self.tests += 1;
    }

    /// Writes the files; the answer is a line for people.
    ///
    /// # Errors
    /// When a file cannot be written, or is no longer what was tested.
    pub(super) fn write(self) -> Result<String> {
        let files = self.files.len();
        for (name, (text, edits)) in self.files {
            if fs::read_to_string(&name).with_context(|| format!("{name} cannot be read"))? != text {
                bail!("{name} has changed meanwhile: run it again");
            }
            fs::write(&name, applied(text, edits)).with_context(|| format!("{name} cannot be written"))?;
        }
        Ok(format!("wrote what {} tests expect into {files} files: review it", self.tests))
    }
}

/// The last first, so that earlier places stay right.
fn applied(mut text: String, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    for edit in edits.iter().rev() {
        text.replace_range(edit.start..edit.end, &edit.text);
    }
    text
}

/// A whole `expect` behind what the test has.
fn missing(trial: &Trial, events: &[Event]) -> Edit {
    let text = &trial.source.text;
    if text.as_bytes().get(trial.span.start) == Some(&b'{') {
        let close = text[..trial.end].rfind('}').unwrap_or(trial.end);
        let at = text[..close].trim_end().len();
        return Edit { start: at, end: at, text: format!(", expect: {}", flow(&views(events))) };
    }
    let indent = " ".repeat(trial.source.column(trial.span.start) - 1);
    let mut written = format!("\n{indent}expect:");
    if events.is_empty() {
        written.push_str(" []");
    }
    for event in events {
        written.push_str(&format!("\n{indent}  - {}", flow(&view(event))));
    }
    Edit { start: trial.end, end: trial.end, text: written }
}

/// What makes the number of expected events right.
fn count(trial: &Trial, expected: &[crate::yaml::Node], events: &[Event]) -> Option<Edit> {
    let text = &trial.source.text;
    let span = trial.expect_span?;
    let (have, want) = (expected.len(), events.len());
    if have == want {
        return None;
    }
    let Some(last) = expected.last() else {
        return Some(Edit { start: span.start, end: span.end, text: flow(&views(events)) });
    };
    if want == 0 {
        let is_flow = text.as_bytes().get(span.start) == Some(&b'[');
        let end = if is_flow { span.end } else { last.end(text) };
        return Some(Edit { start: span.start, end, text: "[]".to_owned() });
    }
    let end = last.end(text);
    if want < have {
        return Some(Edit { start: expected[want - 1].end(text), end, text: String::new() });
    }
    let is_flow = text.as_bytes().get(span.start) == Some(&b'[');
    let indent = " ".repeat(trial.source.column(span.start) - 1);
    let more = events[have..].iter().map(|event| match is_flow {
        true => format!(", {}", flow(&view(event))),
        false => format!("\n{indent}- {}", flow(&view(event))),
    });
    Some(Edit { start: end, end, text: more.collect() })
}

fn views(events: &[Event]) -> Value {
    Value::Array(events.iter().map(view).collect())
}

/// The members of an event that a reviewer wants to see: what, how, on what, and what became different.
fn view(event: &Event) -> Value {
    let whole = expect::view(event);
    let mut view = json!({ "action": event.action });
    for name in ["result", "target", "changes", "details", "message"] {
        let value = match (name, &whole[name]) {
            ("result", Value::String(result)) if result == "success" => continue,
            ("target", target) => json!({ "id": target["id"] }),
            (_, value) => value.clone(),
        };
        let is_empty = value.as_object().is_some_and(|members| members.values().all(Value::is_null));
        if !value.is_null() && !is_empty {
            view[name] = value;
        }
    }
    view
}

/// A value on one line, as it may stand anywhere in a YAML file.
fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}: {}", word(name), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) => word(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text without quotes where YAML cannot take it for anything else. JSON's quotes are YAML's too.
fn word(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@'))
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_yaml_reads_them_back() {
        let check = |value: Value, written: &str| {
            assert_eq!(flow(&value), written);
            let mut problems = crate::yaml::Problems::default();
            let source = crate::yaml::Source::new("x.yaml", format!("a: {written}"));
            let node = crate::yaml::parse(&source, &mut problems).unwrap();
            assert_eq!(node.member("a").unwrap().to_json(), value, "{written}");
        };
        check(json!({ "a": "B_C", "d.e": [1, true, null] }), "{ a: B_C, d.e: [1, true, null] }");
        check(json!("no"), "\"no\"");
        check(json!("2026-01-02T10:00:00Z"), "\"2026-01-02T10:00:00Z\"");
        check(json!("a: \"b\" #\n\u{1b}"), "\"a: \\\"b\\\" #\\n\\u001b\"");
        check(json!({}), "{}");
    }

    #[test]
    fn edits_do_not_move_each_other() {
        let edit = |start, end, text: &str| Edit { start, end, text: text.to_owned() };
        let edits = vec![edit(0, 1, "xx"), edit(4, 5, ""), edit(5, 5, "y")];
        assert_eq!(applied("abcdef".to_owned(), edits), "xxbcdyf");
    }
}
