//! What of the rules is compared when they change: kept as text, so that what was in force before a restart can be
//! compared too. Pure. It holds names, words and hashes, and no value of anybody's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::retention::RetentionSummary;
use crate::config::{Approval, Erasure, Retention};
use crate::rules::model::{
    Alias, ChangeSpec, Entry, Exclusion, Guarantee, Mode, OnFailure, Pack, RedactTarget, Rule, RuleSet,
    path_of,
};

/// The rules of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Of all packs together.
    pub(super) version: String,
    /// By name.
    pub(super) packs: BTreeMap<String, PackSummary>,
    /// By their full ids.
    pub(super) rules: BTreeMap<String, RuleSummary>,
    /// What may leave the log; none where that is not known.
    #[serde(default)]
    pub(super) retention: Option<RetentionSummary>,
    /// What an erasure needs; none where that is not known.
    #[serde(default)]
    pub(super) erasure: Option<Holdings>,
}

/// One pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackSummary {
    pub(super) version: String,
    /// As they were named when they were read.
    pub(super) files: Vec<String>,
    pub(super) holds: Holdings,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleSummary {
    pub(super) digest: String,
    /// `mode` and the like, by key: the word, and how strong it is.
    pub(super) grades: BTreeMap<String, (u8, String)>,
    pub(super) holds: Holdings,
}

/// Elements of lists, by the key that they stand under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holdings {
    /// What records more, or shows less, as long as it is there.
    pub(super) strengthening: BTreeMap<String, BTreeSet<String>>,
    /// What records less, or shows more.
    pub(super) weakening: BTreeMap<String, BTreeSet<String>>,
}

impl Summary {
    /// Of these rules.
    pub(super) fn of(rules: &RuleSet) -> Summary {
        let all = rules.packs.iter().flat_map(|pack| &pack.rules);
        Summary {
            version: rules.version(),
            packs: rules.packs.iter().map(|pack| (pack.name.clone(), of_pack(pack))).collect(),
            rules: all.map(|rule| (rule.id.clone(), of_rule(rule))).collect(),
            retention: None,
            erasure: None,
        }
    }

    /// The same with what may leave the log.
    pub(super) fn with_retention(self, retention: &Retention) -> Summary {
        Summary { retention: Some(RetentionSummary::of(retention)), ..self }
    }

    /// The same with what an erasure needs.
    pub(super) fn with_erasure(self, erasure: &Erasure) -> Summary {
        let mut holds = Holdings::default();
        match erasure.approval {
            Approval::None => {}
            Approval::Required => holds.strengthen("approval", "required".to_owned()),
        }
        for file in &erasure.files {
            holds.strengthen("files", file.display().to_string());
        }
        Summary { erasure: Some(holds), ..self }
    }
}

fn of_pack(pack: &Pack) -> PackSummary {
    let mut holds = Holdings::default();
    for alias in &pack.aliases {
        holds.strengthen("aliases", self::alias(alias));
    }
    for spot in &pack.blind_spots {
        holds.strengthen("blind_spots", spot.to_string());
    }
    for target in &pack.redact {
        holds.strengthen("redact", redacted(target));
    }
    for Exclusion { line: excluded, operations } in &pack.exclude {
        let operations =
            if operations.is_empty() { String::new() } else { format!(" {}", operations.join(", ")) };
        holds.weaken("exclude", format!("{excluded}{operations}"));
    }
    for path in &pack.reveal {
        holds.weaken("reveal", path.text.clone());
    }
    for resource in &pack.resources {
        if resource.tells_drift {
            holds.strengthen("drift", resource.name.clone());
        }
        for field in &resource.ignore {
            holds.weaken(&format!("resources[{}].ignore", resource.name), field.clone());
        }
    }
    PackSummary { version: pack.version.clone(), files: pack.files.clone(), holds }
}

fn of_rule(rule: &Rule) -> RuleSummary {
    let grades = [
        ("mode", mode(rule.mode)),
        ("guarantee", guarantee(rule.guarantee)),
        ("on_failure", on_failure(rule.on_failure)),
    ];
    let mut holds = Holdings::default();
    for target in &rule.redact {
        holds.strengthen("redact", redacted(target));
    }
    if rule.refuses_websocket {
        holds.strengthen("websocket", "refuse".to_owned());
    }
    for entry in rule.entries.iter().chain(&rule.otherwise) {
        for field in changes(rule, entry) {
            holds.strengthen("changes", field);
        }
    }
    let grade = |(key, (rank, word)): (&str, (u8, &str))| (key.to_owned(), (rank, word.to_owned()));
    RuleSummary { digest: rule.digest.clone(), grades: grades.into_iter().map(grade).collect(), holds }
}

impl Holdings {
    pub(super) fn strengthen(&mut self, key: &str, element: String) {
        self.strengthening.entry(key.to_owned()).or_default().insert(element);
    }

    pub(super) fn weaken(&mut self, key: &str, element: String) {
        self.weakening.entry(key.to_owned()).or_default().insert(element);
    }
}

/// The fields whose changes an entry keeps.
fn changes(rule: &Rule, entry: &Entry) -> Vec<String> {
    match &entry.changes {
        ChangeSpec::Fields(fields) => fields.clone(),
        ChangeSpec::Computed(computed) => computed.iter().map(|one| one.field.clone()).collect(),
        // Only where there is something to compare.
        ChangeSpec::Unsaid if entry.carries.is_empty() && (rule.before.is_some() || rule.after.is_some()) => {
            vec![ALL_CHANGES.to_owned()]
        }
        ChangeSpec::Unsaid => entry.carries.clone(),
    }
}

/// The more, the stronger.
fn mode(mode: Mode) -> (u8, &'static str) {
    let rank = match mode {
        Mode::Disabled => 0,
        Mode::Shadow => 1,
        Mode::Record => 2,
    };
    (rank, mode.as_str())
}

fn guarantee(guarantee: Guarantee) -> (u8, &'static str) {
    let rank = match guarantee {
        Guarantee::Buffered => 0,
        Guarantee::Durable => 1,
    };
    (rank, guarantee.as_str())
}

fn on_failure(on_failure: Option<OnFailure>) -> (u8, &'static str) {
    let on_failure = on_failure.unwrap_or(OnFailure::Allow);
    let rank = match on_failure {
        OnFailure::Allow => 0,
        OnFailure::Refuse => 1,
    };
    (rank, on_failure.as_str())
}

fn redacted(target: &RedactTarget) -> String {
    match target {
        RedactTarget::Name(name) => name.clone(),
        RedactTarget::Path(path) => path.text.clone(),
    }
}

fn alias(alias: &Alias) -> String {
    match alias {
        Alias::Prefix(segments) => path_of(segments),
        Alias::Suffix(suffix) => suffix.clone(),
    }
}

/// In the place of names where a rule keeps whatever differs.
pub(super) const ALL_CHANGES: &str = "all that differs";
