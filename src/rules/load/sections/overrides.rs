//! `overrides`: how an operator sets mode and guarantee of a rule in a pack that others wrote.
//!
//! Only a file that the configuration names by itself may hold them: a pack that could switch off another
//! pack's rules would be a way to go unrecorded (THREATS O01).

use serde_json::json;

use crate::rules::load::files::{PackFiles, PackKind, digest};
use crate::rules::load::keys::Page;
use crate::rules::load::rule::{CHOICES, GUARANTEES, MODES, ON_FAILURES, must_be_durable};
use crate::rules::model::Pack;
use crate::yaml::{Node, Problems, nearest};

/// Checks the shape of a section, and that it may stand there.
pub(in crate::rules::load) fn check(node: &Node, kind: PackKind, page: &mut Page<'_>) {
    if kind == PackKind::Folder {
        let message = "a pack cannot override rules of others";
        let cure = "put `overrides` into a file of your own and name that file under `rules`";
        page.error("E02", node.span, message, cure);
        return;
    }
    for (key, node) in page.members(node, "`overrides`").unwrap_or(&[]) {
        page.mapping(node, &format!("the override of `{}`", key.text), &CHOICES);
    }
}

/// Applies the overrides of all files to the rules of all packs.
pub(in crate::rules::load) fn apply(files: &[PackFiles], packs: &mut [Pack], problems: &mut Problems) {
    let own = files.iter().filter(|files| files.kind == PackKind::SingleFile);
    for file in own.flat_map(|files| &files.files) {
        let mut page = Page { source: &file.source, problems };
        let members = file.root.member("overrides").and_then(Node::as_map).unwrap_or(&[]);
        for (key, node) in members {
            let rules = || packs.iter().flat_map(|pack| &pack.rules);
            if !rules().any(|rule| rule.id == key.text) {
                let cure = match nearest(&key.text, rules().map(|rule| rule.id.as_str())) {
                    Some(id) => format!("did you mean `{id}`?"),
                    None => "write pack/id, such as calcom/booking.cancelled".to_owned(),
                };
                page.error("E14", key.span, &format!("there is no rule `{}`", key.text), &cure);
                continue;
            }
            let found = packs.iter_mut().find_map(|pack| {
                let rule = pack.rules.iter_mut().find(|rule| rule.id == key.text)?;
                Some((&mut pack.version, rule))
            });
            let Some((version, rule)) = found else { continue };
            // Whoever turns a rule off has changed its pack, though not its files (THREATS E72).
            *version = digest(&json!([version, key.text, node.to_json()]));
            rule.digest = digest(&json!([rule.digest, node.to_json()]));
            if let Some(mode) = node.member("mode").and_then(|node| page.word(node, "`mode`", &MODES)) {
                rule.mode = mode;
            }
            let guarantee = node.member("guarantee");
            if let Some(guarantee) = guarantee.and_then(|node| page.word(node, "`guarantee`", &GUARANTEES)) {
                rule.guarantee = guarantee;
            }
            if let Some(own) = node.member("on_failure") {
                rule.on_failure = page.word(own, "`on_failure`", &ON_FAILURES).or(rule.on_failure);
                must_be_durable(&mut page, own, rule.guarantee, rule.on_failure);
            }
        }
    }
}
