//! `retention`: what may leave the log, and when. Without it everything is kept for ever, which `/readyz` says.
//!
//! Which events a policy or a hold is about is written as in a question to the log; that it means the same here and
//! there is for the one who makes a filter of a [`Selection`]: nothing is matched here.

mod selection;
mod terms;
#[cfg(test)]
mod tests;

use jiff::civil::Time;

pub use selection::Selection;
pub use terms::{Hold, Keep, Policy};

use crate::yaml::Problems;

use super::bounds::{Range, Unit};
use super::check::number;
use super::settings::Settings;

/// What may leave the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// The first one whose filter fits an event decides about it.
    pub policies: Vec<Policy>,
    /// What is said of events that fit none.
    pub keep: Keep,
    /// What nothing removes, whatever else is said.
    pub holds: Vec<Hold>,
    /// The store on the disk: when it is larger, what says least leaves first.
    pub bytes_max: Option<u64>,
    /// When a pass begins, every day, in UTC.
    pub at: Time,
    /// A pass that would remove more of all events than so many percent asks first.
    pub share_max: u64,
    /// A disk of which so many percent are used is told.
    pub disk_max: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            policies: Vec::new(),
            keep: Keep::Forever,
            holds: Vec::new(),
            bytes_max: None,
            at: AT,
            share_max: SHARE_MAX.1,
            disk_max: DISK_MAX.1,
        }
    }
}

impl Retention {
    /// True when nothing ever leaves the log.
    pub fn keeps_everything(&self) -> bool {
        let forever = |keep: &Keep| *keep == Keep::Forever;
        self.bytes_max.is_none()
            && forever(&self.keep)
            && self.policies.iter().all(|policy| forever(&policy.keep))
    }
}

/// The section, with whatever of it is sound.
pub(super) fn retention(settings: &Settings, problems: &mut Problems) -> Retention {
    let default = Retention::default();
    let keep = settings.get("retention.keep", problems);
    let is_said = keep.is_some();
    let keep = keep.and_then(|setting| terms::keep(&setting, setting.node, problems));
    let policies = settings.get("retention.policies", problems);
    let policies = policies.map(|setting| terms::policies(&setting, is_said, problems)).unwrap_or_default();
    let holds = settings.get("retention.holds", problems);
    let holds = holds.map(|setting| terms::holds(&setting, problems)).unwrap_or_default();
    let bytes_max = settings.get("retention.bytes_max", problems).and_then(|setting| {
        let cure = format!("{}; without it there is no limit", BYTES_MAX.cure());
        number(&setting, BYTES_MAX, &cure, problems)
    });
    let mut percent = |name: &str, (range, default): (Range, u64)| {
        let cure = format!("write percent, from 1 to 100; the default is {default}");
        let number =
            settings.get(name, problems).and_then(|setting| number(&setting, range, &cure, problems));
        number.unwrap_or(default)
    };
    let (share_max, disk_max) =
        (percent("retention.share_max", SHARE_MAX), percent("retention.disk_max", DISK_MAX));
    Retention {
        policies,
        keep: keep.unwrap_or(default.keep),
        holds,
        bytes_max,
        at: at(settings, problems).unwrap_or(default.at),
        share_max,
        disk_max,
    }
}

fn at(settings: &Settings, problems: &mut Problems) -> Option<Time> {
    let setting = settings.get("retention.at", problems)?;
    let cure = "write hours and minutes in UTC, in quotes: `\"03:00\"`";
    let parsed = setting.text(problems, cure)?.split_once(':').and_then(|(hour, minute)| {
        let is_plain = [hour, minute].iter().all(|part| part.len() == 2);
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        is_plain.then(|| Time::new(hour, minute, 0, 0).ok()).flatten()
    });
    if parsed.is_none() {
        setting.wrong(problems, "is no time of day", cure);
    }
    parsed
}

/// The keys of the section.
pub(super) const KEYS: [&str; 7] = ["policies", "keep", "holds", "bytes_max", "at", "share_max", "disk_max"];
/// At night where most of the world's calendars are.
const AT: Time = Time::constant(3, 0, 0, 0);
const BYTES_MAX: Range = Range { unit: Unit::Bytes, least: 1 << 20, most: 1 << 50 };
/// And the default.
const SHARE_MAX: (Range, u64) = (PERCENT, 50);
/// And the default.
const DISK_MAX: (Range, u64) = (PERCENT, 80);
const PERCENT: Range = Range { unit: Unit::Count, least: 1, most: 100 };
