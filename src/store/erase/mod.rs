//! The erasure of a person's values from an entry: which of them go, and what is left then. Pure.
//!
//! | where the person stands | what goes |
//! |---|---|
//! | is the actor, or the one on whose behalf he acts | all personal values of that; of the actor also `client` |
//! | is the target, a person | all personal values of the target |
//! | a personal value has one of his addresses, names or longer ids in it | that value |
//! | the same of what else the event calls him, where he is one of the three above | that value |
//!
//! What was done, when, to what and how it ended stays (THREATS S07): no personal value, nobody's.

mod listed;
mod subject;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

pub use listed::{Listed, Loss};
pub use subject::Subject;

use super::check::{tells as tells_erasure, tells_purge};
use super::sealed::Sealed;
use super::tree::{erased, places};
use crate::event::{Actor, Assurance, Event, Target};

/// What an erasure takes from one entry.
#[derive(Debug)]
pub(super) struct Taken {
    /// What is left.
    pub(super) left: Sealed,
    /// The members that lose values, one for each value.
    pub(super) fields: Vec<&'static str>,
    /// Which of its personal values, counted from 0.
    pub(super) places: Vec<usize>,
    /// True when nobody but the client said that the actor is this person (THREATS P08).
    pub(super) is_claimed: bool,
    /// What else the event calls the person.
    pub(super) also: Vec<String>,
}

/// Where in an event the person stands.
#[derive(Default)]
struct Stands {
    members: BTreeSet<&'static str>,
    is_claimed: bool,
    /// Other addresses, names and ids of his.
    also: Vec<String>,
}

/// What an erasure takes from an entry; `None` when nothing of the person is in it. `person` is what he is called from
/// then on, 16 hexadecimal digits.
pub(super) fn taken(entry: &Sealed, event: &Event, subject: &Subject, person: &str) -> Option<Taken> {
    // What tells of purges and erasures excuses what is gone: it names nobody, and must stay as it is.
    if tells_erasure(event) || tells_purge(event) {
        return None;
    }
    let places = places::of(&entry.json);
    let stands = Stands::of(event, subject);
    let others = Subject::of_one(stands.also.iter());
    let members = places::members(&entry.json);
    let is_his = |_: usize, place: &Range<usize>, member: &str| {
        let value = &entry.json[place.clone()];
        stands.members.contains(member)
            || subject.is_within(value)
            || others.is_within(value)
            || member == "links" && is_link_to(event, subject, value)
    };
    let taken = without(entry, &places, &members, person, is_his)?;
    Some(Taken { is_claimed: stands.is_claimed, also: stands.also, ..taken })
}

/// What an earlier erasure has taken from an entry, taken again; `None` when it is gone already, or when the entry has
/// not those values.
pub(super) fn taken_again(entry: &Sealed, event: &Event, listed: &[usize], person: &str) -> Option<Taken> {
    if tells_erasure(event) || tells_purge(event) {
        return None;
    }
    let (places, members) = (places::of(&entry.json), places::members(&entry.json));
    without(entry, &places, &members, person, |at, _, _| listed.contains(&at))
}

/// The entry without the values that are `taken`: asked for each with its number, its place and the member it is in.
fn without(
    entry: &Sealed,
    places: &[Range<usize>],
    members: &[(&'static str, Range<usize>)],
    person: &str,
    taken: impl Fn(usize, &Range<usize>, &str) -> bool,
) -> Option<Taken> {
    let pieces = match &entry.pieces {
        Some(pieces) if pieces.len() != places.len() => return None,
        Some(pieces) => pieces.to_vec(),
        None => erased::pieces_of(&entry.salt, places.len()),
    };
    let (mut is_taken, mut fields, mut numbers) = (Vec::with_capacity(places.len()), Vec::new(), Vec::new());
    for (at, (place, piece)) in places.iter().zip(&pieces).enumerate() {
        let member =
            members.iter().find(|(_, range)| range.contains(&place.start)).map_or("", |(name, _)| name);
        let goes = !piece.is_erased() && taken(at, place, member);
        is_taken.push(goes);
        if goes {
            fields.push(member);
            numbers.push(at);
        }
    }
    if fields.is_empty() {
        return None;
    }
    let (json, pieces) = erased::without(&entry.json, &pieces, places, &is_taken, &erased::mark(person));
    let left = Sealed::in_pieces(entry.sequence, pieces.into(), Arc::from(json));
    Some(Taken { left, fields, places: numbers, is_claimed: false, also: Vec::new() })
}

impl Stands {
    fn of(event: &Event, subject: &Subject) -> Stands {
        let mut stands = Stands::default();
        if is_actor(&event.actor, subject) {
            stands.members.extend(["actor", "client"]);
            stands.is_claimed = event.actor.assurance <= Assurance::Claimed;
            stands.call(actor_texts(&event.actor), subject);
        }
        if let Some(actor) = event.on_behalf_of.as_ref().filter(|actor| is_actor(actor, subject)) {
            stands.members.insert("onBehalfOf");
            stands.call(actor_texts(actor), subject);
        }
        if let Some(target) = event.target.as_ref().filter(|target| is_target(target, subject)) {
            stands.members.insert("target");
            stands.call([&target.id, &target.requested_id, &target.name].into_iter(), subject);
        }
        stands
    }

    fn call<'a>(&mut self, texts: impl Iterator<Item = &'a Option<String>>, subject: &Subject) {
        let others = texts.flatten().filter(|text| !subject.is_id(text));
        self.also.extend(others.cloned());
    }
}

fn actor_texts(actor: &Actor) -> impl Iterator<Item = &Option<String>> {
    [&actor.id, &actor.email, &actor.name].into_iter()
}

fn is_actor(actor: &Actor, subject: &Subject) -> bool {
    let names = [&actor.email, &actor.name, &actor.credential];
    actor.id.as_ref().is_some_and(|id| subject.is_id(id))
        || names.into_iter().flatten().any(|name| subject.is_name(name))
}

fn is_target(target: &Target, subject: &Subject) -> bool {
    let ids = [&target.id, &target.requested_id];
    is_person(&target.r#type)
        && (ids.into_iter().flatten().any(|id| subject.is_id(id))
            || target.name.as_ref().is_some_and(|name| subject.is_name(name)))
}

/// True for a value that is the id of a link to the person.
fn is_link_to(event: &Event, subject: &Subject, value: &[u8]) -> bool {
    let id = serde_json::from_slice::<String>(value);
    id.is_ok_and(|id| {
        subject.is_id(&id) && event.links.iter().any(|link| is_person(&link.r#type) && link.id == id)
    })
}

fn is_person(kind: &str) -> bool {
    PERSONS.iter().any(|person| kind.eq_ignore_ascii_case(person))
}

/// Types of targets and links that are persons.
const PERSONS: [&str; 9] =
    ["user", "guest", "attendee", "person", "account", "member", "membership", "contact", "invitee"];

#[cfg(test)]
mod tests;
