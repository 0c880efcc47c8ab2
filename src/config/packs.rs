//! `rules`: which packs are in force, and below which path the application of each lies.

use std::path::PathBuf;

use crate::yaml::{Node, Problems, Yaml};

use super::check::required;
use super::credentials::plain_path;
use super::settings::{Setting, Settings};

/// A rule pack, or a folder of such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackPlace {
    /// A folder or a single file.
    pub path: PathBuf,
    /// A path prefix in front of the application, which the rules leave out; empty for none.
    pub base: String,
    /// What the pack must be (its version, SHA-256 in hex), where the operator has said so (THREATS O01).
    pub version: Option<String>,
}

/// The packs of a configuration.
pub(super) fn rules(settings: &Settings, problems: &mut Problems) -> Vec<PackPlace> {
    let parse = |setting: &Setting<'_>, problems: &mut Problems| Some(places(setting, problems));
    let Some(places) = required(settings, "rules", "rules/", problems, parse) else {
        return Vec::new();
    };
    if let Some(setting) = settings.find("rules")
        && setting.node.as_list().is_some_and(<[_]>::is_empty)
    {
        setting.wrong(problems, "is empty: nothing would be recorded", CURE);
    }
    places
}

fn places(setting: &Setting<'_>, problems: &mut Problems) -> Vec<PackPlace> {
    let based = |node: &Node| matches!(node.value, Yaml::Map(_));
    let nodes = match setting.node.as_list() {
        Some(nodes) if nodes.iter().any(based) => nodes,
        None if based(setting.node) => std::slice::from_ref(setting.node),
        Some(_) | None => {
            let items = setting.items(&[',', ':'], problems, CURE);
            let place = |item: super::settings::Item| {
                let path = setting.path(&item.text);
                exists(&path, item.span, setting, problems);
                PackPlace { path, base: String::new(), version: None }
            };
            return items.into_iter().map(place).collect();
        }
    };
    nodes.iter().filter_map(|node| place(node, setting, problems)).collect()
}

/// `rules/x`, or `{ pack: rules/x, base: /app, version: 9c1f… }`.
fn place(node: &Node, setting: &Setting<'_>, problems: &mut Problems) -> Option<PackPlace> {
    for (key, _) in node.as_map().unwrap_or_default() {
        if !matches!(key.text.as_str(), "pack" | "base" | "version") {
            let message = format!("unknown key `{}` under `rules`", key.text);
            problems.error("E02", setting.source, key.span, message).cure(CURE);
        }
    }
    let named = if node.as_map().is_some() { node.member("pack") } else { Some(node) };
    let Some(text) = named.and_then(Node::as_text).map(str::trim).filter(|text| !text.is_empty()) else {
        setting.wrong_at(node.span, problems, "holds what names no pack", CURE);
        return None;
    };
    let path = setting.path(text);
    exists(&path, named.map_or(node.span, |node| node.span), setting, problems);
    let base = match node.member("base") {
        None => String::new(),
        Some(base) => base.as_text().and_then(plain_path).unwrap_or_else(|| {
            let cure = "write it from its slash, plainly: base: /app";
            setting.wrong_at(base.span, problems, "holds a `base` that is no path", cure);
            String::new()
        }),
    };
    let version = node.member("version").and_then(|version| {
        let text = version.as_text().filter(|text| text.len() == 64 && text.bytes().all(is_hex));
        if text.is_none() {
            let cure = "write the 64 digits that `earwitness serve --check` shows, in quotes";
            setting.wrong_at(version.span, problems, "holds a `version` that is none", cure);
        }
        text.map(str::to_owned)
    });
    Some(PackPlace { path, base, version })
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn exists(path: &std::path::Path, span: crate::yaml::Span, setting: &Setting<'_>, problems: &mut Problems) {
    if !path.exists() {
        let place = problems.error("C04", setting.source, span, format!("there is no {}", path.display()));
        place.cure("check the path; relative ones start from the configuration file's folder");
    }
}

const CURE: &str =
    "name folders of rules, or single files; with a path prefix: { pack: rules/x, base: /app }";
