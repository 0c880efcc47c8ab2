//! What to record: an entry of `events`, with everything that stands higher up laid into it.
//!
//! The nearest wins, key by key: entry, rule, the file's defaults, the pack's. Nothing is merged, so a
//! reader never has to add up a value from several places.

use std::sync::Arc;

use crate::event::Outcome;
use crate::rules::expr::{Condition, Expr, Names, Path};
use crate::rules::load::keys::Page;
use crate::rules::load::sections::actors;
use crate::rules::load::sections::resource::check_field;
use crate::rules::model::{ChangeSpec, ComputedChange, Entry, ForEach, Level, LinkSpec, Place, TargetSpec};
use crate::yaml::{Key, Node, Problems, Source, Yaml};

/// One place where keys of an entry may stand.
#[derive(Clone, Copy)]
pub(super) struct Layer<'n> {
    pub(super) node: &'n Node,
    pub(super) source: &'n Arc<Source>,
    /// What expressions may use there.
    pub(super) names: &'n Names,
    pub(super) level: Level,
}

/// Reads the entry that these layers make, the nearest first.
pub(super) fn entry(layers: &[Layer<'_>], has_before: HasBefore, problems: &mut Problems) -> Option<Entry> {
    Reader { layers, problems }.entry(has_before)
}

/// Whether the rule reads its thing beforehand: then a target needs not be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HasBefore {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Reads `for_each`: a value or path, or names with such.
pub(super) fn for_each(node: &Node, names: &Names, page: &mut Page<'_>) -> Option<ForEach> {
    let is_wrapper = |members: &[(Key, Node)]| matches!(members, [(key, _)] if matches!(key.text.as_str(), "first" | "all" | "count"));
    match node.as_map().filter(|members| !is_wrapper(members)) {
        Some([]) => {
            page.wrong_kind(node, "`for_each`", "a path, or names with a path each");
            None
        }
        Some(members) => {
            let each = |(key, node): &(Key, Node)| Some((key.text.clone(), page.each(node, names)?));
            let lists: Vec<Option<(String, Expr)>> = members.iter().map(each).collect();
            lists.into_iter().collect::<Option<Vec<_>>>().map(ForEach::Product)
        }
        None => page.each(node, names).map(ForEach::Each),
    }
}

struct Reader<'n, 'p> {
    layers: &'n [Layer<'n>],
    problems: &'p mut Problems,
}

impl<'n> Reader<'n, '_> {
    fn entry(&mut self, has_before: HasBefore) -> Option<Entry> {
        let own = self.layers.first().filter(|layer| layer.level == Level::Entry).copied();
        let own_node = |key: &str| own.and_then(|layer| Some((layer.node.member(key)?, layer)));
        let when_node = own_node("when");
        let each_node = own_node("for_each");
        let when = match when_node {
            Some((node, layer)) => self.page(&layer).condition(Some(node), layer.names),
            None => Condition::always(),
        };
        let each_before = each_node.map(|(node, layer)| {
            let names = Names { has_item: false, ..layer.names.clone() };
            for_each(node, &names, &mut self.page(&layer))
        });
        if self.find("action").is_none()
            && let Some(layer) = self.layers.first().copied()
        {
            let what = if layer.level == Level::Entry { "this entry" } else { "this rule" };
            self.page(&layer).missing(layer.node.span, "action", what);
        }
        if let Some((node, layer)) = self.find("docs") {
            self.page(&layer).text(node, "`docs`");
        }
        let scope = self.scope();
        Some(Entry {
            when,
            carries: carries(when_node.map(|(node, _)| node), each_node.map(|(node, _)| node)),
            for_each: each_before.flatten(),
            title: self.value("title"),
            message: self.value("message"),
            kind: self.value("type"),
            category: self.value("category"),
            source: self.value("source"),
            api_kind: self.value("api_kind"),
            target: self.target(has_before),
            links: self.links(),
            actor: self.person("actor"),
            on_behalf_of: self.person("on_behalf_of"),
            result: self.result(),
            error: self.value("error"),
            reason: self.value("reason"),
            changes: self.changes(),
            details: self.details(),
            organization: scope.0,
            team: scope.1,
            raw: self.raw(),
            tags: self.tags(),
            places: self.places(),
            action: self.action()?,
        })
    }

    fn find(&self, key: &str) -> Option<(&'n Node, Layer<'n>)> {
        self.layers.iter().find_map(|layer| Some((layer.node.member(key)?, *layer)))
    }

    /// As `find`; a null takes back what stands higher up.
    fn find_set(&self, key: &str) -> Option<(&'n Node, Layer<'n>)> {
        self.find(key).filter(|(node, _)| !matches!(node.value, Yaml::Null))
    }

    /// The nearest place of each key that is there.
    fn places(&self) -> Vec<Place> {
        let keys = INHERITED.iter().chain(&OWN);
        let place = |key: &'static str| {
            let (node, layer) = self.find(key)?;
            Some(Place { key, level: layer.level, source: Arc::clone(layer.source), span: node.span })
        };
        keys.filter_map(|key| place(key)).collect()
    }

    fn page(&mut self, layer: &Layer<'n>) -> Page<'_> {
        Page { source: layer.source, problems: self.problems }
    }

    fn value(&mut self, key: &str) -> Option<Expr> {
        let (node, layer) = self.find(key)?;
        self.page(&layer).value(node, layer.names)
    }

    fn action(&mut self) -> Option<Expr> {
        let (node, layer) = self.find("action")?;
        let mut page = self.page(&layer);
        match &node.value {
            Yaml::Text(text) if !text.trim().is_empty() => page.value(node, layer.names),
            Yaml::Map(_) => page.value(node, layer.names),
            Yaml::Text(_) | Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
                page.wrong_kind(
                    node,
                    "`action`",
                    "a name, such as BOOKING_CANCELLED, or a value that gives one",
                );
                None
            }
        }
    }

    fn target(&mut self, has_before: HasBefore) -> Option<TargetSpec> {
        let Some((node, layer)) = self.find_set("target") else {
            let is_default = self.find("target").is_none() && has_before == HasBefore::Yes;
            return is_default.then(TargetSpec::default);
        };
        let mut page = self.page(&layer);
        let node = page.mapping(node, "`target`", &["type", "id", "name"])?;
        let mut member = |key: &str| node.member(key).and_then(|node| page.value(node, layer.names));
        let target = TargetSpec { kind: member("type"), id: member("id"), name: member("name") };
        if has_before == HasBefore::No && layer.level != Level::Defaults {
            // Without an id it is the only one of its kind; without a type it is nothing.
            if node.member("type").is_none() {
                page.missing(node.span, "type", "`target`, without a `before` to take it from,");
            }
        }
        Some(target)
    }

    fn links(&mut self) -> Vec<LinkSpec> {
        let Some((node, layer)) = self.find_set("links") else { return Vec::new() };
        let mut page = self.page(&layer);
        let mut links = Vec::new();
        for item in page.list(node, "`links`") {
            let Some(item) = page.mapping(item, "a link", &["rel", "type", "id"]) else { continue };
            let mut member =
                |key| page.required(item, key, "a link").and_then(|node| page.value(node, layer.names));
            let (rel, kind, id) = (member("rel"), member("type"), member("id"));
            if let (Some(rel), Some(kind), Some(id)) = (rel, kind, id) {
                links.push(LinkSpec { rel, kind, id });
            }
        }
        links
    }

    fn person(&mut self, key: &str) -> Option<Vec<(String, Expr)>> {
        let (node, layer) = self.find_set(key)?;
        let conditions: Vec<Option<&Node>> =
            self.layers.iter().map(|layer| layer.node.member("when")).collect();
        let mut page = self.page(&layer);
        actors::refuse_untrusted_headers(node, &conditions, &mut page);
        Some(actors::members(node, &format!("`{key}`"), layer.names, &mut page))
    }

    fn result(&mut self) -> Option<Expr> {
        let (node, layer) = self.find_set("result")?;
        let mut page = self.page(&layer);
        refuse_other_results(node, &mut page);
        page.value(node, layer.names)
    }

    fn changes(&mut self) -> ChangeSpec {
        let Some((node, layer)) = self.find_set("changes") else { return ChangeSpec::Unsaid };
        let mut page = self.page(&layer);
        if node.as_map().is_none() {
            let fields = page.list(node, "`changes`").iter().filter_map(|item| {
                let field = page.text(item, "an element of `changes`")?;
                check_field(&field, item.span, &mut page).then_some(field)
            });
            return ChangeSpec::Fields(fields.collect());
        }
        let mut computed = Vec::new();
        for (key, node) in page.members(node, "`changes`").unwrap_or(&[]) {
            let what = format!("change `{}`", key.text);
            let Some(node) = page.mapping(node, &what, &["label", "before", "after"]) else { continue };
            if node.member("before").is_none() && node.member("after").is_none() {
                page.missing(node.span, "after", &what);
            }
            let mut member = |key: &str| node.member(key).and_then(|node| page.value(node, layer.names));
            let (label, before, after) = (member("label"), member("before"), member("after"));
            computed.push(ComputedChange { field: key.text.clone(), label, before, after });
        }
        ChangeSpec::Computed(computed)
    }

    fn details(&mut self) -> Vec<(String, Expr)> {
        let Some((node, layer)) = self.find_set("details") else { return Vec::new() };
        self.page(&layer).values(node, "`details`", layer.names)
    }

    fn scope(&mut self) -> (Option<Expr>, Option<Expr>) {
        let Some((node, layer)) = self.find_set("scope") else { return (None, None) };
        let mut page = self.page(&layer);
        let Some(node) = page.mapping(node, "`scope`", &["organization", "team"]) else {
            return (None, None);
        };
        let mut member = |key: &str| node.member(key).and_then(|node| page.value(node, layer.names));
        (member("organization"), member("team"))
    }

    fn raw(&mut self) -> Vec<Path> {
        let Some((node, layer)) = self.find_set("raw") else { return Vec::new() };
        let mut page = self.page(&layer);
        let items = page.list(node, "`raw`");
        items.iter().filter_map(|item| page.path(item, "an element of `raw`", layer.names)).collect()
    }

    fn tags(&mut self) -> Vec<String> {
        let Some((node, layer)) = self.find_set("tags") else { return Vec::new() };
        self.page(&layer).texts(node, "`tags`")
    }
}

/// The fields whose changes an entry takes for its own, because it fires on them or goes through them.
fn carries(when: Option<&Node>, each: Option<&Node>) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let conditions = when.map(|node| node.as_list().unwrap_or(std::slice::from_ref(node))).unwrap_or(&[]);
    for changed in conditions.iter().filter_map(|condition| condition.member("changed")) {
        let names = changed.as_list().unwrap_or(std::slice::from_ref(changed));
        fields.extend(names.iter().filter_map(Node::as_text).map(str::to_owned));
    }
    if let Some(rest) = each.and_then(Node::as_text).and_then(|text| text.strip_prefix("$.changes")) {
        let field = match rest.strip_prefix(['.']) {
            Some(rest) => rest.split(['.', '[']).next(),
            None => rest
                .strip_prefix("['")
                .or_else(|| rest.strip_prefix("[\""))
                .and_then(|r| r.split(['\'', '"']).next()),
        };
        fields.extend(field.filter(|field| !field.is_empty()).map(str::to_owned));
    }
    fields.sort();
    fields.dedup();
    fields
}

/// E03 for a literal that is none of the four.
fn refuse_other_results(node: &Node, page: &mut Page<'_>) {
    match &node.value {
        Yaml::Text(text) if text.starts_with('$') || text.contains("{{") || text.contains("{%") => {}
        Yaml::Text(text) => {
            if Outcome::parse(text).is_none() {
                let cure = "write one of success, failure, denied, unknown";
                page.error("E03", node.span, &format!("`{text}` is no result"), cure);
            }
        }
        Yaml::Map(members) => {
            for (key, node) in members {
                match key.text.as_str() {
                    "first" | "value" => refuse_other_results(node, page),
                    _ => {}
                }
            }
        }
        Yaml::List(items) => items.iter().for_each(|item| refuse_other_results(item, page)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {
            page.wrong_kind(node, "`result`", "one of success, failure, denied, unknown");
        }
    }
}

/// Keys of an entry that `defaults` may hold too.
pub(in crate::rules::load) const INHERITED: [&str; 18] = [
    "title",
    "message",
    "type",
    "category",
    "source",
    "api_kind",
    "target",
    "links",
    "actor",
    "on_behalf_of",
    "result",
    "error",
    "reason",
    "details",
    "scope",
    "raw",
    "tags",
    "docs",
];

/// Keys of an entry that only the rule may hold too.
pub(super) const OWN: [&str; 4] = ["action", "changes", "when", "for_each"];
