//! Who it is as far as the head of a request tells, before the application was asked or has answered.

use super::{Found, Standing, unknown};
use crate::derive::case::Case;
use crate::event::Actor;
use crate::rules::expr::{Phase, Scope, Verdict};

/// The first way that needs no question and surely counts; else nobody, with the credential.
pub(in crate::derive) fn at_first_sight(case: &Case<'_>, scope: &Scope<'_>) -> Actor {
    for way in case.pack.actors.iter().filter(|way| way.ask.is_none() && !way.is_learned) {
        if way.when.phase() > Phase::Head || way.when.test(scope) != Verdict::Yes {
            continue;
        }
        if let Some(found) = Found::of(case, way, scope) {
            return found.judged(case, scope, Standing::Unknown, None).actor;
        }
    }
    unknown(case)
}
