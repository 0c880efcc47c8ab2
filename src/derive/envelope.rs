//! Envelopes among the candidates: each is opened, and each call in it goes the way of an exchange of its
//! own: the router is asked for it, its document is made, its rules plan and derive. No rule learns that
//! the call had company.
//!
//! An envelope is opened twice, before forwarding (what must be read) and afterwards, because nothing of a
//! body may be kept between the two. What it holds beyond the calls that can be told apart makes one event
//! of the rule that opens it: nothing goes unmentioned (THREATS E40).

use std::panic::{AssertUnwindSafe, catch_unwind};

use uuid::Uuid;

use super::case::Case;
use super::document::{CallFacts, Document};
use super::engine::{Derived, Engine, Given, is_a_miss};
use super::plan::{self, Plan};
use super::read::ReadRequest;
use super::read::answer::Decoded;
use super::{Answers, rule};
use crate::capture::envelope::{self, Call, Opened, Replies, Reply, Rest};
use crate::event::{Certainty, Event, MatchedBy, Note, NoteCode};
use crate::exchange::{Capture, Client, EnvelopeKind, Exchange, Request, Response};
use crate::rules::expr::{EvalLog, Phase};
use crate::rules::model::{After, Mode, Pack, Rule};
use crate::rules::router::{Candidate, HeadView};
use crate::value::Value;

/// An envelope that was met, opened.
pub(super) struct Envelope<'e> {
    kind: EnvelopeKind,
    /// Elements of XML that are lists even alone.
    lists: &'e [String],
    pack: &'e Pack,
    rule: &'e Rule,
    opened: Opened,
    /// The rules that each call may concern.
    candidates: Vec<Vec<Candidate>>,
}

/// What deriving goes by, whichever call it is for.
#[derive(Clone, Copy)]
pub(super) struct Heard<'h> {
    pub(super) reads: &'h [ReadRequest],
    pub(super) answers: &'h Answers,
    /// What the test of a rule gives.
    pub(super) given: &'h Given<'h>,
}

impl Engine {
    /// True for a candidate that is no rule's but an envelope's.
    pub(super) fn opens(&self, candidate: &Candidate) -> bool {
        self.rule(candidate).is_some_and(|(_, rule)| rule.opens.is_some())
    }

    fn open(
        &self,
        candidate: &Candidate,
        request: &Request,
        body: Option<&Capture>,
        client: &Client,
    ) -> Option<Envelope<'_>> {
        let (pack, rule) = self.rule(candidate)?;
        let kind = rule.opens?;
        let lists =
            self.forced_format(std::slice::from_ref(candidate), request).map_or(&[][..], |line| line.lists);
        let mut opened = envelope::open(kind, request, body, lists, self.decoded_bytes_max);
        if kind == EnvelopeKind::Trpc && matches!(candidate.by, MatchedBy::Override | MatchedBy::Destination)
        {
            // The procedures stand in a header's path, which is not the one that was opened.
            opened = Opened::default();
            opened.rest.add(NoteCode::PathOverridden, "the procedures stand in a header", None);
        }
        let mut candidates = Vec::with_capacity(opened.calls.len());
        for call in &opened.calls {
            let mut found = self.reachable(candidate.pack, call.operation.as_deref(), &call.request, client);
            // The others have the envelope's own path.
            if kind == EnvelopeKind::HttpBatch && found.iter().any(|inner| self.opens(inner)) {
                let name = call.operation.as_deref();
                opened.rest.add(
                    NoteCode::MatchDoubtful,
                    "an envelope inside an envelope is not opened",
                    name,
                );
                found.clear();
            }
            found.retain(|inner| !self.opens(inner));
            candidates.push(found);
        }
        Some(Envelope { kind, lists, pack, rule, opened, candidates })
    }

    /// The rules of a pack that a call may concern; of any operation where it is not known yet.
    fn reachable(
        &self,
        pack: usize,
        operation: Option<&str>,
        request: &Request,
        client: &Client,
    ) -> Vec<Candidate> {
        let head = HeadView {
            method: &request.method,
            target: &request.target,
            host: &request.host,
            headers: &request.headers,
            is_trusted: client.is_trusted,
        };
        self.rules.candidates_inside(pack, operation, &head)
    }

    /// Adds what the calls of an envelope want; false when none of them can concern a rule.
    pub(super) fn plan_envelope(
        &self,
        candidate: &Candidate,
        request: &Request,
        client: &Client,
        body: Option<&Capture>,
        plan: &mut Plan,
    ) -> bool {
        let Some(envelope) = self.open(candidate, request, body, client) else { return false };
        let calls = envelope.opened.calls.iter().zip(&envelope.candidates);
        let mut stands = false;
        for (call, candidates) in calls {
            stands |= self.plan_call(call, candidates, client, plan);
        }
        let is_waiting = body.is_none() && !is_named_by_head(envelope.kind);
        if is_waiting {
            stands |= self.plan_unseen(candidate, &envelope, request, client, plan);
        }
        if !envelope.opened.rest.is_empty() {
            self.plan_identity(candidate, &envelope, request, client, plan);
            stands = true;
        }
        stands
    }

    fn plan_call(&self, call: &Call, candidates: &[Candidate], client: &Client, plan: &mut Plan) -> bool {
        if candidates.is_empty() {
            return false;
        }
        let reading = self.reading(candidates, &call.request);
        let mut document = Document::head(&reading, &call.request, client);
        document.add_call(&reading, facts(call, &call.request));
        let now = if call.body.is_some() { Phase::Body } else { Phase::Head };
        if let Some(body) = &call.body {
            document.add_decoded_body(&reading, (**body).clone());
        }
        document.redact_paths(&reading.redactor);
        let mut stands = false;
        for candidate in candidates {
            let Some((pack, rule)) = self.rule(candidate) else { continue };
            let log = EvalLog::default();
            let (request, redactor) = (&call.request, &reading.redactor);
            let case = Case::new(self, pack, rule, candidate, request, &document, redactor, &log);
            if plan::plan_rule(&case, now, plan) {
                stands = true;
                plan.promise(rule);
            }
        }
        stands
    }

    /// Before the body names the calls: who acts is asked already, and the body is held only if a rule that
    /// the path can reach wants a read.
    fn plan_unseen(
        &self,
        candidate: &Candidate,
        envelope: &Envelope<'_>,
        request: &Request,
        client: &Client,
        plan: &mut Plan,
    ) -> bool {
        let (pack, kind) = (envelope.pack, envelope.kind);
        let reachable = self.reachable(candidate.pack, None, request, client);
        let rules: Vec<&Rule> = match kind {
            // Its parts say their own paths.
            EnvelopeKind::HttpBatch => pack.rules.iter().filter(|rule| rule.mode != Mode::Disabled).collect(),
            EnvelopeKind::Trpc | EnvelopeKind::JsonRpc | EnvelopeKind::GraphQl | EnvelopeKind::Soap => {
                reachable.iter().filter_map(|inner| self.rule(inner)).map(|(_, rule)| rule).collect()
            }
        };
        let rules: Vec<&Rule> = rules.into_iter().filter(|rule| rule.opens.is_none()).collect();
        if rules.is_empty() {
            return false;
        }
        rules.iter().for_each(|rule| plan.promise(rule));
        // Parts of a batch may show credentials of their own.
        let has_others = kind == EnvelopeKind::HttpBatch && pack.actors.iter().any(|way| way.ask.is_some());
        plan.needs_body |= has_others || rules.iter().any(|rule| rule.before.is_some());
        self.plan_identity(candidate, envelope, request, client, plan);
        true
    }

    fn plan_identity(
        &self,
        candidate: &Candidate,
        envelope: &Envelope<'_>,
        request: &Request,
        client: &Client,
        plan: &mut Plan,
    ) {
        let reading = self.reading(std::slice::from_ref(candidate), request);
        let document = Document::head(&reading, request, client);
        let (log, redactor) = (EvalLog::default(), &reading.redactor);
        let (pack, rule) = (envelope.pack, envelope.rule);
        let case = Case::new(self, pack, rule, candidate, request, &document, redactor, &log);
        plan::plan_rule(&case, Phase::Head, plan);
    }

    /// What must be read after the answer, for the calls of an envelope.
    pub(super) fn envelope_reads_after(
        &self,
        candidate: &Candidate,
        exchange: &Exchange,
        reads: &mut Vec<ReadRequest>,
    ) {
        let is_wanted = |rule: &Rule| matches!(rule.after, Some(After::Read));
        let wants = self.rule(candidate).is_some_and(|(pack, _)| pack.rules.iter().any(is_wanted));
        let request = &exchange.request;
        let body = Some(&request.body);
        let Some(envelope) = self.open(candidate, request, body, &exchange.client).filter(|_| wants) else {
            return;
        };
        self.each_call(&envelope, exchange, &mut |inner, document, candidates| {
            plan::push_reads_after(self, candidates, inner, document, reads);
        });
    }

    /// Adds the events of an envelope's calls, and of what is left over.
    pub(super) fn derive_envelope(
        &self,
        candidate: &Candidate,
        exchange: &Exchange,
        heard: Heard<'_>,
        ids: &mut dyn FnMut() -> Uuid,
        derived: &mut Derived,
    ) {
        let body = Some(&exchange.request.body);
        let Some(envelope) = self.open(candidate, &exchange.request, body, &exchange.client) else { return };
        self.each_call(&envelope, exchange, &mut |inner, document, candidates| {
            let reading = self.reading(candidates, &inner.request);
            let decoded = Decoded::new(heard.reads, heard.answers, &reading, heard.given);
            self.derive_all(candidates, inner, document, &decoded, heard.given, ids, derived);
        });
        if envelope.opened.rest.is_empty() {
            return;
        }
        if is_a_miss(candidate, exchange) {
            derived.loosened_not_found += 1;
            return;
        }
        let whole = catch_unwind(AssertUnwindSafe(|| {
            self.derive_rest(candidate, &envelope, exchange, heard, ids, derived);
        }));
        if whole.is_err() {
            self.leave_the_least(candidate, exchange, ids, derived);
        }
    }

    /// Each call that rules may concern, as an exchange of its own with its document.
    fn each_call(
        &self,
        envelope: &Envelope<'_>,
        exchange: &Exchange,
        visit: &mut dyn FnMut(&Exchange, &Document, &[Candidate]),
    ) {
        let calls = &envelope.opened.calls;
        let replies = exchange.response.as_ref().map(|response| {
            Replies::new(envelope.kind, calls, response, envelope.lists, self.decoded_bytes_max)
        });
        for (call, candidates) in calls.iter().zip(&envelope.candidates) {
            if candidates.is_empty() {
                continue;
            }
            let reply = replies.as_ref().and_then(|replies| replies.to(call));
            let silence = replies.as_ref().filter(|_| reply.is_none()).map(Replies::notes);
            let (inner, reply) = alone(call, reply, exchange);
            let reading = self.reading(candidates, &inner.request);
            let mut document = Document::head(&reading, &inner.request, &inner.client);
            document.add_call(&reading, facts(call, &exchange.request));
            if let Some(body) = &call.body {
                document.add_decoded_body(&reading, (**body).clone());
            }
            document.add_reply(&reading, &inner, reply, silence.unwrap_or_default());
            document.redact_paths(&reading.redactor);
            visit(&inner, &document, candidates);
        }
    }

    fn derive_rest(
        &self,
        candidate: &Candidate,
        envelope: &Envelope<'_>,
        exchange: &Exchange,
        heard: Heard<'_>,
        ids: &mut dyn FnMut() -> Uuid,
        derived: &mut Derived,
    ) {
        let reading = self.reading(std::slice::from_ref(candidate), &exchange.request);
        let document = self.whole_document(&reading, None, exchange);
        let decoded = Decoded::new(heard.reads, heard.answers, &reading, heard.given);
        let (log, redactor) = (EvalLog::default(), &reading.redactor);
        let (pack, rule) = (envelope.pack, envelope.rule);
        let case = Case::new(self, pack, rule, candidate, &exchange.request, &document, redactor, &log);
        let mut recorded = rule::derive(&case, exchange, &decoded, ids);
        for event in &mut recorded.events {
            tell_rest(event, envelope, |text| redactor.text(text));
        }
        self.add(&case, recorded, derived);
    }
}

/// Puts into the event what is known of the calls that could not be told apart.
fn tell_rest(event: &mut Event, envelope: &Envelope<'_>, redact: impl Fn(&str) -> String) {
    let Rest { reasons, count, names } = &envelope.opened.rest;
    event.details.insert("envelope".to_owned(), envelope.kind.as_str().into());
    event.details.insert("count".to_owned(), (*count).into());
    if !names.is_empty() {
        let names = names.iter().map(|name| Value::from(redact(name)));
        event.details.insert("calls".to_owned(), names.collect());
    }
    event.r#match.certainty = Certainty::Doubtful;
    for reason in reasons {
        let note = Note { code: reason.code, detail: reason.detail.as_deref().map(&redact) };
        event.r#match.reasons.extend(note.detail.clone());
        if !event.notes.contains(&note) {
            event.notes.push(note);
        }
    }
    event.notes.push(Note::plain(NoteCode::MatchDoubtful));
}

/// The call and its answer as an exchange that had come alone.
fn alone(
    call: &Call,
    reply: Option<Reply>,
    outer: &Exchange,
) -> (Exchange, Option<crate::capture::Document>) {
    let (response, body) = match reply {
        Some(Reply { status, headers, body }) => {
            (Some(Response { status, headers, body: Capture::default(), stream: None }), Some(body))
        }
        None => (None, None),
    };
    let inner = Exchange {
        id: outer.id,
        received_at: outer.received_at,
        client: outer.client.clone(),
        request: call.request.clone(),
        response,
        ending: outer.ending,
        duration_ms: outer.duration_ms,
    };
    (inner, body)
}

fn facts(call: &Call, outer: &Request) -> CallFacts {
    CallFacts {
        operation: call.operation.clone(),
        part: call.part,
        method: outer.method.clone(),
        target: outer.target.clone(),
    }
}

/// Whether the head tells which calls there are.
fn is_named_by_head(kind: EnvelopeKind) -> bool {
    match kind {
        EnvelopeKind::Trpc => true,
        EnvelopeKind::JsonRpc | EnvelopeKind::GraphQl | EnvelopeKind::HttpBatch | EnvelopeKind::Soap => false,
    }
}
