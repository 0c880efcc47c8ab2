//! `redact` and `reveal`: what is secret beside the built-in names and shapes, and what is not after all.

use crate::rules::expr::{Names, Path};
use crate::rules::load::keys::Page;
use crate::rules::model::RedactTarget;
use crate::yaml::{Node, Span};

/// Reads a `redact` list of names and paths.
pub(in crate::rules::load) fn redact(node: &Node, names: &Names, page: &mut Page<'_>) -> Vec<RedactTarget> {
    let items = page.list(node, "`redact`");
    let target = |item: &Node| {
        let text = page.text(item, "an element of `redact`")?;
        if text.starts_with('$') {
            return page.path(item, "an element of `redact`", names).map(RedactTarget::Path);
        }
        Some(RedactTarget::Name(text.to_lowercase().replace(['-', '_'], "")))
    };
    items.iter().filter_map(target).collect()
}

/// Reads a `reveal` list: exact paths only, and never a credential (E20).
pub(in crate::rules::load) fn reveal(node: &Node, names: &Names, page: &mut Page<'_>) -> Vec<Path> {
    let items = page.list(node, "`reveal`");
    let path = |item: &Node| {
        let text = page.text(item, "an element of `reveal`")?;
        refuse_wide(&text, item.span, page)?;
        page.path(item, "an element of `reveal`", names)
    };
    items.iter().filter_map(path).collect()
}

fn refuse_wide(text: &str, span: Span, page: &mut Page<'_>) -> Option<()> {
    let folded = text.to_lowercase();
    let is_guess = text.contains("..") || text.contains('?') || text.contains(".*") || text.contains(':');
    let is_whole =
        !["$.request.", "$.response."].iter().any(|root| text.starts_with(root)) || WHOLES.contains(&text);
    let is_credential = CREDENTIALS.iter().any(|name| folded.contains(name)) && folded.contains("headers");
    let (message, cure) = if is_credential {
        ("a header that carries a credential is never revealed", "remove this line")
    } else if is_guess || is_whole {
        (
            "too wide: only exact paths are revealed",
            "name one value by names, indexes and [*]: $.response.body.error.code",
        )
    } else {
        return Some(());
    };
    page.error("E20", span, message, cure);
    None
}

const WHOLES: [&str; 6] = [
    "$.request.body",
    "$.response.body",
    "$.request.headers",
    "$.response.headers",
    "$.request.query",
    "$.request.cookies",
];

const CREDENTIALS: [&str; 6] = ["authorization", "cookie", "api-key", "apikey", "token", "secret"];
