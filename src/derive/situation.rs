//! The thing before and after an action, and what changed, as one entry of a rule sees it.

use serde_json::{Map, Value};

use super::case::Case;
use super::changes::{self, Changes};
use super::read::answer::{Decoded, Heard};
use super::read::{Purpose, ReadFailure};
use crate::event::{BeforeFacts, BeforeState, Note, NoteCode, Outcome};
use crate::rules::expr::{Doubt, Root, Scope};
use crate::rules::model::{After, Resource};

/// The thing before the action.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) facts: BeforeFacts,
    pub(super) value: Option<Value>,
    /// The last named part of the address that it was read from.
    pub(super) id: Option<String>,
}

/// Before, after and the difference, under one outcome.
#[derive(Debug)]
pub(super) struct Situation {
    pub(super) ending: Ended,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) changes: Changes,
    /// `$.changes`.
    pub(super) document: Value,
    /// The changes are what was asked for, not what was done.
    pub(super) is_attempted: bool,
    pub(super) notes: Vec<Note>,
    pub(super) doubts: Vec<Doubt>,
    /// A snapshot that the rule asks for and that is not there.
    pub(super) missing: Vec<&'static str>,
}

/// Outcomes that snapshots tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Failed,
    Denied,
}

impl Ended {
    pub(super) fn of(outcome: Outcome) -> Ended {
        match outcome {
            Outcome::Success | Outcome::Unknown => Ended::Done,
            Outcome::Failure => Ended::Failed,
            Outcome::Denied => Ended::Denied,
        }
    }
}

/// The thing before, from the answer to the question that the rule asked.
pub(super) fn before(case: &Case<'_>, scope: &Scope<'_>, decoded: &Decoded<'_>) -> Before {
    let Some(asked) = case.ask_thing(scope, Purpose::Before) else { return Before::default() };
    let (heard, id) = match asked {
        Ok(asked) => (decoded.hear(&asked.request.key), asked.last_part.or_else(|| case.last_part())),
        Err(failure) => (Heard::Unavailable(super::read::answer::why(failure).to_owned()), case.last_part()),
    };
    let (state, why, value) = match heard {
        Heard::Found(answer) => match select(case, scope, &answer) {
            Some(value) => (BeforeState::Read, None, Some(value)),
            None => (BeforeState::Unavailable, Some("not in the answer".to_owned()), None),
        },
        Heard::Absent => (BeforeState::Absent, None, None),
        Heard::Unavailable(why) => (BeforeState::Unavailable, Some(why), None),
    };
    Before { facts: BeforeFacts { state, why }, value, id }
}

fn select(case: &Case<'_>, scope: &Scope<'_>, answer: &Value) -> Option<Value> {
    let resource = case.resource()?;
    let with = case.with(scope);
    let scope = scope.with(Root::Answer, answer).with(Root::With, &with);
    resource.select.eval(&scope).filter(|value| !value.is_null())
}

/// Before, after and the difference, if the action ended so.
pub(super) fn situation(
    case: &Case<'_>,
    scope: &Scope<'_>,
    decoded: &Decoded<'_>,
    before: &Before,
    ended: Ended,
) -> Situation {
    let mut notes = Vec::new();
    let mut doubts = Vec::new();
    let mut missing = Vec::new();
    let withheld = ended == Ended::Denied && before.value.is_some();
    // A denied caller sees in his event only what he sent (THREATS chapter 2, rule 8).
    let old = if withheld { None } else { before.value.clone() };
    if withheld {
        notes.push(Note::plain(NoteCode::BeforeWithheld));
    }
    if before.facts.state == BeforeState::Unavailable {
        let why = before.facts.why.clone();
        notes.push(Note { code: NoteCode::BeforeUnavailable, detail: why.clone() });
        doubts.push(Doubt {
            path: vec!["before".to_owned()],
            code: NoteCode::BeforeUnavailable,
            detail: why,
        });
        missing.push("before");
    }
    let scope = scope.with_option(Root::Before, old.as_ref());
    let after = after(case, &scope, decoded, ended, &mut doubts);
    let (new, is_merged) = match after {
        Afterwards::None => (None, false),
        Afterwards::Whole(value) => (value, false),
        Afterwards::Merged(patch) => {
            let merged = patch.as_ref().map(|patch| merge(old.clone().unwrap_or(Value::Null), patch));
            (merged, true)
        }
    };
    if new.is_none() && case.rule.after.is_some() && ended == Ended::Done {
        missing.push("after");
    }
    let changes = match (&old, &new) {
        (Some(old), Some(new)) => changes::compare(old, new, case.resource()),
        (None, Some(new)) if is_merged && before.facts.state != BeforeState::Absent => {
            changes::compare(&Value::Object(Map::new()), new, case.resource())
        }
        (None | Some(_), None | Some(_)) => Changes::default(),
    };
    notes.extend(changes.notes.iter().cloned());
    let document = Value::Object(changes.document.clone());
    let is_attempted = is_merged && ended != Ended::Done;
    Situation {
        ending: ended,
        before: old,
        after: new,
        changes,
        document,
        is_attempted,
        notes,
        doubts,
        missing,
    }
}

enum Afterwards {
    None,
    Whole(Option<Value>),
    Merged(Option<Value>),
}

fn after(
    case: &Case<'_>,
    scope: &Scope<'_>,
    decoded: &Decoded<'_>,
    ended: Ended,
    doubts: &mut Vec<Doubt>,
) -> Afterwards {
    let mut doubt = |reason: Option<String>| {
        doubts.extend(reason.map(|reason| Doubt {
            path: vec!["after".to_owned()],
            code: NoteCode::ValueMissing,
            detail: Some(reason),
        }));
    };
    match (&case.rule.after, ended) {
        (None, _) | (Some(After::Value(_) | After::Read), Ended::Failed | Ended::Denied) => Afterwards::None,
        (Some(After::Merged(patch)), _) => {
            doubt(patch.doubt(scope));
            Afterwards::Merged(patch.eval(scope))
        }
        (Some(After::Value(value)), Ended::Done) => {
            doubt(value.doubt(scope));
            Afterwards::Whole(value.eval(scope).filter(|value| !value.is_null()))
        }
        (Some(After::Read), Ended::Done) => match heard_after(case, scope, decoded) {
            Heard::Found(answer) => Afterwards::Whole(select(case, scope, &answer)),
            Heard::Absent => Afterwards::Whole(None),
            Heard::Unavailable(why) => {
                doubt(Some(why));
                Afterwards::Whole(None)
            }
        },
    }
}

fn heard_after(case: &Case<'_>, scope: &Scope<'_>, decoded: &Decoded<'_>) -> Heard {
    match case.ask_thing(scope, Purpose::After) {
        Some(Ok(asked)) => decoded.hear(&asked.request.key),
        Some(Err(failure)) => Heard::Unavailable(super::read::answer::why(failure).to_owned()),
        None => Heard::Unavailable(super::read::answer::why(ReadFailure::NotAsked).to_owned()),
    }
}

/// RFC 7396: members are laid over, null takes away.
fn merge(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut members = match target {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            let old = members.remove(name).unwrap_or(Value::Null);
            members.insert(name.clone(), merge(old, value));
        }
    }
    Value::Object(members)
}

/// The field that names the thing for people.
pub(super) fn name_of(resource: &Resource, situation: &Situation) -> Option<String> {
    let field = resource.name_field.as_deref()?;
    let named = |value: &Option<Value>| changes::at(value.as_ref()?, field)?.as_str().map(str::to_owned);
    named(&situation.before).or_else(|| named(&situation.after))
}
