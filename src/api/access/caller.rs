//! Who asks, as the guard has found out.

use crate::config::Grant;
use crate::store::{Sight, Visible};

use super::Need;

/// Who asks; set on every request by the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Caller {
    /// What he is known by: `admin.token`, the id of a token; nothing for a stranger.
    pub(in crate::api) id: Option<String>,
    /// What people call him.
    pub(in crate::api) name: Option<String>,
    grants: Vec<Grant>,
}

impl Caller {
    /// Shows nothing, and may ask the open routes.
    pub(in crate::api) fn stranger() -> Caller {
        Caller { id: None, name: None, grants: Vec::new() }
    }

    /// Anybody on this machine, where nobody is asked for anything.
    pub(in crate::api) fn neighbour() -> Caller {
        Caller::new("local", "Somebody on this machine", vec![Grant::Auditor])
    }

    /// Shows the token of the configuration.
    pub(in crate::api) fn holder() -> Caller {
        Caller::new("admin.token", "Holder of the admin token", vec![Grant::Auditor, Grant::Operator])
    }

    /// Somebody known, with these grants.
    pub(in crate::api) fn new(id: impl Into<String>, name: impl Into<String>, grants: Vec<Grant>) -> Caller {
        Caller { id: Some(id.into()), name: Some(name.into()), grants }
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
            Need::Caller => self.id.is_some(),
            Need::Events => !self.sees().is_nothing(),
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
            let caller = Caller::new("t", "Somebody", grants);
            assert_eq!(caller.sees(), *sees, "{caller:?}");
            for need in [Need::Events, Need::Everything, Need::Staff, Need::Operator] {
                assert_eq!(caller.has(need), needs.contains(&need), "{caller:?} {need:?}");
            }
            assert!(caller.has(Need::Nothing) && caller.has(Need::Caller));
        };
        let (nothing, all) = (Visible::Only(Vec::new()), Visible::Everything);
        check(&[], &nothing, &[]);
        check(&["operator"], &nothing, &[Need::Staff, Need::Operator]);
        check(&["auditor"], &all, &[Need::Events, Need::Everything, Need::Staff]);
        check(&["team:a", "auditor"], &all, &[Need::Events, Need::Everything, Need::Staff]);
        let both = vec![Sight::Organization("a".to_owned()), Sight::Team("b".to_owned())];
        check(&["organization:a", "team:b"], &Visible::Only(both), &[Need::Events]);
        let team = Visible::Only(vec![Sight::Team("b".to_owned())]);
        check(&["operator", "team:b"], &team, &[Need::Events, Need::Staff, Need::Operator]);
        assert!(!Caller::stranger().has(Need::Caller));
        assert!(Caller::stranger().sees().is_nothing());
    }
}
