//! One rule against one exchange as data: the document as this rule sees it, its variables, its items.

use std::borrow::Cow;

use super::document::Document;
use super::engine::{EVENTS_MAX, Engine};
use super::read::ask::{Asked, Asking};
use super::read::{Purpose, ReadFailure, Recall, Write};
use crate::event::{MatchedBy, NoteCode};
use crate::exchange::Request;
use crate::rules::expr::{Doubt, EvalLog, Expr, Phase, Root, Scope};
use crate::rules::model::{ForEach, Pack, Resource, Rule, Whence};
use crate::rules::redact::Redactor;
use crate::rules::router::Candidate;
use crate::value::{Map, Value};

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
    pub(super) parts: Value,
    /// Those of the document, and those of the way in which this rule was met.
    pub(super) doubts: Cow<'a, [Doubt]>,
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
        let met = met_doubts(candidate, document);
        let doubts = match met.is_empty() {
            true => Cow::Borrowed(document.doubts.as_slice()),
            false => Cow::Owned(document.doubts.iter().cloned().chain(met).collect()),
        };
        Case { engine, pack, rule, candidate, request, document, redactor, log, based, parts, doubts }
    }

    /// The document, as far as it is the same for all items.
    pub(super) fn scope(&self) -> Scope<'_> {
        let document = self.document;
        Scope::new(&self.doubts, self.log)
            .with(Root::Request, self.based.as_ref().unwrap_or(&document.request))
            .with(Root::Path, &self.parts)
            .with(Root::Client, &document.client)
            .with(Root::Credential, &document.credential)
            .with_option(Root::Response, document.response.as_ref())
    }

    /// `$.vars`, as far as the rule needs them, and which of them rest on doubtful parts.
    pub(super) fn vars(&self, scope: &Scope<'_>) -> (Value, Vec<Doubt>) {
        self.vars_of(scope, Phase::Answer)
    }

    /// Those of them that can be known by now.
    pub(super) fn vars_by(&self, now: Phase, scope: &Scope<'_>) -> Value {
        self.vars_of(scope, now).0
    }

    fn vars_of(&self, scope: &Scope<'_>, now: Phase) -> (Value, Vec<Doubt>) {
        let mut known = Value::Object(Map::new());
        let mut doubts = Vec::new();
        let of_pack = &self.pack.vars;
        for place in self.engine.needed_vars(self.candidate) {
            let var = of_pack.get(*place).or_else(|| self.rule.vars.get(place - of_pack.len()));
            let Some((name, expr)) = var.filter(|(_, expr)| expr.phase() <= now) else { continue };
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

    /// Whether the rule's read has parameters.
    pub(super) fn has_parameters(&self) -> bool {
        self.rule.before.as_ref().is_some_and(|before| !before.with.is_empty())
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
        let asked = self.asking(scope.with(Root::With, &with), purpose).build(&resource.read);
        let from = self.rule.before.as_ref().map_or(Whence::Application, |before| before.from);
        Some(asked.map(|asked| match (purpose, from, self.snapshot_key(scope, &asked)) {
            (Purpose::Before, Whence::Remembered, Some(key)) => asked.recalled(Recall::Instead(key)),
            (Purpose::Before, Whence::Either, Some(key)) => asked.recalled(Recall::Otherwise(key)),
            (Purpose::Before | Purpose::Identity | Purpose::After, _, _) => asked,
        }))
    }

    /// Under which key the thing is remembered: host, type and address of it, hashed (THREATS B09). `None`
    /// when nobody asks for it to be.
    pub(super) fn snapshot_key(&self, scope: &Scope<'_>, asked: &Asked) -> Option<String> {
        let resource = self.resource().filter(|resource| resource.is_remembered)?;
        let with = self.with(scope);
        let address = match &resource.key {
            Some(pattern) => {
                self.asking(scope.with(Root::With, &with), Purpose::Before).fill(pattern).ok()?
            }
            // What is picked out of an answer depends on the parameters too.
            None if self.has_parameters() => format!("{} {with}", asked.target()),
            None => asked.target().to_owned(),
        };
        let host = self.request.host.to_ascii_lowercase();
        let parts = [host.as_bytes(), resource.kind.as_bytes(), address.as_bytes()];
        Some(self.engine.key.hash("snapshot", &parts))
    }

    pub(super) fn asking<'s>(&'s self, scope: Scope<'s>, purpose: Purpose) -> Asking<'s> {
        Asking { base: &self.pack.base, request: self.request, scope, purpose }
    }

    /// The name of the rule's thing among those that are being changed: by all named parts of its address, since
    /// the fifth member of one team is not that of another; where it has none, by those of the request's.
    pub(super) fn thing(&self, asked: Option<&Asked>) -> Option<String> {
        let resource = self.resource()?;
        let own = || self.candidate.parts.iter().filter_map(|(name, _)| self.parts.get(name)?.as_str());
        Some(match asked.filter(|asked| !asked.parts.is_empty()) {
            Some(asked) => Write::thing(&resource.kind, asked.parts.iter().map(String::as_str)),
            None => Write::thing(&resource.kind, own()),
        })
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

/// What a rule cannot rely on because of how the request was meant for it: a condition on the path as it
/// stands says nothing about the path that the application reads (THREATS chapter 2, rule 1).
fn met_doubts(candidate: &Candidate, document: &Document) -> Vec<Doubt> {
    let doubt = |path: [&str; 2], code: NoteCode, detail: &str| Doubt {
        path: path.map(str::to_owned).to_vec(),
        code,
        detail: Some(detail.to_owned()),
    };
    let mut doubts = Vec::new();
    if candidate.by != MatchedBy::Raw {
        for name in ["path", "target"] {
            doubts.push(doubt(
                ["request", name],
                NoteCode::PathNormalised,
                "the rule met another form of it",
            ));
        }
    }
    for name in &candidate.uncertain {
        doubts.push(doubt(["path", name], NoteCode::TargetUncertain, "it can be read in two ways"));
    }
    let request = &document.request;
    let is_named = candidate.notes.iter().any(|note| note.code == NoteCode::MethodOverridden)
        || request.get("body").is_some_and(|body| body.get("_method").is_some())
        || candidate.method_from_body.is_some();
    if is_named || request.get("method").is_some_and(|method| method == "HEAD") {
        doubts.push(doubt(["request", "method"], NoteCode::MethodOverridden, "another method may be meant"));
    }
    doubts
}

/// The scope with the item at hand.
pub(super) fn with_item<'s>(scope: Scope<'s>, item: Option<&'s Item>) -> Scope<'s> {
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
                let (mut keys, mut values): (Map, Map) = (keys.clone(), values.clone());
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

fn without_base(request: &Value, base: &str) -> Value {
    let mut request = request.clone();
    let path = request.get("path").and_then(Value::as_str);
    if let Some(rest) = path.and_then(|path| path.strip_prefix(base)) {
        let rest = if rest.is_empty() { "/" } else { rest };
        request["path"] = Value::from(rest);
    }
    request
}
