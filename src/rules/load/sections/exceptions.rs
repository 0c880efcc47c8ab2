//! `coverage.yaml`: which requests no rule of a pack covers on purpose, each with its reason.
//!
//! ```yaml
//! - operation: [channels.stop, channels.watch]
//!   reason: Push channels say what changed; they change nothing.
//! - line: POST /v2/oauth/{rest*}
//!   reason: Tokens only.
//! ```

use crate::rules::described::{Excepted, Exception};
use crate::rules::load::keys::Page;
use crate::yaml::Node;

/// Reads the list of exceptions.
pub(in crate::rules::load) fn read(root: &Node, page: &mut Page<'_>) -> Vec<Exception> {
    let items = page.list(root, "a file of exceptions");
    items.iter().flat_map(|item| exception(item, page)).collect()
}

fn exception(node: &Node, page: &mut Page<'_>) -> Vec<Exception> {
    let Some(node) = page.mapping(node, "an exception", &["operation", "line", "reason"]) else {
        return Vec::new();
    };
    let reason = page.required(node, "reason", "an exception").and_then(|node| page.text(node, "`reason`"));
    let mut excepted = Vec::new();
    if let Some(node) = node.member("operation") {
        for item in page.one_or_many(node) {
            excepted.extend(page.text(item, "`operation`").map(Excepted::Operation));
        }
    }
    if let Some(node) = node.member("line") {
        for item in page.one_or_many(node) {
            excepted.extend(page.line(item, "`line`").map(Excepted::Line));
        }
    }
    if node.member("operation").is_none() && node.member("line").is_none() {
        page.missing(node.span, "operation", "an exception");
    }
    let reason = reason.unwrap_or_default();
    excepted.into_iter().map(|excepted| Exception { excepted, reason: reason.clone() }).collect()
}
