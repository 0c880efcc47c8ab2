//! Whose session something is, as logins have shown: in memory only. After a restart a session is asked for
//! again, or unknown until its owner logs in anew.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::kept::Kept;
use crate::derive::{Answer, Answers, LOGIN_KEPT_S, Lesson, Logins, Person, ReadKey};

/// Sessions by keyed hash. Shared by all workers.
#[derive(Debug)]
pub(crate) struct Sessions(Mutex<Kept<ReadKey, Taught>>);

#[derive(Debug)]
struct Taught {
    /// Nearly always one.
    people: Vec<Person>,
    at: Instant,
}

impl Sessions {
    pub(crate) fn new() -> Sessions {
        Sessions(Mutex::new(Kept::new(SESSIONS_MAX)))
    }

    /// What is known of these.
    pub(crate) fn find(&self, keys: Vec<ReadKey>) -> Answers {
        let mut known = Answers::new();
        if keys.is_empty() {
            return known;
        }
        let now = Instant::now();
        let mut sessions = self.0.lock();
        for key in keys {
            if let Some(taught) = sessions.find(&key, now) {
                let age_s = now.duration_since(taught.at).as_secs();
                let logins = Logins { people: taught.people.clone(), age_s };
                known.insert(key, Answer::Logins(logins));
            }
        }
        known
    }

    /// Takes in what an exchange taught.
    pub(crate) fn learn(&self, lesson: Lesson) {
        let now = Instant::now();
        let mut sessions = self.0.lock();
        match lesson {
            Lesson::Ends(keys) => keys.iter().for_each(|key| sessions.remove(key)),
            Lesson::Starts(keys, person) => {
                for key in keys {
                    let known = sessions.find(&key, now).map(|taught| std::mem::take(&mut taught.people));
                    let mut people = known.unwrap_or_default();
                    Person::clone(&person).joins(&mut people);
                    sessions.keep(key, Taught { people, at: now }, KEEP, now);
                }
            }
        }
    }
}

const SESSIONS_MAX: usize = 100_000;
const KEEP: Duration = Duration::from_secs(LOGIN_KEPT_S);
