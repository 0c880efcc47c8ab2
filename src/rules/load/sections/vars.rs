//! `vars`: named values, in an order in which each uses only earlier ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::rules::expr::{Expr, Names};
use crate::rules::load::keys::{Page, each_text};
use crate::yaml::{Key, Node, Source};

/// A variable as written.
#[derive(Clone, Copy)]
pub(in crate::rules::load) struct Written<'n> {
    pub(in crate::rules::load) key: &'n Key,
    pub(in crate::rules::load) node: &'n Node,
    pub(in crate::rules::load) source: &'n Arc<Source>,
}

/// Compiles variables in order, adding each to the names that the next may use. Cycles are E21.
pub(in crate::rules::load) fn compile(
    written: &[Written<'_>],
    names: &mut Names,
    page: &mut Page<'_>,
) -> Vec<(String, Expr)> {
    let mut compiled = Vec::new();
    for var in in_order(written, page) {
        let Some(value) = page.of(var.source).value(var.node, names) else {
            // Still a name, or every use of it would be a second problem.
            names.vars.push((var.key.text.clone(), names.phase));
            continue;
        };
        names.vars.push((var.key.text.clone(), value.phase()));
        compiled.push((var.key.text.clone(), value));
    }
    compiled
}

/// The names after `vars.` in paths and templates of a node.
pub(in crate::rules::load) fn used_in(node: &Node) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    each_text(node, &mut |text, _| {
        for (at, found) in text.match_indices("vars") {
            let is_word = text[..at].chars().next_back().is_some_and(|letter| letter.is_alphanumeric());
            let rest = &text[at + found.len()..];
            let name = rest
                .strip_prefix('.')
                .or_else(|| rest.strip_prefix("['").or_else(|| rest.strip_prefix("[\"")));
            let Some(name) = name.filter(|_| !is_word) else { continue };
            let end = name.find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '-'));
            used.insert(name[..end.unwrap_or(name.len())].to_owned());
        }
    });
    used
}

/// Depth first over what each uses; what is in a circle is left out.
fn in_order<'n>(written: &[Written<'n>], page: &mut Page<'_>) -> Vec<Written<'n>> {
    let by_name: BTreeMap<&str, Written<'n>> =
        written.iter().map(|var| (var.key.text.as_str(), *var)).collect();
    let uses: BTreeMap<&str, BTreeSet<String>> =
        written.iter().map(|var| (var.key.text.as_str(), used_in(var.node))).collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::new();
    // Each round takes what uses only earlier ones; what is left at the end is in a circle or behind one.
    loop {
        let is_ready = |name: &&str| {
            !done.contains(*name)
                && uses[*name]
                    .iter()
                    .all(|used| done.contains(used.as_str()) || !by_name.contains_key(used.as_str()))
        };
        let ready: Vec<&str> =
            written.iter().map(|var| var.key.text.as_str()).filter(|name| is_ready(name)).collect();
        if ready.is_empty() {
            break;
        }
        for name in ready {
            done.insert(name);
            order.push(by_name[name]);
        }
    }
    let left: Vec<&Written<'_>> =
        written.iter().filter(|var| !done.contains(var.key.text.as_str())).collect();
    if let Some(first) = left.first() {
        let names: Vec<&str> = left.iter().map(|var| var.key.text.as_str()).collect();
        let message = format!("these variables use each other in a circle: {}", names.join(", "));
        page.of(first.source).error("E21", first.key.span, &message, "write one of them without the others");
    }
    order
}
