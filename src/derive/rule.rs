//! One rule against one exchange: items, entries, what fires, and which event carries which change.

use std::cell::OnceCell;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Decoded;
use super::ask::{Asked, Asking};
use super::document::Document;
use super::engine::{EVENTS_MAX, Engine};
use super::read::{Purpose, ReadFailure};
use super::situation::{self, Before, Ended, Situation};
use super::{actor, events};
use crate::event::{Event, Note, NoteCode, Outcome};
use crate::exchange::{Exchange, Request};
use crate::rules::expr::{Condition, Doubt, EvalLog, Expr, Root, Scope, Verdict};
use crate::rules::model::{ChangeSpec, Entry, ForEach, Pack, Resource, Rule};
use crate::rules::redact::Redactor;
use crate::rules::router::Candidate;

/// A rule that an exchange may concern, with the document as this rule sees it.
pub(super) struct Case<'a> {
    pub(super) engine: &'a Engine,
    pub(super) pack: &'a Pack,
    pub(super) rule: &'a Rule,
    pub(super) candidate: &'a Candidate,
    pub(super) request: &'a Request,
    pub(super) document: &'a Document,
    pub(super) redactor: &'a Redactor<'a>,
    pub(super) log: &'a EvalLog,
    /// `$.request`, where the pack's base is taken off the path.
    based: Option<Value>,
    /// `$.path`.
    parts: Value,
}

/// What one rule makes of an exchange.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) events: Vec<Event>,
    /// Fields asked for and missing, on success.
    pub(super) missing: Vec<String>,
    /// Items beyond the limit.
    pub(super) cut: usize,
}

/// An element of `for_each`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) key: Value,
    pub(super) value: Value,
}

/// What `for_each` goes through.
pub(super) enum Items {
    /// No `for_each`.
    Once,
    /// These.
    Each(Vec<Item>),
    /// It cannot be known what; one event stands for all.
    Doubt(String),
}

/// All that stands when an entry fires.
pub(super) struct Firing<'f> {
    pub(super) entry: &'f Entry,
    pub(super) scope: Scope<'f>,
    pub(super) situation: &'f Situation,
    pub(super) before: &'f Before,
    pub(super) who: &'f actor::Who,
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

impl<'a> Case<'a> {
    #[expect(clippy::too_many_arguments, reason = "the parts of one borrowed view, named at the only calls")]
    pub(super) fn new(
        engine: &'a Engine,
        pack: &'a Pack,
        rule: &'a Rule,
        candidate: &'a Candidate,
        request: &'a Request,
        document: &'a Document,
        redactor: &'a Redactor<'a>,
        log: &'a EvalLog,
    ) -> Case<'a> {
        let parts = candidate.parts.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let mut parts = Value::Object(parts.collect());
        redactor.value(&["path"], &mut parts);
        let based = match pack.base.is_empty() {
            true => None,
            false => Some(without_base(&document.request, &pack.base)),
        };
        Case { engine, pack, rule, candidate, request, document, redactor, log, based, parts }
    }

    /// The document, as far as it is the same for all items.
    pub(super) fn scope(&self) -> Scope<'_> {
        let document = self.document;
        Scope::new(&document.doubts, self.log)
            .with(Root::Request, self.based.as_ref().unwrap_or(&document.request))
            .with(Root::Path, &self.parts)
            .with(Root::Client, &document.client)
            .with(Root::Credential, &document.credential)
            .with_option(Root::Response, document.response.as_ref())
    }

    /// `$.vars`, and which of them rest on doubtful parts.
    pub(super) fn vars(&self, scope: &Scope<'_>) -> (Value, Vec<Doubt>) {
        let mut known = Value::Object(Map::new());
        let mut doubts = Vec::new();
        for (name, expr) in self.pack.vars.iter().chain(&self.rule.vars) {
            let (value, doubt) = {
                let scope = scope.with(Root::Vars, &known);
                (expr.eval(&scope), expr.doubt(&scope))
            };
            doubts.extend(doubt.map(|reason| Doubt {
                path: vec!["vars".to_owned(), name.clone()],
                code: NoteCode::MatchDoubtful,
                detail: Some(reason),
            }));
            if let (Some(value), Some(members)) = (value, known.as_object_mut()) {
                members.insert(name.clone(), value);
            }
        }
        (known, doubts)
    }

    /// The resource that the rule reads.
    pub(super) fn resource(&self) -> Option<&'a Resource> {
        self.pack.resources.get(self.rule.before.as_ref()?.resource)
    }

    /// `$.with` of the rule's read.
    pub(super) fn with(&self, scope: &Scope<'_>) -> Value {
        let with = self.rule.before.iter().flat_map(|before| &before.with);
        Value::Object(with.filter_map(|(name, value)| Some((name.clone(), value.eval(scope)?))).collect())
    }

    /// The question for the rule's resource, if it has one.
    pub(super) fn ask_thing(
        &self,
        scope: &Scope<'_>,
        purpose: Purpose,
    ) -> Option<Result<Asked, ReadFailure>> {
        let resource = self.resource()?;
        let with = self.with(scope);
        Some(self.asking(scope.with(Root::With, &with), purpose).build(&resource.read))
    }

    pub(super) fn asking<'s>(&'s self, scope: Scope<'s>, purpose: Purpose) -> Asking<'s> {
        Asking { key: &self.engine.key, base: &self.pack.base, request: self.request, scope, purpose }
    }

    /// The value of the match line's last named part: what the request calls the thing.
    pub(super) fn last_part(&self) -> Option<String> {
        let (name, _) = self.candidate.parts.last()?;
        self.parts.get(name).and_then(Value::as_str).map(str::to_owned)
    }

    /// What a `for_each` goes through; a list that could not be read is doubt, not an empty one.
    pub(super) fn items(&self, for_each: Option<&ForEach>, scope: &Scope<'_>) -> Items {
        let Some(for_each) = for_each else { return Items::Once };
        let (items, exprs): (Vec<Item>, Vec<&Expr>) = match for_each {
            ForEach::Each(expr) => {
                let each = expr.each(scope).into_iter();
                (each.map(|(key, value)| Item { key, value }).collect(), vec![expr])
            }
            ForEach::Product(axes) => (product(axes, scope), axes.iter().map(|(_, expr)| expr).collect()),
        };
        if !items.is_empty() {
            return Items::Each(items);
        }
        match exprs.into_iter().find_map(|expr| expr.doubt(scope)) {
            Some(reason) => Items::Doubt(reason),
            None => Items::Each(items),
        }
    }
}

/// The events of one rule.
pub(super) fn derive(
    case: &Case<'_>,
    exchange: &Exchange,
    decoded: &Decoded<'_>,
    ids: &mut dyn FnMut() -> Uuid,
) -> Recorded {
    let mut recorded = Recorded::default();
    let mut reasons = match body_method(case) {
        Meant::Yes => Vec::new(),
        Meant::No => return recorded,
        Meant::Doubt(reason) => vec![reason],
    };
    let items = {
        let scope = case.scope();
        let (vars, _) = case.vars(&scope);
        case.items(case.rule.for_each.as_ref(), &scope.with(Root::Vars, &vars))
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
    let doubts: Vec<Doubt> = case.document.doubts.iter().cloned().chain(var_doubts).collect();
    let mut scope = scope.with(Root::Vars, &vars);
    scope.doubts = &doubts;
    let who = actor::identify(case, &scope, exchange, decoded);
    let scope =
        scope.with(Root::Actor, &who.document).with_option(Root::OnBehalfOf, who.behalf_document.as_ref());
    let before = situation::before(case, &scope, decoded);
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
    };
    let mut drafts = Vec::new();
    for entry in &case.rule.entries {
        stage.fire(entry, ids, &mut drafts);
    }
    if let (true, Some(otherwise)) = (drafts.is_empty(), &case.rule.otherwise) {
        stage.fire(otherwise, ids, &mut drafts);
    }
    stage.lose_no_change(&mut drafts);
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
    before: &'s Before,
    who: &'s actor::Who,
    item: Option<&'s Item>,
    reasons: &'s [String],
    /// By [`Ended`], made when first needed.
    situations: [OnceCell<Situation>; 3],
}

impl Stage<'_> {
    fn fire(&self, entry: &Entry, ids: &mut dyn FnMut() -> Uuid, drafts: &mut Vec<Draft>) {
        let shown = self.scope.with_option(Root::Before, self.before.value.as_ref());
        let outcome = events::outcome(entry, &shown, self.exchange);
        let situation = self.situation(Ended::of(outcome));
        let result = Value::from(outcome.as_str());
        let scope = self
            .scope
            .with_option(Root::Before, situation.before.as_ref())
            .with_option(Root::After, situation.after.as_ref())
            .with(Root::Changes, &situation.document)
            .with(Root::Result, &result);
        let mut doubts: Vec<Doubt> =
            self.case.document.doubts.iter().chain(&situation.doubts).cloned().collect();
        let (vars, var_doubts) = self.case.vars(&scope);
        doubts.extend(var_doubts);
        let mut scope = scope.with(Root::Vars, &vars);
        scope.doubts = &doubts;
        let (items, reason) = match self.case.items(entry.for_each.as_ref(), &scope) {
            Items::Once => (vec![None], None),
            Items::Each(items) => (items.into_iter().map(Some).collect(), None),
            Items::Doubt(reason) => (vec![None], Some(reason)),
        };
        for item in items.iter().take(EVENTS_MAX) {
            let scope = if item.is_some() { with_item(scope, item.as_ref()) } else { scope };
            let outcome = events::outcome(entry, &scope, self.exchange);
            let result = Value::from(outcome.as_str());
            let scope = scope.with(Root::Result, &result);
            let Some(mut reasons) = self.holds(entry, &scope) else { continue };
            reasons.extend(self.reasons.iter().cloned().chain(reason.clone()));
            let item = item.as_ref().or(self.item);
            let (before, who) = (self.before, self.who);
            let firing = Firing { entry, scope, situation, before, who, outcome, item, reasons };
            drafts.push(events::build(self.case, self.exchange, &firing, ids()));
        }
    }

    fn situation(&self, ended: Ended) -> &Situation {
        let slot = match ended {
            Ended::Done => &self.situations[0],
            Ended::Failed => &self.situations[1],
            Ended::Denied => &self.situations[2],
        };
        slot.get_or_init(|| situation::situation(self.case, &self.scope, self.decoded, self.before, ended))
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
        let changes = events::changes_of(self.case, &self.scope, situation, left);
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

fn with_item<'s>(scope: Scope<'s>, item: Option<&'s Item>) -> Scope<'s> {
    match item {
        Some(item) => scope.with(Root::Item, &item.value).with(Root::Key, &item.key),
        None => scope,
    }
}

/// Every combination, by name, up to the limit.
fn product(axes: &[(String, Expr)], scope: &Scope<'_>) -> Vec<Item> {
    let mut combinations = vec![(Map::new(), Map::new())];
    for (name, expr) in axes {
        let each = expr.each(scope);
        let mut wider = Vec::new();
        for (keys, values) in &combinations {
            for (key, value) in &each {
                if wider.len() > EVENTS_MAX {
                    break;
                }
                let (mut keys, mut values): (Map<String, Value>, Map<String, Value>) =
                    (keys.clone(), values.clone());
                keys.insert(name.clone(), key.clone());
                values.insert(name.clone(), value.clone());
                wider.push((keys, values));
            }
        }
        combinations = wider;
    }
    let item = |(key, value)| Item { key: Value::Object(key), value: Value::Object(value) };
    combinations.into_iter().map(item).collect()
}

/// Whether the body names the method that the candidate stands for.
enum Meant {
    Yes,
    No,
    Doubt(String),
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
    let doubt = case.document.doubts.iter().find(|doubt| {
        let path: Vec<&str> = doubt.path.iter().map(String::as_str).collect();
        matches!(path.as_slice(), ["request", "body"] | ["request", "body", "_method", ..])
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

fn without_base(request: &Value, base: &str) -> Value {
    let mut request = request.clone();
    let path = request.get("path").and_then(Value::as_str);
    if let Some(rest) = path.and_then(|path| path.strip_prefix(base)) {
        let rest = if rest.is_empty() { "/" } else { rest };
        request["path"] = Value::from(rest);
    }
    request
}
