//! Policies and holds, as the operator lists them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::yaml::{Node, Problems, Yaml, nearest};

use super::super::settings::Setting;
use super::selection::{Selection, selection, time};

/// How long certain events are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// By which purges name it.
    pub name: String,
    /// Which events.
    pub filter: Selection,
    /// How long.
    pub keep: Keep,
}

/// How long events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing removes them.
    Forever,
    /// They may leave when they are older.
    For(Duration),
}

/// What nothing removes.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// By which it is told.
    pub name: String,
    /// Which events.
    pub filter: Selection,
    /// Until when; without it, as long as it stands here.
    pub until: Option<Timestamp>,
}

/// The list of policies. `is_rest_said` when `retention.keep` is there.
pub(super) fn policies(setting: &Setting<'_>, is_rest_said: bool, problems: &mut Problems) -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    let mut fits_all: Option<String> = None;
    for node in list(setting, problems) {
        let Some(name) = named(setting, node, &["name", "filter", "keep"], problems) else { continue };
        let of = format!("`{name}`");
        let filter = node.member("filter");
        let filter = filter.map(|node| selection(setting, &of, node, problems)).unwrap_or_default();
        let Some(keep) = node.member("keep").and_then(|node| keep(setting, node, problems)) else {
            if node.member("keep").is_none() {
                setting.wrong_at(node.span, problems, &format!("has a policy, {of}, without `keep`"), KEEP);
            }
            continue;
        };
        if let Some(earlier) = &fits_all {
            let what =
                format!("has a policy, {of}, that decides about nothing: `{earlier}` fits every event");
            setting.wrong_at(node.span, problems, &what, "put the one without a filter last");
        } else if filter == Selection::default() {
            fits_all = Some(name.clone());
        }
        policies.push(Policy { name, filter, keep });
    }
    if let (Some(name), true) = (fits_all, is_rest_said) {
        let what = format!("leaves nothing for `retention.keep`: `{name}` fits every event");
        setting.wrong(problems, &what, "remove one of the two");
    }
    unlike(setting, policies.iter().map(|policy| policy.name.as_str()), problems);
    policies
}

/// The list of holds.
pub(super) fn holds(setting: &Setting<'_>, problems: &mut Problems) -> Vec<Hold> {
    let mut holds = Vec::new();
    for node in list(setting, problems) {
        let Some(name) = named(setting, node, &["name", "filter", "until"], problems) else { continue };
        let Some(filter) = node.member("filter") else {
            let what = format!("has a hold, `{name}`, without `filter`");
            setting.wrong_at(node.span, problems, &what, "say what it holds; `filter: {}` is every event");
            continue;
        };
        let filter = selection(setting, &format!("`{name}`"), filter, problems);
        let until = node.member("until").and_then(|node| time(setting, "until", node, problems));
        holds.push(Hold { name, filter, until });
    }
    unlike(setting, holds.iter().map(|hold| hold.name.as_str()), problems);
    holds
}

/// `90d` or `forever`.
pub(super) fn keep(setting: &Setting<'_>, node: &Node, problems: &mut Problems) -> Option<Keep> {
    let text = node.as_text().map(str::trim);
    let days = text.and_then(|text| text.strip_suffix('d')?.trim_end().parse::<u64>().ok());
    match (text, days) {
        (Some("forever"), _) => Some(Keep::Forever),
        (_, Some(days)) if (1..=DAYS_MAX).contains(&days) => {
            Some(Keep::For(Duration::from_secs(days * 86_400)))
        }
        (_, _) => {
            setting.wrong_at(node.span, problems, "has a `keep` that is neither days nor `forever`", KEEP);
            None
        }
    }
}

fn list<'n>(setting: &Setting<'n>, problems: &mut Problems) -> &'n [Node] {
    match &setting.node.value {
        Yaml::List(nodes) if nodes.len() <= TERMS_MAX => nodes,
        Yaml::List(_) => {
            setting.wrong(problems, "has more than 100 elements", "join some of them");
            &[]
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            let what = format!("is {}, not a list", setting.node.kind());
            setting.wrong(problems, &what, "write it in the configuration file, one `- name: …` each");
            &[]
        }
    }
}

/// The name of an element; keys that it does not know are problems.
fn named(setting: &Setting<'_>, node: &Node, known: &[&str], problems: &mut Problems) -> Option<String> {
    for (key, _) in node.as_map().unwrap_or_default() {
        if !known.contains(&key.text.as_str()) {
            let cure = match nearest(&key.text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let message = format!("unknown key `{}` under `{}`", key.text, setting.key);
            problems.error("E02", setting.source, key.span, message).cure(cure);
        }
    }
    let name = node.member("name").and_then(Node::as_text).map(str::trim).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        let what = "has an element without a `name` of letters, digits and `-_.`";
        setting.wrong_at(node.span, problems, what, "name it: purges are told by it");
        return None;
    }
    if RESERVED.contains(&name) {
        let what = format!("has an element named `{name}`, which means something else in purges");
        setting.wrong_at(node.span, problems, &what, "choose another name");
    }
    Some(name.to_owned())
}

fn unlike<'a>(setting: &Setting<'_>, names: impl Iterator<Item = &'a str>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            setting.wrong(problems, &format!("names `{name}` twice"), "give each a name of its own");
        }
    }
}

const KEEP: &str = "write days, such as `keep: 90d`, up to 36500d, or `keep: forever`";
/// What purges call `retention.keep` and `retention.bytes_max`.
const RESERVED: [&str; 2] = ["keep", "bytes_max"];
const DAYS_MAX: u64 = 36_500;
const TERMS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 60;
