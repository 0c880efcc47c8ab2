//! Who it is as logins have shown it.

use super::{Standing, Who, label, session, unknown, who};
use crate::derive::case::Case;
use crate::derive::read::answer::Decoded;
use crate::derive::read::{Logins, Person};
use crate::event::{Actor, Assurance, Evidence, Note, NoteCode, Scope as Visibility};
use crate::exchange::Exchange;

/// Whoever logged in with the session that this request shows; nobody where no login was seen, or where the
/// application does not know the session any more.
pub(super) fn from_logins(case: &Case<'_>, exchange: &Exchange, decoded: &Decoded<'_>) -> Option<Who> {
    if Standing::of(exchange) == Standing::Refused {
        return None;
    }
    let keys = session::shown(case.pack, case.request, &case.engine.key);
    let found: Vec<&Logins> = keys.iter().filter_map(|key| decoded.logins(key)).collect();
    let age_s = found.iter().map(|logins| logins.age_s).max()?;
    let mut people: Vec<&Person> = Vec::new();
    for person in found.iter().flat_map(|logins| &logins.people) {
        if !people.contains(&person) {
            people.push(person);
        }
    }
    match people.as_slice() {
        [] => None,
        [person] => Some(one(case, person, age_s)),
        [..] => Some(several(case, &people)),
    }
}

fn one(case: &Case<'_>, person: &Person, age_s: u64) -> Who {
    let mut notes = Vec::new();
    let mut assurance = Assurance::LookedUp;
    if let Some(why) = &case.document.shown.ambiguity {
        assurance = Assurance::Ambiguous;
        notes.push(Note::with(NoteCode::ActorAmbiguous, why.clone()));
    }
    let known = |actor: &Actor, credential: Option<String>| Actor {
        assurance,
        evidence: Some(Evidence::Login),
        evidence_age_s: Some(age_s),
        credential,
        ..actor.clone()
    };
    let actor = known(&person.actor, case.document.shown.hash.clone());
    let behalf = person.on_behalf_of.as_ref().map(|actor| known(actor, None));
    let scopes = (person.scope.clone(), Visibility::default());
    let scopes = if assurance == Assurance::LookedUp { scopes } else { Default::default() };
    Who { notes, scopes, ..who(actor, behalf) }
}

fn several(case: &Case<'_>, people: &[&Person]) -> Who {
    let names: Vec<&str> = people.iter().map(|person| label(&person.actor)).collect();
    let why = format!("logins of several people show this session: {}", names.join(", "));
    let actor = Actor { assurance: Assurance::Ambiguous, ..unknown(case) };
    Who { notes: vec![Note::with(NoteCode::ActorAmbiguous, why)], ..who(actor, None) }
}
