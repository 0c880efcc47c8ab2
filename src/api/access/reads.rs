//! Who has read what: reading the log is an event in it (THREATS Q18). The guard notes every answer of a route that
//! shows the log, so that no route can forget it; here the reads of one reader within a minute become one event, and so
//! do refusals. Nothing is sampled away: what does not fit into an event is counted in it.
//!
//! What is gathered here is lost when the process is killed: a minute of it at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::Caller;
use crate::exchange::network_of;

/// Reads that have not been told yet; shared by all requests.
#[derive(Default)]
pub(in crate::api) struct Reads(Mutex<HashMap<Key, Tally>>);

/// What becomes one event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Each address by itself: a token that is used from two places is worth a look.
    Read(Option<String>, Option<IpAddr>),
    /// By network: a stranger has as many addresses of one as he likes, and must not make an event with each.
    Refused(Option<String>, Option<IpAddr>),
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub(in crate::api) struct Read<'a> {
    pub(in crate::api) caller: &'a Caller,
    pub(in crate::api) ip: Option<IpAddr>,
    /// The route, with its path as asked for.
    pub(in crate::api) path: &'a str,
    pub(in crate::api) query: &'a str,
    /// One; none for more of an answer whose request was noted.
    pub(in crate::api) requests: u64,
    /// Events in the answer, as far as it says.
    pub(in crate::api) events: u64,
}

/// The reads of one reader from one address, or his refusals, within a minute.
#[derive(Clone, Debug)]
pub(in crate::api) struct Tally {
    pub(in crate::api) caller: Caller,
    pub(in crate::api) ip: Option<IpAddr>,
    /// True when he was refused.
    pub(in crate::api) is_refused: bool,
    pub(in crate::api) first: Timestamp,
    pub(in crate::api) requests: u64,
    pub(in crate::api) events: u64,
    pub(in crate::api) asked: Vec<Asked>,
    /// Requests for what found no place in `asked`.
    pub(in crate::api) more: u64,
    since: Instant,
}

/// One question, and how often it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Asked {
    pub(in crate::api) path: String,
    pub(in crate::api) query: String,
    pub(in crate::api) requests: u64,
    pub(in crate::api) events: u64,
}

impl Reads {
    /// Notes what was read; what must be told before, when there is no room.
    pub(in crate::api) fn read(&self, read: &Read<'_>, time: Timestamp, now: Instant) -> Option<Tally> {
        self.add(Key::Read(read.caller.id.clone(), read.ip), read, time, now)
    }

    /// Notes what was refused.
    pub(in crate::api) fn refused(&self, read: &Read<'_>, time: Timestamp, now: Instant) -> Option<Tally> {
        self.add(Key::Refused(read.caller.id.clone(), read.ip.map(network_of)), read, time, now)
    }

    /// What is a minute old.
    pub(in crate::api) fn due(&self, now: Instant) -> Vec<Tally> {
        let mut tallies = self.0.lock();
        let is_due = |tally: &Tally| now.saturating_duration_since(tally.since) >= TOGETHER;
        tallies.extract_if(|_, tally| is_due(tally)).map(|(_, tally)| tally).collect()
    }

    /// Everything.
    pub(in crate::api) fn all(&self) -> Vec<Tally> {
        self.0.lock().drain().map(|(_, tally)| tally).collect()
    }

    fn add(&self, key: Key, read: &Read<'_>, time: Timestamp, now: Instant) -> Option<Tally> {
        let mut tallies = self.0.lock();
        let is_full = tallies.len() >= TALLIES_MAX && !tallies.contains_key(&key);
        let oldest = || tallies.iter().min_by_key(|(_, tally)| tally.since).map(|(key, _)| key.clone());
        let evicted = if is_full { oldest() } else { None };
        let evicted = evicted.and_then(|key| tallies.remove(&key));
        let is_refused = matches!(key, Key::Refused(..));
        tallies.entry(key).or_insert_with(|| Tally::new(read, is_refused, time, now)).add(read);
        evicted
    }
}

impl Tally {
    fn new(read: &Read<'_>, is_refused: bool, first: Timestamp, since: Instant) -> Tally {
        Tally {
            caller: read.caller.clone(),
            ip: read.ip,
            is_refused,
            first,
            requests: 0,
            events: 0,
            asked: Vec::new(),
            more: 0,
            since,
        }
    }

    fn add(&mut self, read: &Read<'_>) {
        self.requests += read.requests;
        self.events += read.events;
        let (path, query) = (cut(read.path), cut(&without_pages(read.query)));
        let known = self.asked.iter().position(|asked| asked.path == path && asked.query == query);
        match known {
            Some(at) => {
                let asked = &mut self.asked[at];
                asked.requests += read.requests;
                asked.events += read.events;
            }
            None if self.asked.len() < ASKED_MAX => {
                self.asked.push(Asked { path, query, requests: read.requests, events: read.events });
            }
            None => self.more += read.requests,
        }
    }
}

/// The pages of one question are one question.
fn without_pages(query: &str) -> String {
    let is_filter = |part: &&str| !part.is_empty() && !PAGING.iter().any(|name| part.starts_with(name));
    query.split('&').filter(is_filter).collect::<Vec<_>>().join("&")
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

const PAGING: [&str; 2] = ["cursor=", "limit="];
const TOGETHER: Duration = Duration::from_secs(60);
const TALLIES_MAX: usize = 1_000;
/// Different questions in one event.
const ASKED_MAX: usize = 20;
const TEXT_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> Timestamp {
        "2026-01-31T08:00:00Z".parse().unwrap()
    }

    fn read<'a>(caller: &'a Caller, path: &'a str, query: &'a str, events: u64) -> Read<'a> {
        Read { caller, ip: None, path, query, requests: 1, events }
    }

    #[test]
    fn a_minute_of_one_reader_is_one_event_that_says_what_he_asked() {
        let (reads, start) = (Reads::default(), Instant::now());
        let (one, other) = (Caller::neighbour(), Caller::holder([0; 32]));
        for query in ["actor=a&limit=5", "actor=a&cursor=xyz&limit=5", "actor=b", ""] {
            reads.read(&read(&one, "/events", query, 5), time(), start);
        }
        reads.read(&read(&other, "/events", "", 7), time(), start + Duration::from_secs(30));
        reads.refused(&read(&one, "/reload", "", 0), time(), start);
        assert!(reads.due(start + Duration::from_secs(59)).is_empty());
        let due = reads.due(start + Duration::from_secs(60));
        let told = due.iter().find(|tally| !tally.is_refused).unwrap();
        assert_eq!((due.len(), told.requests, told.events, told.more), (2, 4, 20, 0));
        let asked: Vec<_> =
            told.asked.iter().map(|asked| (asked.query.as_str(), asked.requests, asked.events)).collect();
        assert_eq!(asked, [("actor=a", 2, 10), ("actor=b", 1, 5), ("", 1, 5)]);
        assert_eq!(reads.all().len(), 1);
        assert!(reads.all().is_empty());
    }

    #[test]
    fn each_address_of_a_reader_is_told_and_a_network_of_strangers_once() {
        let reads = Reads::default();
        let (caller, stranger) = (Caller::neighbour(), Caller::stranger());
        let at = |caller, ip: &str| Read { ip: ip.parse().ok(), ..read(caller, "/events", "", 1) };
        for ip in ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2"] {
            reads.read(&at(&caller, ip), time(), Instant::now());
        }
        assert_eq!(reads.all().len(), 4);
        for ip in
            ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2"]
        {
            reads.refused(&at(&stranger, ip), time(), Instant::now());
        }
        let mut told: Vec<_> = reads.all().iter().map(|tally| tally.requests).collect();
        told.sort_unstable();
        assert_eq!(told, [1, 1, 1, 3]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_what_must_make_room_is_told() {
        let (reads, now) = (Reads::default(), Instant::now());
        let caller = Caller::neighbour();
        for n in 0..30 {
            let query = format!("actor={n}");
            reads.read(&read(&caller, "/events", &query, 1), time(), now);
        }
        let all = reads.all();
        assert_eq!((all[0].asked.len(), all[0].more, all[0].requests), (ASKED_MAX, 10, 30));
        let refused = |n: u32| {
            let ip = Some(IpAddr::from(std::net::Ipv4Addr::from_bits(n)));
            reads.refused(
                &Read { ip, ..read(&caller, "/", "", 0) },
                time(),
                now + Duration::from_millis(n.into()),
            )
        };
        for n in 0..TALLIES_MAX as u32 {
            assert!(refused(n).is_none());
        }
        assert_eq!(refused(TALLIES_MAX as u32).unwrap().ip, Some(IpAddr::from([0, 0, 0, 0])));
        assert_eq!(reads.all().len(), TALLIES_MAX);
    }
}
