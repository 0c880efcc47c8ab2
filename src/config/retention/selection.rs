//! Which events: the members of a `filter`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::event::Outcome;
use crate::yaml::{Key, Node, Problems, nearest};

use super::super::settings::Setting;

/// Which events. Members of different kinds must all hold, values of one kind are alternatives; no member at all is
/// every event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// An actor's id, e-mail or name.
    pub actor: Vec<String>,
    /// Action.
    pub action: Vec<String>,
    /// Type.
    pub kind: Vec<String>,
    /// Category.
    pub category: Vec<String>,
    /// Source.
    pub source: Vec<String>,
    /// Result.
    pub result: Vec<Outcome>,
    /// Type of the target.
    pub target_type: Vec<String>,
    /// Identifier of the target.
    pub target_id: Vec<String>,
    /// Organization.
    pub organization: Vec<String>,
    /// Team.
    pub team: Vec<String>,
    /// Tag: a plan, say, that a rule has set.
    pub tag: Vec<String>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

/// Reads a filter; `of` is whose it is.
pub(super) fn selection(setting: &Setting<'_>, of: &str, node: &Node, problems: &mut Problems) -> Selection {
    let mut selection = Selection::default();
    let Some(members) = node.as_map() else {
        let what = format!("has, in {of}, a `filter` that is {}, not a mapping", node.kind());
        setting.wrong_at(node.span, problems, &what, EXAMPLE);
        return selection;
    };
    for (key, node) in members {
        member(setting, &mut selection, key, node, problems);
    }
    if let (Some(from), Some(to)) = (selection.from, selection.to)
        && from >= to
    {
        let what = format!("has, in {of}, a filter whose `to` is not after its `from`");
        setting.wrong_at(node.span, problems, &what, "write the earlier one as `from`");
    }
    selection
}

fn member(setting: &Setting<'_>, selection: &mut Selection, key: &Key, node: &Node, problems: &mut Problems) {
    let list = match key.text.as_str() {
        "actor" => &mut selection.actor,
        "action" => &mut selection.action,
        "type" => &mut selection.kind,
        "category" => &mut selection.category,
        "source" => &mut selection.source,
        "target_type" => &mut selection.target_type,
        "target_id" => &mut selection.target_id,
        "organization" => &mut selection.organization,
        "team" => &mut selection.team,
        "tag" => &mut selection.tag,
        "result" => return results(setting, selection, node, problems),
        "from" => return selection.from = time(setting, "from", node, problems),
        "to" => return selection.to = time(setting, "to", node, problems),
        unknown => {
            let cure = match nearest(unknown, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", KEYS.join(", ")),
            };
            let message = format!("unknown key `{unknown}` in a `filter` of `{}`", setting.key);
            problems.error("E02", setting.source, key.span, message).cure(cure);
            return;
        }
    };
    list.extend(values(setting, &key.text, node, problems));
}

/// One text, or a list of such. None at all would be every event, which nobody means who writes the key.
fn values(setting: &Setting<'_>, key: &str, node: &Node, problems: &mut Problems) -> Vec<String> {
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    let texts: Vec<Option<&str>> =
        nodes.iter().map(|node| node.as_text().map(str::trim).filter(|text| !text.is_empty())).collect();
    if texts.is_empty() || texts.contains(&None) || texts.len() > VALUES_MAX {
        let what = format!("has a filter whose `{key}` is not one text or a list of up to {VALUES_MAX}");
        setting.wrong_at(node.span, problems, &what, EXAMPLE);
        return Vec::new();
    }
    let distinct: BTreeSet<&str> = texts.into_iter().flatten().collect();
    distinct.into_iter().map(str::to_owned).collect()
}

fn results(setting: &Setting<'_>, selection: &mut Selection, node: &Node, problems: &mut Problems) {
    for value in values(setting, "result", node, problems) {
        match Outcome::parse(&value.to_ascii_lowercase()) {
            Some(result) => selection.result.push(result),
            None => {
                let what = format!("has a filter whose `result` is `{value}`");
                setting.wrong_at(
                    node.span,
                    problems,
                    &what,
                    "write `success`, `failure`, `denied` or `unknown`",
                );
            }
        }
    }
}

/// A time, or a date, which is its first moment in UTC.
pub(super) fn time(
    setting: &Setting<'_>,
    key: &str,
    node: &Node,
    problems: &mut Problems,
) -> Option<Timestamp> {
    let text = node.as_text().map(str::trim).unwrap_or_default();
    let date = |text: &str| Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let parsed = if text.len() == "2026-01-31".len() { date(text) } else { text.parse().ok() };
    if parsed.is_none() {
        let what = format!("has a `{key}` that is neither a time nor a date");
        setting.wrong_at(node.span, problems, &what, "write `2026-01-31` or `2026-01-31T08:00:00Z`");
    }
    parsed
}

const EXAMPLE: &str = "write such as `filter: { category: [BOOKING], organization: [acme] }`";
const KEYS: [&str; 13] = [
    "actor",
    "action",
    "type",
    "category",
    "source",
    "result",
    "target_type",
    "target_id",
    "organization",
    "team",
    "tag",
    "from",
    "to",
];
const VALUES_MAX: usize = 200;
