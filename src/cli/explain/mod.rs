//! `earwitness explain`: why an exchange was recorded as it was, or was not.
//!
//! The exchange goes the same way as in service; a listener hears of each step. What is shown is what rules
//! see, so secrets are redacted here as everywhere.

mod fields;
mod listen;
mod nearby;
mod text;

use std::io::Write;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use self::listen::Listener;
use super::packs::check;
use super::replay::{Prepared, Question, Stage, open, title};
use super::{Exit, ExplainArgs, ReplayFormat};
use crate::config::Limits;
use crate::derive::{Answer, Given, Plan, Purpose};
use crate::exchange::Request;
use crate::rules::router::Candidate;
use crate::traffic::Traffic;

/// Explains each exchange that is asked for.
///
/// # Errors
/// When the file cannot be read, no exchange is meant, or standard output cannot be written.
pub fn explain(args: &ExplainArgs) -> Result<Exit> {
    let Some(rules) = check::load(&args.rules)? else { return Ok(Exit::Wrong) };
    let limits = Limits::default();
    let traffic = open(&args.file, &limits)?;
    let stage = Stage::new(rules, &limits);
    let wanted = |number: usize, target: &str| {
        args.entry.is_none_or(|entry| entry == number)
            && args.url.as_deref().is_none_or(|part| target.contains(part))
    };
    let mut out = std::io::stdout().lock();
    let mut count = 0;
    for (index, entry) in traffic.entries.iter().enumerate() {
        if wanted(entry.number, &entry.exchange.request.target) {
            count += 1;
            if let Some(explained) = one(&stage, &traffic, index) {
                match args.format {
                    ReplayFormat::Text => write!(out, "{}", text::written(&title(entry), &explained))?,
                    ReplayFormat::Json => writeln!(out, "{explained}")?,
                }
            }
        }
        // What it shows of things may be remembered for the next.
        stage.play(&traffic, index);
    }
    if count == 0 {
        bail!("no exchange of the file is meant: it has {}", traffic.entries.len());
    }
    Ok(Exit::Done)
}

/// All there is to say about an entry, for programs.
fn one(stage: &Stage, traffic: &Traffic, index: usize) -> Option<Value> {
    let entry = traffic.entries.get(index)?;
    let prepared = stage.prepare(traffic, index)?;
    let derived = stage.derive(entry, prepared.plan.clone(), &prepared.answers, &Given::default());
    // Once more with all that were met, so that what planning dropped is explained too. It records nothing.
    let listener = Listener::default();
    let mut plan = Plan::from(prepared.met.clone());
    plan.reads.clone_from(&prepared.plan.reads);
    let given = Given { trace: Some(&listener), ..Given::default() };
    stage.derive(entry, plan, &prepared.answers, &given);
    Some(json!({
        "entry": entry.number,
        "request": request(stage, &entry.exchange.request),
        "status": entry.exchange.response.as_ref().map(|response| response.status),
        "candidates": candidates(stage, &prepared),
        "nearby": nearby::lines(stage.rules(), &entry.exchange, &prepared.met),
        "reads": prepared.questions.iter().map(|asked| question(stage, &prepared, asked)).collect::<Vec<_>>(),
        "rules": listener.into_rules(),
        "events": derived.events,
        "shadowed": derived.shadowed,
    }))
}

fn request(stage: &Stage, request: &Request) -> Value {
    let url = format!("{}://{}{}", request.scheme, request.host, request.target);
    json!({ "method": stage.redacted(&request.method), "url": stage.redacted(&url) })
}

/// A question and what came of it.
fn question(stage: &Stage, prepared: &Prepared, asked: &Question) -> Value {
    let came = match (asked.answered_by, prepared.answers.get(&asked.read.key)) {
        (Some(number), Some(Answer::Answered { status, .. })) => format!("{status}, as in entry {number}"),
        (_, Some(Answer::Remembered { age_ms, .. })) => format!("remembered, {age_ms} ms old"),
        _ => "unavailable: nobody asked this in the recording".to_owned(),
    };
    json!({
        "for": match asked.read.purpose {
            Purpose::Before => "before",
            Purpose::Identity => "who",
            Purpose::After => "after",
        },
        "method": asked.read.method.as_str(),
        "target": stage.redacted(&asked.read.target),
        "came": came,
        "entry": asked.answered_by,
    })
}

/// Each line that the request met, how, and what planning made of it.
fn candidates(stage: &Stage, prepared: &Prepared) -> Vec<Value> {
    let told = |candidate: &Candidate| {
        let rule = stage.rules().packs.get(candidate.pack)?.rules.get(candidate.rule)?;
        let line = rule.lines.get(candidate.line);
        let phase =
            match (prepared.after_head.contains(candidate), prepared.plan.candidates.contains(candidate)) {
                (false, _) => Some("head"),
                (true, false) => Some("body"),
                (true, true) => None,
            };
        Some(json!({
            "rule": rule.id,
            "line": line.map(nearby::line_text),
            "by": candidate.by,
            "parts": candidate.parts.iter().map(|(name, value)| json!({ "name": name, "value": stage.redacted(value) })).collect::<Vec<_>>(),
            "methodFromBody": candidate.method_from_body,
            "droppedBy": phase,
        }))
    };
    prepared.met.iter().filter_map(told).collect()
}
