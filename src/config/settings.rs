//! Settings as the operator wrote them, each with its place, from file and environment as one.
//!
//! What a setting means is not known here, only which keys there are, where the winner stands (the
//! environment wins over the file), and what kind of value it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::yaml::{Node, Problems, Source, Span, Yaml};

use super::bounds::BOUNDS;
use super::env::{Environment, variable};
use super::{erasure, oidc, retention, tls};

/// All that the operator wrote.
pub(super) struct Settings {
    /// The file, if there is one: its text as it may be shown, and its tree.
    pub(super) file: Option<(Arc<Source>, Node)>,
    /// The folder that relative paths in the file start from.
    pub(super) folder: PathBuf,
    /// The environment.
    pub(super) environment: Environment,
    /// Every variable of the process, for secrets that the file takes from there.
    pub(super) variables: Vec<(String, String)>,
}

/// One setting and where it stands.
#[derive(Clone)]
pub(super) struct Setting<'a> {
    pub(super) key: &'a str,
    pub(super) node: &'a Node,
    pub(super) source: &'a Arc<Source>,
    origin: Origin<'a>,
}

#[derive(Clone, Copy)]
enum Origin<'a> {
    /// Relative paths start from this folder.
    File(&'a Path),
    /// Relative paths start where the process does.
    Environment,
}

/// One element of a list setting.
pub(super) struct Item {
    pub(super) text: String,
    pub(super) span: Span,
}

/// Every key, dotted.
pub(super) fn keys() -> Vec<String> {
    let plain = TOP.iter().map(|key| (*key).to_owned());
    let inside = SECTIONS.iter().flat_map(|(name, keys)| keys.iter().map(move |key| format!("{name}.{key}")));
    let limits = BOUNDS.iter().map(|bound| format!("limits.{}", bound.name));
    plain.chain(inside).chain(limits).collect()
}

impl Settings {
    /// The setting of a dotted key, if it was given. A key without a value is a problem and counts as absent.
    pub(super) fn get<'a>(&'a self, key: &'a str, problems: &mut Problems) -> Option<Setting<'a>> {
        let setting = self.find(key)?;
        match &setting.node.value {
            Yaml::Null => {
                setting.wrong(problems, "has no value", "give it one, or remove it");
                None
            }
            Yaml::Text(text) if text.trim().is_empty() => {
                setting.wrong(problems, "is empty", "give it a value, or remove it");
                None
            }
            Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => Some(setting),
        }
    }

    /// Where the setting of a dotted key stands, whatever it holds.
    pub(super) fn find<'a>(&'a self, key: &'a str) -> Option<Setting<'a>> {
        if let Some(node) = self.environment.get(key) {
            return Some(Setting {
                key,
                node,
                source: &self.environment.source,
                origin: Origin::Environment,
            });
        }
        let (source, root) = self.file.as_ref()?;
        let node = key.split('.').try_fold(root, |node, name| node.member(name))?;
        Some(Setting { key, node, source, origin: Origin::File(&self.folder) })
    }

    /// Says that a key must be given, with an example.
    pub(super) fn missing(&self, key: &str, example: &str, problems: &mut Problems) {
        let source = self.file.as_ref().map_or(&self.environment.source, |(source, _)| source);
        problems
            .error("E04", source, Span::default(), format!("`{key}` is missing"))
            .cure(format!("add `{key}: {example}`, or set {}", variable(key)));
    }
}

impl Setting<'_> {
    /// Says what is wrong with it: "`listen` is …".
    pub(super) fn wrong(&self, problems: &mut Problems, what: &str, cure: &str) {
        self.wrong_at(self.node.span, problems, what, cure);
    }

    /// As [`Setting::wrong`], about a part of it.
    pub(super) fn wrong_at(&self, span: Span, problems: &mut Problems, what: &str, cure: &str) {
        problems.error("E03", self.source, span, format!("`{}` {what}", self.key)).cure(cure);
    }

    /// The text, if it is one.
    pub(super) fn text(&self, problems: &mut Problems, cure: &str) -> Option<&str> {
        let text = self.node.as_text();
        if text.is_none() {
            self.wrong(problems, &format!("is {}, not text", self.node.kind()), cure);
        }
        text.map(str::trim)
    }

    /// Whether it is `true`; anything but `true` and `false` is a problem.
    pub(super) fn flag(&self, problems: &mut Problems) -> bool {
        match &self.node.value {
            Yaml::Bool(flag) => *flag,
            Yaml::Text(text) if text.trim() == "true" => true,
            Yaml::Text(text) if text.trim() == "false" => false,
            Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
                self.wrong(problems, "is neither `true` nor `false`", "write `true` or `false`");
                false
            }
        }
    }

    /// The elements: of a list of texts, or one text, which in the environment is split at `separators`.
    pub(super) fn items(&self, separators: &[char], problems: &mut Problems, cure: &str) -> Vec<Item> {
        match (&self.node.value, self.origin) {
            (Yaml::List(nodes), _) => {
                nodes.iter().filter_map(|node| self.item(node, problems, cure)).collect()
            }
            (Yaml::Text(text), Origin::Environment) => split(text, self.node.span, separators),
            (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_), _) => {
                self.item(self.node, problems, cure).into_iter().collect()
            }
        }
    }

    fn item(&self, node: &Node, problems: &mut Problems, cure: &str) -> Option<Item> {
        let text = node.as_text().map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong_at(node.span, problems, &format!("holds {}, not text", node.kind()), cure);
        }
        text.map(|text| Item { text: text.to_owned(), span: node.span })
    }

    /// A path as the process can use it.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match self.origin {
            Origin::File(folder) => folder.join(text),
            Origin::Environment => PathBuf::from(text),
        }
    }
}

fn split(text: &str, span: Span, separators: &[char]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = span.start;
    for part in text.split(separators) {
        let blanks = part.len() - part.trim_start().len();
        let trimmed = part.trim();
        if !trimmed.is_empty() {
            let start = at + blanks;
            items.push(Item { text: trimmed.to_owned(), span: Span { start, end: start + trimmed.len() } });
        }
        at += part.len() + 1;
    }
    items
}

/// Keys at the top that hold a value.
pub(super) const TOP: [&str; 14] = [
    "listen",
    "upstream",
    "upstream_http2",
    "data_dir",
    "key_file",
    "signing_key_file",
    "rules",
    "trusted_proxies",
    "proxy_protocol",
    "methods",
    "workers",
    "watch",
    "trace_context",
    "on_failure",
];
/// Keys that hold other keys, but for `limits` and `credentials`, which know their own.
pub(super) const SECTIONS: [(&str, &[&str]); 8] = [
    ("admin", &["listen", "token", "tokens_file", "hosts", "origins", "address", "embed"]),
    ("checkpoints", &["files", "webhooks"]),
    ("erasure", &erasure::KEYS),
    ("oidc", &oidc::KEYS),
    ("retention", &retention::KEYS),
    ("telemetry", &["otlp", "sample_ratio", "headers_file"]),
    ("tls", &tls::KEYS),
    ("upstream_tls", &["ca", "server_name", "certificate", "key", "insecure"]),
];
