//! What whoever asks may see at all. It is part of the question, so that the store applies it before anything is
//! counted, cut or ordered: what is not seen is as if it were not there (THREATS Q01, Q02).
//!
//! Identifiers are compared byte for byte, unlike filters: two organizations whose names differ in case are two.

use crate::event::{Actor, Assurance, Event, own};

/// Which events there are for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    /// All of them: for auditors, and for Earwitness itself.
    #[default]
    Everything,
    /// Those that one of these shows; without any, none. What Earwitness tells of itself belongs to nobody, whomever it
    /// names: who reads the log is for auditors to know.
    Only(Vec<Sight>),
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sight {
    /// The events of an organization, as `scope.organization` has it, those of its teams among them.
    Organization(String),
    /// The events of a team, as `scope.team` has it.
    Team(String),
    /// The events of one thing: its own, and those that are linked to it.
    Target {
        /// Its kind: `booking`.
        r#type: String,
        /// Its identifier.
        id: String,
    },
    /// What one person did, by the identifier that the application gives; not what somebody only says he did.
    Actor(String),
}

impl Visible {
    /// True when an event is there for whoever asks.
    pub fn shows(&self, event: &Event) -> bool {
        match self {
            Visible::Everything => true,
            Visible::Only(sights) => !own::is_own(event) && sights.iter().any(|sight| sight.shows(event)),
        }
    }

    /// True when nothing can be there.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Visible::Only(sights) if sights.is_empty())
    }
}

impl Sight {
    fn shows(&self, event: &Event) -> bool {
        match self {
            Sight::Organization(id) => event.scope.organization.as_ref() == Some(id),
            Sight::Team(id) => event.scope.team.as_ref() == Some(id),
            Sight::Target { r#type, id } => {
                let target = event.target.iter().filter(|target| target.r#type == *r#type);
                let mut own = target.flat_map(|target| target.id.iter().chain(&target.requested_id));
                let mut linked = event.links.iter().filter(|link| link.r#type == *r#type);
                own.any(|own| own == id) || linked.any(|link| link.id == *id)
            }
            Sight::Actor(id) => {
                let is_meant = |actor: &Actor| actor.id.as_ref() == Some(id);
                event.actor.assurance != Assurance::Claimed && is_meant(&event.actor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::event;
    use super::*;
    use crate::event::{Scope, Target};

    // THREATS Q01
    #[test]
    fn an_event_is_there_for_those_to_whom_one_of_its_parts_belongs() {
        let scope = Scope { organization: Some("acme".to_owned()), team: Some("t1".to_owned()) };
        let ours = Event { scope, ..event(4) };
        let check = |sights: &[Sight], expected: bool| {
            assert_eq!(Visible::Only(sights.to_vec()).shows(&ours), expected, "{sights:?}");
        };
        let organization = |id: &str| Sight::Organization(id.to_owned());
        let team = |id: &str| Sight::Team(id.to_owned());
        let target = |r#type: &str, id: &str| Sight::Target { r#type: r#type.to_owned(), id: id.to_owned() };
        let actor = |id: &str| Sight::Actor(id.to_owned());
        check(&[], false);
        check(&[organization("acme")], true);
        check(&[organization("ACME")], false);
        check(&[organization("t1")], false);
        check(&[team("t1")], true);
        check(&[team("acme")], false);
        check(&[team("t2"), organization("acme")], true);
        check(&[target("booking", "b-4")], true);
        check(&[target("booking", "asked-4")], true);
        check(&[target("booking", "link-4")], true);
        check(&[target("user", "b-4")], false);
        check(&[target("booking", "b-5")], false);
        check(&[actor("u4")], true);
        check(&[actor("u5")], false);
        check(&[actor("Jördis Nowak")], false);
        assert!(Visible::Everything.shows(&ours));
    }

    #[test]
    fn what_belongs_to_nobody_and_what_is_only_claimed_is_there_for_auditors_alone() {
        let sights = vec![Sight::Organization(String::new()), Sight::Team(String::new())];
        assert!(!Visible::Only(sights.clone()).shows(&event(4)));
        let own = own::Own {
            id: uuid::Uuid::nil(),
            time: event(4).time,
            rule: "reload",
            action: "RULES_RELOADED",
            title: "",
            text: String::new(),
            result: crate::event::Outcome::Success,
        };
        let target = Target { r#type: "token".to_owned(), id: Some("4fe0".to_owned()), ..Target::default() };
        let own = Event { target: Some(target), ..own::event(own) };
        let (kind, id) = ("token".to_owned(), "4fe0".to_owned());
        for sight in [Sight::Target { r#type: kind, id }, Sight::Actor("earwitness".to_owned())] {
            let mut other = own.clone();
            other.source = Some("API".to_owned());
            assert!(sight.shows(&own) && Visible::Only(vec![sight.clone()]).shows(&other));
            assert!(!Visible::Only([&sights[..], &[sight]].concat()).shows(&own));
        }
        assert!(Visible::Everything.shows(&own));
        let mut claimed = event(4);
        claimed.actor.assurance = Assurance::Claimed;
        assert!(!Visible::Only(vec![Sight::Actor("u4".to_owned())]).shows(&claimed));
    }
}
