//! What an exchange shows of a thing that is remembered, for the next one.
//!
//! A memory that is wrong makes changes that never were. So a thing is remembered only as a declared read
//! shows it; what an answer shows of it is laid over that; and after a change that nobody saw the end of, it
//! is forgotten (THREATS B09).

use super::{Before, Ended, Situation, is_another, select};
use crate::derive::case::Case;
use crate::derive::read::{Learned, Purpose};
use crate::event::{BeforeState, MatchedBy, NoteCode};
use crate::exchange::{CaptureState, Ending, Exchange};
use crate::rules::expr::{Root, Scope};
use crate::rules::model::After;
use crate::value::Value;

/// What an action that was recorded shows of its thing.
pub(in crate::derive) fn from_action(
    case: &Case<'_>,
    before: &Before<'_>,
    situation: &Situation<'_>,
) -> Option<(String, Learned)> {
    let key = before.snapshot_key.clone()?;
    let learned = match situation.ending {
        Ended::Done => from_after(case, before, situation),
        Ended::Unsure => Learned::Lost,
        // What was kept from this caller is still to be compared with what is known, when somebody else sees it.
        Ended::Failed | Ended::Denied if situation.before.is_none() && case.resource()?.tells_drift => {
            return None;
        }
        Ended::Failed | Ended::Denied => match (before.facts.state, before.value.as_deref()) {
            (BeforeState::Read, Some(value)) => Learned::Whole(value.clone()),
            (BeforeState::Absent, _) => Learned::Lost,
            (
                BeforeState::None | BeforeState::Read | BeforeState::Remembered | BeforeState::Unavailable,
                _,
            ) => {
                return None;
            }
        },
    };
    Some((key, learned))
}

fn from_after(case: &Case<'_>, before: &Before<'_>, situation: &Situation<'_>) -> Learned {
    let Some(after) = situation.after.as_deref() else { return Learned::Lost };
    match &case.rule.after {
        Some(After::Read) => Learned::Whole(after.clone()),
        Some(After::Merged(_)) if situation.before.is_some() => Learned::Whole(after.clone()),
        Some(After::Value(_)) if is_same_thing(case, before, situation.before, after) => {
            Learned::Part(after.clone())
        }
        Some(After::Value(_) | After::Merged(_)) | None => Learned::Lost,
    }
}

/// An answer may be about what has come out of the thing: the booking at its new time.
fn is_same_thing(case: &Case<'_>, before: &Before<'_>, old: Option<&Value>, new: &Value) -> bool {
    let names = case.resource().is_some_and(|resource| resource.id_field.is_some());
    if names {
        return !is_another(case, new, before.id.as_deref());
    }
    ["uid", "id"].iter().all(|name| match (old.and_then(|old| old.get(*name)), new.get(*name)) {
        (Some(old), Some(new)) => old == new,
        (None, _) | (_, None) => true,
    })
}

/// What a user of the application read at the thing's own address.
pub(in crate::derive) fn from_reading(case: &Case<'_>, exchange: &Exchange) -> Option<(String, Learned)> {
    let response = exchange.response.as_ref()?;
    let is_whole = response.status == 200
        && exchange.request.method == "GET"
        && exchange.ending == Ending::Complete
        && case.candidate.by == MatchedBy::Raw
        && response.body.state == CaptureState::Complete
        // A query may ask for a part of it, and so may a header.
        && !exchange.request.target.contains('?')
        && case.document.notes.iter().all(|note| note.code != NoteCode::AnswerWithheld);
    let document = case.document.response.as_ref().filter(|_| is_whole)?;
    let scope: Scope<'_> = case.scope().with(Root::Answer, document);
    let asked = case.ask_thing(&scope, Purpose::Before)?.ok()?;
    let value = select(case, &scope, document)?;
    let id = asked.last_part().or_else(|| case.last_part());
    let is_thing = value.is_object() && !is_another(case, &value, id.as_deref());
    is_thing.then(|| Some((case.snapshot_key(&scope, &asked)?, Learned::Whole(value.into_owned()))))?
}
