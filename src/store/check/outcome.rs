//! How a check came out, and in which words that is told.

use std::fmt;

use crate::store::sealed::Hash;

/// How a check came out.
#[derive(Debug)]
pub struct Checked {
    /// Entries that were looked at.
    pub count: u64,
    /// How many are not among them, or only with their leaf, because a policy has removed them.
    pub removed: u64,
    /// How many values were erased, as events tell.
    pub erased_values: u64,
    /// Of how many events.
    pub erased_events: u64,
    /// Sequences of the newest and the oldest.
    pub range: Option<(u64, u64)>,
    /// How many events the tree has whose root is told.
    pub size: u64,
    /// How many of these an export leaves out, and gives the hashes above them instead.
    pub left_out: u64,
    /// The root of the tree of them all, if they are all there.
    pub root: Option<Hash>,
    /// What is wrong, in the order in which it was found; those beyond a hundred are counted only.
    pub faults: Vec<Fault>,
    /// How many more are wrong.
    pub more_faults: u64,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What stands at a place is no entry.
    #[error("entry {0}, counted from where the check began, cannot be read")]
    Unreadable(u64),
    /// An entry is not what its leaf was computed over.
    #[error("event {0} is not as it was recorded: its hash is another")]
    Changed(u64),
    /// Entries are not there.
    #[error("events {0} to {1} are missing")]
    Missing(u64, u64),
    /// Entries are gone, or all but their leaves, and it is not what purges have told.
    #[error("of the events {from} to {to}, {count} are removed, and no event of this log tells that")]
    Untold {
        /// The first sequence of their partition.
        from: u64,
        /// The last.
        to: u64,
        /// How many.
        count: u64,
    },
    /// Values of an entry are gone, and it is not what erasures have told.
    #[error("of event {sequence}, {values} values are erased, and no event of this log tells that")]
    ErasedUntold {
        /// Its sequence.
        sequence: u64,
        /// How many are gone.
        values: u64,
    },
    /// Entries do not stand in their order.
    #[error("event {0} stands beside event {1}")]
    Disordered(u64, u64),
    /// What an export says of events that it leaves out does not fit what stands beside them.
    #[error("what stands for events {0} to {1} does not fit those beside it")]
    Between(u64, u64),
    /// Entries together make another tree than was told before.
    #[error(
        "events {from} to {to} are not all as they were recorded: {by} tells another root for {to} events"
    )]
    Replaced {
        /// The first that may be wrong.
        from: u64,
        /// The last.
        to: u64,
        /// Who tells.
        by: &'static str,
    },
    /// A checkpoint speaks of events that are not there.
    #[error("{by} speaks of {size} events, and there are {count}: the newest are missing")]
    Shorter {
        /// Who tells.
        by: &'static str,
        /// Of how many.
        size: u64,
        /// How many there are.
        count: u64,
    },
}

impl Fault {
    /// What is wrong, without where.
    fn kind(&self) -> std::mem::Discriminant<Fault> {
        std::mem::discriminant(self)
    }
}

impl Checked {
    /// Compares the whole with roots that are known, by size: those of its own size and larger ones. Those below were
    /// compared on the way, where the log was read from its beginning.
    pub fn compare(&mut self, known: &[(u64, Hash, &'static str)]) {
        let count = self.size;
        for (size, root, by) in known.iter().filter(|(size, _, _)| *size >= count) {
            let fault = match self.root {
                _ if *size > count => Fault::Shorter { by, size: *size, count },
                Some(found) if found != *root => Fault::Replaced { from: 1, to: count, by },
                Some(_) | None => continue,
            };
            if self.faults.iter().all(|other| other.kind() != fault.kind()) {
                self.faults.push(fault);
            }
        }
    }

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
        if self.removed > 0 {
            writeln!(out, "{} events were removed by policies, as events of this log tell", self.removed)?;
        }
        if self.erased_values > 0 {
            let (values, events) = (self.erased_values, self.erased_events);
            writeln!(out, "{values} values of {events} events were erased, as events of this log tell")?;
        }
        match (self.is_sound(), self.range) {
            (_, None) => writeln!(out, "no events"),
            (true, Some((newest, _))) if self.left_out > 0 => {
                let (count, left_out) = (self.count, self.left_out);
                writeln!(
                    out,
                    "{count} events, to {newest}: all as they were recorded; {left_out} others are left out"
                )
            }
            (true, Some((newest, _))) => {
                writeln!(out, "{} events, to {newest}: all as they were recorded, none missing", self.count)
            }
            (false, Some((newest, oldest))) => {
                writeln!(out, "{} events, {oldest} to {newest}: NOT as they were recorded", self.count)
            }
        }
    }
}
