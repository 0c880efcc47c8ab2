//! What retention tells of itself, and what it keeps for the next start: `retention.json` in the data directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clock::Anchor;
use super::disk::Disk;
use super::terms;
use crate::config::Retention;
use crate::store::Plan;

/// What is told.
#[derive(Clone, Debug)]
pub(in crate::app) struct Told {
    pub(super) retention: Retention,
    pub(super) last: Option<Last>,
    pub(super) next: Option<Timestamp>,
    pub(super) plan: Option<Plan>,
    /// Why nothing is removed until somebody confirms the plan.
    pub(super) asks: Option<String>,
    /// What did not come to its end when it was tried last, and why.
    pub(super) failed: BTreeMap<Step, String>,
    pub(super) disk: Option<Disk>,
    /// How many passes are under way, or wait for their turn.
    pub(super) passes: u32,
}

/// What can fail by itself, and is well again when it has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Going on with a purge that was told.
    Resume,
    /// Making a plan.
    Plan,
    /// A pass.
    Pass,
}

/// The last pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Last {
    /// When it ended.
    pub(super) at: Timestamp,
    /// How many events it has removed.
    pub(super) events: u64,
    /// From how many partitions.
    pub(super) partitions: u64,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// When the clock was believed last.
    pub(super) anchor: Option<Anchor>,
    /// The last pass.
    pub(super) last: Option<Last>,
    /// How many events its last purge has, where it was told and could not be carried out yet.
    #[serde(default)]
    pub(super) left: Option<u64>,
}

impl Told {
    /// Before anything was looked at.
    pub(super) fn of(retention: &Retention) -> Told {
        Told {
            retention: retention.clone(),
            last: None,
            next: None,
            plan: None,
            asks: None,
            failed: BTreeMap::new(),
            disk: None,
            passes: 0,
        }
    }

    /// Says what the last pass was, and when the next one is: after that one, or after now where there was none.
    pub(super) fn schedule(&mut self, last: Option<Last>, now: Timestamp) {
        let after = last.as_ref().map_or(now, |last| last.at.min(now));
        self.last = last;
        self.next = next(after, self.retention.at).filter(|_| !self.retention.keeps_everything());
    }

    /// For `/readyz`: what somebody should know, a sentence each.
    pub(in crate::app) fn troubles(&self) -> Vec<String> {
        let asks = self
            .asks
            .iter()
            .map(|why| format!("retention removes nothing until somebody confirms it: {why}"));
        let failed = self.failed.values().map(|why| format!("retention: {why}"));
        let disk = self.disk.filter(|disk| disk.is_filling(self.retention.disk_max));
        let disk = disk.map(|disk| format!("{} % of the disk of the log are used", disk.used_percent));
        asks.chain(failed).chain(disk).collect()
    }

    /// For `/readyz`: in a word or two.
    pub(in crate::app) fn summary(&self) -> &'static str {
        match (self.retention.keeps_everything(), &self.asks) {
            (true, _) => "keeps everything",
            (false, None) => "removes what its policies let go",
            (false, Some(_)) => "waits for somebody to confirm",
        }
    }

    /// For `GET /audit/v1/retention`.
    pub(super) fn to_json(&self) -> Value {
        let Value::Object(mut told) = terms::told(&self.retention) else { return Value::Null };
        let id = self.plan.as_ref().map(id);
        let mut plan = json!(self.plan);
        if let (Some(plan), Some(id)) = (plan.as_object_mut(), &id) {
            plan.insert("id".to_owned(), json!(id));
        }
        let failed: Vec<&str> = self.failed.values().map(String::as_str).collect();
        let more = [
            ("last", json!(self.last)),
            ("next", json!(self.next)),
            ("disk", json!(self.disk)),
            ("asks", json!(self.asks)),
            ("failed", json!((!failed.is_empty()).then(|| failed.join("; ")))),
            ("isPassing", json!(self.passes > 0)),
            ("plan", plan),
        ];
        told.extend(more.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(told)
    }
}

/// By what a plan is confirmed: the same for the same events of the same partitions.
pub(super) fn id(plan: &Plan) -> String {
    let parts = plan.partitions.iter().map(|one| format!("{}:{}:{:?};", one.first, one.events, one.policies));
    let digest = Sha256::digest(parts.collect::<String>());
    digest.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The first moment after `after` that has this time of day, in UTC.
pub(super) fn next(after: Timestamp, at: Time) -> Option<Timestamp> {
    let day = after.to_zoned(TimeZone::UTC).date();
    let days = [Some(day), day.tomorrow().ok()].into_iter().flatten();
    let mut times =
        days.filter_map(|day| Some(day.to_datetime(at).to_zoned(TimeZone::UTC).ok()?.timestamp()));
    times.find(|time| *time > after)
}

/// What the last process has kept; nothing where that cannot be read, which is told.
pub(super) fn read(data_dir: &Path) -> Kept {
    let path = data_dir.join(FILE);
    let read = fs::read(&path).and_then(|text| Ok(serde_json::from_slice(&text)?));
    match read {
        Ok(kept) => kept,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, path = %path.display(), "when events were last removed is not known");
            }
            Kept::default()
        }
    }
}

/// Keeps it for the next start, whole or not at all.
pub(super) fn write(data_dir: &Path, kept: &Kept) {
    let path = data_dir.join(FILE);
    let fresh = path.with_extension("new");
    let text = serde_json::to_vec(kept).unwrap_or_default();
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "the state of retention cannot be kept");
    }
}

const FILE: &str = "retention.json";
const ID_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_pass_is_at_its_time_of_day() {
        let check = |after: &str, hour: i8, expected: &str| {
            let next = next(after.parse().unwrap(), Time::constant(hour, 0, 0, 0)).unwrap();
            assert_eq!(next.to_string(), expected);
        };
        check("2026-01-31T02:59:59Z", 3, "2026-01-31T03:00:00Z");
        check("2026-01-31T03:00:00Z", 3, "2026-02-01T03:00:00Z");
        check("2026-12-31T23:00:00Z", 0, "2027-01-01T00:00:00Z");
    }
}
