//! Whether the values that are not there were erased on somebody's word: an erasure is told by events of the log itself,
//! before anything goes, and they say of which events, and how many values of each. What none of them covers is a fault,
//! however well its commitments fit (THREATS S06).
//!
//! They name no person, and nothing removes them: what was told stays for as long as what it excuses (THREATS S07).

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use super::Fault;
use crate::event::{Event, own};

/// Values that are gone from one event: its sequence, and how many.
pub type Erased = (u64, u64);

/// What an event tells of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldErased {
    /// The installation whose log it is: an imported event speaks of another one.
    pub log: Uuid,
    /// What is gone from which.
    pub erased: Vec<Erased>,
}

/// What was told, and what was found.
#[derive(Debug, Default)]
pub(super) struct Erasures {
    told: BTreeMap<u64, u64>,
    found: BTreeMap<u64, u64>,
}

impl Erasures {
    pub(super) fn tell(&mut self, told: &[Erased]) {
        for (sequence, values) in told {
            let sum = self.told.entry(*sequence).or_default();
            *sum = sum.saturating_add(*values);
        }
    }

    /// What is gone from an event; nothing is no erasure.
    pub(super) fn find(&mut self, (sequence, values): Erased) {
        if values > 0 {
            self.found.insert(sequence, values);
        }
    }

    /// What is gone and was not told; and how many values of how many events were told. What was told and is there is
    /// not erased yet, or was removed altogether since.
    pub(super) fn finish(self) -> (Vec<Fault>, u64, u64) {
        let (mut untold, mut values_sum, mut events) = (Vec::new(), 0, 0);
        for (sequence, values) in self.found {
            if self.told.get(&sequence).is_some_and(|told| values <= *told) {
                values_sum += values;
                events += 1;
            } else {
                untold.push(Fault::ErasedUntold { sequence, values });
            }
        }
        (untold, values_sum, events)
    }
}

impl ToldErased {
    /// What an event tells, if it is one that tells of an erasure.
    pub fn by(json: &[u8]) -> Option<ToldErased> {
        #[derive(Deserialize)]
        struct Details {
            installation: Uuid,
            events: Vec<Erased>,
        }
        let Details { installation, events } = own::details_of(json, ERASED, RULE)?;
        Some(ToldErased { log: installation, erased: events })
    }
}

/// True for an event that tells of an erasure: nothing removes it, and nothing is erased from it.
pub(in crate::store) fn tells(event: &Event) -> bool {
    own::tells(event, ERASED, RULE)
}

/// What the event is called.
pub const ERASED: &str = "VALUES_ERASED";
const RULE: &str = "erasure";

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS S06
    #[test]
    fn only_values_that_were_told_are_excused() {
        let check = |found: &[Erased], untold: &[u64], values: u64| {
            let mut erasures = Erasures::default();
            found.iter().for_each(|one| erasures.find(*one));
            erasures.tell(&[(4, 2), (7, 1)]);
            erasures.tell(&[(4, 1), (9, u64::MAX), (9, 1)]);
            let (faults, values_found, events) = erasures.finish();
            let places = faults.iter().map(|fault| match fault {
                Fault::ErasedUntold { sequence, .. } => *sequence,
                other => panic!("{other:?}"),
            });
            assert_eq!((places.collect::<Vec<_>>(), values_found), (untold.to_vec(), values), "{found:?}");
            assert_eq!(
                events as usize + untold.len(),
                found.iter().filter(|(_, values)| *values > 0).count()
            );
        };
        check(&[], &[], 0);
        check(&[(4, 3), (7, 1), (9, 5)], &[], 9);
        check(&[(4, 2), (5, 0)], &[], 2);
        check(&[(4, 4), (7, 1)], &[4], 1);
        check(&[(5, 1)], &[5], 0);
    }

    // THREATS S06
    #[test]
    fn only_our_own_event_tells_an_erasure() {
        let json = r#"{"action":"VALUES_ERASED","request":{"method":"NONE","url":"earwitness:erasure"},"details":{"installation":"00000000-0000-0000-0000-000000000005","events":[[4,2],[7,1]]}}"#;
        let told = ToldErased { log: Uuid::from_u128(5), erased: vec![(4, 2), (7, 1)] };
        assert_eq!(ToldErased::by(json.as_bytes()), Some(told));
        for (from, to) in [
            ("NONE", "POST"),
            ("earwitness:", "http://app/"),
            ("VALUES_", "ALL_"),
            ("installation", "other"),
            ("[7,1]", "[7]"),
            ("[4", "[-4"),
        ] {
            assert_eq!(ToldErased::by(json.replace(from, to).as_bytes()), None, "{to}");
        }
    }
}
