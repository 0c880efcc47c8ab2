//! The second person: where the configuration wants one, a plan that somebody has confirmed waits until somebody else
//! confirms the same. What waits is kept in memory alone, without the person whom it is about: the second one says himself
//! who that is, and so must know. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// Plans that wait for a second person.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    /// The oldest first.
    waiting: Vec<Waiting>,
}

/// A plan that somebody has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Waiting {
    /// The plan's.
    pub(super) id: String,
    /// Who has confirmed it.
    pub(super) by: String,
    /// Until when somebody else may.
    pub(super) until: Timestamp,
}

/// What a confirmation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    /// It is the first one: somebody else must confirm it, too.
    First(Waiting),
    /// It is the second one; the first was this one's.
    Second(String),
    /// It is the first one again, of the same person.
    Same(Waiting),
}

impl Approvals {
    /// Takes a confirmation. One that was not followed by another in time counts no more.
    pub(super) fn confirm(&mut self, id: &str, by: &str, now: Timestamp) -> Vote {
        self.waiting.retain(|one| one.until > now);
        match self.waiting.iter().position(|one| one.id == id) {
            Some(at) if self.waiting[at].by == by => Vote::Same(self.waiting[at].clone()),
            Some(at) => Vote::Second(self.waiting.remove(at).by),
            None => {
                let until = now.saturating_add(PATIENCE).unwrap_or(now);
                let one = Waiting { id: id.to_owned(), by: by.to_owned(), until };
                if self.waiting.len() == WAITING_MAX {
                    self.waiting.remove(0);
                }
                self.waiting.push(one.clone());
                Vote::First(one)
            }
        }
    }

    /// Takes the first confirmation of a plan back.
    pub(super) fn withdraw(&mut self, id: &str) {
        self.waiting.retain(|one| one.id != id);
    }

    /// What waits then.
    pub(super) fn waiting(&self, now: Timestamp) -> Vec<Waiting> {
        self.waiting.iter().filter(|one| one.until > now).cloned().collect()
    }
}

/// A day, so that colleagues need not sit together.
const PATIENCE: Duration = Duration::from_secs(86_400);
/// The oldest makes room.
const WAITING_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).unwrap()
    }

    // THREATS S07
    #[test]
    fn only_another_person_approves_and_only_the_same_plan_in_time() {
        let mut approvals = Approvals::default();
        let first = Waiting { id: "p".to_owned(), by: "ada".to_owned(), until: at(24) };
        assert_eq!(approvals.confirm("p", "ada", at(0)), Vote::First(first.clone()));
        assert_eq!(approvals.confirm("p", "ada", at(1)), Vote::Same(first.clone()));
        assert!(matches!(approvals.confirm("q", "bob", at(1)), Vote::First(_)));
        assert_eq!(approvals.waiting(at(1)).len(), 2);
        assert_eq!(approvals.confirm("p", "bob", at(23)), Vote::Second("ada".to_owned()));
        // What was approved is used up: the next one begins anew.
        assert!(matches!(approvals.confirm("p", "bob", at(23)), Vote::First(_)));
        // Bob's own plan has run out at its hour, also for Ada.
        assert_eq!(approvals.waiting(at(25)).len(), 1);
        assert!(
            matches!(approvals.confirm("q", "ada", at(25)), Vote::First(Waiting { by, .. }) if by == "ada")
        );
        approvals.withdraw("q");
        assert!(matches!(approvals.confirm("q", "bob", at(25)), Vote::First(_)));
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let mut approvals = Approvals::default();
        for n in 0..=WAITING_MAX {
            approvals.confirm(&n.to_string(), "ada", at(0));
        }
        let waiting = approvals.waiting(at(0));
        assert_eq!((waiting.len(), waiting[0].id.as_str()), (WAITING_MAX, "1"));
    }
}
