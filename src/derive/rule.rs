//! One rule against one exchange: items, entries, what fires, and which event carries which change.

use std::cell::{Cell, OnceCell};

use uuid::Uuid;

use super::Step;
use super::case::{Case, Item, Items, with_item};
use super::engine::EVENTS_MAX;
use super::events::{self, carry};
use super::read::Learned;
use super::read::answer::Decoded;
use super::thing::drift::{self, Sighting};
use super::thing::{self, Before, Ended, Situation, learn};
use super::who::{self, Who};
use crate::event::{Event, Note, NoteCode, Outcome};
use crate::exchange::Exchange;
use crate::rules::expr::{Condition, Doubt, Phase, Root, Scope, Verdict};
use crate::rules::model::{ChangeSpec, Entry};
use crate::rules::router::Candidate;
use crate::value::Value;

/// What one rule makes of an exchange.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) events: Vec<Event>,
    /// Fields asked for and missing, on success.
    pub(super) missing: Vec<String>,
    /// Items beyond the limit.
    pub(super) cut: usize,
    /// What was shown of things that are remembered, by their keys.
    pub(super) learned: Vec<(String, Learned)>,
    /// Things as they were read, to be compared with what is remembered.
    pub(super) sightings: Vec<Sighting>,
}

/// All that stands when an entry fires.
pub(super) struct Firing<'f> {
    pub(super) entry: &'f Entry,
    pub(super) scope: Scope<'f>,
    pub(super) situation: &'f Situation<'f>,
    pub(super) before: &'f Before<'f>,
    pub(super) who: &'f Who,
    pub(super) outcome: Outcome,
    pub(super) item: Option<&'f Item>,
    /// Why it is not certain; empty when it is.
    pub(super) reasons: Vec<String>,
}

/// An event, and which changes it carries.
pub(super) struct Draft {
    pub(super) event: Event,
    pub(super) carried: Vec<usize>,
    pub(super) ended: Ended,
    pub(super) missing: Vec<String>,
}

/// The events of one rule.
pub(super) fn derive(
    case: &Case<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
    ids: &mut dyn FnMut() -> Uuid,
) -> Recorded {
    let mut recorded = Recorded::default();
    if case.rule.is_observer() {
        recorded.learned.extend(learn::from_reading(case, exchange));
        return recorded;
    }
    let mut reasons = match body_method(case) {
        Meant::Yes => Vec::new(),
        Meant::No => {
            decoded.tell(|| Step::Unmeant);
            return recorded;
        }
        Meant::Doubt(reason) => vec![reason],
    };
    let items = match &case.rule.for_each {
        None => Items::Once,
        Some(for_each) => {
            let scope = case.scope();
            let (vars, _) = case.vars(&scope);
            case.items(Some(for_each), &scope.with(Root::Vars, &vars))
        }
    };
    let items: Vec<Option<Item>> = match items {
        Items::Once => vec![None],
        Items::Each(items) => items.into_iter().map(Some).collect(),
        Items::Doubt(reason) => {
            reasons.push(reason);
            vec![None]
        }
    };
    recorded.cut = items.len().saturating_sub(EVENTS_MAX);
    for item in items.iter().take(EVENTS_MAX) {
        derive_item(case, exchange, decoded, item.as_ref(), &reasons, ids, &mut recorded);
    }
    recorded
}

fn derive_item(
    case: &Case<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
    item: Option<&Item>,
    reasons: &[String],
    ids: &mut dyn FnMut() -> Uuid,
    recorded: &mut Recorded,
) {
    let scope = with_item(case.scope(), item);
    let (vars, var_doubts) = case.vars(&scope);
    let doubts: Vec<Doubt> = case.doubts.iter().cloned().chain(var_doubts).collect();
    let mut scope = scope.with(Root::Vars, &vars);
    scope.doubts = &doubts;
    // What the request excludes needs no answers read and no snapshots compared.
    if !case.rule.when.may_hold(&scope, Phase::Body) {
        decoded.tell(|| Step::Excluded { rule: case.rule, scope });
        return;
    }
    let who = who::identify(case, &scope, exchange, decoded);
    let scope =
        scope.with(Root::Actor, &who.document).with_option(Root::OnBehalfOf, who.behalf_document.as_ref());
    let before = thing::before(case, &scope, decoded);
    let state = Value::from(before.facts.state.as_str());
    let scope = scope.with(Root::BeforeState, &state);
    let stage = Stage {
        case,
        exchange,
        decoded,
        scope,
        before: &before,
        who: &who,
        item,
        reasons,
        situations: Default::default(),
        cut: Cell::new(0),
    };
    let mut drafts = Vec::new();
    for entry in &case.rule.entries {
        stage.fire(entry, ids, &mut drafts);
    }
    if let (true, Some(otherwise)) = (drafts.is_empty(), &case.rule.otherwise) {
        stage.fire(otherwise, ids, &mut drafts);
    }
    stage.lose_no_change(&mut drafts);
    recorded.cut += stage.cut.get();
    if let Some(first) = drafts.first() {
        let situation = stage.situation(first.ended);
        recorded.learned.extend(learn::from_action(case, &before, situation));
        recorded.sightings.extend(drift::sighting(case, &before, situation, &first.event));
    }
    for draft in drafts {
        recorded.missing.extend(draft.missing);
        recorded.events.push(draft.event);
    }
}

/// Everything of one item that its entries share.
struct Stage<'s> {
    case: &'s Case<'s>,
    exchange: &'s Exchange,
    decoded: &'s Decoded<'s>,
    scope: Scope<'s>,
    before: &'s Before<'s>,
    who: &'s Who,
    item: Option<&'s Item>,
    reasons: &'s [String],
    /// By [`Ended`], made when first needed.
    situations: [OnceCell<Situation<'s>>; 4],
    /// Items of entries beyond the limit.
    cut: Cell<usize>,
}

impl<'s> Stage<'s> {
    fn fire(&self, entry: &Entry, ids: &mut dyn FnMut() -> Uuid, drafts: &mut Vec<Draft>) {
        let shown = self.scope.with_option(Root::Before, self.before.value.as_deref());
        let outcome = events::outcome(entry, &shown, self.exchange);
        let situation = self.situation(Ended::of(outcome));
        let result = Value::from(outcome.as_str());
        let scope = self.seen_in(situation).with(Root::Result, &result);
        let mut doubts: Vec<Doubt> = self.case.doubts.iter().chain(&situation.doubts).cloned().collect();
        let (vars, var_doubts) = self.case.vars(&scope);
        doubts.extend(var_doubts);
        let mut scope = scope.with(Root::Vars, &vars);
        scope.doubts = &doubts;
        let (items, reason) = match self.case.items(entry.for_each.as_ref(), &scope) {
            Items::Once => (vec![None], None),
            Items::Each(items) => (items.into_iter().map(Some).collect(), None),
            Items::Doubt(reason) => (vec![None], Some(reason)),
        };
        self.cut.set(self.cut.get() + items.len().saturating_sub(EVENTS_MAX));
        for item in items.iter().take(EVENTS_MAX) {
            let scope = if item.is_some() { with_item(scope, item.as_ref()) } else { scope };
            let outcome = events::outcome(entry, &scope, self.exchange);
            let result = Value::from(outcome.as_str());
            let own_vars;
            let (situation, scope) = if Ended::of(outcome) == situation.ending {
                (situation, scope)
            } else {
                // An element may be refused where others were done: then it shows what the refused see (B01).
                let own = self.situation(Ended::of(outcome));
                let mut scope = self.seen_in(own);
                own_vars = self.case.vars(&scope).0;
                scope = with_item(scope.with(Root::Vars, &own_vars), item.as_ref());
                scope.doubts = &doubts;
                (own, scope)
            };
            let scope = scope.with(Root::Result, &result);
            self.decoded.tell(|| Step::Tried { rule: self.case.rule, entry, scope });
            let Some(mut reasons) = self.holds(entry, &scope) else { continue };
            reasons.extend(self.reasons.iter().cloned().chain(reason.clone()));
            let item = item.as_ref().or(self.item);
            let (before, who) = (self.before, self.who);
            let firing = Firing { entry, scope, situation, before, who, outcome, item, reasons };
            let draft = events::build(self.case, self.exchange, &firing, ids());
            self.decoded.tell(|| Step::Fired { event: &draft.event });
            drafts.push(draft);
        }
    }

    /// The document with the thing before and after.
    fn seen_in<'a>(&'a self, situation: &'a Situation<'_>) -> Scope<'a> {
        self.scope
            .with_option(Root::Before, situation.before)
            .with_option(Root::After, situation.after.as_deref())
            .with(Root::Changes, &situation.document)
    }

    fn situation(&self, ended: Ended) -> &Situation<'s> {
        let slot = match ended {
            Ended::Done => &self.situations[0],
            Ended::Failed => &self.situations[1],
            Ended::Denied => &self.situations[2],
            Ended::Unsure => &self.situations[3],
        };
        slot.get_or_init(|| thing::situation(self.case, &self.scope, self.decoded, self.before, ended))
    }

    /// `None` when a condition excludes the entry, else the reasons for doubt.
    fn holds(&self, entry: &Entry, scope: &Scope<'_>) -> Option<Vec<String>> {
        let mut reasons = Vec::new();
        for condition in [&self.case.rule.when, &entry.when] {
            self.case.log.take_reasons();
            match condition.test(scope) {
                Verdict::No => return None,
                Verdict::Yes => {}
                Verdict::Doubt => {
                    let mut because = self.case.log.take_reasons();
                    if because.is_empty() {
                        because.push("a condition is in doubt".to_owned());
                    }
                    reasons.extend(because);
                }
            }
        }
        self.case.log.take_reasons();
        Some(reasons)
    }

    /// What no event carries goes to the first. A rule that is one entry and lists its changes has said
    /// which ones it wants.
    fn lose_no_change(&self, drafts: &mut [Draft]) {
        let rule = self.case.rule;
        if let ([only], None) = (rule.entries.as_slice(), &rule.otherwise)
            && !matches!(only.changes, ChangeSpec::Unsaid)
            && is_plain(only)
        {
            return;
        }
        let Some(ended) = drafts.first().map(|draft| draft.ended) else { return };
        let situation = self.situation(ended);
        let carried: Vec<usize> = drafts.iter().flat_map(|draft| draft.carried.iter().copied()).collect();
        let left = (0..situation.changes.atoms.len()).filter(|index| !carried.contains(index));
        let changes = carry::changes_of(self.case, &self.scope, situation, left);
        if let Some(first) = drafts.first_mut() {
            first.event.changes.extend(changes);
            first.event.attempted |= situation.is_attempted && !first.event.changes.is_empty();
        }
    }
}

/// True for an entry that stands on the rule itself.
fn is_plain(entry: &Entry) -> bool {
    entry.for_each.is_none() && matches!(&entry.when, Condition::All(all) if all.is_empty())
}

/// Whether the body names the method that the candidate stands for.
enum Meant {
    Yes,
    No,
    Doubt(String),
}

/// False when the body is there and does not name the method that the candidate stands for.
pub(super) fn may_be_meant(case: &Case<'_>) -> bool {
    match body_method(case) {
        Meant::Yes | Meant::Doubt(_) => true,
        Meant::No => false,
    }
}

fn body_method(case: &Case<'_>) -> Meant {
    let Some(wanted) = &case.candidate.method_from_body else { return Meant::Yes };
    let named = case.document.request.get("body").and_then(|body| body.get("_method"));
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case(wanted));
    let is_named = match named {
        Some(Value::Array(values)) => values.iter().any(is_it),
        Some(value) => is_it(value),
        None => false,
    };
    // A form keeps all values of a name: that there are several leaves nothing open.
    let is_list = matches!(named, Some(Value::Array(_)));
    let has_all = is_list && case.document.request.get("format").is_some_and(|format| format == "form");
    let doubt = case.document.doubts.iter().find(|doubt| {
        let path: Vec<&str> = doubt.path.iter().map(String::as_str).collect();
        let is_told = has_all && doubt.code == NoteCode::DuplicateKey && path.len() == 3;
        !is_told && matches!(path.as_slice(), ["request", "body"] | ["request", "body", "_method", ..])
    });
    match (is_named, doubt) {
        (true, _) => Meant::Yes,
        (false, Some(_)) => Meant::Doubt(format!("the body may name the method {wanted}")),
        (false, None) => Meant::No,
    }
}

/// The note of a candidate whose method only the body names.
pub(super) fn method_note(candidate: &Candidate) -> Option<Note> {
    let method = candidate.method_from_body.as_ref()?;
    Some(Note::with(NoteCode::MethodOverridden, format!("{method} in the body")))
}
