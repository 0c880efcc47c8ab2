//! `earwitness backtest`: two sets of rules over one recording, and which events differ.
//!
//! Events of one entry are paired by rule and by their order there. What always differs (the version of a
//! pack) is left out of the comparison; so a change of wording shows as a change, and an edited comment does
//! not.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Stage, open, title};
use crate::cli::packs::check;
use crate::cli::{BacktestArgs, Exit, ReplayFormat, visible};
use crate::config::Limits;
use crate::event::Event;

/// What became of an event.
#[derive(Debug)]
enum Difference {
    Appeared(Value),
    Vanished(Value),
    /// Each member that differs: its place, before, after.
    Changed(Vec<Member>),
}

type Member = (String, Option<Value>, Option<Value>);

/// Events of a rule over the whole recording.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    appeared: usize,
    vanished: usize,
    changed: usize,
}

/// Compares, and prints what differs.
///
/// # Errors
/// When the file cannot be read, or standard output cannot be written.
pub fn backtest(args: &BacktestArgs) -> Result<Exit> {
    let (old, new) =
        (check::load(std::slice::from_ref(&args.old))?, check::load(std::slice::from_ref(&args.new))?);
    let (Some(old), Some(new)) = (old, new) else { return Ok(Exit::Wrong) };
    let limits = Limits::default();
    let traffic = open(&args.file, &limits)?;
    let (old, new) = (Stage::new(old, &limits), Stage::new(new, &limits));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut out = std::io::stdout().lock();
    for (index, entry) in traffic.entries.iter().enumerate() {
        let events = |stage: &Stage| stage.play(&traffic, index).map(|(_, derived)| derived.events);
        let (old, new) = (events(&old).unwrap_or_default(), events(&new).unwrap_or_default());
        for (rule, difference) in differences(&old, &new, &mut tallies) {
            match args.format {
                ReplayFormat::Text => {
                    write!(out, "{}\n{}", title(entry), difference.text(&rule))?;
                }
                ReplayFormat::Json => writeln!(out, "{}", difference.to_json(entry.number, &rule))?,
            }
        }
    }
    match args.format {
        ReplayFormat::Text => write!(out, "{}", summary(&tallies))?,
        ReplayFormat::Json => {
            let rules: BTreeMap<&String, Value> =
                tallies.iter().map(|(rule, tally)| (rule, tally.to_json())).collect();
            writeln!(out, "{}", json!({ "rules": rules }))?;
        }
    }
    Ok(if tallies.values().all(Tally::is_same) { Exit::Done } else { Exit::Failed })
}

/// The differences of one entry, by rule, counted.
fn differences(
    old: &[Event],
    new: &[Event],
    tallies: &mut BTreeMap<String, Tally>,
) -> Vec<(String, Difference)> {
    let mut rules: Vec<&str> = Vec::new();
    for event in new.iter().chain(old) {
        if !rules.contains(&event.rule.id.as_str()) {
            rules.push(&event.rule.id);
        }
    }
    let mut found = Vec::new();
    for rule in rules {
        let of = |events: &[Event]| -> Vec<Value> {
            events.iter().filter(|event| event.rule.id == rule).map(comparable).collect()
        };
        let (old, new) = (of(old), of(new));
        let tally = tallies.entry(rule.to_owned()).or_default();
        for place in 0..old.len().max(new.len()) {
            let difference = match (old.get(place), new.get(place)) {
                (None, Some(new)) => Difference::Appeared(new.clone()),
                (Some(old), None) => Difference::Vanished(old.clone()),
                (Some(old), Some(new)) => {
                    let mut members = Vec::new();
                    compare("", Some(old), Some(new), &mut members);
                    Difference::Changed(members)
                }
                (None, None) => continue,
            };
            if tally.count(&difference) {
                found.push((rule.to_owned(), difference));
            }
        }
    }
    found
}

/// An event without what two runs never share.
fn comparable(event: &Event) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("id");
    }
    if let Some(rule) = value.get_mut("rule").and_then(Value::as_object_mut) {
        rule.remove("version");
    }
    value
}

/// Adds each innermost member that differs. Events are as deep as rules make them, and rules come from
/// checked files of a limited depth; below [`DEPTH_MAX`] values are compared whole all the same.
fn compare(place: &str, old: Option<&Value>, new: Option<&Value>, members: &mut Vec<Member>) {
    if old == new {
        return;
    }
    if let (Some(Value::Object(was)), Some(Value::Object(is))) = (old, new)
        && place.matches('.').count() < DEPTH_MAX
    {
        let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            compare(&place, was.get(name), is.get(name), members);
        }
        return;
    }
    members.push((place.to_owned(), old.cloned(), new.cloned()));
}

impl Tally {
    /// True when it is a difference.
    fn count(&mut self, difference: &Difference) -> bool {
        match difference {
            Difference::Appeared(_) => self.appeared += 1,
            Difference::Vanished(_) => self.vanished += 1,
            Difference::Changed(members) if members.is_empty() => {
                self.same += 1;
                return false;
            }
            Difference::Changed(_) => self.changed += 1,
        }
        true
    }

    fn is_same(&self) -> bool {
        self.appeared + self.vanished + self.changed == 0
    }

    fn to_json(&self) -> Value {
        json!({
            "same": self.same,
            "appeared": self.appeared,
            "vanished": self.vanished,
            "changed": self.changed,
        })
    }
}

impl Difference {
    fn text(&self, rule: &str) -> String {
        match self {
            Difference::Appeared(event) => format!("  + {rule}: {}\n", told(event)),
            Difference::Vanished(event) => format!("  - {rule}: {}\n", told(event)),
            Difference::Changed(members) => {
                let shown = |value: &Option<Value>| match value {
                    Some(value) => visible(&value.to_string()).into_owned(),
                    None => "(none)".to_owned(),
                };
                let line = |(place, old, new): &Member| {
                    format!("      {}: {} → {}\n", visible(place), shown(old), shown(new))
                };
                format!("  ~ {rule}\n{}", members.iter().map(line).collect::<String>())
            }
        }
    }

    fn to_json(&self, entry: usize, rule: &str) -> Value {
        match self {
            Difference::Appeared(event) => {
                json!({ "entry": entry, "rule": rule, "difference": "appeared", "event": event })
            }
            Difference::Vanished(event) => {
                json!({ "entry": entry, "rule": rule, "difference": "vanished", "event": event })
            }
            Difference::Changed(members) => {
                // A missing member is left out: null is a value.
                let member = |(place, old, new): &Member| {
                    let mut member = json!({ "member": place });
                    for (name, value) in [("old", old), ("new", new)] {
                        if let Some(value) = value {
                            member[name] = value.clone();
                        }
                    }
                    member
                };
                let members: Vec<Value> = members.iter().map(member).collect();
                json!({ "entry": entry, "rule": rule, "difference": "changed", "members": members })
            }
        }
    }
}

/// "MOVED success: Ben moved …".
fn told(event: &Value) -> String {
    let text = |value: &Value| visible(value.as_str().unwrap_or_default()).into_owned();
    format!("{} {}: {}", text(&event["action"]), text(&event["result"]), text(&event["message"]["text"]))
}

fn summary(tallies: &BTreeMap<String, Tally>) -> String {
    let mut text = String::new();
    for (rule, Tally { same, appeared, vanished, changed }) in tallies {
        text.push_str(&format!(
            "{rule}: {same} the same, {appeared} appeared, {vanished} vanished, {changed} changed\n"
        ));
    }
    match tallies.values().all(Tally::is_same) {
        true => text.push_str("no event differs\n"),
        false => text.push_str("the rules do not record the same\n"),
    }
    text
}

const DEPTH_MAX: usize = 64;
