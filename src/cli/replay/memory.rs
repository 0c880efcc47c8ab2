//! What is remembered of things and sessions while a recording is played: as in service, but by the
//! recording's clock.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;

use crate::derive::{Answer, Answers, LOGIN_KEPT_S, Learned, Lesson, Logins, Person, ReadKey};
use crate::store::{Ceiling, Snapshots};

/// Things as they were seen last. Lives for one recording.
pub(super) struct Memory {
    snapshots: Snapshots,
    /// When each was seen.
    seen: RefCell<HashMap<String, Timestamp>>,
    /// Who logged in, by session, and when the last did.
    sessions: RefCell<HashMap<ReadKey, (Vec<Person>, Timestamp)>>,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory {
            snapshots: Snapshots::open(None, CEILING),
            seen: RefCell::default(),
            sessions: RefCell::default(),
        }
    }

    /// Keeps what an exchange of this time showed.
    pub(super) fn learn(&self, at: Timestamp, learned: Vec<(String, Learned)>) {
        self.seen.borrow_mut().extend(learned.iter().map(|(key, _)| (key.clone(), at)));
        self.snapshots.learn(learned);
    }

    /// Whose sessions these are, as logins before have shown.
    pub(super) fn whose(&self, keys: Vec<ReadKey>, now: Timestamp) -> Answers {
        let sessions = self.sessions.borrow();
        let known = keys.into_iter().filter_map(|key| {
            let (people, at) = sessions.get(&key)?;
            let age_s = age_s(*at, now);
            (age_s < LOGIN_KEPT_S).then(|| (key, Answer::Logins(Logins { people: people.clone(), age_s })))
        });
        known.collect()
    }

    /// Keeps what an exchange of this time taught about sessions.
    pub(super) fn teach(&self, at: Timestamp, lessons: Vec<Lesson>) {
        let mut sessions = self.sessions.borrow_mut();
        for lesson in lessons {
            match lesson {
                Lesson::Ends(keys) => keys.iter().for_each(|key| drop(sessions.remove(key))),
                Lesson::Starts(keys, person) => {
                    for key in keys {
                        let (people, last) = sessions.entry(key).or_insert_with(|| (Vec::new(), at));
                        if age_s(*last, at) >= LOGIN_KEPT_S {
                            people.clear();
                        }
                        Person::clone(&person).joins(people);
                        *last = at;
                    }
                }
            }
        }
    }

    /// What was seen last of a thing.
    pub(super) fn recall(&self, key: &str, now: Timestamp) -> Option<Answer> {
        let (value, _) = self.snapshots.recall(key)?;
        let seen = self.seen.borrow().get(key).copied().unwrap_or(now);
        let age_ms = u64::try_from(now.duration_since(seen).as_millis()).unwrap_or(0);
        Some(Answer::Remembered { value, age_ms })
    }
}

fn age_s(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}

/// As a service has it by default, and then some: a recording is read in a moment.
const CEILING: Ceiling = Ceiling { count_max: 100_000, bytes_max: 256 << 20 };
