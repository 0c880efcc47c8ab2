//! `after`: the thing afterwards.

use crate::rules::expr::{Expr, Names, Root};
use crate::rules::load::keys::Page;
use crate::rules::model::After;
use crate::yaml::Node;

/// Reads `after`: `read`, `{merged: value}` or a value.
pub(super) fn after(node: &Node, names: &Names, page: &mut Page<'_>) -> Option<After> {
    if node.as_text() == Some("read") {
        return Some(After::Read);
    }
    let (node, is_merged) = match node.as_map() {
        Some([(key, merged)]) if key.text == "merged" => (merged, true),
        _ => (node, false),
    };
    let value = page.value(node, names)?;
    refuse_later_names(&value, node, page);
    Some(if is_merged { After::Merged(value) } else { After::Value(value) })
}

/// What the thing is afterwards is asked for each way in which the action may have ended, before anything is
/// compared: a test on these names would never hold.
fn refuse_later_names(after: &Expr, node: &Node, page: &mut Page<'_>) {
    let mut later: Option<Root> = None;
    after.visit_reaches(&mut |reach| {
        if matches!(reach.root, Root::Result | Root::After | Root::Changes) {
            later = Some(reach.root);
        }
    });
    if let Some(root) = later {
        let message = format!("`{}` is not yet known in `after`", root.name());
        page.error("E10", node.span, &message, "test what the answer says, such as $.response.status");
    }
}
