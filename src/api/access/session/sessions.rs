//! Who is signed in: a table in memory that never holds more than fits. Of a session's secret only the hash is kept,
//! as of a token's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::super::Caller;
use super::super::caller::Proof;
use super::super::oidc::Renewal;
use super::super::tokens::hash;
use crate::config::Secret;
use crate::store::hex;

/// The sessions of this process.
#[derive(Default)]
pub(in crate::api::access) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

struct Session {
    caller: Caller,
    /// By what his provider says anew what he may do, where he has signed in at one that does.
    renewal: Option<Arc<Renewal>>,
    since: Instant,
    used: Instant,
}

impl Sessions {
    /// Signs somebody in; the secret of the session.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub(in crate::api::access) fn start(
        &self,
        caller: Caller,
        renewal: Option<Renewal>,
        now: Instant,
    ) -> Result<Secret, getrandom::Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        let secret = hex(&bits);
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| session.is_good(now));
        let is_own = |session: &Session| session.caller.id == caller.id;
        // One whose token is everywhere signs out himself, and nobody else.
        let is_own_full = sessions.values().filter(|session| is_own(session)).count() >= OWN_MAX;
        if is_own_full || sessions.len() >= COUNT_MAX {
            let from = sessions.iter().filter(|(_, session)| !is_own_full || is_own(session));
            let longest_unused = from.min_by_key(|(_, session)| session.used).map(|(key, _)| *key);
            longest_unused.and_then(|key| sessions.remove(&key));
        }
        sessions.insert(
            hash(secret.as_bytes()),
            Session { caller, renewal: renewal.map(Arc::new), since: now, used: now },
        );
        Ok(Secret::new(secret))
    }

    /// Who has that secret, as he was when he signed in, or when his provider spoke of him last.
    pub(in crate::api::access) fn find(&self, secret: &str, now: Instant) -> Option<([u8; 32], Caller)> {
        let key = hash(secret.as_bytes());
        let mut sessions = self.0.lock();
        let session = sessions.get_mut(&key).filter(|session| session.is_good(now))?;
        session.used = now;
        Some((key, session.caller.clone()))
    }

    /// Whose that session is, as by `find`; looking at it is no use of it.
    pub(in crate::api::access) fn whose(&self, key: &[u8; 32], now: Instant) -> Option<Caller> {
        let sessions = self.0.lock();
        sessions.get(key).filter(|session| session.is_good(now)).map(|session| session.caller.clone())
    }

    /// By what the word on whoever has that session is had anew, when it is too old to go by.
    pub(in crate::api::access) fn due(&self, key: &[u8; 32], now: Timestamp) -> Option<Arc<Renewal>> {
        let sessions = self.0.lock();
        let is_old = |caller: &Caller| matches!(caller.proof(), Proof::Person(until) if *until <= now);
        sessions.get(key).filter(|session| is_old(&session.caller))?.renewal.clone()
    }

    /// His provider has spoken of him.
    pub(in crate::api::access) fn renewed(&self, key: &[u8; 32], caller: Caller) {
        if let Some(session) = self.0.lock().get_mut(key) {
            session.caller = caller;
        }
    }

    /// Signs somebody out.
    pub(in crate::api::access) fn end(&self, key: &[u8; 32]) {
        self.0.lock().remove(key);
    }
}

impl Session {
    fn is_good(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < LASTS && now.saturating_duration_since(self.used) < IDLE
    }
}

const COUNT_MAX: usize = 1_000;
/// Of one token.
const OWN_MAX: usize = 20;
/// A working day, and then one signs in again.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
const IDLE: Duration = Duration::from_secs(2 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::access::oidc::Person;
    use crate::config::Grant;

    #[test]
    fn a_session_lasts_while_it_is_used_and_not_for_ever() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let secret = sessions.start(Caller::neighbour(), None, start).unwrap();
        let check = |minutes: u64, expected: bool| {
            let found = sessions.find(secret.expose(), start + Duration::from_secs(60 * minutes));
            assert_eq!(found.is_some(), expected, "{minutes}");
        };
        for minutes in (0..720).step_by(119) {
            check(minutes, true);
        }
        check(720, false);
        let (other, later) = (sessions.start(Caller::neighbour(), None, start).unwrap(), start + IDLE);
        assert!(sessions.find(other.expose(), later).is_none());
        let (key, _) = sessions.find(other.expose(), start + IDLE / 2).unwrap();
        assert!(sessions.whose(&key, later).is_some());
        assert!(sessions.whose(&key, later + IDLE / 2).is_none(), "having looked at it is no use of it");
        assert!(sessions.find("", start).is_none() && sessions.find(&"0".repeat(64), start).is_none());
        let (key, _) = sessions.find(other.expose(), start).unwrap();
        sessions.end(&key);
        assert!(sessions.find(other.expose(), start).is_none());
    }

    // THREATS Q13
    #[test]
    fn the_word_of_a_provider_is_asked_anew_when_it_is_old_and_holds_for_the_session_from_then_on() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let second = |second: i64| Timestamp::from_second(second).unwrap();
        let person = |until: i64, grants: &[Grant]| {
            let (subject, name) = ("a1".to_owned(), "Alma".to_owned());
            let (grants, since, until) = (grants.to_vec(), second(0), second(until));
            Caller::of_person(Person { subject, name, grants, since, until })
        };
        let started = |renewal: Option<Renewal>| {
            let secret = sessions.start(person(300, &[Grant::Auditor]), renewal, start).unwrap();
            sessions.find(secret.expose(), start).unwrap().0
        };
        let renewal = Renewal::new("a1".to_owned(), "n".to_owned(), "refresh");
        assert!(!format!("{renewal:?}").contains("refresh\""), "{renewal:?}");
        let (key, without) = (started(Some(renewal)), started(None));
        let check = |key: &[u8; 32], at: i64, expected: bool| {
            assert_eq!(sessions.due(key, second(at)).is_some(), expected, "{at}");
        };
        for (at, is_due) in [(0, false), (299, false), (300, true), (900, true)] {
            check(&key, at, is_due);
            check(&without, at, false);
        }
        sessions.renewed(&key, person(600, &[]));
        check(&key, 599, false);
        check(&key, 600, true);
        assert_eq!(sessions.whose(&key, start).unwrap().grants(), []);
        assert_eq!(sessions.whose(&without, start).unwrap().grants(), [Grant::Auditor]);
        // An answer that comes when the session is over opens it no more.
        sessions.end(&key);
        sessions.renewed(&key, person(900, &[Grant::Auditor]));
        assert!(sessions.whose(&key, start).is_none());
    }

    #[test]
    fn there_are_never_more_sessions_than_fit_and_one_who_has_many_loses_his_own() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let mut last = None;
        let mut fill = |sessions: &Sessions| {
            for n in 1..=3 * OWN_MAX as u64 {
                last =
                    Some(sessions.start(Caller::neighbour(), None, start + Duration::from_secs(n)).unwrap());
            }
        };
        fill(&sessions);
        assert_eq!(sessions.0.lock().len(), OWN_MAX, "also where nobody else is signed in");
        let other = sessions.start(Caller::holder([0; 32]), None, start).unwrap();
        fill(&sessions);
        assert_eq!(sessions.0.lock().len(), OWN_MAX + 1);
        let now = start + Duration::from_secs(100);
        assert!(sessions.find(other.expose(), now).is_some());
        assert!(sessions.find(last.unwrap().expose(), now).is_some());
    }
}
