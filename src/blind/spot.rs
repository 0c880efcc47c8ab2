//! What is known of one template, and how it is shown.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::seen::{Answered, Sample, Seen};

/// One template, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spot {
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    /// Requests by class of status, from 1xx.
    pub(super) statuses: [u64; 5],
    /// Those among them that rules looked at without a record.
    pub(super) unrecorded: u64,
    /// One bit for each of 256 kinds of client addresses: how many are set tells how many clients there are.
    pub(super) clients: [u64; 4],
    pub(super) sample: Sample,
}

/// A value of a folded place, with how often it was seen, at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// As received.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// One template, as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Upper case.
    pub method: String,
    /// `/bookings/{id}/cancel`.
    pub path: String,
    /// Requests that no rule looked at.
    pub unmatched: u64,
    /// Requests that rules looked at and none recorded.
    pub unrecorded: u64,
    /// All of them by class of status.
    pub statuses: BTreeMap<&'static str, u64>,
    /// When the first came.
    pub first_seen: Timestamp,
    /// When the last came.
    pub last_seen: Timestamp,
    /// From about how many addresses; 1,000 and more count as 1,000.
    pub clients: u64,
    /// The most frequent values of places that folded because many were seen there, by name in `path`.
    pub values: BTreeMap<String, Vec<Value>>,
    /// One of the requests.
    pub sample: Sample,
}

impl Spot {
    pub(super) fn new(at: Timestamp, sample: Sample) -> Spot {
        Spot { first_seen: at, last_seen: at, statuses: [0; 5], unrecorded: 0, clients: [0; 4], sample }
    }

    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        self.last_seen = seen.at;
        let count = &mut self.statuses[class(seen.status)];
        *count = count.saturating_add(1);
        self.unrecorded = self.unrecorded.saturating_add(u64::from(seen.answered == Answered::Unrecorded));
        let bit = bit(seen.client);
        self.clients[bit / 64] |= 1 << (bit % 64);
    }

    /// Two that turned out to be one.
    pub(super) fn merge(&mut self, other: &Spot) {
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        for (count, more) in self.statuses.iter_mut().zip(other.statuses) {
            *count = count.saturating_add(more);
        }
        self.unrecorded = self.unrecorded.saturating_add(other.unrecorded);
        self.clients.iter_mut().zip(other.clients).for_each(|(bits, more)| *bits |= more);
    }

    pub(super) fn count(&self) -> u64 {
        self.statuses.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How soon it may go when the table is full: without a success first, then the rarest.
    pub(super) fn worth(&self) -> (bool, u64) {
        // Of the first class only a 101 is an answer.
        (self.statuses[class(200)] > 0 || self.statuses[class(101)] > 0, self.count())
    }

    pub(super) fn row(&self, method: &str, path: String, values: BTreeMap<String, Vec<Value>>) -> Row {
        let statuses = CLASSES.into_iter().zip(self.statuses).filter(|(_, count)| *count > 0);
        Row {
            method: method.to_owned(),
            path,
            unmatched: self.count().saturating_sub(self.unrecorded),
            unrecorded: self.unrecorded,
            statuses: statuses.collect(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            clients: self.client_count(),
            values,
            sample: self.sample.clone(),
        }
    }

    /// Linear counting (Whang and others, 1990).
    fn client_count(&self) -> u64 {
        let set: u32 = self.clients.iter().map(|bits| bits.count_ones()).sum();
        // As many addresses fill `set` of 256 kinds as it takes for the next one to be new `256 - set` times in 256.
        let mut count = 0.0_f64;
        for filled in 0..set {
            count += 256.0 / f64::from(256 - filled);
        }
        // A count of requests bounds it, and so does the method itself.
        (count.round() as u64).min(CLIENTS_MAX)
    }
}

/// The place of a status in the counts.
pub(super) fn class(status: u16) -> usize {
    usize::from((status / 100).clamp(1, 5)) - 1
}

fn bit(client: IpAddr) -> usize {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    (hasher.finish() % 256) as usize
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const CLIENTS_MAX: u64 = 1_000;
