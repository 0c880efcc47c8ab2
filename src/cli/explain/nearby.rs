//! Rules that a request would have met with another method or on another host: the most common reasons why
//! a rule is silent.

use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::rules::model::{MatchLine, Mode, RuleSet, SegmentPattern};
use crate::rules::router::{Candidate, HeadView};

/// Each such rule once, with what would have to be different.
pub(super) fn lines(rules: &RuleSet, exchange: &Exchange, met: &[Candidate]) -> Vec<Value> {
    let request = &exchange.request;
    let lines = || rules.packs.iter().flat_map(|pack| &pack.rules).filter(|rule| rule.mode != Mode::Disabled);
    let mut methods: Vec<&str> =
        lines().flat_map(|rule| &rule.lines).flat_map(|line| &line.methods).map(String::as_str).collect();
    methods.sort_unstable();
    methods.dedup();
    // `*.x.org` stands for any name below.
    let mut hosts: Vec<String> =
        rules.packs.iter().flat_map(|pack| &pack.hosts).map(|host| host.replacen("*.", "any.", 1)).collect();
    hosts.sort();
    hosts.dedup();
    let mut found: Vec<((usize, usize), Value)> = Vec::new();
    let mut look = |method: &str, host: &str, why: &str, wanted: &str| {
        let head = HeadView {
            method,
            target: &request.target,
            host,
            headers: &request.headers,
            is_trusted: exchange.client.is_trusted,
        };
        for candidate in rules.candidates(&head) {
            let place = (candidate.pack, candidate.rule);
            let is_known = met.iter().any(|one| (one.pack, one.rule) == place)
                || found.iter().any(|(known, _)| *known == place);
            let Some(rule) = rules.packs.get(candidate.pack).and_then(|pack| pack.rules.get(candidate.rule))
            else {
                continue;
            };
            if !is_known && found.len() < NEARBY_MAX && !rule.is_observer() {
                let line = rule.lines.get(candidate.line).map(line_text);
                found.push((
                    place,
                    json!({ "rule": rule.id, "line": line, "differs": why, "wanted": wanted }),
                ));
            }
        }
    };
    for method in methods.iter().filter(|method| !method.eq_ignore_ascii_case(&request.method)) {
        look(method, &request.host, "method", method);
    }
    for host in &hosts {
        look(&request.method, host, "host", host);
    }
    found.into_iter().map(|(_, line)| line).collect()
}

/// A `match` line as it is written.
pub(super) fn line_text(line: &MatchLine) -> String {
    let mut text = format!("{} ", line.methods.join("|"));
    if line.segments.is_empty() {
        text.push('/');
    }
    for segment in &line.segments {
        match segment {
            SegmentPattern::Literal(literal) => text.push_str(&format!("/{literal}")),
            SegmentPattern::Part { prefix, name, suffix } => {
                text.push_str(&format!("/{prefix}{{{name}}}{suffix}"));
            }
            SegmentPattern::Tail(name) => text.push_str(&format!("/{{{name}*}}")),
        }
    }
    text
}

const NEARBY_MAX: usize = 20;
