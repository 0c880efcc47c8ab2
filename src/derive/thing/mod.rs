//! The thing before and after an action, as one entry of a rule sees it: what changed, and what is remembered
//! of it for the next action.

pub(super) mod changes;
pub(super) mod drift;
pub(super) mod learn;

use std::borrow::Cow;
use std::sync::LazyLock;

use self::changes::Changes;
use super::case::Case;
use super::events::{is_other_spelling, text};
use super::read::answer::{Decoded, Heard, Why};
use super::read::ask::Asked;
use super::read::consistency::Validators;
use super::read::{Meanwhile, Purpose, ReadFailure};
use crate::event::{BeforeFacts, BeforeState, Note, NoteCode, Outcome, Unread};
use crate::rules::expr::{Doubt, Expr, Root, Scope};
use crate::rules::model::{After, Resource};
use crate::value::{Map, Value};

/// The thing before the action.
#[derive(Debug, Default)]
pub(super) struct Before<'s> {
    pub(super) facts: BeforeFacts,
    pub(super) value: Option<Cow<'s, Value>>,
    /// The last named part of the address that it was read from.
    pub(super) id: Option<String>,
    /// Which version of the thing was read.
    pub(super) validators: Validators,
    /// The answer can be read in more than one way.
    is_doubtful: bool,
    /// Under which key the thing is remembered, if it is.
    snapshot_key: Option<String>,
    /// What went on with the thing while the request was under way.
    meanwhile: Meanwhile,
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
    /// Most likely done: no answer tells.
    Unsure,
    Failed,
    Denied,
}

impl Ended {
    pub(super) fn of(outcome: Outcome) -> Ended {
        match outcome {
            Outcome::Success => Ended::Done,
            Outcome::Unknown => Ended::Unsure,
            Outcome::Failure => Ended::Failed,
            Outcome::Denied => Ended::Denied,
        }
    }

    /// True unless the action surely did not happen.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Ended::Done | Ended::Unsure)
    }
}

/// The thing before, from the answer to the question that the rule asked.
pub(super) fn before<'s>(case: &'s Case<'_>, scope: &Scope<'s>, decoded: &'s Decoded<'_>) -> Before<'s> {
    let Some(asked) = case.ask_thing(scope, Purpose::Before) else { return Before::default() };
    let snapshot_key = asked.as_ref().ok().and_then(|asked| case.snapshot_key(scope, asked));
    let meanwhile = meanwhile(case, decoded, asked.as_ref().ok());
    let (heard, id) = match asked {
        Ok(asked) => (decoded.hear(&asked), asked.last_part().or_else(|| case.last_part())),
        Err(failure) => (Heard::Unavailable(failure.into()), case.last_part()),
    };
    let mut before = Before { meanwhile, id, ..Before::default() };
    before.snapshot_key = snapshot_key;
    before.facts.concurrent = before.meanwhile.had_company;
    let unavailable = match heard {
        Heard::Found(answer, validators) => match select(case, scope, answer) {
            Some(value) if is_another(case, &value, before.id.as_deref()) => {
                Some(Unread::AnotherThing.into())
            }
            Some(value) => {
                before.is_doubtful = answer.get("isDoubtful").is_some();
                before.facts.state = BeforeState::Read;
                before.value = Some(value);
                before.validators = validators;
                None
            }
            None => Some(Unread::NotInAnswer.into()),
        },
        Heard::Remembered(value, age_ms) => {
            before.facts.state = BeforeState::Remembered;
            before.facts.age_ms = Some(age_ms);
            before.value = Some(Cow::Borrowed(value));
            None
        }
        Heard::Absent => {
            before.facts.state = BeforeState::Absent;
            None
        }
        Heard::Unavailable(why) => Some(why),
    };
    if let Some(Why { word, status }) = unavailable {
        before.facts.state = BeforeState::Unavailable;
        (before.facts.why, before.facts.status) = (Some(word), status);
    }
    before
}

fn meanwhile(case: &Case<'_>, decoded: &Decoded<'_>, asked: Option<&Asked>) -> Meanwhile {
    let thing = case.thing(asked);
    thing.and_then(|thing| decoded.meanwhile.get(&thing)).copied().unwrap_or_default()
}

/// True when the answer is about another thing than the one asked for (THREATS B08): said only where the
/// resource names the member that holds its identifier.
fn is_another(case: &Case<'_>, value: &Value, asked: Option<&str>) -> bool {
    let member = case.resource().and_then(|resource| resource.id_field.as_deref());
    let (Some(member), Some(asked)) = (member, asked) else { return false };
    match changes::at(value, member).and_then(text) {
        Some(own) => own != asked && !is_other_spelling(&own, asked),
        None => true,
    }
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
    let withheld = before.value.as_deref().is_some_and(|old| is_withheld(case, scope, ended, before, old));
    let old = if withheld { None } else { before.value.as_deref() };
    if withheld {
        notes.push(Note::plain(NoteCode::BeforeWithheld));
    }
    if before.facts.state == BeforeState::Unavailable {
        let why = before.facts.why.map(|word| Why { word, status: before.facts.status }.to_string());
        notes.push(Note { code: NoteCode::BeforeUnavailable, detail: why.clone() });
        doubts.push(Doubt {
            path: vec!["before".to_owned()],
            code: NoteCode::BeforeUnavailable,
            detail: why,
        });
        missing.push("before");
    }
    if before.meanwhile.missed_turn {
        notes.push(Note::plain(NoteCode::TurnMissed));
    }
    let scope = scope.with_option(Root::Before, old);
    let after = if withheld && is_service(case) && matches!(case.rule.after, Some(After::Read)) {
        Afterwards::None
    } else {
        after(case, &scope, decoded, ended, &mut doubts)
    };
    let (new, is_merged) = match after {
        Afterwards::None => (None, false),
        Afterwards::Whole(value) => (value, false),
        Afterwards::Merged(patch) => {
            let merged = patch.as_ref().map(|patch| merge(old.cloned().unwrap_or(Value::Null), patch));
            (merged.map(Cow::Owned), true)
        }
    };
    if new.is_none() && case.rule.after.is_some() && ended.is_done() && !withheld {
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
    let is_attempted = is_merged && !ended.is_done();
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

/// Whether values beforehand are kept from this event. A denied caller sees in it only what he sent (THREATS
/// chapter 2, rule 8). What our own credential reads, he might not have been allowed to see at all: it is
/// shown only if he was surely let through, and not if it belongs to another organization than he does (B01).
fn is_withheld(case: &Case<'_>, scope: &Scope<'_>, ended: Ended, before: &Before<'_>, old: &Value) -> bool {
    if ended == Ended::Denied {
        return true;
    }
    // What is remembered, somebody else may have read.
    if !is_service(case) && before.facts.state != BeforeState::Remembered {
        return false;
    }
    let field = case.resource().and_then(|resource| resource.organization_field.as_deref());
    let owner = field.and_then(|field| changes::at(old, field)).and_then(text);
    let callers = scope.root(Root::Actor).and_then(|actor| actor.get("organization")).and_then(text);
    ended != Ended::Done || (owner.is_some() && owner != callers)
}

/// True when the thing is read with a credential of ours.
fn is_service(case: &Case<'_>) -> bool {
    case.resource().is_some_and(|resource| resource.read.credentials.is_some())
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
        (Some(After::Value(value)), Ended::Done | Ended::Unsure) => {
            let withheld = withheld(value, scope);
            doubt(withheld.clone().or_else(|| value.doubt(scope)));
            // A page in a document's place is not the thing either.
            let was_document = scope.root(Root::Before).is_some_and(Value::is_object);
            let is_thing = |value: &Value| !value.is_null() && (value.is_object() || !was_document);
            Afterwards::Whole(value.look_up(scope).filter(|value| withheld.is_none() && is_thing(value)))
        }
        (Some(After::Read), Ended::Done | Ended::Unsure) => match heard_after(case, scope, decoded) {
            Heard::Found(answer, _) => Afterwards::Whole(select(case, scope, answer)),
            Heard::Absent | Heard::Remembered(_, _) => Afterwards::Whole(None),
            Heard::Unavailable(why) => {
                doubt(Some(why.to_string()));
                Afterwards::Whole(None)
            }
        },
    }
}

/// Why a value is not the thing, though it is there: it is taken from an answer that shows only a part (THREATS E29).
/// Members that are not shown would look as if they had been taken away.
fn withheld(value: &Expr, scope: &Scope<'_>) -> Option<String> {
    let withheld = scope.doubts.iter().find(|doubt| doubt.code == NoteCode::AnswerWithheld)?;
    let mut is_from_answer = false;
    value.visit_reaches(&mut |reach| is_from_answer |= reach.root == Root::Response);
    is_from_answer.then(|| withheld.detail.clone().unwrap_or_default())
}

fn heard_after<'d>(case: &Case<'_>, scope: &Scope<'_>, decoded: &'d Decoded<'_>) -> Heard<'d> {
    match case.ask_thing(scope, Purpose::After) {
        Some(Ok(asked)) => decoded.hear(&asked),
        Some(Err(failure)) => Heard::Unavailable(failure.into()),
        None => Heard::Unavailable(ReadFailure::NotAsked.into()),
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
