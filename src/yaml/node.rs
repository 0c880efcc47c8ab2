//! The tree of a YAML file, each value with its place.

use serde_json::{Number, Value};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Yaml,
    /// Where it stands.
    pub span: Span,
}

/// What stands in a YAML file (core schema of YAML 1.2; anchors expanded, tags refused).
#[derive(Clone, Debug)]
pub enum Yaml {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` and nothing else: `yes` and `off` are text.
    Bool(bool),
    /// A number; `017` is text.
    Number(Number),
    /// Anything else that is a scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the file's order, every key once.
    Map(Vec<(Key, Node)>),
}

/// A member's name and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The part of a scalar's span that starts `offset` bytes into its text; right for plain scalars, and
    /// right but for escapes for quoted ones.
    pub fn inside(self, source: &str, offset: usize, length: usize) -> Span {
        let quote = usize::from(matches!(source.as_bytes().get(self.start), Some(b'"' | b'\'')));
        let start = (self.start + quote + offset).min(self.end.saturating_sub(1)).max(self.start);
        Span { start, end: (start + length.max(1)).min(self.end).max(start) }
    }
}

impl Node {
    /// The member of that name, if this is a mapping that has one.
    pub fn member(&self, name: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The members, if this is a mapping.
    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Yaml::Map(members) => Some(members),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => None,
        }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Yaml::List(items) => Some(items),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => None,
        }
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    /// One past the last byte of what is written for it. The parser ends a block collection where the next
    /// thing begins, behind blanks and comments.
    pub fn end(&self, text: &str) -> usize {
        let is_flow = matches!(text.as_bytes().get(self.span.start), Some(b'[' | b'{'));
        let last = match &self.value {
            Yaml::List(items) if !is_flow => items.last().map(|item| item.end(text)),
            Yaml::Map(members) if !is_flow => {
                members.last().map(|(key, node)| node.end(text).max(key.span.end))
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
                None
            }
        };
        let written =
            |span: Span| span.start + text.get(span.start..span.end).map_or(0, |text| text.trim_end().len());
        last.unwrap_or_else(|| written(self.span))
    }

    /// What kind of value this is, for messages: "a list".
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Number(_) => "a number",
            Yaml::Text(_) => "text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// The value as JSON, without places.
    pub fn to_json(&self) -> Value {
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Number(number) => Value::Number(number.clone()),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Yaml::Map(members) => {
                Value::Object(members.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect())
            }
        }
    }
}
