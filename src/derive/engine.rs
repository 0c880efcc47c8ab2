//! The rules in force with what derivation needs beside them: the key, the limits, the secrets of each
//! pack compiled once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::case::Case;
use super::document::sight::Sight;
use super::document::{Document, Reading, formats};
use super::envelope::Heard;
use super::events::{self, limits};
use super::read::answer::Decoded;
use super::read::{Learned, Lesson};
use super::rule::{self, Recorded};
use super::thing::drift::Sighting;
use super::who::access::Rests;
use super::who::session;
use super::{Answers, Plan, Step, Trace};
use crate::capture::Forced;
use crate::config::Limits;
use crate::event::{Event, MatchedBy, Note, NoteCode};
use crate::exchange::{Exchange, Request, Response, Stream};
use crate::rules::expr::{EvalLog, Verdicts};
use crate::rules::model::{Entry, Mode, Pack, Rule, RuleSet};
use crate::rules::reaches;
use crate::rules::redact::{Key, Redactor, Secrets};
use crate::rules::router::Candidate;
use crate::value::Value;

/// Rules, key and limits: all that derivation rests on. Shared by every exchange.
pub struct Engine {
    pub(super) rules: Arc<RuleSet>,
    pub(super) key: Key,
    pub(super) decoded_bytes_max: usize,
    packs: Vec<PackFacts>,
}

/// What is known of a pack once its rules are.
struct PackFacts {
    secrets: Secrets,
    rules: Vec<RuleFacts>,
}

struct RuleFacts {
    secrets: Secrets,
    sight: Sight,
    /// Places of the variables that it needs.
    vars: Vec<usize>,
    /// What organization and team of its entries rest on, that of `otherwise` last.
    rests: Vec<Rests>,
    watches_streams: bool,
}

/// What came of an exchange.
#[derive(Debug, Default)]
pub struct Derived {
    /// The events, in the order of packs, rules and entries.
    pub events: Vec<Event>,
    /// Candidates found only by a loosened path, that the application answered 404, 405 or 421.
    pub loosened_not_found: u32,
    /// Rule and field of each value that a rule asks for and that was not there, on success.
    pub missing: Vec<(String, String)>,
    /// What rules in shadow mode would have recorded.
    pub shadowed: Vec<Event>,
    /// Events beyond the limit of one exchange.
    pub cut: usize,
    /// What was shown of things that are remembered, by their keys.
    pub learned: Vec<(String, Learned)>,
    /// Things as they were read, to be compared with what is remembered before that is learned.
    pub sightings: Vec<Sighting>,
    /// Rules whose derivation failed, so that only the least could be recorded.
    pub failed: Vec<String>,
    /// What it taught about sessions.
    pub lessons: Vec<Lesson>,
}

/// What a test of a rule gives to a derivation.
#[derive(Debug, Default)]
pub struct Given<'g> {
    /// Members of an actor, in place of what `actors` would find.
    pub actor: Option<&'g Value>,
    /// Where to keep how conditions come out.
    pub verdicts: Option<Rc<Verdicts>>,
    /// Who hears of each step.
    pub trace: Option<&'g dyn Trace>,
}

impl Engine {
    /// The engine for these rules.
    pub fn new(rules: Arc<RuleSet>, key: Key, limits: &Limits) -> Engine {
        let facts = |pack: &Pack| {
            let of_rule = |rule: &Rule| RuleFacts {
                secrets: Secrets::new(&rule.redact, &[]),
                sight: Sight::of(pack, rule),
                vars: reaches::needed_vars(pack, rule),
                rests: entries_of(rule).map(|entry| Rests::of(pack, rule, entry)).collect(),
                watches_streams: reaches::watches_streams(pack, rule),
            };
            let secrets = Secrets::new(&pack.redact, &pack.reveal);
            PackFacts { secrets, rules: pack.rules.iter().map(of_rule).collect() }
        };
        let packs = rules.packs.iter().map(facts).collect();
        Engine { rules, key, decoded_bytes_max: limits.decoded_bytes_max, packs }
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The events of an exchange, by the plan made for its request. Never fails, never panics; every candidate
    /// that no condition excludes makes at least one event. `ids` hands out the ids of events, in order.
    pub fn derive(
        &self,
        plan: Plan,
        exchange: &Exchange,
        answers: &Answers,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Derived {
        self.derive_given(plan, exchange, answers, &Given::default(), ids)
    }

    /// The same with what a test of a rule gives.
    pub fn derive_given(
        &self,
        plan: Plan,
        exchange: &Exchange,
        answers: &Answers,
        given: &Given<'_>,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Derived {
        let Plan { mut candidates, reads, head, .. } = plan;
        if is_closing(exchange) {
            candidates.retain(|one| self.watches_streams(one));
        }
        let envelopes: Vec<Candidate> = candidates.extract_if(.., |one| self.opens(one)).collect();
        let mut derived = Derived::default();
        if !candidates.is_empty() {
            let whole = catch_unwind(AssertUnwindSafe(|| {
                let mut derived = Derived::default();
                let reading = self.reading(&candidates, &exchange.request);
                let document = self.whole_document(&reading, head, exchange);
                let decoded = Decoded::new(&reads, answers, &reading, given);
                self.derive_all(&candidates, exchange, &document, &decoded, given, ids, &mut derived);
                derived
            }));
            derived = whole.unwrap_or_else(|_| {
                // Reading the exchange itself failed: every candidate still leaves its least.
                let mut derived = Derived::default();
                for candidate in &candidates {
                    self.leave_the_least(candidate, exchange, ids, &mut derived);
                }
                derived
            });
        }
        let heard = Heard { reads: &reads, answers, given };
        for envelope in &envelopes {
            let opened = AssertUnwindSafe(|| {
                self.derive_envelope(envelope, exchange, heard, ids, &mut derived);
            });
            if catch_unwind(opened).is_err() {
                self.leave_the_least(envelope, exchange, ids, &mut derived);
            }
        }
        derived
    }

    /// The document of the whole exchange, on the head that planning made.
    pub(super) fn whole_document(
        &self,
        reading: &Reading<'_>,
        head: Option<Box<Document>>,
        exchange: &Exchange,
    ) -> Document {
        let request = &exchange.request;
        let mut document = match head {
            Some(head) => *head,
            None => Document::head(reading, request, &exchange.client),
        };
        document.add_request_body(reading, &request.headers, &request.body);
        document.add_response(reading, exchange);
        document.redact_paths(&reading.redactor);
        document
    }

    /// Adds the events of these candidates, for an exchange or for a call out of one.
    #[expect(clippy::too_many_arguments, reason = "what all candidates share, named at the only calls")]
    pub(super) fn derive_all(
        &self,
        candidates: &[Candidate],
        exchange: &Exchange,
        document: &Document,
        decoded: &Decoded<'_>,
        given: &Given<'_>,
        ids: &mut dyn FnMut() -> Uuid,
        derived: &mut Derived,
    ) {
        for candidate in candidates {
            let Some((pack, rule)) = self.rule(candidate) else { continue };
            decoded.tell(|| Step::Begun { pack, rule, candidate });
            if is_a_miss(candidate, exchange) {
                decoded.tell(|| Step::Missed);
                derived.loosened_not_found += 1;
                continue;
            }
            let log = EvalLog::watched(given.verdicts.clone());
            let redactor = &decoded.reading.redactor;
            let case = Case::new(self, pack, rule, candidate, &exchange.request, document, redactor, &log);
            let made = catch_unwind(AssertUnwindSafe(|| rule::derive(&case, exchange, decoded, ids)));
            match made {
                Ok(recorded) => {
                    if rule.mode == Mode::Record {
                        derived.lessons.extend(session::lesson(
                            &case,
                            decoded.reading,
                            exchange,
                            &recorded.events,
                        ));
                    }
                    self.add(&case, recorded, derived);
                }
                Err(_) => self.leave_the_least(candidate, exchange, ids, derived),
            }
        }
    }

    pub(super) fn add(&self, case: &Case<'_>, recorded: Recorded, derived: &mut Derived) {
        derived.learned.extend(recorded.learned);
        derived.sightings.extend(recorded.sightings);
        derived.missing.extend(recorded.missing.into_iter().map(|field| (case.rule.id.clone(), field)));
        if case.rule.mode == Mode::Shadow {
            let room = EVENTS_MAX.saturating_sub(derived.shadowed.len());
            derived.shadowed.extend(recorded.events.into_iter().take(room).map(limits::fit));
            return;
        }
        let room = EVENTS_MAX.saturating_sub(derived.events.len());
        let cut = recorded.events.len().saturating_sub(room) + recorded.cut;
        derived.events.extend(recorded.events.into_iter().take(room).map(limits::fit));
        if cut > 0 {
            derived.cut += cut;
            if let Some(last) = derived.events.last_mut() {
                last.notes.retain(|note| note.code != NoteCode::BatchCut);
                last.notes.push(Note::with(NoteCode::BatchCut, format!("{} more", derived.cut)));
            }
        }
    }

    pub(super) fn leave_the_least(
        &self,
        candidate: &Candidate,
        exchange: &Exchange,
        ids: &mut dyn FnMut() -> Uuid,
        derived: &mut Derived,
    ) {
        let Some((pack, rule)) = self.rule(candidate) else { return };
        derived.failed.push(rule.id.clone());
        if rule.mode == Mode::Record {
            derived.events.push(limits::fit(events::minimal(pack, rule, candidate, exchange, ids())));
        }
    }

    pub(super) fn rule(&self, candidate: &Candidate) -> Option<(&Pack, &Rule)> {
        let pack = self.rules.packs.get(candidate.pack)?;
        let rule = pack.rules.get(candidate.rule)?;
        (rule.mode != Mode::Disabled).then_some((pack, rule))
    }

    /// Places of the variables that the candidate's rule needs, in those of its pack and then its own.
    pub(super) fn needed_vars(&self, candidate: &Candidate) -> &[usize] {
        let of_rule = self.packs.get(candidate.pack).and_then(|pack| pack.rules.get(candidate.rule));
        of_rule.map_or(&[], |rule| &rule.vars)
    }

    /// What organization and team of an entry of the candidate's rule rest on.
    pub(super) fn rests(&self, candidate: &Candidate, rule: &Rule, entry: &Entry) -> Rests {
        let of_rule = self.packs.get(candidate.pack).and_then(|pack| pack.rules.get(candidate.rule));
        let place = entries_of(rule).position(|own| std::ptr::eq(own, entry));
        place.zip(of_rule).and_then(|(place, rule)| rule.rests.get(place).copied()).unwrap_or(Rests::UNKNOWN)
    }

    /// Whether its rule is derived by again when a stream closes.
    pub(super) fn watches_streams(&self, candidate: &Candidate) -> bool {
        let of_rule = self.packs.get(candidate.pack).and_then(|pack| pack.rules.get(candidate.rule));
        of_rule.is_some_and(|rule| rule.watches_streams)
    }

    /// How an exchange is read that may concern these candidates.
    pub(super) fn reading(&self, candidates: &[Candidate], request: &Request) -> Reading<'_> {
        let mut secrets: SmallVec<[&Secrets; 4]> = SmallVec::new();
        let mut sights = Vec::with_capacity(candidates.len());
        let mut last_pack = None;
        for candidate in candidates {
            let Some(of_pack) = self.packs.get(candidate.pack) else { continue };
            // Candidates come in the order of packs.
            if last_pack.replace(candidate.pack) != Some(candidate.pack) {
                secrets.push(&of_pack.secrets);
            }
            let Some(of_rule) = of_pack.rules.get(candidate.rule) else { continue };
            secrets.push(&of_rule.secrets);
            sights.push(&of_rule.sight);
        }
        let mut formats: Vec<&Pack> = Vec::new();
        for pack in self.with_formats(candidates) {
            if !formats.iter().any(|known| std::ptr::eq(*known, pack)) {
                formats.push(pack);
            }
        }
        Reading {
            redactor: Redactor::new(&self.key, secrets),
            sights,
            key: &self.key,
            decoded_bytes_max: self.decoded_bytes_max,
            forced: formats::forced(formats.iter().copied(), &request.method, &request.target),
            formats,
        }
    }

    /// What a pack's `formats` says about this request.
    pub(super) fn forced_format(&self, candidates: &[Candidate], request: &Request) -> Option<Forced<'_>> {
        formats::forced(self.with_formats(candidates), &request.method, &request.target)
    }

    /// The packs of these candidates that say how bodies are read.
    fn with_formats(&self, candidates: &[Candidate]) -> impl Iterator<Item = &Pack> {
        let packs = candidates.iter().filter_map(|candidate| self.rules.packs.get(candidate.pack));
        packs.filter(|pack| !pack.formats.is_empty())
    }
}

fn entries_of(rule: &Rule) -> impl Iterator<Item = &Entry> {
    rule.entries.iter().chain(&rule.otherwise)
}

/// A loosened path that the application does not know was not meant (THREATS chapter 2, rule 1).
pub(super) fn is_a_miss(candidate: &Candidate, exchange: &Exchange) -> bool {
    let is_loosened = match candidate.by {
        MatchedBy::Normalised | MatchedBy::Split => true,
        MatchedBy::Raw | MatchedBy::Alias | MatchedBy::Override | MatchedBy::Destination => false,
    };
    is_loosened
        && exchange.response.as_ref().is_some_and(|response| matches!(response.status, 404 | 405 | 421))
}

/// True when what opened is recorded already.
fn is_closing(exchange: &Exchange) -> bool {
    matches!(exchange.response, Some(Response { stream: Some(Stream::Closed { .. }), .. }))
}

/// Events of one exchange.
pub(super) const EVENTS_MAX: usize = 1_000;
