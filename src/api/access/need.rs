//! Which callers a route is for, in one table. A route that is not in it is for auditors alone: who adds one and
//! forgets it here has shown nothing to anybody.

use std::borrow::Cow;

use axum::http::{Method, StatusCode};

use super::super::answers::problem::Problem;
use super::{Caller, Proof};

/// What a route needs of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Need {
    /// Anybody may ask: the route says next to nothing to strangers.
    Nothing,
    /// Somebody who is known.
    Caller,
    /// Somebody who sees events; which ones is for the filter to say.
    Events,
    /// The same, who sees more of them than sentences.
    Records,
    /// An auditor.
    Everything,
    /// An auditor or an operator.
    Staff,
    /// An operator.
    Operator,
}

impl Need {
    /// What a route needs, by its pattern in the router; `None` for an address that is none of ours.
    pub(in crate::api) fn of(route: Option<&str>) -> Need {
        let Some(route) = route else { return Need::Caller };
        let row = NEEDS.iter().find(|(known, _)| *known == route);
        row.map_or(Need::Everything, |(_, need)| *need)
    }

    /// True where the answer shows the log or what passed it by: who got it is told (THREATS Q18).
    pub(in crate::api) fn is_told(self, method: &Method, route: Option<&str>) -> bool {
        let Some(route) = route else { return false };
        match self {
            // A reader's own searches hold none of it.
            Need::Events | Need::Records => !route.starts_with("/audit/v1/searches"),
            Need::Everything => true,
            // What is made or revoked there is told by itself.
            Need::Staff => method.is_safe() && SHOWN_TO_STAFF.contains(&route),
            // A plan says in how many events somebody stands, and who else does. What is erased is told by itself, too.
            Need::Operator => route == super::super::ERASURE,
            Need::Nothing | Need::Caller => false,
        }
    }

    /// Lets a caller pass, or says what he lacks.
    ///
    /// # Errors
    /// When he lacks it.
    pub(in crate::api) fn check(self, caller: &Caller) -> Result<(), Problem> {
        if caller.has(self) {
            return Ok(());
        }
        if *caller.proof() == Proof::Unheard {
            let detail =
                "What you may do is asked of your provider every few minutes, and it does not answer now.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        let lacks = match self {
            Need::Nothing | Need::Caller => "This address is for those who sign in.",
            Need::Events => {
                "You see no events: that needs the grant `auditor`, or one for an organization or a team."
            }
            Need::Records => {
                "You see sentences, or no events: this address is for those who see what is recorded."
            }
            Need::Everything => "This address is for auditors.",
            Need::Staff => "This address is for auditors and operators.",
            Need::Operator => {
                "This address is for operators: the holder of `admin.token`, or of a token with that grant."
            }
        };
        Err(Problem::new(StatusCode::FORBIDDEN, Cow::Borrowed(lacks)))
    }
}

/// What they say of people and things that stand in the log, or of what passed it by.
const SHOWN_TO_STAFF: [&str; 3] = ["/audit/v1/blind-spots", "/audit/v1/links", "/audit/v1/retention"];

/// Every route and what it needs.
pub(in crate::api) const NEEDS: &[(&str, Need)] = &[
    ("/", Need::Nothing),
    ("/assets/{*path}", Need::Nothing),
    ("/embed", Need::Nothing),
    ("/healthz", Need::Nothing),
    ("/readyz", Need::Nothing),
    ("/openapi.json", Need::Caller),
    ("/audit/v1", Need::Caller),
    ("/audit/v1/events", Need::Events),
    ("/audit/v1/events/{id}", Need::Events),
    // Where an entry stands, and how many there are, tells a part how busy the others are.
    ("/audit/v1/events/{id}/proof", Need::Everything),
    ("/audit/v1/key", Need::Caller),
    ("/audit/v1/keys", Need::Caller),
    ("/audit/v1/checkpoint", Need::Staff),
    ("/audit/v1/subtrees", Need::Everything),
    ("/audit/v1/consistency", Need::Staff),
    ("/audit/v1/tail", Need::Events),
    ("/audit/v1/export", Need::Records),
    ("/v2/event-types/{id}/history", Need::Records),
    ("/v2/bookings/{uid}/history", Need::Records),
    ("/admin/reports/v1/activity/users/{user}/applications/{application}", Need::Records),
    ("/audit/v1/searches", Need::Records),
    ("/audit/v1/searches/{name}", Need::Records),
    ("/audit/v1/targets/{type}/{id}/history", Need::Events),
    ("/audit/v1/targets/{type}/{id}/state", Need::Records),
    ("/audit/v1/facets", Need::Records),
    ("/audit/v1/histogram", Need::Records),
    ("/audit/v1/blind-spots", Need::Staff),
    ("/audit/v1/rules", Need::Staff),
    // Who am I? Anybody may ask that, and sign in.
    ("/audit/v1/session", Need::Nothing),
    ("/audit/v1/session/oidc", Need::Nothing),
    ("/audit/v1/session/oidc/callback", Need::Nothing),
    // Who makes one sees what it shows, which the route looks at; these see which there are, and revoke them.
    ("/audit/v1/links", Need::Staff),
    ("/audit/v1/links/{id}", Need::Staff),
    ("/audit/v1/retention", Need::Staff),
    ("/audit/v1/retention/pass", Need::Operator),
    ("/audit/v1/erasure", Need::Operator),
    ("/audit/v1/reload", Need::Operator),
    ("/metrics", Need::Staff),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_said_whom_it_is_for() {
        let router = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/mod.rs")).unwrap();
        let constant = |name: &str| {
            let line = router.lines().find(|line| line.starts_with(&format!("const {name}: &str = ")));
            line.and_then(|line| line.split('"').nth(1))
                .unwrap_or_else(|| panic!("{name} is no constant there"))
        };
        let mut routes = Vec::new();
        for call in router.split(".route(").skip(1) {
            let first = call.split(',').next().unwrap().trim();
            routes.push(if first.starts_with('"') { first.trim_matches('"') } else { constant(first) });
        }
        assert!(routes.len() > 9, "{routes:?}");
        for route in &routes {
            let has_row = NEEDS.iter().any(|(known, _)| known == route);
            assert!(has_row, "say in NEEDS (src/api/access/need.rs) whom `{route}` is for");
        }
        for (known, _) in NEEDS {
            assert!(routes.contains(known), "`{known}` is no route any more");
        }
    }

    #[test]
    fn a_route_that_has_not_said_it_is_for_auditors() {
        assert_eq!(Need::of(Some("/audit/v1/new")), Need::Everything);
        assert_eq!(Need::of(None), Need::Caller);
    }
}
