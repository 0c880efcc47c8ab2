//! Keeps secrets out of excerpts: a file's text with everything that is or may be one starred out, byte for
//! byte, so that every span still fits.
//!
//! It must work on files that are not YAML, since the problem may be the very line that holds the token; so it
//! looks at lines first and at the tree, where there is one, second. It masks too much rather than too little.

use crate::yaml::{Node, Span};

/// The text as it may be shown. `hidden` are the values that the tree says are secret or unknown.
pub(super) fn mask(text: &str, hidden: &[&Node]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in token_ranges(text) {
        star(&mut bytes, range);
    }
    for node in hidden {
        star(&mut bytes, node.span);
        if let Some(value) = node.as_text().filter(|value| value.len() >= TELLING_BYTES_MIN) {
            for (at, _) in text.match_indices(value) {
                star(&mut bytes, Span { start: at, end: at + value.len() });
            }
        }
    }
    mask_userinfo(&String::from_utf8_lossy(&bytes))
}

/// The text with `user:password@` in URLs starred out.
pub(super) fn mask_userinfo(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, slashes) in text.match_indices("//") {
        let start = at + slashes.len();
        let end = text[start..].find(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let authority = &text[start..end.map_or(text.len(), |end| start + end)];
        if let Some(sign) = authority.rfind('@') {
            star(&mut bytes, Span { start, end: start + sign });
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What follows `token:` on its line, and on the lines indented deeper than that one.
fn token_ranges(text: &str) -> Vec<Span> {
    let mut ranges = Vec::new();
    let mut token_indent = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let start = match (after_token(line), token_indent) {
            (Some(offset), _) => {
                token_indent = Some(indent);
                Some(offset)
            }
            (None, Some(above)) if indent > above || line.trim().is_empty() => Some(0),
            (None, _) => {
                token_indent = None;
                None
            }
        };
        ranges.extend(start.map(|start| Span { start: at + start, end: at + line.len() }));
        at += line.len();
    }
    ranges
}

/// Where the value of a member named `token` begins in a line.
fn after_token(line: &str) -> Option<usize> {
    let folded = line.to_ascii_lowercase();
    folded.match_indices("token").find_map(|(at, word)| {
        let rest = &folded[at + word.len()..];
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
        rest.starts_with(':').then(|| line.len() - rest.len() + 1)
    })
}

/// Line ends and blanks stay, so that lines stay where they are.
fn star(bytes: &mut [u8], span: Span) {
    let end = span.end.min(bytes.len());
    for byte in bytes.get_mut(span.start..end).unwrap_or_default() {
        if !byte.is_ascii_whitespace() {
            *byte = b'*';
        }
    }
}

/// A shorter value occurs by chance, and starring every `1` would make excerpts useless.
const TELLING_BYTES_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_masked_in_every_way_to_write_it() {
        let check = |text: &str, expected: &str| assert_eq!(mask(text, &[]), expected, "{text}");
        check("token: abc\nlisten: x\n", "token: ***\nlisten: x\n");
        check("admin:\n  token: \"a b\"\n  hosts: [x]\n", "admin:\n  token: ** **\n  hosts: [x]\n");
        check("admin: { token: abc, hosts: [x] }\nrules: y", "admin: { token: **** ****** *** *\nrules: y");
        check("'token' :abc", "'token' :***");
        check("Token:\n  |\n\n  abc\nlisten: x", "Token:\n  *\n\n  ***\nlisten: x");
        check("tokens are fine\nä: ö", "tokens are fine\nä: ö");
        check("token: \u{e4}\u{1f600}", "token: ******");
    }

    #[test]
    fn credentials_in_a_url_are_masked() {
        let check = |text: &str, expected: &str| assert_eq!(mask_userinfo(text), expected, "{text}");
        check("upstream: http://me:pw@host:1/\n", "upstream: http://*****@host:1/\n");
        check("upstream: 'http://me:p@w@host'", "upstream: 'http://******@host'");
        check("upstream: http://host # me@x", "upstream: http://host # me@x");
    }
}
