//! `earwitness replay`: rules over recorded traffic, to see what a log would hold that did not exist then.
//!
//! The exchanges are derived in order by the same code that the proxy runs. Nothing is asked of anybody,
//! and nothing is stored.

mod answers;
mod backtest;
mod file;
mod memory;
mod stage;

pub use backtest::backtest;
pub(in crate::cli) use file::open;
pub(in crate::cli) use stage::{Prepared, Question, Stage};

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::packs::check;
use super::{Exit, ReplayArgs, ReplayFormat, Timeline, visible};
use crate::config::Limits;
use crate::event::Event;
use crate::rules::redact::{Key, Redactor};
use crate::traffic::Entry;

/// How many exchanges of which kind.
#[derive(Debug, Default)]
struct Counts {
    exchanges: usize,
    /// A rule's line met the request.
    matched: usize,
    /// At least one event came of it.
    recorded: usize,
    events: usize,
    /// Events that rules in shadow mode would have made.
    shadowed: usize,
    /// It may have changed something, and no rule's line met it.
    blind: usize,
}

/// Derives the events of a recording and prints them.
///
/// # Errors
/// When the file cannot be read, or standard output cannot be written.
pub fn replay(args: &ReplayArgs) -> Result<Exit> {
    let Some(rules) = check::load(&args.rules)? else { return Ok(Exit::Wrong) };
    let limits = Limits::default();
    let traffic = open(&args.file, &limits)?;
    let stage = Stage::new(rules, &limits);
    let mut counts = Counts::default();
    let mut out = std::io::stdout().lock();
    for (index, entry) in traffic.entries.iter().enumerate() {
        let Some((is_met, derived)) = stage.play(&traffic, index) else { continue };
        counts.exchanges += 1;
        counts.matched += usize::from(is_met);
        counts.recorded += usize::from(!derived.events.is_empty());
        counts.blind += usize::from(!is_met && may_change(&entry.exchange.request.method));
        counts.events += derived.events.len();
        counts.shadowed += derived.shadowed.len();
        for (event, mode) in modes(&derived.events, &derived.shadowed) {
            match args.format {
                ReplayFormat::Text => text(entry, event, mode, &mut out)?,
                ReplayFormat::Json => {
                    let shadow = mode == Mode::Shadow;
                    let line = json!({ "entry": entry.number, "shadow": shadow, "event": event });
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    match args.format {
        ReplayFormat::Text => writeln!(out, "{}", counts.line())?,
        ReplayFormat::Json => writeln!(out, "{}", json!({ "counts": counts.to_json() }))?,
    }
    Ok(Exit::Done)
}

/// Whether an event would be recorded or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Recorded,
    Shadow,
}

fn modes<'e>(events: &'e [Event], shadowed: &'e [Event]) -> impl Iterator<Item = (&'e Event, Mode)> {
    let recorded = events.iter().map(|event| (event, Mode::Recorded));
    recorded.chain(shadowed.iter().map(|event| (event, Mode::Shadow)))
}

fn text(entry: &Entry, event: &Event, mode: Mode, out: &mut dyn Write) -> std::io::Result<()> {
    let shadow = match mode {
        Mode::Recorded => "",
        Mode::Shadow => " (shadow: not recorded)",
    };
    writeln!(out, "{}, by {}{shadow}", title(entry), event.rule.id)?;
    writeln!(out, "{}", Timeline(event))
}

/// "entry 3, POST /bookings/7 → 200".
pub(in crate::cli) fn title(entry: &Entry) -> String {
    let request = &entry.exchange.request;
    // The query may hold what nothing has redacted.
    let path = request.target.split('?').next().unwrap_or_default();
    let key = Key::new([0; 32]);
    let path = &Redactor::new(&key, []).text(path);
    let status = match &entry.exchange.response {
        Some(response) => response.status.to_string(),
        None => "no answer".to_owned(),
    };
    format!("entry {}, {} {} → {status}", entry.number, visible(&request.method), visible(path))
}

impl Counts {
    fn line(&self) -> String {
        let Counts { exchanges, matched, recorded, events, shadowed, blind } = self;
        format!(
            "{exchanges} exchanges: {matched} matched a rule, {recorded} recorded ({events} events), \
             {shadowed} events in shadow mode, {blind} that may change something matched no rule"
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "exchanges": self.exchanges,
            "matched": self.matched,
            "recorded": self.recorded,
            "events": self.events,
            "shadowed": self.shadowed,
            "blind": self.blind,
        })
    }
}

/// RFC 9110 section 9.2.1, and the reading methods of WebDAV (RFC 3253, 4918, 5323).
fn may_change(method: &str) -> bool {
    let safe = ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"];
    !safe.iter().any(|safe| safe.eq_ignore_ascii_case(method))
}
