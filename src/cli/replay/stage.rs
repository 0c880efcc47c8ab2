//! Rules at work on recorded traffic: the way of a real request, with the recording in the place of the
//! application and of the clock.

use std::cell::Cell;

use uuid::Uuid;

use super::answers;
use super::memory::Memory;
use crate::config::Limits;
use crate::derive::{Answer, Answers, Derived, Engine, Given, Plan, ReadFailure, ReadRequest, Recall};
use crate::rules::model::{Rule, RuleSet};
use crate::rules::redact::Key;
use crate::rules::router::{Candidate, HeadView};
use crate::traffic::{Entry, Traffic};

/// The engine with the rules to look at.
pub(in crate::cli) struct Stage {
    engine: Engine,
    memory: Memory,
}

/// A request up to the moment of deriving.
pub(in crate::cli) struct Prepared {
    /// All that the request line may concern.
    pub(in crate::cli) met: Vec<Candidate>,
    /// What head and body left of it.
    pub(in crate::cli) plan: Plan,
    /// What came.
    pub(in crate::cli) answers: Answers,
}

impl Stage {
    pub(in crate::cli) fn new(rules: RuleSet, limits: &Limits) -> Stage {
        // A key of its own: hashes say only whether two values are equal.
        let engine = Engine::new(rules.into(), Key::new([0; 32]), limits);
        Stage { engine, memory: Memory::new() }
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
        if plan.needs_body {
            plan = self.engine.plan_with_body(plan, request, client, &request.body);
        }
        let mut answers = Answers::new();
        self.answer(&plan.reads, &traffic.entries, index, &mut answers);
        let reads_after = self.engine.reads_after(&plan, exchange, &answers);
        self.answer(&reads_after, &traffic.entries, index, &mut answers);
        Some(Prepared { met, plan, answers })
    }

    /// Answers out of the recording and, where a rule wants that, out of what was seen before.
    fn answer(&self, reads: &[ReadRequest], entries: &[Entry], index: usize, answers: &mut Answers) {
        let now = entries.get(index).map(|entry| entry.exchange.received_at).unwrap_or_default();
        for read in reads {
            let answer = match &read.recall {
                Some(Recall::Instead(key)) => {
                    Some(self.memory.recall(key, now).unwrap_or(Answer::Failed(ReadFailure::NotRemembered)))
                }
                Some(Recall::Otherwise(key)) => {
                    answers::find(entries, index, read).or_else(|| self.memory.recall(key, now))
                }
                None => answers::find(entries, index, read),
            };
            if let Some(answer) = answer {
                answers.insert(read.key.clone(), answer);
            }
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
        self.memory.learn(entry.exchange.received_at, std::mem::take(&mut derived.learned));
        Some((is_met, derived))
    }

    /// Whether a rule that can record was met: on the request line or, in an envelope, by one of its calls.
    fn is_met(&self, prepared: &Prepared) -> bool {
        let rule =
            |candidate: &Candidate| self.engine.rules().packs.get(candidate.pack)?.rules.get(candidate.rule);
        let is_plain = |rule: &Rule| rule.opens.is_none() && !rule.is_observer();
        let opens = |rule: &Rule| rule.opens.is_some();
        prepared.met.iter().filter_map(rule).any(is_plain)
            || prepared.plan.candidates.iter().filter_map(rule).any(opens)
    }
}
