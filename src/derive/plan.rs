//! Before forwarding: which rules still stand, what must be read, whether the body is needed first.

use super::case::{Case, Item, Items};
use super::document::Document;
use super::engine::{EVENTS_MAX, Engine};
use super::read::ask::Asked;
use super::read::{Purpose, ReadRequest, Write};
use super::{Answers, rule, thing::Ended};
use crate::exchange::{Capture, CaptureState, Client, Exchange, Request};
use crate::rules::expr::{EvalLog, Expr, Phase, Root, Scope, Verdict};
use crate::rules::model::{After, ForEach, Guarantee, Mode, OnFailure, Read, Rule};
use crate::rules::router::Candidate;

/// What has to happen around the forwarding of one request.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The candidates that the head does not exclude.
    pub candidates: Vec<Candidate>,
    /// Asked before forwarding: snapshots and identity.
    pub reads: Vec<ReadRequest>,
    /// What the request is about to change, as far as rules want to see it beforehand; sorted.
    pub writes: Vec<Write>,
    /// True when a read needs the request's body: hold it, then call [`Engine::plan_with_body`].
    pub needs_body: bool,
    /// True when a rule that stands has `guarantee: durable`: an intent is recorded before the request is
    /// forwarded, and the end of the answer waits for the record.
    pub is_durable: bool,
    /// True when one of those has `on_failure: refuse`: without a durable intent the request is not forwarded.
    pub refuses: bool,
    /// True when a rule that stands begins or ends a session: what was known of it does not count afterwards.
    pub changes_session: bool,
    /// True when a rule that stands looks at how far a stream has come: then its end is derived by, too.
    pub watches_streams: bool,
    /// True when a rule that stands refuses WebSockets: a request for one is not passed on.
    pub refuses_websocket: bool,
    /// What is known without asking.
    pub known: Answers,
    /// What the head shows, for deriving: where all of it is redacted as these candidates ask.
    pub(super) head: Option<Box<Document>>,
}

impl Plan {
    /// Takes on what a rule that stands asks for.
    pub(super) fn promise(&mut self, rule: &Rule) {
        if rule.guarantee == Guarantee::Durable && rule.mode == Mode::Record {
            self.is_durable = true;
            self.refuses |= rule.on_failure == Some(OnFailure::Refuse);
        }
    }
}

impl From<Vec<Candidate>> for Plan {
    /// A plan for deriving alone: nothing to read.
    fn from(candidates: Vec<Candidate>) -> Plan {
        Plan { candidates, ..Plan::default() }
    }
}

impl Engine {
    /// From the head alone (`request.body` is not looked at).
    pub fn plan(&self, candidates: Vec<Candidate>, request: &Request, client: &Client) -> Plan {
        self.plan_at(candidates.into(), request, client, None)
    }

    /// The same plan once the body is held (or could not be: then the reads that need it are not asked).
    #[must_use]
    pub fn plan_with_body(&self, plan: Plan, request: &Request, client: &Client, body: &Capture) -> Plan {
        match body.state {
            CaptureState::Empty | CaptureState::Complete => {
                Plan { needs_body: false, ..self.plan_at(plan, request, client, Some(body)) }
            }
            CaptureState::Cut | CaptureState::Broken | CaptureState::Skipped => {
                Plan { needs_body: false, ..plan }
            }
        }
    }

    fn plan_at(&self, before: Plan, request: &Request, client: &Client, body: Option<&Capture>) -> Plan {
        let mut left = before.candidates;
        let mut envelopes: Vec<Candidate> = left.extract_if(.., |one| self.opens(one)).collect();
        let mut plan = match left.is_empty() {
            true => Plan::default(),
            false => self.plan_plain(left, before.head, request, client, body),
        };
        envelopes.retain(|one| self.plan_envelope(one, request, client, body, &mut plan));
        plan.candidates.extend(envelopes);
        plan
    }

    fn plan_plain(
        &self,
        mut left: Vec<Candidate>,
        head: Option<Box<Document>>,
        request: &Request,
        client: &Client,
        body: Option<&Capture>,
    ) -> Plan {
        let reading = self.reading(&left, request);
        let head = head.unwrap_or_else(|| Box::new(Document::head(&reading, request, client)));
        // What paths redact may depend on parts that are still to come: they go over the whole each time.
        let whole = (body.is_some() || reading.redactor.has_paths()).then(|| {
            let mut document = head.as_ref().clone();
            if let Some(body) = body {
                document.add_request_body(&reading, &request.headers, body);
            }
            document.redact_paths(&reading.redactor);
            document
        });
        let document = whole.as_ref().unwrap_or(&head);
        let now = if body.is_some() { Phase::Body } else { Phase::Head };
        let mut plan = Plan::default();
        let count = left.len();
        left.retain(|candidate| {
            let Some((pack, rule)) = self.rule(candidate) else { return false };
            let log = EvalLog::default();
            let case = Case::new(self, pack, rule, candidate, request, document, &reading.redactor, &log);
            let stands = plan_rule(&case, now, &mut plan);
            plan.changes_session |= stands && rule.session.is_some();
            plan.watches_streams |= stands && self.watches_streams(candidate);
            plan.refuses_websocket |= stands && rule.refuses_websocket && rule.mode == Mode::Record;
            if stands {
                plan.promise(rule);
            }
            stands
        });
        // Who is left may call less a secret, or reveal less.
        let is_same = left.len() == count || self.reading(&left, request).redactor.is_same(&reading.redactor);
        plan.head = is_same.then_some(head);
        plan.candidates = left;
        plan
    }

    /// What must be read after the answer (`after: read`), once it is known.
    pub fn reads_after(&self, plan: &Plan, exchange: &Exchange, answers: &Answers) -> Vec<ReadRequest> {
        let is_wanted = |candidate: &&Candidate| {
            self.rule(candidate).is_some_and(|(_, rule)| matches!(rule.after, Some(After::Read)))
        };
        let mut reads = Vec::new();
        for envelope in plan.candidates.iter().filter(|one| self.opens(one)) {
            self.envelope_reads_after(envelope, exchange, &mut reads);
        }
        let plain: Vec<Candidate> = plan.candidates.iter().filter(|one| !self.opens(one)).cloned().collect();
        if plain.iter().any(|one| is_wanted(&one)) {
            let reading = self.reading(&plain, &exchange.request);
            let document = self.whole_document(&reading, plan.head.clone(), exchange);
            push_reads_after(self, &plain, exchange, &document, &mut reads);
        }
        // Several rules may want one thing that was not even to be had before.
        reads.retain(|read: &ReadRequest| !answers.contains_key(&read.key));
        reads
    }
}

/// Adds what these candidates want to read after the answer.
pub(super) fn push_reads_after(
    engine: &Engine,
    candidates: &[Candidate],
    exchange: &Exchange,
    document: &Document,
    reads: &mut Vec<ReadRequest>,
) {
    let outcome = super::events::default_outcome(exchange);
    if Ended::of(outcome) != Ended::Done {
        return;
    }
    let reading = engine.reading(candidates, &exchange.request);
    for candidate in candidates {
        let Some((pack, rule)) = engine.rule(candidate) else { continue };
        if !matches!(rule.after, Some(After::Read)) {
            continue;
        }
        let log = EvalLog::default();
        let (request, redactor) = (&exchange.request, &reading.redactor);
        let case = Case::new(engine, pack, rule, candidate, request, document, redactor, &log);
        for_items(&case, Phase::Answer, &mut |scope| {
            push_thing(&case, scope, Purpose::After, reads);
            reads.len() < READS_MAX
        });
    }
}

/// Adds what the rule wants; false when its condition cannot hold any more.
pub(super) fn plan_rule(case: &Case<'_>, now: Phase, plan: &mut Plan) -> bool {
    if now == Phase::Body && !rule::may_be_meant(case) {
        return false;
    }
    if case.rule.is_observer() {
        // It asks nothing.
        return case.request.method == "GET";
    }
    let items_phase = match &case.rule.for_each {
        None => Phase::Head,
        Some(ForEach::Each(expr)) => expr.phase(),
        Some(ForEach::Product(axes)) => {
            axes.iter().map(|(_, expr)| expr.phase()).max().unwrap_or(Phase::Head)
        }
    };
    let mut stands = false;
    if items_phase > now {
        let scope = case.scope();
        let vars = case.vars_by(now, &scope);
        let scope = scope.with(Root::Vars, &vars);
        stands = case.rule.when.may_hold(&scope, now);
        if stands {
            push_identity(case, &scope, now, &mut plan.reads);
        }
    } else {
        for_items(case, now, &mut |scope| {
            if case.rule.when.may_hold(scope, now) {
                stands = true;
                push_identity(case, scope, now, &mut plan.reads);
                if things_phase(case) <= now {
                    let thing = push_thing(case, scope, Purpose::Before, &mut plan.reads);
                    push_write(case, thing, &mut plan.writes);
                }
            }
            plan.reads.len() < READS_MAX
        });
        // A list that is empty, or could not be read, is the derivation's business.
        stands |= case.rule.for_each.is_some();
    }
    plan.needs_body |=
        stands && case.rule.before.is_some() && things_phase(case).max(items_phase) == Phase::Body;
    stands
}

/// When the question for the rule's thing can be asked at the earliest. A POST that only its body can turn
/// into the rule's DELETE is mostly just a POST: nothing is asked for it before the body says so.
fn things_phase(case: &Case<'_>) -> Phase {
    if case.candidate.method_from_body.is_some() {
        return Phase::Body;
    }
    let with = case.rule.before.iter().flat_map(|before| &before.with).map(|(_, expr)| expr);
    let read = case.resource().map(|resource| exprs_of(&resource.read)).unwrap_or_default();
    with.chain(read).map(Expr::phase).max().unwrap_or(Phase::Head)
}

fn exprs_of(read: &Read) -> Vec<&Expr> {
    let named = read.query.iter().chain(&read.headers).map(|(_, expr)| expr);
    named.chain(read.body.iter()).collect()
}

/// Each item's scope, as long as `visit` wants more; the plain one for a rule without `for_each`.
fn for_items(case: &Case<'_>, now: Phase, visit: &mut dyn FnMut(&Scope<'_>) -> bool) {
    let scope = case.scope();
    let vars = case.vars_by(now, &scope);
    let scope = scope.with(Root::Vars, &vars);
    let items: Vec<Item> = match case.items(case.rule.for_each.as_ref(), &scope) {
        Items::Once | Items::Doubt(_) => {
            visit(&scope);
            return;
        }
        Items::Each(items) => items,
    };
    for item in items.iter().take(EVENTS_MAX) {
        let scope = case.scope().with(Root::Item, &item.value).with(Root::Key, &item.key);
        let vars = case.vars_by(now, &scope);
        if !visit(&scope.with(Root::Vars, &vars)) {
            return;
        }
    }
}

/// Adds the question for the rule's thing; what comes back is the name of the thing.
fn push_thing(
    case: &Case<'_>,
    scope: &Scope<'_>,
    purpose: Purpose,
    reads: &mut Vec<ReadRequest>,
) -> Option<String> {
    let Some(Ok(asked)) = case.ask_thing(scope, purpose) else { return case.thing(None) };
    let thing = case.thing(Some(&asked));
    push(case, asked, reads);
    thing
}

/// Adds what the request is about to change.
fn push_write(case: &Case<'_>, thing: Option<String>, writes: &mut Vec<Write>) {
    let (Some(resource), Some(thing)) = (case.resource(), thing) else { return };
    let is_reading =
        |method: &String| matches!(&**method, "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "REPORT");
    if writes.len() >= READS_MAX || case.rule.lines.iter().all(|line| line.methods.iter().all(is_reading)) {
        return;
    }
    match writes.binary_search_by(|known| known.thing.cmp(&thing)) {
        Ok(known) => writes[known].is_serialized |= resource.is_serialized,
        Err(place) => writes.insert(place, Write { thing, is_serialized: resource.is_serialized }),
    }
}

/// The questions of all ways that may count, up to the first that surely does without one.
fn push_identity(case: &Case<'_>, scope: &Scope<'_>, now: Phase, reads: &mut Vec<ReadRequest>) {
    for way in &case.pack.actors {
        if !way.when.may_hold(scope, now) {
            continue;
        }
        match &way.ask {
            Some(read) => {
                if let Ok(asked) = case.asking(*scope, Purpose::Identity).build(read) {
                    push(case, asked, reads);
                }
            }
            None => {
                let is_settled = way.when.phase() <= now && way.when.test(scope) == Verdict::Yes;
                if is_settled && super::who::person(&way.actor, scope).is_some() {
                    return;
                }
            }
        }
    }
}

fn push(case: &Case<'_>, asked: Asked, reads: &mut Vec<ReadRequest>) {
    if reads.len() < READS_MAX && !reads.iter().any(|known| asked.is(known)) {
        reads.push(asked.into_request(&case.engine.key));
    }
}

/// Questions for one exchange beforehand, and as many afterwards; what is not asked for that is `too_many`.
pub(super) const READS_MAX: usize = 20;
