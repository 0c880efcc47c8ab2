//! What becomes of an event: the policy that decides about it, the holds on it, and whether it is noise that a full
//! disk may do without. Pure.
//!
//! An event's age counts from the end of its day (UTC), so that a day leaves as a whole. Its day is never taken to be
//! before the days on which the events around it were recorded: one that was recorded while somebody had set the clock
//! back is as old as its neighbours, not as its date says (THREATS S08).

use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Event, Outcome};
use crate::store::Filter;
use crate::store::check::{tells as tells_erasure, tells_purge};

/// What may leave the log, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// The first one whose filter fits an event decides about it.
    pub policies: Vec<Policy>,
    /// How long events are kept that fit none; `None` for ever.
    pub rest: Option<Duration>,
    /// What nothing removes.
    pub holds: Vec<Hold>,
    /// How large the store may be on the disk.
    pub bytes_max: Option<u64>,
}

/// How long certain events are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// By which purges name it.
    pub name: String,
    /// Which events.
    pub filter: Filter,
    /// How long; `None` for ever, also when the store is too large.
    pub keep: Option<Duration>,
}

/// What nothing removes.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// By which it is told.
    pub name: String,
    /// Which events.
    pub filter: Filter,
    /// Until when; `None` for as long as it is there.
    pub until: Option<Timestamp>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may leave from then on, in milliseconds since 1970.
    Leaves {
        /// Which policy says so; one past the last for what is said of the rest.
        policy: usize,
        /// When.
        at_ms: i64,
        /// When the last hold on it ends; before that, no size is a reason either.
        held_ms: i64,
    },
    /// It stays for ever, unless the store is too large.
    Stays {
        /// As above.
        held_ms: i64,
    },
    /// It stays, whatever happens.
    Held,
}

impl Terms {
    /// True when nothing ever leaves.
    pub fn keep_everything(&self) -> bool {
        self.bytes_max.is_none()
            && self.rest.is_none()
            && self.policies.iter().all(|policy| policy.keep.is_none())
    }

    /// How purges call a policy.
    pub(super) fn name_of(&self, policy: usize) -> &str {
        self.policies.get(policy).map_or(REST, |policy| policy.name.as_str())
    }

    /// What becomes of an event of that day, in days since 1970.
    pub(super) fn fate(&self, event: &Event, day: i64) -> Fate {
        // Without it, what is erased for ever would be missing.
        if tells_erasure(event) {
            return Fate::Held;
        }
        let holds = self.holds.iter().filter(|hold| hold.filter.matches(event));
        let held_ms = holds.map(|hold| hold.until.map_or(i64::MAX, Timestamp::as_millisecond)).max();
        let held_ms = held_ms.unwrap_or(i64::MIN);
        if held_ms == i64::MAX {
            return Fate::Held;
        }
        let found = self.policies.iter().position(|policy| policy.filter.matches(event));
        let keep = found.map_or(self.rest, |policy| self.policies[policy].keep);
        match (keep, found) {
            (Some(keep), _) => {
                let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
                let at_ms = (day.saturating_add(1)).saturating_mul(DAY_MS).saturating_add(keep_ms);
                let policy = found.unwrap_or(self.policies.len());
                Fate::Leaves { policy, at_ms: held_ms.max(at_ms), held_ms }
            }
            // Said by name: no size is a reason.
            (None, Some(_)) => Fate::Held,
            (None, None) => Fate::Stays { held_ms },
        }
    }
}

/// True for what a store that is too large does without first: nobody failed, was denied, or touched rights or
/// access, and it is not told by Earwitness itself (THREATS E46).
pub(super) fn is_noise(event: &Event) -> bool {
    let is_kept = |category: &String| KEPT.iter().any(|kept| category.eq_ignore_ascii_case(kept));
    event.result == Outcome::Success
        && !event.category.iter().any(is_kept)
        && !event.rule.id.starts_with("earwitness/")
}

/// True for an event that tells of a purge, without which what is gone would be missing.
pub(super) fn tells(event: &Event) -> bool {
    tells_purge(event)
}

/// By what the events of one doer are told from those of others.
pub(super) fn doer(event: &Event) -> String {
    let actor = &event.actor;
    let known = actor.id.as_ref().or(actor.email.as_ref()).or(actor.credential.as_ref());
    let known = known.map_or_else(|| event.client.ip.to_string(), Clone::clone);
    known.chars().take(DOER_CHARACTERS_MAX).collect()
}

pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What purges call the key that speaks of the rest.
const REST: &str = "keep";
/// Categories whose events a full disk does not cost.
const KEPT: [&str; 3] = ["SECURITY", "ACCESS", "AUDIT"];
const DOER_CHARACTERS_MAX: usize = 80;
