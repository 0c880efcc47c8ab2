//! The rules in force with what derivation needs beside them: the key, the limits, the secrets of each
//! pack compiled once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::case::Case;
use super::document::{Document, Reading};
use super::limits;
use super::read::answer::Decoded;
use super::rule::{self, Recorded};
use super::{Answers, events};
use crate::capture::Format;
use crate::config::Limits;
use crate::event::{Event, MatchedBy, Note, NoteCode};
use crate::exchange::{Client, Exchange, Request};
use crate::rules::expr::EvalLog;
use crate::rules::model::{Mode, Pack, Rule, RuleSet, SegmentPattern};
use crate::rules::redact::{Key, Redactor, Secrets};
use crate::rules::router::Candidate;

/// Rules, key and limits: all that derivation rests on. Shared by every exchange.
pub struct Engine {
    pub(super) rules: Arc<RuleSet>,
    pub(super) key: Key,
    decoded_bytes_max: usize,
    secrets: Vec<PackSecrets>,
}

struct PackSecrets {
    pack: Secrets,
    rules: Vec<Secrets>,
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
    /// Rules in shadow mode that would have recorded, once per event.
    pub shadowed: Vec<String>,
    /// Events beyond the limit of one exchange.
    pub cut: usize,
    /// Rules whose derivation failed, so that only the least could be recorded.
    pub failed: Vec<String>,
}

impl Engine {
    /// The engine for these rules.
    pub fn new(rules: Arc<RuleSet>, key: Key, limits: &Limits) -> Engine {
        let secrets = rules
            .packs
            .iter()
            .map(|pack| PackSecrets {
                pack: Secrets::new(&pack.redact, &pack.reveal),
                rules: pack.rules.iter().map(|rule| Secrets::new(&rule.redact, &[])).collect(),
            })
            .collect();
        Engine { rules, key, decoded_bytes_max: limits.decoded_bytes_max, secrets }
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The events of an exchange. Never fails, never panics; every candidate that no condition excludes
    /// makes at least one event. `ids` hands out the ids of events, in order.
    pub fn derive(
        &self,
        candidates: &[Candidate],
        exchange: &Exchange,
        answers: &Answers,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Derived {
        self.derive_given(candidates, exchange, answers, None, ids)
    }

    /// The same with the members of an actor, where given, in place of what `actors` would find: for the
    /// tests of rules.
    pub fn derive_given(
        &self,
        candidates: &[Candidate],
        exchange: &Exchange,
        answers: &Answers,
        actor: Option<&Value>,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Derived {
        let mut derived = Derived::default();
        if candidates.is_empty() {
            return derived;
        }
        let run = || self.derive_all(candidates, exchange, answers, actor, ids);
        let whole = catch_unwind(AssertUnwindSafe(run));
        match whole {
            Ok(whole) => derived = whole,
            // Reading the exchange itself failed: every candidate still leaves its least.
            Err(_) => {
                for candidate in candidates {
                    self.leave_the_least(candidate, exchange, ids, &mut derived);
                }
            }
        }
        derived
    }

    fn derive_all(
        &self,
        candidates: &[Candidate],
        exchange: &Exchange,
        answers: &Answers,
        actor: Option<&Value>,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Derived {
        let redactor = self.redactor(candidates);
        let reading = self.reading(&redactor, candidates, &exchange.request);
        let mut document = Document::head(reading, &exchange.request, &exchange.client);
        document.add_request_body(reading, &exchange.request.headers, &exchange.request.body);
        document.add_response(reading, exchange);
        document.redact_paths(&redactor);
        let decoded = Decoded::new(answers, reading, actor);
        let mut derived = Derived::default();
        for candidate in candidates {
            if is_a_miss(candidate, exchange) {
                derived.loosened_not_found += 1;
                continue;
            }
            let Some((pack, rule)) = self.rule(candidate) else { continue };
            let log = EvalLog::default();
            let case = Case::new(self, pack, rule, candidate, &exchange.request, &document, &redactor, &log);
            let made = catch_unwind(AssertUnwindSafe(|| rule::derive(&case, exchange, &decoded, ids)));
            match made {
                Ok(recorded) => self.add(&case, recorded, &mut derived),
                Err(_) => self.leave_the_least(candidate, exchange, ids, &mut derived),
            }
        }
        derived
    }

    fn add(&self, case: &Case<'_>, recorded: Recorded, derived: &mut Derived) {
        derived.missing.extend(recorded.missing.into_iter().map(|field| (case.rule.id.clone(), field)));
        if case.rule.mode == Mode::Shadow {
            derived.shadowed.extend(recorded.events.iter().map(|_| case.rule.id.clone()));
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

    fn leave_the_least(
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

    /// What packs and rules of all candidates call a secret, because all their events show one exchange.
    pub(super) fn redactor(&self, candidates: &[Candidate]) -> Redactor<'_> {
        let mut secrets: Vec<&Secrets> = Vec::new();
        let mut packs = Vec::new();
        for candidate in candidates {
            let Some(of_pack) = self.secrets.get(candidate.pack) else { continue };
            if !packs.contains(&candidate.pack) {
                packs.push(candidate.pack);
                secrets.push(&of_pack.pack);
            }
            secrets.extend(of_pack.rules.get(candidate.rule));
        }
        Redactor::new(&self.key, secrets)
    }

    pub(super) fn reading<'a>(
        &'a self,
        redactor: &'a Redactor<'a>,
        candidates: &[Candidate],
        request: &Request,
    ) -> Reading<'a> {
        let forced = self.forced_format(candidates, request);
        Reading { redactor, key: &self.key, decoded_bytes_max: self.decoded_bytes_max, forced }
    }

    /// The format that a pack's `formats` names for this request.
    fn forced_format(&self, candidates: &[Candidate], request: &Request) -> Option<Format> {
        let has_formats = |candidate: &Candidate| {
            self.rules.packs.get(candidate.pack).is_some_and(|pack| !pack.formats.is_empty())
        };
        if !candidates.iter().any(has_formats) {
            return None;
        }
        let (path, _) = super::document::split_target(&request.target);
        let path = super::document::clean_path(path);
        candidates.iter().find_map(|candidate| {
            let pack = self.rules.packs.get(candidate.pack)?;
            let path = path.strip_prefix(pack.base.as_str()).unwrap_or(&path);
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            let fits = |line: &&crate::rules::model::FormatLine| {
                line.at.methods.iter().any(|method| method.eq_ignore_ascii_case(&request.method))
                    && is_at(&line.at.segments, &segments)
            };
            Format::parse(&pack.formats.iter().find(fits)?.format)
        })
    }

    /// A document of the head alone, for planning.
    pub(super) fn head_document(
        &self,
        redactor: &Redactor<'_>,
        candidates: &[Candidate],
        request: &Request,
        client: &Client,
    ) -> Document {
        Document::head(self.reading(redactor, candidates, request), request, client)
    }
}

/// A loosened path that the application does not know was not meant (THREATS chapter 2, rule 1).
fn is_a_miss(candidate: &Candidate, exchange: &Exchange) -> bool {
    let is_loosened = match candidate.by {
        MatchedBy::Normalised | MatchedBy::Split => true,
        MatchedBy::Raw | MatchedBy::Override | MatchedBy::Destination => false,
    };
    is_loosened
        && exchange.response.as_ref().is_some_and(|response| matches!(response.status, 404 | 405 | 421))
}

/// Whether a path has the shape of a `formats` line. Literals compare without case, as loosened routes do.
fn is_at(line: &[SegmentPattern], segments: &[&str]) -> bool {
    match line {
        [] => segments.is_empty(),
        [SegmentPattern::Literal(text), rest @ ..] if text.is_empty() => is_at(rest, segments),
        [SegmentPattern::Tail(_), rest @ ..] => (1..=segments.len())
            .any(|taken| rest.len() <= segments.len() - taken && is_at(rest, &segments[taken..])),
        [pattern, rest @ ..] => match segments {
            [] => false,
            [segment, others @ ..] => is_one(pattern, segment) && is_at(rest, others),
        },
    }
}

fn is_one(pattern: &SegmentPattern, segment: &str) -> bool {
    match pattern {
        SegmentPattern::Literal(text) => text.eq_ignore_ascii_case(segment),
        SegmentPattern::Part { prefix, suffix, .. } => {
            segment.len() > prefix.len() + suffix.len()
                && segment.starts_with(prefix.as_str())
                && segment.ends_with(suffix.as_str())
        }
        SegmentPattern::Tail(_) => false,
    }
}

/// Events of one exchange.
pub(super) const EVENTS_MAX: usize = 1_000;
