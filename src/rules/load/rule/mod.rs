//! One rule: which request, which of those, what to read, its entries, and its tests.

mod after;
mod entry;
mod session;
pub(super) mod trials;

use std::sync::Arc;

pub(super) use self::entry::INHERITED;
use self::entry::{HasBefore, Layer, OWN};
use self::trials::Given;
use super::files;
use super::keys::Page;
use super::sections::vars::{self, Written};
use super::sections::{redaction, resource};
use crate::rules::expr::{Expr, Names, Phase};
use crate::rules::model::{
    Before, Entry, ForEach, Guarantee, Level, MatchLine, Mode, OnFailure, Resource, Rule, Whence,
};
use crate::yaml::{Node, Problems, Source, Yaml, nearest};

/// What a rule takes from around it.
pub(super) struct Around<'a> {
    /// The pack's name.
    pub(super) pack: &'a str,
    /// The pack's resources.
    pub(super) resources: &'a [Resource],
    /// What expressions in `defaults` may use.
    pub(super) default_names: &'a Names,
    /// `defaults` of the file, then of the pack.
    pub(super) defaults: Vec<(&'a Node, &'a Arc<Source>)>,
    /// What its tests start from.
    pub(super) given: Given<'a>,
}

/// Reads a rule.
pub(super) fn rule(node: &Node, around: &Around<'_>, page: &mut Page<'_>) -> Option<Rule> {
    let known: Vec<&str> = [&KEYS[..], &INHERITED, &OWN].concat();
    let node = page.mapping(node, "a rule", &known)?;
    let id_node = page.required(node, "id", "a rule");
    let id = id_node.and_then(|node| rule_id(node, page));
    let (lines, operations) =
        page.required(node, "match", "a rule").map(|node| matches(node, page)).unwrap_or_default();
    let names = rule_names(node, &lines, around);
    let for_each = node.member("for_each").map(|node| {
        let names = Names { has_item: false, ..names.clone() };
        entry::for_each(node, &names, page)
    });
    let mut names = names;
    let vars = rule_vars(node, &mut names, page);
    let before = node.member("before").and_then(|node| {
        let is_known_early = for_each.as_ref().is_none_or(|each| is_known_early(each.as_ref()));
        let names = Names { phase: Phase::Body, has_item: names.has_item && is_known_early, ..names.clone() };
        before(node, &lines, around, &names, page)
    });
    let after = node.member("after").and_then(|node| after::after(node, &names, page));
    let when = page.condition(node.member("when"), &names);
    let has_before = if node.member("before").is_some() { HasBefore::Yes } else { HasBefore::No };
    let parts = Parts { node, names: &names, around, has_before };
    let entries = parts.entries(page);
    let otherwise = parts.otherwise(page);
    let redact = node.member("redact").map(|node| redaction::redact(node, &names, page)).unwrap_or_default();
    let tests =
        node.member("tests").map(|node| trials::trials(node, &around.given, page)).unwrap_or_default();
    let session = node.member("session").and_then(|node| session::session(node, &names, page));
    let (mode, guarantee, on_failure) = parts.choices(&lines, page.problems);
    Some(Rule {
        id: format!("{}/{}", around.pack, id?),
        lines,
        operations,
        opens: None,
        when,
        mode,
        guarantee,
        on_failure,
        is_authenticated: parts.is_authenticated(page.problems),
        refuses_websocket: node
            .member("websocket")
            .is_some_and(|node| page.word(node, "`websocket`", &[("refuse", ())]).is_some()),
        vars,
        before,
        after,
        for_each: for_each.flatten(),
        entries,
        otherwise,
        redact,
        session,
        digest: files::digest_of_rule(node, &around.defaults),
        source: Arc::clone(page.source),
        span: id_node?.span,
        tests,
    })
}

/// Reads `match`, or an element of `exclude`: a line, lines, or the long form with operations of an envelope.
pub(super) fn matches(node: &Node, page: &mut Page<'_>) -> (Vec<MatchLine>, Vec<String>) {
    if node.as_map().is_none() {
        return (match_lines(node, page), Vec::new());
    }
    let Some(node) = page.mapping(node, "`match`", &["request", "operation"]) else {
        return (Vec::new(), Vec::new());
    };
    let mut operations = Vec::new();
    if let Some(node) = node.member("operation") {
        for item in page.one_or_many(node) {
            operations.extend(page.text(item, "`operation`"));
        }
        if operations.is_empty() {
            page.error("E04", node.span, "`operation` without a name", "write one, or leave the key out");
        }
    }
    let lines = page.required(node, "request", "`match`").map(|node| match_lines(node, page));
    (lines.unwrap_or_default(), operations)
}

/// A line, or lines.
pub(super) fn match_lines(node: &Node, page: &mut Page<'_>) -> Vec<MatchLine> {
    let mut lines: Vec<MatchLine> = Vec::new();
    for item in page.one_or_many(node) {
        let Some(line) = page.line(item, "a `match` line") else { continue };
        if lines.contains(&line) {
            page.error("E05", item.span, "this line stands here a second time", "remove one of the two");
        } else {
            lines.push(line);
        }
    }
    if node.as_list().is_some_and(<[Node]>::is_empty) {
        page.error("E04", node.span, "`match` without a line", "write `METHOD /path`");
    }
    lines
}

/// A rule's names: all parts of its lines, the pack's variables, items if it goes through some.
fn rule_names(node: &Node, lines: &[MatchLine], around: &Around<'_>) -> Names {
    let mut parts: Vec<String> = lines.iter().flat_map(MatchLine::parts).map(str::to_owned).collect();
    parts.sort();
    parts.dedup();
    let has_item = node.member("for_each").is_some();
    Names { parts: Some(parts), has_item, ..around.default_names.clone() }
}

fn rule_id(node: &Node, page: &mut Page<'_>) -> Option<String> {
    let id = page.text(node, "`id`")?;
    let is_id = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_'));
    if !is_id || id.len() > ID_BYTES_MAX {
        let cure = "ids are small letters, digits, . and _, such as booking.cancelled";
        page.error("E03", node.span, &format!("`{id}` is no id of a rule"), cure);
        return None;
    }
    Some(id)
}

fn rule_vars(node: &Node, names: &mut Names, page: &mut Page<'_>) -> Vec<(String, Expr)> {
    let Some(node) = node.member("vars") else { return Vec::new() };
    let members = page.members(node, "`vars`").unwrap_or(&[]);
    let source = page.source;
    let mut written = Vec::new();
    for (key, node) in members {
        if names.vars.iter().any(|(name, _)| *name == key.text) {
            let message = format!("the pack has a variable `{}` already", key.text);
            page.error("E05", key.span, &message, "name one of them otherwise");
        } else {
            written.push(Written { key, node, source });
        }
    }
    vars::compile(&written, names, page)
}

/// True when items of a `for_each` are known before the request is forwarded.
fn is_known_early(each: Option<&ForEach>) -> bool {
    match each {
        Some(ForEach::Each(value)) => value.phase() <= Phase::Body,
        Some(ForEach::Product(lists)) => lists.iter().all(|(_, list)| list.phase() <= Phase::Body),
        None => true,
    }
}

/// Reads `before`: the name of a resource, or the long form.
fn before(
    node: &Node,
    lines: &[MatchLine],
    around: &Around<'_>,
    names: &Names,
    page: &mut Page<'_>,
) -> Option<Before> {
    let mut from = Whence::Application;
    let (name_node, with) = match node.as_map() {
        Some(_) => {
            let node = page.mapping(node, "`before`", &["read", "with", "from"])?;
            if let Some(node) = node.member("from") {
                from = page.word(node, "`from`", &WHENCES).unwrap_or(from);
            }
            let with = node.member("with").map(|node| page.values(node, "`with`", names)).unwrap_or_default();
            (page.required(node, "read", "`before`")?, with)
        }
        None => (node, Vec::new()),
    };
    let name = page.text(name_node, "`before`")?;
    let Some(index) = around.resources.iter().position(|resource| resource.name == name) else {
        let known = around.resources.iter().map(|resource| resource.name.as_str());
        let cure = match nearest(&name, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "name one of `resources`".to_owned(),
        };
        page.error("E14", name_node.span, &format!("there is no resource `{name}`"), &cure);
        return None;
    };
    for part in resource::parts(&around.resources[index].read) {
        let is_given = with.iter().any(|(name, _)| name == part);
        if !is_given && !lines.iter().all(|line| line.parts().any(|name| name == part)) {
            let message = format!("`{name}` is read at an address with {{{part}}}, which is not known here");
            let cure = format!(
                "name it in every `match` line, or give it: before: {{ read: {name}, with: {{ {part}: … }} }}"
            );
            page.error("E15", name_node.span, &message, &cure);
        }
    }
    Some(Before { resource: index, with, from })
}

/// A rule's node and what its entries need.
struct Parts<'a> {
    node: &'a Node,
    names: &'a Names,
    around: &'a Around<'a>,
    has_before: HasBefore,
}

impl Parts<'_> {
    fn entries(&self, page: &mut Page<'_>) -> Vec<Entry> {
        let Some(events) = self.node.member("events") else {
            return self.entry(None, page).into_iter().collect();
        };
        let items = page.list(events, "`events`");
        if events.as_list().is_some_and(<[Node]>::is_empty) {
            page.error("E04", events.span, "`events` without an entry", "add one, or remove the key");
        }
        let can_be_silent = |item: &Node| item.member("when").is_some() || item.member("for_each").is_some();
        if !items.is_empty() && items.iter().all(can_be_silent) && self.node.member("otherwise").is_none() {
            let message = "all of these may be silent, and then nothing would be recorded";
            page.error("E16", events.span, message, "add `otherwise: { action: … }` or `otherwise: none`");
        }
        items.iter().filter_map(|item| self.entry(Some(item), page)).collect()
    }

    fn otherwise(&self, page: &mut Page<'_>) -> Option<Entry> {
        let node = self.node.member("otherwise")?;
        if self.node.member("events").is_none() {
            let message = "`otherwise` without `events` never applies";
            page.error("E17", node.span, message, "remove it, or write `events`");
        }
        if node.as_text() == Some("none") {
            return None;
        }
        for key in ["when", "for_each"] {
            if let Some((key, _)) = node.as_map().and_then(|map| map.iter().find(|(k, _)| k.text == key)) {
                let message = format!("`{}` in `otherwise` could leave nothing recorded", key.text);
                page.error("E16", key.span, &message, "remove it, or make an entry of `events` of it");
            }
        }
        self.entry(Some(node), page)
    }

    fn entry(&self, own: Option<&Node>, page: &mut Page<'_>) -> Option<Entry> {
        let known: Vec<&str> = [&INHERITED[..], &OWN].concat();
        let own = match own {
            Some(node) => Some(page.mapping(node, "an entry", &known)?),
            None => None,
        };
        let has_own_items = own.is_some_and(|node| node.member("for_each").is_some());
        if let (Some(own), true) = (own, has_own_items && self.names.has_item) {
            let message = "the rule goes through items already: `for_each` cannot stand on both";
            page.error("E03", own.span, message, "keep one of the two");
        }
        let names = Names { has_item: self.names.has_item || has_own_items, ..self.names.clone() };
        let source = page.source;
        let mut layers = Vec::new();
        layers.extend(own.map(|node| Layer { node, source, names: &names, level: Level::Entry }));
        layers.push(Layer { node: self.node, source, names: &names, level: Level::Rule });
        let defaults = self.around.defaults.iter().map(|(node, source)| Layer {
            node,
            source,
            names: self.around.default_names,
            level: Level::Defaults,
        });
        layers.extend(defaults);
        entry::entry(&layers, self.has_before, page.problems)
    }

    /// `mode`, `guarantee` and `on_failure`, each from the rule or its defaults.
    fn choices(&self, lines: &[MatchLine], problems: &mut Problems) -> (Mode, Guarantee, Option<OnFailure>) {
        let is_reading = |line: &MatchLine| line.methods.iter().all(|m| READING.contains(&m.as_str()));
        let guarantee = if lines.iter().all(is_reading) { Guarantee::Buffered } else { Guarantee::Durable };
        let own_source = self.around.given.source;
        let layers = std::iter::once((self.node, own_source)).chain(self.around.defaults.iter().copied());
        let layers: Vec<(&Node, &Arc<Source>)> = layers.collect();
        let mode = choice(&layers, "mode", &MODES, problems).unwrap_or(Mode::Record);
        let guarantee = choice(&layers, "guarantee", &GUARANTEES, problems).unwrap_or(guarantee);
        let on_failure = choice(&layers, "on_failure", &ON_FAILURES, problems);
        if let Some(own) = self.node.member("on_failure") {
            must_be_durable(&mut Page { source: own_source, problems }, own, guarantee, on_failure);
        }
        (mode, guarantee, on_failure)
    }
}

impl Parts<'_> {
    /// `authenticated`, from the rule or its defaults.
    fn is_authenticated(&self, problems: &mut Problems) -> bool {
        let own = std::iter::once((self.node, self.around.given.source));
        let layers: Vec<_> = own.chain(self.around.defaults.iter().copied()).collect();
        match nearest_layer(&layers, "authenticated") {
            None => false,
            Some((Node { value: Yaml::Bool(choice), .. }, _)) => *choice,
            Some((node, source)) => {
                Page { source, problems }.wrong_kind(node, "`authenticated`", "true or false");
                false
            }
        }
    }
}

fn choice<T: Copy>(
    layers: &[(&Node, &Arc<Source>)],
    key: &str,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let (node, source) = nearest_layer(layers, key)?;
    Page { source, problems }.word(node, &format!("`{key}`"), words)
}

/// The key's value where it stands nearest.
fn nearest_layer<'a>(
    layers: &[(&'a Node, &'a Arc<Source>)],
    key: &str,
) -> Option<(&'a Node, &'a Arc<Source>)> {
    layers.iter().find_map(|(node, source)| Some((node.member(key)?, *source)))
}

/// Who writes `refuse` relies on it, so it must not be a silent promise: only what is recorded before the request
/// is forwarded can keep the request back. In `defaults` it is meant for those rules that do.
pub(super) fn must_be_durable(
    page: &mut Page<'_>,
    node: &Node,
    guarantee: Guarantee,
    on_failure: Option<OnFailure>,
) {
    if guarantee == Guarantee::Buffered && on_failure == Some(OnFailure::Refuse) {
        let message =
            "`on_failure: refuse` does nothing with `guarantee: buffered`: the request always passes";
        page.problems
            .warning("W8", page.source, node.span, message)
            .cure("write `guarantee: durable` beside it");
    }
}

/// The words of `mode`.
pub(super) const MODES: [(&str, Mode); 3] =
    [("record", Mode::Record), ("shadow", Mode::Shadow), ("disabled", Mode::Disabled)];
/// The words of `guarantee`.
pub(super) const GUARANTEES: [(&str, Guarantee); 2] =
    [("durable", Guarantee::Durable), ("buffered", Guarantee::Buffered)];
/// The words of `from`.
const WHENCES: [(&str, Whence); 3] =
    [("application", Whence::Application), ("remembered", Whence::Remembered), ("either", Whence::Either)];
/// The words of `on_failure`.
pub(super) const ON_FAILURES: [(&str, OnFailure); 2] =
    [("allow", OnFailure::Allow), ("refuse", OnFailure::Refuse)];
/// Keys that only a rule or `defaults` may hold.
pub(super) const CHOICES: [&str; 3] = ["mode", "guarantee", "on_failure"];

const KEYS: [&str; 15] = [
    "id",
    "match",
    "mode",
    "guarantee",
    "on_failure",
    "authenticated",
    "websocket",
    "vars",
    "before",
    "after",
    "events",
    "otherwise",
    "redact",
    "session",
    "tests",
];
const READING: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"];
const ID_BYTES_MAX: usize = 128;
