//! From what partitions hold to what leaves them now. Pure: the same plan is shown by a dry run and carried out.
//!
//! By age, an event leaves when its policy says so. When the store is still too large then, noise leaves, the oldest
//! first: at first that of doers who have made more of it than their equal share, so that who floods the log pushes
//! out himself and nobody else; only then everybody's (THREATS E46). What is no noise no size removes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::survey::Survey;
use super::terms::{Fate, Terms, doer, is_noise, tells};
use crate::event::Event;

/// What would leave the log at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The moment against which ages count.
    pub now: Option<Timestamp>,
    /// Oldest first; of a long list the first.
    pub partitions: Vec<Leaving>,
    /// Events that leave them.
    pub events: u64,
    /// By policy.
    pub policies: BTreeMap<String, u64>,
    /// All events of the log that are in the store.
    pub total: u64,
    /// Of those, what holds and policies keep for ever.
    pub held: u64,
    /// By category; those without have an empty name.
    pub categories: BTreeMap<String, u64>,
    /// The store on the disk.
    pub bytes: u64,
    /// What it would be afterwards, about.
    pub bytes_after: u64,
    /// When something may leave next by age.
    pub next: Option<Timestamp>,
    /// True when more is to leave than one pass removes.
    pub is_cut: bool,
}

/// What would leave a partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Its first sequence.
    pub first: u64,
    /// Its last one.
    pub last: u64,
    /// How many of its events leave.
    pub events: u64,
    /// By policy.
    pub policies: BTreeMap<String, u64>,
    /// True when nothing of it stays.
    pub is_whole: bool,
    /// What its removal gives back, about.
    pub bytes: u64,
    /// What it takes on the disk.
    #[serde(skip)]
    pub(super) bytes_before: u64,
    #[serde(skip)]
    pub(super) cut: Cut,
}

/// Which events leave a partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cut {
    pub(super) now_ms: i64,
    pub(super) size: Size,
    /// The day that none of the partition's events is taken to be before.
    pub(super) floor: i64,
}

/// What leaves for the sake of the store's size.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Size {
    /// Nothing.
    #[default]
    Fits,
    /// The noise of these.
    Of(BTreeSet<String>),
    /// All noise.
    Noise,
}

/// A partition as the plan sees it.
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: u64,
    /// On the disk.
    pub(super) bytes: u64,
    pub(super) survey: Survey,
    pub(super) floor: i64,
    /// False for the newest as long as its day lasts: it is written.
    pub(super) may_leave: bool,
}

impl Cut {
    /// The policy by which an event of that day leaves; `None` when it stays.
    pub(super) fn policy<'t>(&self, terms: &'t Terms, event: &Event, day: i64) -> Option<&'t str> {
        if tells(event) {
            return None;
        }
        let held_ms = match terms.fate(event, day) {
            Fate::Leaves { policy, at_ms, .. } if at_ms <= self.now_ms => return Some(terms.name_of(policy)),
            Fate::Leaves { held_ms, .. } | Fate::Stays { held_ms } => held_ms,
            Fate::Held => return None,
        };
        let is_taken = held_ms <= self.now_ms
            && match &self.size {
                Size::Fits => false,
                Size::Of(doers) => is_noise(event) && doers.contains(&doer(event)),
                Size::Noise => is_noise(event),
            };
        is_taken.then_some(SIZE)
    }
}

/// The plan for that moment. `parts` are in the order of their sequences.
pub(super) fn plan(parts: &[Part], terms: &Terms, now: Timestamp) -> Plan {
    let now_ms = now.as_millisecond();
    let mut leaving: Vec<Leaving> = parts.iter().map(|part| by_age(part, terms, now_ms)).collect();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let freed: u64 = leaving.iter().map(|one| one.bytes).sum();
    if let Some(bytes_max) = terms.bytes_max {
        by_size(parts, &mut leaving, now_ms, bytes.saturating_sub(freed).saturating_sub(bytes_max));
    }
    leaving.retain(|one| one.events > 0);
    let is_cut = leaving.len() > PARTITIONS_MAX;
    leaving.truncate(PARTITIONS_MAX);
    let (mut policies, mut categories) = (BTreeMap::new(), BTreeMap::new());
    for (policy, count) in leaving.iter().flat_map(|one| &one.policies) {
        *policies.entry(policy.clone()).or_default() += count;
    }
    for (category, count) in parts.iter().flat_map(|part| &part.survey.categories) {
        *categories.entry(category.clone()).or_default() += count;
    }
    let next_ms = parts.iter().filter_map(|part| part.survey.next_ms(now_ms)).min();
    Plan {
        now: Some(now),
        events: leaving.iter().map(|one| one.events).sum(),
        policies,
        total: parts.iter().map(|part| part.survey.events).sum(),
        held: parts.iter().map(|part| part.survey.held).sum(),
        categories,
        bytes,
        bytes_after: bytes - leaving.iter().map(|one| one.bytes).sum::<u64>().min(bytes),
        next: next_ms.and_then(|next_ms| Timestamp::from_millisecond(next_ms).ok()),
        is_cut,
        partitions: leaving,
    }
}

fn by_age(part: &Part, terms: &Terms, now_ms: i64) -> Leaving {
    let mut leaving = Leaving {
        first: part.first,
        last: part.last,
        events: 0,
        policies: BTreeMap::new(),
        is_whole: false,
        bytes: 0,
        bytes_before: part.bytes,
        cut: Cut { now_ms, size: Size::Fits, floor: part.floor },
    };
    let due = if part.may_leave { part.survey.due(now_ms) } else { BTreeMap::new() };
    for (policy, count) in due {
        leaving.add(part, terms.name_of(policy), count);
    }
    leaving
}

/// Lets noise leave until that many bytes are given back, or there is no more of it.
fn by_size(parts: &[Part], leaving: &mut [Leaving], now_ms: i64, mut bytes: u64) {
    let noise: Vec<BTreeMap<&str, u64>> = parts
        .iter()
        .map(|part| if part.may_leave { part.survey.noise(now_ms) } else { BTreeMap::new() })
        .collect();
    let mut doers: BTreeMap<&str, u64> = BTreeMap::new();
    for (doer, count) in noise.iter().flatten() {
        *doers.entry(doer).or_default() += count;
    }
    let fair = doers.values().sum::<u64>() / u64::try_from(doers.len().max(1)).unwrap_or(1);
    let heavy: BTreeSet<String> = doers
        .iter()
        .filter(|(doer, count)| **count > fair && !doer.is_empty())
        .map(|(doer, _)| (*doer).to_owned())
        .collect();
    for size in [Size::Of(heavy), Size::Noise] {
        for ((part, one), noise) in parts.iter().zip(leaving.iter_mut()).zip(&noise) {
            if bytes == 0 {
                return;
            }
            let taken = match &size {
                Size::Fits => 0,
                Size::Of(heavy) => {
                    noise.iter().filter(|(doer, _)| heavy.contains(**doer)).map(|(_, count)| count).sum()
                }
                Size::Noise => noise.values().sum::<u64>(),
            };
            let before = one.policies.remove(SIZE).unwrap_or(0);
            one.events -= before;
            let bytes_before = one.bytes;
            one.add(part, SIZE, taken);
            if taken > 0 {
                one.cut.size = size.clone();
            }
            bytes = bytes.saturating_sub(one.bytes.saturating_sub(bytes_before));
        }
    }
}

impl Leaving {
    fn add(&mut self, part: &Part, policy: &str, count: u64) {
        if count == 0 {
            return;
        }
        self.events += count;
        self.policies.insert(policy.to_owned(), count);
        self.is_whole = self.events >= part.survey.events;
        let share = u128::from(part.bytes) * u128::from(self.events) / u128::from(part.survey.events.max(1));
        self.bytes = u64::try_from(share).unwrap_or(part.bytes).min(part.bytes);
    }
}

/// What purges call the key that limits the size.
const SIZE: &str = "bytes_max";
/// Partitions that one pass removes events from: what a mistake costs before somebody sees the first purge.
const PARTITIONS_MAX: usize = 100;
