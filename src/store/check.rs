//! The check of a chain, newest entry first: each hash is computed anew over the stored bytes, and each entry must
//! be the one that the entry after it names.

use std::fmt;

use super::chain::{Hash, Sealed, hash};

/// A check under way.
#[derive(Debug, Default)]
pub struct ChainCheck {
    count: u64,
    newest: Option<u64>,
    /// Sequence and previous hash of the entry that was taken last.
    after: Option<(u64, Hash)>,
    faults: Vec<Fault>,
    more_faults: u64,
}

/// How a check came out.
#[derive(Debug)]
pub struct Checked {
    /// Entries that were looked at.
    pub count: u64,
    /// Sequences of the newest and the oldest.
    pub range: Option<(u64, u64)>,
    /// What is wrong, newest first; those beyond a hundred are counted only.
    pub faults: Vec<Fault>,
    /// How many more are wrong.
    pub more_faults: u64,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What stands at a place is no entry.
    #[error("entry {0} from the newest cannot be read")]
    Unreadable(u64),
    /// An entry is not what its hash was computed over.
    #[error("event {0} is not as it was recorded: its hash is another")]
    Changed(u64),
    /// Entries are not there.
    #[error("events {0} to {1} are missing")]
    Missing(u64, u64),
    /// The entry after this one names another.
    #[error("event {0} is not the one that event {next} was recorded after", next = .0 + 1)]
    Replaced(u64),
    /// Entries do not stand in their order.
    #[error("event {0} stands after event {1}")]
    Disordered(u64, u64),
}

impl ChainCheck {
    /// Takes the next older entry; `None` for one that cannot be read.
    pub fn take(&mut self, entry: Option<&Sealed>) {
        self.count += 1;
        let Some(entry) = entry else {
            // What comes next can be compared with nothing.
            self.after = None;
            return self.fault(Fault::Unreadable(self.count));
        };
        let sequence = entry.sequence;
        self.newest.get_or_insert(sequence);
        if hash(sequence, &entry.previous, &entry.json) != entry.hash {
            self.fault(Fault::Changed(sequence));
        }
        match self.after.replace((sequence, entry.previous)) {
            None => {}
            Some((after, _)) if sequence >= after => self.fault(Fault::Disordered(sequence, after)),
            Some((after, _)) if sequence + 1 < after => self.fault(Fault::Missing(sequence + 1, after - 1)),
            Some((_, named)) if named != entry.hash => self.fault(Fault::Replaced(sequence)),
            Some(_) => {}
        }
    }

    /// The outcome. A chain that does not begin with event 1 lacks what was before.
    pub fn finish(mut self) -> Checked {
        if let Some((oldest, previous)) = self.after {
            if oldest > 1 {
                self.fault(Fault::Missing(1, oldest - 1));
            } else if previous != Hash::default() {
                self.fault(Fault::Changed(oldest));
            }
        }
        Checked {
            count: self.count,
            range: self.newest.zip(self.after.map(|(oldest, _)| oldest)),
            faults: self.faults,
            more_faults: self.more_faults,
        }
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

impl Checked {
    /// True when every entry is as it was recorded, and none is missing.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(out, "{fault}")?;
        }
        if self.more_faults > 0 {
            writeln!(out, "and {} more", self.more_faults)?;
        }
        match (self.is_sound(), self.range) {
            (_, None) => writeln!(out, "no events"),
            (true, Some((newest, _))) => {
                writeln!(out, "{} events, to {newest}: all as they were recorded, none missing", self.count)
            }
            (false, Some((newest, oldest))) => {
                writeln!(out, "{} events, {oldest} to {newest}: NOT as they were recorded", self.count)
            }
        }
    }
}

const FAULTS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Head;
    use super::*;

    /// Newest first.
    fn chain(count: usize) -> Vec<Sealed> {
        let mut head = Head::default();
        let mut all: Vec<Sealed> = (0..count)
            .map(|number| {
                let entry = Sealed::after(head, Arc::from(format!("{{\"n\":{number}}}").as_bytes()));
                head = entry.head();
                entry
            })
            .collect();
        all.reverse();
        all
    }

    fn faults(entries: &[Sealed]) -> Vec<Fault> {
        let mut check = ChainCheck::default();
        entries.iter().for_each(|entry| check.take(Some(entry)));
        check.finish().faults
    }

    #[test]
    fn a_chain_as_it_was_recorded_is_sound() {
        assert_eq!((faults(&chain(5)), faults(&[])), (vec![], vec![]));
    }

    #[test]
    fn what_is_changed_missing_or_in_another_order_is_named() {
        let with = |change: &dyn Fn(&mut Vec<Sealed>)| {
            let mut entries = chain(5);
            change(&mut entries);
            faults(&entries)
        };
        assert_eq!(with(&|all| drop(all.remove(2))), [Fault::Missing(3, 3)]);
        assert_eq!(with(&|all| drop(all.pop())), [Fault::Missing(1, 1)]);
        assert_eq!(
            with(&|all| all.swap(1, 2)),
            [Fault::Missing(4, 4), Fault::Disordered(4, 3), Fault::Missing(3, 3)]
        );
        assert_eq!(with(&|all| all[1].json = Arc::from(&b"{}"[..])), [Fault::Changed(4)]);
        // One whose hash was made to fit is found by the entry after it.
        let forged = |all: &mut Vec<Sealed>| all[1] = Sealed::after(all[2].head(), Arc::from(&b"{}"[..]));
        assert_eq!(with(&forged), [Fault::Replaced(4)]);
    }

    // THREATS S01
    #[test]
    fn every_byte_of_a_small_log_is_covered() {
        for at in 0..3 {
            for byte in 0..chain(3)[at].json.len() {
                let mut entries = chain(3);
                let mut json = entries[at].json.to_vec();
                json[byte] ^= 1;
                entries[at].json = json.into();
                assert!(!faults(&entries).is_empty(), "{at} {byte}");
            }
            for byte in 0..32 {
                let mut entries = chain(3);
                entries[at].hash[byte] ^= 1;
                assert!(!faults(&entries).is_empty(), "{at} {byte}");
                let mut entries = chain(3);
                entries[at].previous[byte] ^= 1;
                assert!(!faults(&entries).is_empty(), "{at} {byte}");
            }
        }
    }
}
