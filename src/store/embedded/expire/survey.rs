//! What a partition holds, counted once: how many of its events may leave when, by which policy, and how many are
//! noise, and whose. As long as the partition and the terms are the same, a plan for any moment follows from it.

use std::collections::BTreeMap;

use super::terms::{Fate, Terms, doer, is_noise, tells};
use crate::event::Event;

/// The counts of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// How many the partition held when it was counted: one that has grown is counted anew.
    pub(super) of: u64,
    /// Events that were looked at.
    pub(super) events: u64,
    /// By when, in milliseconds since 1970, and policy.
    pub(super) leaving: BTreeMap<(i64, usize), u64>,
    /// The same of events that tell of purges: they leave with the last of the others only, for they are told again
    /// then.
    pub(super) telling: BTreeMap<(i64, usize), u64>,
    /// Noise that no policy has removed yet, by when it leaves of itself (the last moment: never), when the last hold
    /// on it ends, and whose it is.
    pub(super) noise: BTreeMap<(i64, i64, String), u64>,
    /// By category.
    pub(super) categories: BTreeMap<String, u64>,
    /// Events that nothing removes.
    pub(super) held: u64,
}

impl Survey {
    /// Takes an event of that day.
    pub(super) fn take(&mut self, terms: &Terms, event: &Event, day: i64) {
        self.events += 1;
        let category = event.category.as_deref().unwrap_or("");
        add(&mut self.categories, category.to_owned(), CATEGORIES_MAX, String::new);
        let (leaves_ms, held_ms) = match terms.fate(event, day) {
            Fate::Leaves { policy, at_ms, held_ms } => {
                // Past the limit, some leave later than they might.
                let leaving = if tells(event) { &mut self.telling } else { &mut self.leaving };
                let last = leaving.last_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms);
                add(leaving, (at_ms, policy), LEAVING_MAX, || (last.max(at_ms), policy));
                (at_ms, held_ms)
            }
            Fate::Stays { held_ms } => (i64::MAX, held_ms),
            Fate::Held => {
                self.held += 1;
                return;
            }
        };
        if terms.bytes_max.is_some() && is_noise(event) {
            let nobody = || (leaves_ms, held_ms, String::new());
            add(&mut self.noise, (leaves_ms, held_ms, doer(event)), NOISE_MAX, nobody);
        }
    }

    /// How many may leave by age at that moment, by policy.
    pub(super) fn due(&self, now_ms: i64) -> BTreeMap<usize, u64> {
        let mut due = due(&self.leaving, now_ms);
        let telling = self::due(&self.telling, now_ms);
        if due.values().chain(telling.values()).sum::<u64>() >= self.events {
            telling.into_iter().for_each(|(policy, count)| *due.entry(policy).or_default() += count);
        }
        due
    }

    /// The noise that does not leave by age at that moment and is not held then, by doer.
    pub(super) fn noise(&self, now_ms: i64) -> BTreeMap<&str, u64> {
        let mut noise: BTreeMap<&str, u64> = BTreeMap::new();
        for ((at_ms, held_ms, doer), count) in &self.noise {
            if *at_ms > now_ms && *held_ms <= now_ms {
                *noise.entry(doer).or_default() += count;
            }
        }
        noise
    }

    /// When the next ones may leave after that moment.
    pub(super) fn next_ms(&self, now_ms: i64) -> Option<i64> {
        self.leaving.keys().map(|(at_ms, _)| *at_ms).find(|at_ms| *at_ms > now_ms)
    }
}

fn due(leaving: &BTreeMap<(i64, usize), u64>, now_ms: i64) -> BTreeMap<usize, u64> {
    let mut due = BTreeMap::new();
    for ((_, policy), count) in leaving.range(..=(now_ms, usize::MAX)) {
        *due.entry(*policy).or_default() += count;
    }
    due
}

/// Counts one under `key`, or under another where there are too many keys.
fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, keys_max: usize, other: impl FnOnce() -> K) {
    let key = if counts.len() < keys_max || counts.contains_key(&key) { key } else { other() };
    *counts.entry(key).or_default() += 1;
}

const LEAVING_MAX: usize = 4_096;
const NOISE_MAX: usize = 1_024;
const CATEGORIES_MAX: usize = 64;
