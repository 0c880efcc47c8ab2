//! Lines of `formats` that name an envelope: each kind becomes a rule of the pack that opens what its lines
//! meet, and records what could not be opened. It is a rule like any other, so that its events have the
//! pack's actor, source and scope, and `overrides` can silence it.

use crate::exchange::EnvelopeKind;
use crate::rules::load::checks::can_meet;
use crate::rules::load::keys::Page;
use crate::rules::load::rule::{self, Around, match_lines};
use crate::rules::model::{MatchLine, Pack, Rule, SegmentPattern};
use crate::yaml::{self, Node, Problems, Source};

/// The kind of an element of `formats`, if it names an envelope.
pub(in crate::rules::load) fn kind(item: &Node) -> Option<EnvelopeKind> {
    let word = item.member("as")?.as_text()?;
    EnvelopeKind::ALL.into_iter().find_map(|(known, kind)| (known == word).then_some(kind))
}

/// The lines of an element of `formats` that names an envelope.
pub(in crate::rules::load) fn lines(item: &Node, kind: EnvelopeKind, page: &mut Page<'_>) -> Vec<MatchLine> {
    let Some(at) = page.required(item, "at", "a format") else { return Vec::new() };
    let lines = match_lines(at, page);
    let has_list = |line: &MatchLine| match line.segments.last() {
        Some(SegmentPattern::Part { prefix, suffix, .. }) => prefix.is_empty() && suffix.is_empty(),
        Some(SegmentPattern::Tail(_)) => true,
        Some(SegmentPattern::Literal(_)) | None => false,
    };
    let is_get = |line: &MatchLine| line.methods.iter().any(|method| method == "GET" || method == "HEAD");
    match kind {
        EnvelopeKind::Trpc if !lines.iter().all(has_list) => {
            let cure = "end it in the part that holds the procedures: POST /api/trpc/{router}/{procedures}";
            page.error("E13", at.span, "tRPC keeps its procedures in the last segment", cure);
        }
        EnvelopeKind::JsonRpc | EnvelopeKind::HttpBatch | EnvelopeKind::Soap if lines.iter().any(is_get) => {
            let message = format!("a call of {} stands in a body", kind.as_str());
            page.error("E13", at.span, &message, "leave GET out of the line");
        }
        EnvelopeKind::Trpc
        | EnvelopeKind::JsonRpc
        | EnvelopeKind::GraphQl
        | EnvelopeKind::HttpBatch
        | EnvelopeKind::Soap => {}
    }
    lines
}

/// The rule that opens envelopes of a kind at these lines.
pub(in crate::rules::load) fn rule(
    kind: EnvelopeKind,
    lines: Vec<MatchLine>,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Rule> {
    let name = kind.as_str();
    let text = UNOPENED.replace("{kind}", name).replace("{id}", &name.replace('-', "_"));
    let source = Source::new("formats", text);
    let node = yaml::parse(&source, problems)?;
    let rule = rule::rule(&node, around, &mut Page { source: &source, problems })?;
    Some(Rule { lines, opens: Some(kind), ..rule })
}

/// Told where a rule names operations and no envelope of the pack is at its lines.
pub(in crate::rules::load) fn check(pack: &Pack, problems: &mut Problems) {
    let named: Vec<&Rule> = pack.rules.iter().filter(|rule| !rule.operations.is_empty()).collect();
    for rule in named {
        let opening = pack.rules.iter().filter(|rule| rule.opens.is_some()).flat_map(|rule| &rule.lines);
        let is_inside = |line: &MatchLine| {
            opening.clone().any(|wide| {
                wide.methods.iter().any(|method| line.methods.contains(method))
                    && can_meet(&wide.segments, &line.segments)
            })
        };
        if !rule.lines.iter().all(is_inside) {
            let message = "`operation` names a call in an envelope, and `formats` has none at this line";
            let cure = "add it to `formats`, such as { at: POST /graphql, as: graphql }";
            problems.error("E14", &rule.source, rule.span, message).cure(cure);
        }
    }
}

const UNOPENED: &str = r#"
id: unopened.{id}
match: POST /
action: CALLS_UNOPENED
title: Calls that could not be told apart
message: A {kind} request held calls that could not be told apart
"#;
