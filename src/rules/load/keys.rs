//! Reading a file key by key: each helper takes a node, says what is wrong with it, and gives back
//! something checked. Nothing stops at the first mistake, so that an author sees all of them at once.

use std::sync::Arc;

use crate::rules::expr::{Compiler, Condition, Expr, Names, Path};
use crate::rules::load::lines::LineError;
use crate::rules::model::MatchLine;
use crate::yaml::{Key, Node, Problems, Source, Span, Yaml, nearest};

/// A file as it is being read.
pub(super) struct Page<'a> {
    /// The file.
    pub(super) source: &'a Arc<Source>,
    /// Where problems go.
    pub(super) problems: &'a mut Problems,
}

impl Page<'_> {
    /// The same reader in another file.
    pub(super) fn of<'b>(&'b mut self, source: &'b Arc<Source>) -> Page<'b> {
        Page { source, problems: self.problems }
    }

    /// An error with its cure.
    pub(super) fn error(&mut self, code: &'static str, span: Span, message: &str, cure: &str) {
        self.problems.error(code, self.source, span, message).cure(cure);
    }

    /// The members of a mapping that may hold these keys only; what else it holds is E02.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<&'n Node> {
        #[cfg(test)]
        seen::add(known);
        for (key, _) in self.members(node, what)? {
            if !known.contains(&key.text.as_str()) {
                let cure = match nearest(&key.text, known.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                self.error("E02", key.span, &format!("unknown key `{}` in {what}", key.text), &cure);
            }
        }
        Some(node)
    }

    /// The members of a mapping whose keys are names of the author's choice.
    pub(super) fn members<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        if node.as_map().is_none() {
            self.wrong_kind(node, what, "a mapping");
        }
        node.as_map()
    }

    /// The elements of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if node.as_list().is_none() {
            self.wrong_kind(node, what, "a list");
        }
        node.as_list().unwrap_or(&[])
    }

    /// The elements of a list, or the value itself.
    pub(super) fn one_or_many<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        node.as_list().unwrap_or(std::slice::from_ref(node))
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Yaml::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            Yaml::Text(_) => {
                self.error("E03", node.span, &format!("{what} is empty"), "write it, or leave the key out");
                None
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => {
                self.wrong_kind(node, what, "text");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let items = self.list(node, what);
        items.iter().filter_map(|item| self.text(item, &format!("an element of {what}"))).collect()
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = node.as_text().unwrap_or("");
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let cure = match (nearest(text, known.iter().copied()), text) {
            (_, "off") if known.contains(&"disabled") => "did you mean `disabled`?".to_owned(),
            (Some(word), _) => format!("did you mean `{word}`?"),
            (None, _) => format!("write one of {}", known.join(", ")),
        };
        let written = if text.is_empty() { node.kind().to_owned() } else { format!("`{text}`") };
        self.error("E03", node.span, &format!("{written} is no value of {what}"), &cure);
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        let number = match &node.value {
            Yaml::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
            Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
        };
        if number.is_none() {
            let cure = format!("write a whole number from {least} to {most}");
            self.error("E03", node.span, &format!("{what} is no number within its limits"), &cure);
        }
        number
    }

    /// A member that must be there.
    pub(super) fn required<'n>(&mut self, node: &'n Node, key: &str, what: &str) -> Option<&'n Node> {
        let member = node.member(key);
        if member.is_none() {
            self.missing(node.span, key, what);
        }
        member
    }

    /// E04 at a place.
    pub(super) fn missing(&mut self, span: Span, key: &str, what: &str) {
        self.error("E04", span, &format!("{what} has no `{key}`"), &format!("add `{key}: …`"));
    }

    /// E14: a name of a rule that there is not.
    pub(super) fn no_rule<'n>(&mut self, key: &Key, known: impl Iterator<Item = &'n str>) {
        let cure = match nearest(&key.text, known) {
            Some(id) => format!("did you mean `{id}`?"),
            None => "write the id of a rule of this pack".to_owned(),
        };
        self.error("E14", key.span, &format!("there is no rule `{}`", key.text), &cure);
    }

    /// A `match` line.
    pub(super) fn line(&mut self, node: &Node, what: &str) -> Option<MatchLine> {
        let text = self.text(node, what)?;
        MatchLine::parse(&text).map_err(|error| self.line_error(node, &error)).ok()
    }

    /// Tells what is wrong with a line, at its place.
    pub(super) fn line_error(&mut self, node: &Node, error: &LineError) {
        let span = node.span.inside(&self.source.text, error.offset, error.length);
        self.error("E13", span, &error.message, &error.cure);
    }

    /// A value.
    pub(super) fn value(&mut self, node: &Node, names: &Names) -> Option<Expr> {
        self.compiler(names).value(node)
    }

    /// A value of which there may be many.
    pub(super) fn each(&mut self, node: &Node, names: &Names) -> Option<Expr> {
        self.compiler(names).each(node)
    }

    /// A condition; none holds always.
    pub(super) fn condition(&mut self, node: Option<&Node>, names: &Names) -> Condition {
        let condition = node.and_then(|node| self.compiler(names).condition(node));
        condition.unwrap_or_else(Condition::always)
    }

    /// A path with any number of matches.
    pub(super) fn path(&mut self, node: &Node, what: &str, names: &Names) -> Option<Path> {
        let text = self.text(node, what)?;
        self.compiler(names).path(&text, node.span)
    }

    /// A mapping of names to values.
    pub(super) fn values(&mut self, node: &Node, what: &str, names: &Names) -> Vec<(String, Expr)> {
        let members = self.members(node, what).unwrap_or(&[]);
        let value = |(key, node): &(Key, Node)| Some((key.text.clone(), self.value(node, names)?));
        members.iter().filter_map(value).collect()
    }

    /// A mapping of these names to values.
    pub(super) fn known_values(
        &mut self,
        node: &Node,
        what: &str,
        known: &[&str],
        names: &Names,
    ) -> Vec<(String, Expr)> {
        self.mapping(node, what, known).map_or_else(Vec::new, |node| {
            let members = node.as_map().unwrap_or(&[]);
            let members = members.iter().filter(|(key, _)| known.contains(&key.text.as_str()));
            let value = |(key, node): &(Key, Node)| Some((key.text.clone(), self.value(node, names)?));
            members.filter_map(value).collect()
        })
    }

    /// E03: another kind of value was wanted.
    pub(super) fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} is {}", node.kind());
        self.error("E03", node.span, &message, &format!("write {wanted}"));
    }

    fn compiler<'b>(&'b mut self, names: &Names) -> Compiler<'b> {
        Compiler { source: self.source, problems: self.problems, names: names.clone() }
    }
}

/// Calls `look` with each text in a node, however deep, and its place. Bounded by the parser's depth.
pub(super) fn each_text<'n>(node: &'n Node, look: &mut impl FnMut(&'n str, Span)) {
    match &node.value {
        Yaml::Text(text) => look(text, node.span),
        Yaml::List(items) => items.iter().for_each(|item| each_text(item, look)),
        Yaml::Map(members) => {
            for (key, member) in members {
                look(&key.text, key.span);
                each_text(member, look);
            }
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

/// Which keys have been asked for, so that a test can compare them with the schema of rule files.
#[cfg(test)]
pub(super) mod seen {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static SEEN: RefCell<BTreeSet<BTreeSet<String>>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn add(known: &[&str]) {
        SEEN.with_borrow_mut(|seen| seen.insert(known.iter().map(|key| (*key).to_owned()).collect()));
    }

    /// The keys of each mapping that this thread has read.
    pub(in crate::rules) fn all() -> BTreeSet<BTreeSet<String>> {
        SEEN.with_borrow(Clone::clone)
    }
}
