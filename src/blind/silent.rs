//! Rules that have gone silent: an update of the application renames a route, and the rule for it can never fire
//! again (THREATS E73). Nobody misses an event that is not there.
//!
//! Of each rule it is kept how long it is silent at most in its ordinary life: in time, and in *deeds*, which are
//! requests that were recorded or are blind spots. It is an alarm when both are exceeded several times over. By the
//! deeds a night is no alarm, nor a page that is loaded every second; by the time, no rush of other requests is.
//! Pure: the time comes from outside.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::spot::Row;
use crate::rules::model::{MatchLine, Mode, Pack, RuleSet, SegmentPattern};

/// The rules that have fired, and which of them are in force.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pulses {
    /// Requests that were recorded or are blind spots.
    deeds: u64,
    pulses: HashMap<String, Pulse>,
    #[serde(skip)]
    watched: HashMap<String, Vec<Line>>,
    #[serde(skip)]
    is_changed: bool,
}

/// How a rule fires.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pulse {
    first: Timestamp,
    last: Timestamp,
    /// The count of deeds at that time.
    deeds: u64,
    /// Where the present gap begins: firings within a minute of it are one.
    since: Timestamp,
    deeds_since: u64,
    gaps: u32,
    /// The longest of the latest gaps, in seconds and in deeds; older ones fade.
    usual_s: f64,
    usual_deeds: f64,
}

/// What a rule's line says of the requests that it is for.
#[derive(Debug)]
struct Line {
    methods: Vec<String>,
    /// Its literal segments.
    names: Vec<String>,
}

/// A rule that has gone silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Silent {
    /// `calcom/booking.rescheduled`.
    pub rule: String,
    /// When it fired last.
    pub last_fired: Timestamp,
    /// For how long it was silent at most before, of late, in seconds.
    pub usual_gap_s: u64,
    /// Requests since that were recorded or are blind spots.
    pub requests_since: u64,
    /// Blind spots that are new since then and look like it, the most alike first.
    pub like: Vec<Like>,
}

/// A blind spot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Like {
    /// Upper case.
    pub method: String,
    /// `/bookings/{id}/cancel`.
    pub path: String,
}

/// The silence of rules as one sentence, for somebody who should look at it.
pub fn trouble(silent: &[Silent]) -> Option<String> {
    let Silent { rule, last_fired, .. } = silent.first()?;
    let others = match silent.len() {
        1 => String::new(),
        count => format!("; {} more are silent", count - 1),
    };
    let last_fired = last_fired.strftime("%Y-%m-%dT%H:%M:%SZ");
    Some(format!(
        "the rule {rule} has not fired since {last_fired}, though the application is at work: has an address changed? \
         See the blind spots{others}"
    ))
}

impl Pulses {
    /// These rules are in force from now on. What others have taught stays: they may come back.
    pub(super) fn watch(&mut self, rules: &RuleSet) {
        let records = |pack: &Pack| {
            let rules = pack.rules.iter().filter(|rule| rule.mode == Mode::Record && !rule.is_observer());
            rules.map(|rule| (rule.id.clone(), lines(&rule.lines))).collect::<Vec<_>>()
        };
        self.watched = rules.packs.iter().flat_map(records).collect();
    }

    /// A request was recorded or is a blind spot.
    pub(super) fn deed(&mut self) {
        self.is_changed = true;
        self.deeds = self.deeds.saturating_add(1);
    }

    /// A rule has made an event of a request that came then.
    pub(super) fn fired(&mut self, rule: &str, at: Timestamp) {
        let deeds = self.deeds;
        if let Some(pulse) = self.pulses.get_mut(rule) {
            return pulse.fired(at, deeds);
        }
        if self.pulses.len() >= PULSES_MAX {
            self.pulses.retain(|known, _| self.watched.contains_key(known));
        }
        if self.pulses.len() < PULSES_MAX && self.watched.contains_key(rule) {
            self.pulses.insert(rule.to_owned(), Pulse::new(at, deeds));
        }
    }

    /// The rules in force that are silent for longer than they ever are while the application is at work, with their
    /// likes among the blind spots, which `rows` gives when there is such a rule.
    pub(super) fn silent(&self, now: Timestamp, rows: impl FnOnce() -> Vec<Row>) -> Vec<Silent> {
        let is_silent = |(rule, pulse): &(&String, &Pulse)| {
            self.watched.contains_key(*rule) && pulse.is_silent(now, self.deeds)
        };
        let mut silent: Vec<_> = self.pulses.iter().filter(is_silent).collect();
        if silent.is_empty() {
            return Vec::new();
        }
        // What somebody has looked at already must not stand in front of what is new.
        silent.sort_by_key(|(rule, pulse)| (Reverse(pulse.last), *rule));
        let rows = rows();
        let shown = silent.into_iter().map(|(rule, pulse)| Silent {
            rule: rule.clone(),
            last_fired: pulse.last,
            usual_gap_s: pulse.usual_s as u64,
            requests_since: self.deeds.saturating_sub(pulse.deeds),
            like: likes(self.watched.get(rule).map(Vec::as_slice).unwrap_or_default(), pulse.last, &rows),
        });
        shown.collect()
    }

    /// As text, if it has changed since the last time. What has not fired for long is no rule's habit any more.
    pub(super) fn take_changed(&mut self, now: Timestamp) -> Option<String> {
        self.pulses.retain(|_, pulse| now.duration_since(pulse.last) < FORGOTTEN_AFTER);
        let is_changed = std::mem::take(&mut self.is_changed);
        is_changed.then(|| serde_json::to_string(self).unwrap_or_default())
    }

    /// What a text says; `None` for what none of ours would say.
    pub(super) fn read(text: &str) -> Option<Pulses> {
        let pulses: Pulses = serde_json::from_str(text).ok()?;
        let is_sound = |pulse: &Pulse| pulse.usual_s.is_finite() && pulse.usual_deeds.is_finite();
        (pulses.pulses.len() <= PULSES_MAX && pulses.pulses.values().all(is_sound)).then_some(pulses)
    }
}

impl Pulse {
    fn new(at: Timestamp, deeds: u64) -> Pulse {
        Pulse {
            first: at,
            last: at,
            deeds,
            since: at,
            deeds_since: deeds,
            gaps: 0,
            usual_s: 0.0,
            usual_deeds: 0.0,
        }
    }

    fn fired(&mut self, at: Timestamp, deeds: u64) {
        if at.duration_since(self.last) < -CLOCK_BACK {
            // The clock was set back: what it said before teaches nothing.
            *self = Pulse::new(at, deeds);
            return;
        }
        let gap = at.duration_since(self.since);
        if gap >= ONE_FIRING {
            faded(&mut self.usual_s, gap.as_secs_f64());
            faded(&mut self.usual_deeds, deeds.saturating_sub(self.deeds_since) as f64);
            self.gaps = self.gaps.saturating_add(1);
            (self.since, self.deeds_since) = (at, deeds);
        }
        (self.last, self.deeds) = (self.last.max(at), deeds);
    }

    fn is_silent(&self, now: Timestamp, deeds: u64) -> bool {
        let silence_s = now.duration_since(self.last).as_secs_f64();
        let deeds = deeds.saturating_sub(self.deeds) as f64;
        self.gaps >= GAPS_MIN
            && self.last.duration_since(self.first) >= HEARD_LEAST
            && silence_s >= (self.usual_s * TIMES_USUAL).max(SILENCE_LEAST.as_secs_f64())
            && deeds >= (self.usual_deeds * TIMES_USUAL).max(DEEDS_MIN)
    }
}

/// Goes up at once and down slowly: nearly the longest of the latest gaps.
fn faded(usual: &mut f64, gap: f64) {
    *usual = if gap > *usual { gap } else { *usual + (gap - *usual) / FADING };
}

fn lines(lines: &[MatchLine]) -> Vec<Line> {
    let name = |segment: &SegmentPattern| match segment {
        SegmentPattern::Literal(text) if !text.is_empty() => Some(text.to_lowercase()),
        SegmentPattern::Literal(_) | SegmentPattern::Part { .. } | SegmentPattern::Tail(_) => None,
    };
    let line = |line: &MatchLine| Line {
        methods: line.methods.clone(),
        names: line.segments.iter().filter_map(name).collect(),
    };
    lines.iter().map(line).collect()
}

/// Blind spots that were not there when the rule still fired and share names with its lines.
fn likes(lines: &[Line], last: Timestamp, rows: &[Row]) -> Vec<Like> {
    let new = rows.iter().filter(|row| row.first_seen.duration_since(last) > -NEW_BEFORE);
    let mut likes: Vec<(usize, &Row)> = new
        .filter_map(|row| {
            let path = row.path.to_lowercase();
            let shared = |line: &Line| {
                let names =
                    line.names.iter().filter(|name| path.split('/').any(|segment| segment == *name)).count();
                // The method counts between two that share as much.
                (names > 0).then(|| names * 2 + usize::from(line.methods.contains(&row.method)))
            };
            Some((lines.iter().filter_map(shared).max()?, row))
        })
        .collect();
    // Stable, so that the order of the rows decides between equals.
    likes.sort_by_key(|(shared, _)| Reverse(*shared));
    let like = |(_, row): (usize, &Row)| Like { method: row.method.clone(), path: row.path.clone() };
    likes.into_iter().take(LIKES_MAX).map(like).collect()
}

/// So many times its usual gap a rule must be silent, in time and in deeds.
const TIMES_USUAL: f64 = 5.0;
/// A rule that has been heard for less has no habits yet.
const GAPS_MIN: u32 = 20;
const HEARD_LEAST: SignedDuration = SignedDuration::from_hours(24);
const SILENCE_LEAST: SignedDuration = SignedDuration::from_hours(1);
const DEEDS_MIN: f64 = 50.0;
const ONE_FIRING: SignedDuration = SignedDuration::from_mins(1);
const FADING: f64 = 16.0;
const CLOCK_BACK: SignedDuration = SignedDuration::from_hours(1);
/// While an application is updated, old and new routes are there at once.
const NEW_BEFORE: SignedDuration = SignedDuration::from_hours(24);
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
const PULSES_MAX: usize = 4_096;
const LIKES_MAX: usize = 3;
