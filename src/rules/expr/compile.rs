//! From YAML nodes to values and conditions; everything wrong is said at once, with its place.

use std::sync::Arc;

use super::condition::{Check, Condition};
use super::names::Names;
use super::path::{self, Path};
use super::scope::Root;
use super::test::Test;
use super::{Alternative, Expr, shape, template};
use crate::value::{Map, Value};
use crate::yaml::{Key, Node, Problems, Source, Span, Yaml, nearest};

/// Compiles the values and conditions of one file.
pub struct Compiler<'a> {
    /// The file.
    pub source: &'a Arc<Source>,
    /// Where problems go.
    pub problems: &'a mut Problems,
    /// What is known at the place at hand.
    pub names: Names,
}

/// Something wrong inside a scalar.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) code: &'static str,
    place: Place,
    pub(super) message: String,
    pub(super) cure: Option<String>,
}

#[derive(Debug)]
enum Place {
    Whole,
    Bytes {
        at: usize,
        length: usize,
    },
    /// Where this stands in the text.
    Word(String),
}

impl Compiler<'_> {
    /// A value; `None` when it is wrong, with the reason in the problems.
    pub fn value(&mut self, node: &Node) -> Option<Expr> {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => Some(Expr::Literal(node.to_json().into())),
            Yaml::Text(text) => self.text(text, node.span),
            Yaml::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                Some(list(items.into_iter().collect::<Option<_>>()?))
            }
            Yaml::Map(members) => match members.as_slice() {
                [(key, inner)] if WRAPPERS.contains(&key.text.as_str()) => self.wrapped(key, inner),
                _ => {
                    let members: Vec<_> = members
                        .iter()
                        .map(|(key, node)| Some((key.text.clone(), self.value(node)?)))
                        .collect();
                    Some(map(members.into_iter().collect::<Option<_>>()?))
                }
            },
        }
    }

    /// A value in a place that takes many (`for_each`): a path may have many matches.
    pub fn each(&mut self, node: &Node) -> Option<Expr> {
        match node.as_text().filter(|text| is_path(text)) {
            Some(text) => {
                let path = self.path(text, node.span)?;
                Some(if path.is_singular() { Expr::Path(path) } else { Expr::All(path) })
            }
            None => self.value(node),
        }
    }

    /// A path in a place that takes one with many matches (`raw`, `redact`).
    pub fn path(&mut self, text: &str, span: Span) -> Option<Path> {
        if !is_path(text) {
            let flaw = Flaw::whole("E03", "expected a path").cure("such as `$.request.body`");
            return self.refuse(flaw, text, span);
        }
        let mut warnings = Vec::new();
        let compiled = path::compile(text, &self.names, &mut warnings);
        for warning in warnings {
            let place = self.place(&warning, text, span);
            let problem = self.problems.warning(warning.code, self.source, place, warning.message);
            problem.cure = warning.cure;
        }
        match compiled {
            Ok(path) => Some(path),
            Err(flaw) => self.refuse(flaw, text, span),
        }
    }

    /// A condition.
    pub fn condition(&mut self, node: &Node) -> Option<Condition> {
        match &node.value {
            Yaml::Map(members) => {
                let all: Vec<_> = members.iter().map(|(key, node)| self.condition_of(key, node)).collect();
                let mut all: Vec<Condition> = all.into_iter().collect::<Option<_>>()?;
                Some(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
            }
            Yaml::List(items) if !items.is_empty() => {
                let any: Vec<_> = items.iter().map(|item| self.condition(item)).collect();
                Some(Condition::Any(any.into_iter().collect::<Option<_>>()?))
            }
            Yaml::List(_) | Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
                let flaw = Flaw::whole("E03", format!("a condition cannot be {}", node.kind()))
                    .cure("a mapping of path and test, or a list of such mappings, one of which must hold");
                self.refuse(flaw, "", node.span)
            }
        }
    }

    fn text(&mut self, text: &str, span: Span) -> Option<Expr> {
        if is_path(text) {
            let path = self.path(text, span)?;
            if path.is_singular() {
                return Some(Expr::Path(path));
            }
            let flaw = Flaw::whole("E08", "this path may have many matches, and one value is needed")
                .cure("say which: `{ first: … }`, `{ all: … }` or `{ count: … }`");
            return self.refuse(flaw, text, span);
        }
        if !text.contains("{{") && !text.contains("{%") {
            return Some(Expr::Literal(Value::from(text)));
        }
        match template::compile(text, &self.names) {
            Ok(template) => Some(Expr::Template(template)),
            Err(flaws) => {
                for flaw in flaws {
                    self.refuse::<()>(flaw, text, span);
                }
                None
            }
        }
    }

    /// `first`, `all`, `count`.
    fn wrapped(&mut self, key: &Key, inner: &Node) -> Option<Expr> {
        if let ("first", Some(items)) = (key.text.as_str(), inner.as_list()) {
            return self.first(items, key.span);
        }
        let Some(text) = inner.as_text().filter(|text| is_path(text)) else {
            let wanted = if key.text == "first" { "a path or a list of values" } else { "a path" };
            let flaw = Flaw::whole("E03", format!("`{}` takes {wanted}, not {}", key.text, inner.kind()));
            return self.refuse(flaw.cure("such as `$.response.body.items[*].id`"), "", inner.span);
        };
        let path = self.path(text, inner.span)?;
        Some(match key.text.as_str() {
            "all" => Expr::All(path),
            "count" => Expr::Count(path),
            _ => Expr::FirstOf(path),
        })
    }

    fn first(&mut self, items: &[Node], span: Span) -> Option<Expr> {
        if items.is_empty() {
            return self.refuse(Flaw::whole("E03", "`first` without any value"), "", span);
        }
        let mut alternatives = Vec::with_capacity(items.len());
        let mut is_right = true;
        for (at, item) in items.iter().enumerate() {
            let Some(alternative) = self.alternative(item) else {
                is_right = false;
                continue;
            };
            let is_last_word = alternative.when.is_none() && matches!(alternative.value, Expr::Literal(_));
            alternatives.push(alternative);
            if let (true, Some(next)) = (is_last_word, items.get(at + 1)) {
                let flaw = Flaw::whole("E17", "never reached: the literal before it always exists")
                    .cure("put the literal last, or give it a `when`");
                return self.refuse(flaw, "", next.span);
            }
        }
        is_right.then_some(Expr::First(alternatives))
    }

    fn alternative(&mut self, item: &Node) -> Option<Alternative> {
        let is_guarded = item.as_map().is_some_and(|members| {
            item.member("value").is_some()
                && members.iter().all(|(key, _)| matches!(key.text.as_str(), "value" | "when"))
        });
        if !is_guarded {
            let value = self.value(item)?;
            return Some(self.placed(value, None, item.span));
        }
        let value = item.member("value").and_then(|value| self.value(value));
        let when = match item.member("when") {
            Some(when) => Some(self.condition(when)?),
            None => None,
        };
        Some(self.placed(value?, when, item.span))
    }

    fn placed(&self, value: Expr, when: Option<Condition>, span: Span) -> Alternative {
        Alternative { value, when, source: Arc::clone(self.source), span }
    }

    fn condition_of(&mut self, key: &Key, node: &Node) -> Option<Condition> {
        if key.text == "changed" {
            return self.changed(key, node);
        }
        if !is_path(&key.text) {
            let flaw = Flaw::whole("E02", format!("`{}` is no path", key.text));
            let near = nearest(&key.text, ["changed"]).map(str::to_owned);
            let near = near.unwrap_or_else(|| format!("$.{}", key.text.trim_start_matches('.')));
            return self.refuse(flaw.cure(format!("did you mean `{near}`?")), "", key.span);
        }
        let path = self.path(&key.text, key.span);
        let test = self.test(node);
        let text = node.to_json().to_string();
        let (path, test) = (path?, test?);
        match shape::refuse_unknown_word(&path, &test) {
            Ok(()) => Some(Condition::Test(Box::new(Check { path, test, text }))),
            Err(flaw) => self.refuse(flaw, "", node.span),
        }
    }

    fn changed(&mut self, key: &Key, node: &Node) -> Option<Condition> {
        if let Err(flaw) = self.names.phase_of(Root::Changes, None) {
            return self.refuse(flaw, "", key.span);
        }
        let fields = match &node.value {
            Yaml::Text(field) => Some(vec![field.clone()]),
            Yaml::List(items) if !items.is_empty() => {
                items.iter().map(|item| item.as_text().map(str::to_owned)).collect()
            }
            Yaml::List(_) | Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Map(_) => None,
        };
        if fields.as_ref().is_some_and(|fields| !fields.iter().any(|field| is_path(field))) {
            return fields.map(Condition::Changed);
        }
        let flaw = Flaw::whole("E03", "`changed` takes a field or a list of fields");
        self.refuse(flaw.cure("`changed: start`, `changed: [start, end.dateTime]`"), "", node.span)
    }

    fn test(&mut self, node: &Node) -> Option<Test> {
        match &node.value {
            Yaml::List(items) if !items.is_empty() => {
                let tests: Vec<_> = items.iter().map(|item| self.test(item)).collect();
                Some(Test::Any(tests.into_iter().collect::<Option<_>>()?))
            }
            Yaml::List(_) => self.refuse(Flaw::whole("E03", "an empty list never holds"), "", node.span),
            Yaml::Map(members) if members.iter().any(|(key, _)| WRAPPERS.contains(&key.text.as_str())) => {
                self.value(node).map(Test::Equals)
            }
            Yaml::Map(members) => {
                let tests: Vec<_> = members.iter().map(|(key, node)| self.named_test(key, node)).collect();
                let mut tests: Vec<Test> = tests.into_iter().collect::<Option<_>>()?;
                if tests.is_empty() {
                    let flaw = Flaw::whole("E03", "a test without a word");
                    return self.refuse(flaw.cure(format!("there are {}", TESTS.join(", "))), "", node.span);
                }
                Some(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
                self.value(node).map(Test::Equals)
            }
        }
    }

    fn named_test(&mut self, key: &Key, node: &Node) -> Option<Test> {
        match key.text.as_str() {
            "exists" => match node.value {
                Yaml::Bool(true) => Some(Test::Exists),
                Yaml::Bool(false) => Some(Test::Absent),
                Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
                    self.refuse(Flaw::whole("E03", "`exists` takes true or false"), "", node.span)
                }
            },
            "not" => self.test(node).map(|test| Test::Not(Box::new(test))),
            "matches" => self.matches(node),
            "contains" => self.value(node).map(Test::Contains),
            "starts_with" => self.value(node).map(Test::StartsWith),
            "ends_with" => self.value(node).map(Test::EndsWith),
            "above" => self.value(node).map(Test::Above),
            "below" => self.value(node).map(Test::Below),
            other => {
                let flaw = Flaw::whole("E02", format!("there is no test `{other}`"));
                let cure = match nearest(other, TESTS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", TESTS.join(", ")),
                };
                self.refuse(flaw.cure(cure), "", key.span)
            }
        }
    }

    fn matches(&mut self, node: &Node) -> Option<Test> {
        let Some(text) = node.as_text() else {
            let flaw =
                Flaw::whole("E03", format!("`matches` takes a regular expression, not {}", node.kind()));
            return self.refuse(flaw.cure("put it in quotes"), "", node.span);
        };
        if text.starts_with("$.") || text.starts_with("$[") {
            let flaw = Flaw::whole("E12", "a pattern must be literal: one out of the data is never run");
            return self.refuse(flaw.cure("write the pattern here; a leading `$` as `\\$`"), text, node.span);
        }
        match path::pattern(text) {
            Ok(regex) => Some(Test::Matches(regex)),
            Err(flaw) => self.refuse(flaw, text, node.span),
        }
    }

    fn refuse<T>(&mut self, flaw: Flaw, text: &str, span: Span) -> Option<T> {
        let place = self.place(&flaw, text, span);
        self.problems.error(flaw.code, self.source, place, flaw.message).cure = flaw.cure;
        None
    }

    fn place(&self, flaw: &Flaw, text: &str, span: Span) -> Span {
        match &flaw.place {
            Place::Whole => span,
            Place::Bytes { at, length } => span.inside(&self.source.text, *at, *length),
            Place::Word(word) => match text.find(word.as_str()) {
                Some(at) => span.inside(&self.source.text, at, word.len()),
                None => span,
            },
        }
    }
}

impl Flaw {
    pub(super) fn whole(code: &'static str, message: impl Into<String>) -> Flaw {
        Flaw { code, place: Place::Whole, message: message.into(), cure: None }
    }

    pub(super) fn at(code: &'static str, at: usize, length: usize, message: impl Into<String>) -> Flaw {
        Flaw { code, place: Place::Bytes { at, length }, message: message.into(), cure: None }
    }

    pub(super) fn word(code: &'static str, word: &str, message: impl Into<String>) -> Flaw {
        Flaw { code, place: Place::Word(word.to_owned()), message: message.into(), cure: None }
    }

    pub(super) fn cure(mut self, cure: impl Into<String>) -> Flaw {
        self.cure = Some(cure.into());
        self
    }
}

/// Whether a text is meant as a path.
fn is_path(text: &str) -> bool {
    text == "$" || text.starts_with("$.") || text.starts_with("$[")
}

/// Literals all through are one literal.
fn list(items: Vec<Expr>) -> Expr {
    if !items.iter().all(|item| matches!(item, Expr::Literal(_))) {
        return Expr::List(items);
    }
    let values = items.into_iter().filter_map(|item| match item {
        Expr::Literal(value) => Some(value),
        _ => None,
    });
    Expr::Literal(Value::Array(values.collect()))
}

fn map(members: Vec<(String, Expr)>) -> Expr {
    if !members.iter().all(|(_, value)| matches!(value, Expr::Literal(_))) {
        return Expr::Map(members);
    }
    let values = members.into_iter().filter_map(|(name, value)| match value {
        Expr::Literal(value) => Some((name, value)),
        _ => None,
    });
    Expr::Literal(Value::Object(values.collect::<Map>()))
}

const WRAPPERS: [&str; 3] = ["first", "all", "count"];
const TESTS: [&str; 8] =
    ["matches", "contains", "starts_with", "ends_with", "above", "below", "exists", "not"];
