//! Who asks, as the guard has found out.

use jiff::Timestamp;

use crate::config::{Grant, Shows};
use crate::store::{Sight, Visible};

use super::oidc::Person;
use super::{Need, Token};

/// Who asks; set on every request by the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Caller {
    /// What he is known by: `admin.token`, the id of a token; nothing for a stranger.
    pub(in crate::api) id: Option<String>,
    /// What people call him.
    pub(in crate::api) name: Option<String>,
    grants: Vec<Grant>,
    shown: Shows,
    proof: Proof,
    /// The hash of his session's secret, when he shows a cookie.
    session: Option<[u8; 32]>,
}

/// By what we know him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Proof {
    /// Nothing.
    None,
    /// He is on this machine.
    Place,
    /// The token of the configuration; its keyed hash.
    Holder([u8; 32]),
    /// A token of the file; its hash.
    Token([u8; 32]),
    /// The word of a provider of identities, which is good until then.
    Person(Timestamp),
    /// The word that a provider has given and does not give anew: he may do nothing until it does.
    Unheard,
}

impl Caller {
    /// Shows nothing, and may ask the open routes.
    pub(in crate::api) fn stranger() -> Caller {
        Caller {
            id: None,
            name: None,
            grants: Vec::new(),
            shown: Shows::Records,
            proof: Proof::None,
            session: None,
        }
    }

    /// Anybody on this machine, where nobody is asked for anything.
    pub(in crate::api) fn neighbour() -> Caller {
        Caller::known("local", "Somebody on this machine", vec![Grant::Auditor], Proof::Place)
    }

    /// Shows the token of the configuration.
    pub(in crate::api) fn holder(hash: [u8; 32]) -> Caller {
        let grants = vec![Grant::Auditor, Grant::Operator];
        Caller::known("admin.token", "Holder of the admin token", grants, Proof::Holder(hash))
    }

    /// Shows a token of the file.
    pub(in crate::api) fn of_token(token: &Token) -> Caller {
        let shown = token.link.as_ref().map_or(Shows::Records, |link| link.shows);
        let known = Caller::known(&token.id, &token.name, token.grants.clone(), Proof::Token(token.hash));
        Caller { shown, ..known }
    }

    /// Shows the word of a provider of identities.
    pub(in crate::api) fn of_person(person: Person) -> Caller {
        let Person { subject, name, grants, until, since: _ } = person;
        Caller::known(&format!("oidc:{subject}"), &name, grants, Proof::Person(until))
    }

    /// The same, of whom his provider has not said lately what he may do.
    pub(in crate::api) fn unheard(self) -> Caller {
        Caller { grants: Vec::new(), proof: Proof::Unheard, ..self }
    }

    fn known(id: &str, name: &str, grants: Vec<Grant>, proof: Proof) -> Caller {
        let (id, name) = (Some(id.to_owned()), Some(name.to_owned()));
        Caller { id, name, grants, shown: Shows::Records, proof, session: None }
    }

    /// The same, who shows a cookie instead.
    pub(in crate::api) fn by_session(self, session: [u8; 32]) -> Caller {
        Caller { session: Some(session), ..self }
    }

    /// The hash of his session's secret, when he shows a cookie.
    pub(in crate::api) fn session(&self) -> Option<&[u8; 32]> {
        self.session.as_ref()
    }

    /// What he may do.
    pub(in crate::api) fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// How much of each event there is for him.
    pub(in crate::api) fn shown(&self) -> Shows {
        self.shown
    }

    /// Whether another one may do the same, and is shown as much.
    pub(in crate::api) fn may_the_same_as(&self, other: &Caller) -> bool {
        (&self.grants, self.shown) == (&other.grants, other.shown)
    }

    /// By what we know him.
    pub(in crate::api) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What there is of the log for him.
    pub(in crate::api) fn sees(&self) -> Visible {
        if self.grants.contains(&Grant::Auditor) {
            return Visible::Everything;
        }
        let sight = |grant: &Grant| match grant {
            Grant::Auditor | Grant::Operator => None,
            Grant::Organization(id) => Some(Sight::Organization(id.clone())),
            Grant::Team(id) => Some(Sight::Team(id.clone())),
            Grant::Target { r#type, id } => Some(Sight::Target { r#type: r#type.clone(), id: id.clone() }),
            Grant::Actor(id) => Some(Sight::Actor(id.clone())),
        };
        Visible::Only(self.grants.iter().filter_map(sight).collect())
    }

    /// True when he has what a route needs.
    pub(in crate::api) fn has(&self, need: Need) -> bool {
        let is = |grant: &Grant| self.grants.contains(grant);
        match need {
            Need::Nothing => true,
            Need::Caller => self.id.is_some() && self.proof != Proof::Unheard,
            Need::Events => !self.sees().is_nothing(),
            Need::Records => !self.sees().is_nothing() && self.shown == Shows::Records,
            Need::Everything => is(&Grant::Auditor),
            Need::Staff => is(&Grant::Auditor) || is(&Grant::Operator),
            Need::Operator => is(&Grant::Operator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_say_what_is_seen_and_which_routes_are_open() {
        let check = |grants: &[&str], sees: &Visible, needs: &[Need]| {
            let grants = grants.iter().map(|text| Grant::parse(text).unwrap()).collect();
            let caller = Caller::known("t", "Somebody", grants, Proof::Token([0; 32]));
            assert_eq!(caller.sees(), *sees, "{caller:?}");
            for need in [Need::Events, Need::Records, Need::Everything, Need::Staff, Need::Operator] {
                assert_eq!(caller.has(need), needs.contains(&need), "{caller:?} {need:?}");
            }
            assert!(caller.has(Need::Nothing) && caller.has(Need::Caller));
        };
        let (nothing, all) = (Visible::Only(Vec::new()), Visible::Everything);
        check(&[], &nothing, &[]);
        check(&["operator"], &nothing, &[Need::Staff, Need::Operator]);
        check(&["auditor"], &all, &[Need::Events, Need::Records, Need::Everything, Need::Staff]);
        check(&["team:a", "auditor"], &all, &[Need::Events, Need::Records, Need::Everything, Need::Staff]);
        let both = vec![Sight::Organization("a".to_owned()), Sight::Team("b".to_owned())];
        check(&["organization:a", "team:b"], &Visible::Only(both), &[Need::Events, Need::Records]);
        let team = Visible::Only(vec![Sight::Team("b".to_owned())]);
        check(&["operator", "team:b"], &team, &[Need::Events, Need::Records, Need::Staff, Need::Operator]);
        assert!(!Caller::stranger().has(Need::Caller));
        assert!(Caller::stranger().sees().is_nothing());
    }
}
