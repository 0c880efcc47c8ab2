//! Whether what is not there was let go by a policy: a purge is told by an event of the log itself, before anything is
//! removed, and that event says exactly what is gone from a partition since it was begun. What no such event covers
//! is a fault (THREATS S06).
//!
//! Which events are gone is told by their number and by SHA-256 over the sequences, 8 bytes each, big-endian, from the
//! lowest on; where all are gone, the number says it. When such an event leaves the log itself, the one that tells
//! this repeats what it told, so that a log of which only the newest days are left still accounts for all before.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Fault;
use crate::event::{Event, own};
use crate::store::sealed::{Hash, hex, unhex};

/// What is gone from a partition, or from several that follow each other, of which all is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gone {
    /// The first sequence.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// How many of these events are gone.
    pub count: u64,
    /// Which ones; all zero where all are.
    digest: Hash,
}

/// What an event tells of purges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of which log: an event that was imported tells what is gone from another.
    pub log: Uuid,
    /// What is gone.
    pub gone: Vec<Gone>,
}

/// What is gone, as it is found one by one, the lowest first.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Going {
    count: u64,
    digest: Sha256,
}

/// As an event has it.
#[derive(Serialize, Deserialize)]
struct View {
    first: u64,
    last: u64,
    gone: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

impl Going {
    pub(in crate::store) fn take(&mut self, sequence: u64) {
        self.count += 1;
        self.digest.update(sequence.to_be_bytes());
    }

    /// Of the partition with these sequences.
    pub(in crate::store) fn of(self, first: u64, last: u64) -> Gone {
        let whole = Gone::whole(first, last);
        if self.count == whole.count {
            return whole;
        }
        Gone { first, last, count: self.count, digest: self.digest.finalize().into() }
    }
}

impl Gone {
    /// All of these.
    pub fn whole(first: u64, last: u64) -> Gone {
        Gone { first, last, count: (last + 1).saturating_sub(first), digest: Hash::default() }
    }

    /// True when nothing is left.
    pub fn is_whole(&self) -> bool {
        *self == Gone::whole(self.first, self.last)
    }

    /// As the event that tells it has it.
    pub fn to_json(&self) -> serde_json::Value {
        let Gone { first, last, count: gone, digest } = *self;
        let digest = (!self.is_whole()).then(|| hex(&digest));
        serde_json::to_value(View { first, last, gone, digest }).unwrap_or_default()
    }
}

impl Told {
    /// What an event tells, if it is one that tells of a purge.
    pub fn by(json: &[u8]) -> Option<Told> {
        #[derive(Deserialize)]
        struct Details {
            installation: Uuid,
            #[serde(flatten)]
            view: View,
            #[serde(default)]
            earlier: Vec<View>,
        }
        let details: Details = own::details_of(json, PURGED, RULE)?;
        let gone = |view: View| {
            let View { first, last, gone, digest } = view;
            let whole = (first <= last && last < u64::MAX).then(|| Gone::whole(first, last))?;
            match digest {
                None => (gone == whole.count).then_some(whole),
                Some(_) if gone >= whole.count || whole.count > PARTITION_EVENTS_MAX => None,
                Some(digest) => Some(Gone { count: gone, digest: unhex(digest.as_bytes())?, ..whole }),
            }
        };
        let gone = std::iter::once(details.view).chain(details.earlier).filter_map(gone).collect();
        Some(Told { log: details.installation, gone })
    }
}

/// True for an event that tells of a purge.
pub(in crate::store) fn tells_purge(event: &Event) -> bool {
    own::tells(event, PURGED, RULE)
}

/// The same with less: of a partition what was told last, and what lies side by side as one.
pub(in crate::store) fn joined(told: Vec<Gone>) -> Vec<Gone> {
    let (whole, some): (Vec<Gone>, Vec<Gone>) = told.into_iter().partition(Gone::is_whole);
    let last: BTreeMap<(u64, u64), Gone> =
        some.into_iter().map(|gone| ((gone.first, gone.last), gone)).collect();
    let whole = Ranges::of(whole.iter().map(|gone| (gone.first, gone.last)));
    let mut joined: Vec<Gone> = whole.0.iter().map(|(first, last)| Gone::whole(*first, *last)).collect();
    joined.extend(last.into_values().filter(|gone| !whole.hold(gone.first, gone.last)));
    joined.sort_unstable_by_key(|gone| gone.first);
    joined
}

/// Ranges without overlaps, in order; those side by side are one.
#[derive(Debug, Default)]
struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    fn of(ranges: impl Iterator<Item = (u64, u64)>) -> Ranges {
        let mut all: Vec<(u64, u64)> = ranges.collect();
        all.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in all {
            match joined.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
                Some(_) | None => joined.push((first, last)),
            }
        }
        Ranges(joined)
    }

    fn hold(&self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|(_, to)| *to < last);
        self.0.get(at).is_some_and(|(from, _)| *from <= first)
    }
}

/// What was told, and what is gone.
#[derive(Debug, Default)]
pub(super) struct Purges {
    told: Vec<Gone>,
    gone: Vec<Gone>,
    /// Of a log that is read from its newest entry on: what is missing, as runs, the highest first.
    missing: Vec<(u64, u64)>,
}

impl Purges {
    pub(super) fn tell(&mut self, told: &[Gone]) {
        self.told.extend(told);
    }

    /// What is gone from a partition; nothing is no purge.
    pub(super) fn find(&mut self, gone: Gone) {
        if gone.count > 0 {
            self.gone.push(gone);
        }
    }

    /// Takes a run that is missing, the highest first, where whoever reads knows of no partitions.
    pub(super) fn miss(&mut self, from: u64, to: u64) {
        self.missing.push((from, to));
    }

    /// What is gone and was not told; and how many were told.
    pub(super) fn finish(mut self) -> (Vec<Fault>, u64) {
        let whole = self.told.iter().filter(|told| told.is_whole());
        let whole = Ranges::of(whole.map(|told| (told.first, told.last)));
        let (missing, mut count) = self.assign_missing(&whole);
        let told: HashSet<&Gone> = self.told.iter().collect();
        let mut untold: Vec<Fault> = missing.into_iter().map(|(from, to)| Fault::Missing(from, to)).collect();
        for gone in &self.gone {
            let is_told = match gone.is_whole() {
                true => whole.hold(gone.first, gone.last),
                false => told.contains(gone),
            };
            match is_told {
                true => count += gone.count,
                false => untold.push(Fault::Untold { from: gone.first, to: gone.last, count: gone.count }),
            }
        }
        (untold, count)
    }

    /// Gives the runs that are missing to what purges have told. What lies in nothing that was told is untold; what
    /// lies in what is wholly gone is counted, and the rest is compared with what was told of its partition. What is
    /// more than was told of it is not even looked at: an export may say what it likes of itself.
    fn assign_missing(&mut self, whole: &Ranges) -> (Vec<(u64, u64)>, u64) {
        let mut runs = std::mem::take(&mut self.missing);
        runs.reverse();
        let mut most: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for told in self.told.iter().filter(|told| !told.is_whole() && !whole.hold(told.first, told.last)) {
            let most = most.entry((told.first, told.last)).or_default();
            *most = told.count.max(*most);
        }
        let places = apart(whole.0.iter().chain(most.keys()).copied().collect());
        let (mut untold, mut count) = (Vec::new(), 0);
        let mut going: BTreeMap<(u64, u64), Going> = BTreeMap::new();
        for (mut from, to) in runs {
            while from <= to {
                let place = places.get(places.partition_point(|(_, last)| *last < from)).copied();
                let Some((first, last)) = place.filter(|(first, _)| *first <= to) else {
                    untold.push((from, to));
                    break;
                };
                if from < first {
                    untold.push((from, first - 1));
                    from = first;
                }
                let end = to.min(last);
                let length = end + 1 - from;
                match most.get(&(first, last)) {
                    None => count += length,
                    Some(most) => {
                        let going = going.entry((first, last)).or_default();
                        match going.count + length <= *most {
                            true => (from..=end).for_each(|sequence| going.take(sequence)),
                            false => untold.push((from, end)),
                        }
                    }
                }
                from = end + 1;
            }
        }
        self.gone.extend(going.into_iter().map(|((first, last), going)| going.of(first, last)));
        self.gone.retain(|gone| gone.count > 0);
        (untold, count)
    }
}

/// Places in their order. Partitions never overlap: of those that do, the first one counts.
fn apart(mut places: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    places.sort_unstable();
    let mut end = 0;
    places.retain(|(first, last)| {
        let is_apart = *first > end;
        end = if is_apart { *last } else { end };
        is_apart
    });
    places
}

/// No partition holds more. What an export tells of more of them costs no more to compare than it is long.
const PARTITION_EVENTS_MAX: u64 = 1 << 20;
/// What the event is called.
pub const PURGED: &str = "EVENTS_PURGED";
const RULE: &str = "retention";

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(first: u64, last: u64, sequences: &[u64]) -> Gone {
        let mut going = Going::default();
        sequences.iter().for_each(|sequence| going.take(*sequence));
        going.of(first, last)
    }

    // THREATS S06
    #[test]
    fn only_exactly_what_was_told_is_excused() {
        let told = [gone(1, 10, &[2, 3]), gone(1, 10, &[2, 3, 9]), Gone::whole(11, 20), Gone::whole(21, 25)];
        let check = |missing: &[(u64, u64)], untold: &[(u64, u64)], count: u64| {
            let place = |fault: &Fault| match fault {
                Fault::Missing(from, to) | Fault::Untold { from, to, .. } => (*from, *to),
                other => panic!("{other:?}"),
            };
            let mut purges = Purges::default();
            purges.tell(&told);
            missing.iter().rev().for_each(|(from, to)| purges.miss(*from, *to));
            let (found, told) = purges.finish();
            assert_eq!(found.iter().map(place).collect::<Vec<_>>(), untold, "{missing:?}");
            assert_eq!(told, count, "{missing:?}");
        };
        check(&[], &[], 0);
        // One that was told is not carried out yet.
        check(&[(2, 3)], &[], 2);
        check(&[(2, 3), (9, 9)], &[], 3);
        check(&[(2, 3), (9, 9), (11, 25)], &[], 18);
        check(&[(2, 3), (9, 9), (11, 27)], &[(26, 27)], 18);
        check(&[(2, 4)], &[(1, 10)], 0);
        check(&[(2, 5)], &[(2, 5)], 0);
        check(&[(2, 3), (5, 7), (9, 9)], &[(5, 7)], 3);
        check(&[(2, 2), (9, 9)], &[(1, 10)], 0);
        check(&[(3, 3), (9, 9), (11, 20)], &[(1, 10)], 10);
        check(&[(30, 31)], &[(30, 31)], 0);
        let find = |of: Gone| {
            let mut purges = Purges::default();
            purges.tell(&told);
            purges.find(of);
            purges.finish().0.is_empty()
        };
        assert!(find(Gone::whole(21, 25)) && find(gone(1, 10, &[2, 3])) && find(gone(1, 10, &[])));
        assert!(!find(Gone::whole(1, 10)) && !find(gone(1, 10, &[2])) && !find(gone(11, 20, &[12])));
    }

    // THREATS S06
    #[test]
    fn a_purge_of_more_than_there_can_be_is_told_in_vain_and_costs_nothing() {
        let check = |first: u64, last: u64, gone: u64, is_told: bool| {
            let digest = "00".repeat(32);
            let json = format!(
                r#"{{"action":"EVENTS_PURGED","request":{{"method":"NONE","url":"earwitness:retention"}},"details":{{"installation":"{}","first":{first},"last":{last},"gone":{gone},"digest":"{digest}"}}}}"#,
                Uuid::nil()
            );
            let told = Told::by(json.as_bytes()).unwrap().gone;
            assert_eq!(told.len(), usize::from(is_told), "{json}");
            let mut purges = Purges::default();
            purges.tell(&told);
            // Hashed one by one, the longest would take centuries.
            purges.miss(first, last - 1);
            assert!(!purges.finish().0.is_empty());
        };
        check(1, 1_000_000, 999_999, true);
        check(1, 10, 10, false);
        check(1, 10, u64::MAX, false);
        check(1, u64::MAX - 1, u64::MAX - 3, false);
        check(1, u64::MAX / 2, 7, false);
        // Overlapping ones, which no log has.
        let mut purges = Purges::default();
        purges.tell(&[gone(1, 100, &[3]), gone(2, 5, &[3]), gone(50, 200, &[150])]);
        purges.miss(150, 150);
        purges.miss(3, 3);
        assert_eq!(purges.finish().0, [Fault::Missing(150, 150)]);
    }

    #[test]
    fn what_is_told_again_takes_little_room() {
        let told = vec![
            gone(1, 10, &[2]),
            gone(1, 10, &[2, 3]),
            Gone::whole(11, 20),
            Gone::whole(21, 30),
            gone(21, 30, &[22]),
            gone(31, 40, &[31]),
        ];
        assert_eq!(joined(told), [gone(1, 10, &[2, 3]), Gone::whole(11, 30), gone(31, 40, &[31])]);
    }

    // THREATS S06
    #[test]
    fn only_our_own_event_tells_a_purge() {
        let (some, whole) = (gone(5, 9, &[6, 8]), Gone::whole(1, 3));
        let mut details = some.to_json();
        details["installation"] = serde_json::json!(Uuid::from_u128(5));
        details["earlier"] = serde_json::json!([whole.to_json()]);
        let json = format!(
            r#"{{"action":"EVENTS_PURGED","request":{{"method":"NONE","url":"earwitness:retention"}},"details":{details}}}"#
        );
        let told = Told { log: Uuid::from_u128(5), gone: vec![some, whole] };
        assert_eq!(Told::by(json.as_bytes()), Some(told));
        for (from, to) in [
            ("NONE", "POST"),
            ("earwitness:", "http://app/"),
            ("EVENTS_", "ALL_"),
            ("\"gone\":2", "\"gone\":[]"),
            ("\"installation\"", "\"other\""),
        ] {
            assert_eq!(Told::by(json.replace(from, to).as_bytes()), None, "{to}");
        }
    }
}
