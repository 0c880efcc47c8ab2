//! The thing before and after an action, and what changed, as one entry of a rule sees it.

use std::borrow::Cow;
use std::sync::LazyLock;

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
pub(super) struct Before<'s> {
    pub(super) facts: BeforeFacts,
    pub(super) value: Option<Cow<'s, Value>>,
    /// The last named part of the address that it was read from.
    pub(super) id: Option<String>,
}

/// Before, after and the difference, under one outcome.
#[derive(Debug)]
pub(super) struct Situation<'s> {
    pub(super) ending: Ended,
    pub(super) before: Option<&'s Value>,
    pub(super) after: Option<Cow<'s, Value>>,
    pub(super) changes: Changes,
    /// `$.changes`, moved out of [`Situation::changes`].
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
pub(super) fn before<'s>(case: &'s Case<'_>, scope: &Scope<'s>, decoded: &'s Decoded<'_>) -> Before<'s> {
    let Some(asked) = case.ask_thing(scope, Purpose::Before) else { return Before::default() };
    let (heard, id) = match asked {
        Ok(asked) => (decoded.hear(&asked), asked.last_part.or_else(|| case.last_part())),
        Err(failure) => (Heard::Unavailable(super::read::answer::why(failure).to_owned()), case.last_part()),
    };
    let (state, why, value) = match heard {
        Heard::Found(answer) => match select(case, scope, answer) {
            Some(value) => (BeforeState::Read, None, Some(value)),
            None => (BeforeState::Unavailable, Some("not in the answer".to_owned()), None),
        },
        Heard::Absent => (BeforeState::Absent, None, None),
        Heard::Unavailable(why) => (BeforeState::Unavailable, Some(why), None),
    };
    Before { facts: BeforeFacts { state, why }, value, id }
}

fn select<'s>(case: &'s Case<'_>, scope: &Scope<'s>, answer: &'s Value) -> Option<Cow<'s, Value>> {
    let select = &case.resource()?.select;
    let scope = scope.with(Root::Answer, answer);
    let found = if case.has_parameters() {
        let with = case.with(&scope);
        let scope = scope.with(Root::With, &with);
        select.eval(&scope).map(Cow::Owned)
    } else {
        select.look_up(&scope.with(Root::With, &NO_PARAMETERS))
    };
    found.filter(|value| !value.is_null())
}

/// `$.with` of a read without parameters.
static NO_PARAMETERS: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

/// Before, after and the difference, if the action ended so.
pub(super) fn situation<'s>(
    case: &'s Case<'_>,
    scope: &Scope<'s>,
    decoded: &'s Decoded<'_>,
    before: &'s Before<'_>,
    ended: Ended,
) -> Situation<'s> {
    let mut notes = Vec::new();
    let mut doubts = Vec::new();
    let mut missing = Vec::new();
    let withheld = ended == Ended::Denied && before.value.is_some();
    // A denied caller sees in his event only what he sent (THREATS chapter 2, rule 8).
    let old = if withheld { None } else { before.value.as_deref() };
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
    let scope = scope.with_option(Root::Before, old);
    let after = after(case, &scope, decoded, ended, &mut doubts);
    let (new, is_merged) = match after {
        Afterwards::None => (None, false),
        Afterwards::Whole(value) => (value, false),
        Afterwards::Merged(patch) => {
            let merged = patch.as_ref().map(|patch| merge(old.cloned().unwrap_or(Value::Null), patch));
            (merged.map(Cow::Owned), true)
        }
    };
    if new.is_none() && case.rule.after.is_some() && ended == Ended::Done {
        missing.push("after");
    }
    let mut changes = match (old, &new) {
        (Some(old), Some(new)) => changes::compare(old, new, case.resource()),
        (None, Some(new)) if is_merged && before.facts.state != BeforeState::Absent => {
            changes::compare(&Value::Object(Map::new()), new, case.resource())
        }
        (None | Some(_), None | Some(_)) => Changes::default(),
    };
    notes.append(&mut changes.notes);
    let document = Value::Object(std::mem::take(&mut changes.document));
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

enum Afterwards<'s> {
    None,
    Whole(Option<Cow<'s, Value>>),
    Merged(Option<Cow<'s, Value>>),
}

fn after<'s>(
    case: &'s Case<'_>,
    scope: &Scope<'s>,
    decoded: &'s Decoded<'_>,
    ended: Ended,
    doubts: &mut Vec<Doubt>,
) -> Afterwards<'s> {
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
            Afterwards::Merged(patch.look_up(scope))
        }
        (Some(After::Value(value)), Ended::Done) => {
            doubt(value.doubt(scope));
            Afterwards::Whole(value.look_up(scope).filter(|value| !value.is_null()))
        }
        (Some(After::Read), Ended::Done) => match heard_after(case, scope, decoded) {
            Heard::Found(answer) => Afterwards::Whole(select(case, scope, answer)),
            Heard::Absent => Afterwards::Whole(None),
            Heard::Unavailable(why) => {
                doubt(Some(why));
                Afterwards::Whole(None)
            }
        },
    }
}

fn heard_after<'d>(case: &Case<'_>, scope: &Scope<'_>, decoded: &'d Decoded<'_>) -> Heard<'d> {
    match case.ask_thing(scope, Purpose::After) {
        Some(Ok(asked)) => decoded.hear(&asked),
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
pub(super) fn name_of(resource: &Resource, situation: &Situation<'_>) -> Option<String> {
    let field = resource.name_field.as_deref()?;
    let named = |value: Option<&Value>| changes::at(value?, field)?.as_str().map(str::to_owned);
    named(situation.before).or_else(|| named(situation.after.as_deref()))
}
