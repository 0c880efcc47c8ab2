//! Rules at work on recorded traffic: the way of a real request, with the recording in the place of the
//! application and of the clock.

use std::cell::Cell;

use uuid::Uuid;

use super::answers;
use super::memory::Memory;
use crate::config::Limits;
use crate::derive::{Answer, Answers, Derived, Engine, Given, Plan, ReadFailure, ReadRequest, Recall};
use crate::rules::model::{Rule, RuleSet};
use crate::rules::redact::{Key, Redactor, Secrets};
use crate::rules::router::{Candidate, HeadView};
use crate::traffic::{Entry, Traffic};

/// The engine with the rules to look at.
pub(in crate::cli) struct Stage {
    key: Key,
    /// What the packs call a secret, for what is shown beside events.
    secrets: Vec<Secrets>,
    engine: Engine,
    memory: Memory,
}

/// A question of a rule, and what came.
#[derive(Debug)]
pub(in crate::cli) struct Question {
    /// What was asked.
    pub(in crate::cli) read: ReadRequest,
    /// The entry whose answer was taken; `None` when memory or nobody answered.
    pub(in crate::cli) answered_by: Option<usize>,
}

/// A request up to the moment of deriving.
pub(in crate::cli) struct Prepared {
    /// All that the request line may concern.
    pub(in crate::cli) met: Vec<Candidate>,
    /// What the head left of it.
    pub(in crate::cli) after_head: Vec<Candidate>,
    /// What head and body left of it.
    pub(in crate::cli) plan: Plan,
    /// What was asked for, before and after.
    pub(in crate::cli) questions: Vec<Question>,
    /// What came.
    pub(in crate::cli) answers: Answers,
}

impl Stage {
    pub(in crate::cli) fn new(rules: RuleSet, limits: &Limits) -> Stage {
        // A key of its own: hashes say only whether two values are equal.
        let key = Key::new([0; 32]);
        let secrets = rules.packs.iter().map(|pack| Secrets::new(&pack.redact, &[])).collect();
        let engine = Engine::new(rules.into(), key.clone(), limits);
        Stage { key, secrets, engine, memory: Memory::new() }
    }

    pub(in crate::cli) fn rules(&self) -> &RuleSet {
        self.engine.rules()
    }

    /// Text of the traffic as it may be shown.
    pub(in crate::cli) fn redacted(&self, text: &str) -> String {
        Redactor::new(&self.key, &self.secrets).text(text)
    }

    /// Everything before deriving.
    pub(in crate::cli) fn prepare(&self, traffic: &Traffic, index: usize) -> Option<Prepared> {
        let exchange = &traffic.entries.get(index)?.exchange;
        let (request, client) = (&exchange.request, &exchange.client);
        let met = self.engine.rules().candidates(&HeadView {
            method: &request.method,
            target: &request.target,
            host: &request.host,
            headers: &request.headers,
            is_trusted: client.is_trusted,
        });
        let mut plan = self.engine.plan(met.clone(), request, client);
        let after_head = plan.candidates.clone();
        if plan.needs_body {
            plan = self.engine.plan_with_body(plan, request, client, &request.body);
        }
        let sessions = self.engine.sessions(&plan.candidates, request);
        let (questions, answers) = (Vec::new(), self.memory.whose(sessions, exchange.received_at));
        let mut prepared = Prepared { met, after_head, plan, questions, answers };
        let reads = prepared.plan.reads.clone();
        self.answer(reads, &traffic.entries, index, &mut prepared);
        let reads_after = self.engine.reads_after(&prepared.plan, exchange, &prepared.answers);
        self.answer(reads_after, &traffic.entries, index, &mut prepared);
        Some(prepared)
    }

    /// Answers out of the recording and, where a rule wants that, out of what was seen before.
    fn answer(&self, reads: Vec<ReadRequest>, entries: &[Entry], index: usize, prepared: &mut Prepared) {
        let now = entries.get(index).map(|entry| entry.exchange.received_at).unwrap_or_default();
        let recall = |key: &str| Some((None, self.memory.recall(key, now)?));
        for read in reads {
            let find = || answers::find(entries, index, &read).map(|(number, answer)| (Some(number), answer));
            let found = match &read.recall {
                Some(Recall::Instead(key)) => {
                    recall(key).or(Some((None, Answer::Failed(ReadFailure::NotRemembered))))
                }
                Some(Recall::Otherwise(key)) => find().or_else(|| recall(key)),
                None => find(),
            };
            let answered_by = found.as_ref().and_then(|(number, _)| *number);
            if let Some((_, answer)) = found {
                prepared.answers.insert(read.key.clone(), answer);
            }
            prepared.questions.push(Question { read, answered_by });
        }
    }

    /// The events of an entry. Their ids are made of the entry's number, so that two runs agree.
    pub(in crate::cli) fn derive(
        &self,
        entry: &Entry,
        plan: Plan,
        answers: &Answers,
        given: &Given<'_>,
    ) -> Derived {
        let count = Cell::new(0);
        let mut ids = || {
            count.set(count.get() + 1);
            Uuid::from_u128((entry.number as u128) << 32 | count.get())
        };
        self.engine.derive_given(plan, &entry.exchange, answers, given, &mut ids)
    }

    /// What comes of an entry, and whether a rule looked at it. To be called for all entries in order: what
    /// one shows of a thing may be remembered for the next.
    pub(in crate::cli) fn play(&self, traffic: &Traffic, index: usize) -> Option<(bool, Derived)> {
        let entry = traffic.entries.get(index)?;
        let prepared = self.prepare(traffic, index)?;
        let is_met = self.is_met(&prepared);
        let mut derived = self.derive(entry, prepared.plan, &prepared.answers, &Given::default());
        let at = entry.exchange.received_at;
        self.memory.learn(at, std::mem::take(&mut derived.learned));
        self.memory.teach(at, std::mem::take(&mut derived.lessons));
        let is_met = is_met || !derived.events.is_empty() || !derived.shadowed.is_empty();
        Some((is_met, derived))
    }

    /// Whether a rule that can record was met: by the request line or, in an envelope, by one of its calls. A
    /// rule for a method that only a body could name is not.
    fn is_met(&self, prepared: &Prepared) -> bool {
        let rule =
            |candidate: &Candidate| self.engine.rules().packs.get(candidate.pack)?.rules.get(candidate.rule);
        let is_plain = |rule: &Rule| rule.opens.is_none() && !rule.is_observer();
        let opens = |rule: &Rule| rule.opens.is_some();
        let is_by_line = |candidate: &&Candidate| candidate.method_from_body.is_none();
        prepared.met.iter().filter(is_by_line).filter_map(rule).any(is_plain)
            || prepared.plan.candidates.iter().filter_map(rule).any(opens)
    }
}
