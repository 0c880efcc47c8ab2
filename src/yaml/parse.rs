//! From text to [`Node`]: granit-parser's events, with our limits.
//!
//! Bounded in every direction before anything recurses: file size, depth, and the number of nodes after
//! aliases are expanded (a few hundred bytes of nested aliases would otherwise become gigabytes).

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::Number;

use super::node::{Key, Node, Span, Yaml};
use super::problem::{Problems, Source};

/// The tree of a file; `None` when it is not YAML that we accept, with the reasons in `problems`.
///
/// Duplicate keys are reported and the first is kept, so that checking goes on.
pub fn parse(source: &Arc<Source>, problems: &mut Problems) -> Option<Node> {
    let before = problems.error_count();
    if source.text.len() > FILE_BYTES_MAX {
        problems.error("E22", source, Span::default(), "the file is larger than 1 MiB").cure("split it");
        return None;
    }
    let mut builder = Builder::new(source, problems);
    for event in Parser::new_from_str(&source.text) {
        match event {
            Ok((event, span)) => {
                let start = span.start.byte_offset().unwrap_or(0);
                let end = span.end.byte_offset().unwrap_or(start).max(start);
                builder.event(event, Span { start, end });
                if builder.gave_up {
                    break;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0).min(source.text.len());
                let message = error.to_string();
                builder.syntax(at, &message);
                break;
            }
        }
    }
    let root = builder.root.take();
    let empty = Node { value: Yaml::Map(Vec::new()), span: Span::default() };
    (problems.error_count() == before || root.is_some()).then(|| root.unwrap_or(empty))
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: &'a mut Problems,
    open: Vec<Open>,
    /// What an anchor names, and how many nodes that is: counted before it is copied.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
    gave_up: bool,
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    span: Span,
    nodes_before: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Expects),
}

/// What the next node in a mapping is.
enum Expects {
    Key,
    ValueOf(Key),
    /// The value of a key that was refused.
    NothingOfUse,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Arc<Source>, problems: &'a mut Problems) -> Builder<'a> {
        let (open, anchors) = (Vec::new(), HashMap::new());
        Builder { source, problems, open, anchors, nodes: 0, root: None, gave_up: false }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let value = if style == ScalarStyle::Plain { plain(&text) } else { Yaml::Text(text.into()) };
                self.place(Node { value, span }, 1, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.begin(anchor, span, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.begin(anchor, span, OpenKind::Map(Vec::new(), Expects::Key));
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(..) if self.root.is_some() => {
                self.fail(span, "a second document in one file", "one file holds one document");
            }
            _ => {}
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, kind: OpenKind) {
        if self.open.len() >= DEPTH_MAX {
            self.fail(span, "nested more than 64 levels deep", "flatten it");
        }
        self.open.push(Open { anchor, span, nodes_before: self.nodes, kind });
    }

    fn finish(&mut self, end: Span) {
        let Some(Open { anchor, span, nodes_before, kind }) = self.open.pop() else { return };
        let value = match kind {
            OpenKind::List(items) => Yaml::List(items),
            OpenKind::Map(members, _) => Yaml::Map(members),
        };
        let span = Span { start: span.start, end: end.end.max(span.end) };
        let inside = self.nodes - nodes_before;
        self.nodes = nodes_before;
        self.place(Node { value, span }, inside + 1, anchor);
    }

    fn alias(&mut self, anchor: usize, span: Span) {
        match self.anchors.get(&anchor) {
            Some((_, size)) if self.nodes + size > NODES_MAX => {
                self.fail(span, "more than 100,000 values after aliases are expanded", "use fewer aliases");
            }
            Some((node, size)) => {
                let (node, size) = (Node { span, ..node.clone() }, *size);
                self.place(node, size, 0);
            }
            None => self.fail(span, "this alias stands inside what it names", "write the value out"),
        }
    }

    /// Puts a finished node, which counts as `size` nodes, where it belongs.
    fn place(&mut self, node: Node, size: usize, anchor: usize) {
        self.nodes += size;
        if self.nodes > NODES_MAX {
            return self.fail(node.span, "more than 100,000 values", "split the file");
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map(members, expects) => match std::mem::replace(expects, Expects::Key) {
                Expects::ValueOf(key) => members.push((key, node)),
                Expects::NothingOfUse => {}
                Expects::Key => *expects = accept_key(&node, members, self.source, self.problems),
            },
        }
    }

    fn refuse_tag(&mut self, is_tagged: bool, span: Span) {
        if is_tagged {
            self.problems.error("E01", self.source, span, "tags are not accepted").cure("remove the `!…`");
        }
    }

    fn fail(&mut self, span: Span, message: &str, cure: &str) {
        self.problems.error("E01", self.source, span, message).cure(cure);
        self.gave_up = true;
    }

    fn syntax(&mut self, at: usize, message: &str) {
        let span = Span { start: at, end: (at + 1).min(self.source.text.len()) };
        let cure = cure_for(&self.source.text, at);
        let message = message.split(" at ").next().unwrap_or(message);
        self.problems.error("E01", self.source, span, format!("not YAML: {message}")).cure(cure);
        self.gave_up = true;
    }
}

/// The three traps that nearly everybody falls into once, told by the line that holds the error.
fn cure_for(text: &str, at: usize) -> &'static str {
    let start = text[..floor(text, at)].rfind('\n').map_or(0, |index| index + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let above = text[..start].lines().last().unwrap_or("");
    if line.contains('\t') || above.starts_with('\t') {
        "YAML does not take tabs for indentation: use blanks"
    } else if [line, above].iter().any(|line| line.contains(": {{") || line.contains("- {{")) {
        "a value that begins with {{ must stand in quotes"
    } else if [line, above].iter().any(|line| line.contains("{ ") && line.contains("['")) {
        "inside { }, a path with brackets must stand in quotes"
    } else {
        "inside { } and [ ], values with : { } [ ] , # must stand in quotes; check the indentation"
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// A node in a key's place, unless it cannot be a key or stands there a second time.
fn accept_key(
    node: &Node,
    members: &[(Key, Node)],
    source: &Arc<Source>,
    problems: &mut Problems,
) -> Expects {
    let text = match &node.value {
        Yaml::Text(text) if text != "<<" => text.clone(),
        Yaml::Null => "null".to_owned(),
        Yaml::Bool(value) => value.to_string(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            let message = "merge keys, and collections as keys, are not accepted";
            let is_template = source.text[..floor(&source.text, node.span.start)].ends_with('{');
            let cure = match is_template {
                true => "a value that begins with {{ must stand in quotes",
                false => "write the members out",
            };
            problems.error("E01", source, node.span, message).cure(cure);
            return Expects::NothingOfUse;
        }
    };
    if let Some((first, _)) = members.iter().find(|(other, _)| other.text == text) {
        let line = source.line(first.span.start);
        let message = format!("`{text}` stands here a second time; first on line {line}");
        problems.error("E05", source, node.span, message).cure("remove one of the two");
        return Expects::NothingOfUse;
    }
    Expects::ValueOf(Key { text, span: node.span })
}

/// The core schema, but `017` and the like stay text: they are identifiers, not numbers.
fn plain(text: &str) -> Yaml {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Yaml::Null,
        "true" | "True" | "TRUE" => return Yaml::Bool(true),
        "false" | "False" | "FALSE" => return Yaml::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number_like = digits.starts_with(|c: char| c.is_ascii_digit());
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if is_number_like && !has_leading_zero {
        if let Ok(number) = text.parse::<i64>() {
            return Yaml::Number(number.into());
        }
        let is_decimal =
            digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
        if is_decimal && let Some(number) = text.parse().ok().and_then(Number::from_f64) {
            return Yaml::Number(number);
        }
    }
    Yaml::Text(text.to_owned())
}

const FILE_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 64;
const NODES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Problems) {
        let mut problems = Problems::default();
        let source = Source::new("test.yaml", text);
        (parse(&source, &mut problems), problems)
    }

    fn json(text: &str) -> String {
        let (node, problems) = read(text);
        assert_eq!(problems.error_count(), 0, "{}", problems.render());
        node.unwrap().to_json().to_string()
    }

    // THREATS O03
    #[test]
    fn scalars_follow_the_core_schema_and_leading_zeros_stay_text() {
        assert_eq!(
            json("a: 1\nb: yes\nc: 017\nd: '5'\ne: 1.5\nf:\ng: true\nh: 2026-01-02\ni: -3"),
            r#"{"a":1,"b":"yes","c":"017","d":"5","e":1.5,"f":null,"g":true,"h":"2026-01-02","i":-3}"#
        );
    }

    #[test]
    fn spans_point_at_the_value() {
        let text = "listen: abc\nlist:\n  - x: [1, two]\n";
        let (node, _) = read(text);
        let node = node.unwrap();
        let list = node.member("list").unwrap().as_list().unwrap();
        let two = &list[0].member("x").unwrap().as_list().unwrap()[1];
        assert_eq!(&text[two.span.start..two.span.end], "two");
    }

    // THREATS O03
    #[test]
    fn duplicate_keys_are_all_reported_and_the_first_kept() {
        let (node, problems) = read("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        assert_eq!(problems.error_count(), 2);
        assert_eq!(node.unwrap().to_json().to_string(), r#"{"a":1,"b":{"c":1}}"#);
    }

    // THREATS O03
    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(",");
            text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(read(&text).1.error_count() > 0);
    }

    // THREATS O03
    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        assert!(read(&"[".repeat(5000)).1.error_count() > 0);
    }

    #[test]
    fn a_template_first_in_a_value_gets_its_cure() {
        let (_, problems) = read("message: {{ actor | name }} did it\n");
        assert!(problems.render().contains("must stand in quotes"), "{}", problems.render());
    }
}
