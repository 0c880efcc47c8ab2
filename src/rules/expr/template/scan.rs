//! The words of a template's blocks, read without minijinja: it finds unknown filters only when they run,
//! which would be in the middle of a record.

/// A word of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    /// First byte in the template.
    pub(super) at: usize,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{`.
    Print,
    /// `{%`.
    Statement,
    /// `}}` or `%}`.
    Close,
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// A quoted text, with its quotes.
    Text,
    /// Anything else, one character; `**` and `//` are one word.
    Sign,
}

/// All words inside blocks, in order.
pub(super) fn scan(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let kind = match text.as_bytes().get(open + 1) {
            Some(b'{') => Kind::Print,
            Some(b'%') => Kind::Statement,
            Some(b'#') => {
                at = text[open..].find("#}").map_or(text.len(), |end| open + end + 2);
                continue;
            }
            _ => {
                at = open + 1;
                continue;
            }
        };
        tokens.push(Token { kind, text: &text[open..open + 2], at: open });
        at = block(text, open + 2, kind, &mut tokens);
    }
    tokens
}

/// The words of one block; the answer is where it ends.
fn block<'t>(text: &'t str, start: usize, kind: Kind, tokens: &mut Vec<Token<'t>>) -> usize {
    let close = if kind == Kind::Print { "}}" } else { "%}" };
    let mut at = start;
    let mut depth = 0usize;
    while at < text.len() {
        let rest = &text[at..];
        if depth == 0 && rest.starts_with(close) {
            tokens.push(Token { kind: Kind::Close, text: &rest[..2], at });
            return at + 2;
        }
        let (kind, length) = word(rest);
        if let Some(kind) = kind {
            let text = &rest[..length];
            match text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            tokens.push(Token { kind, text, at });
        }
        at += length;
    }
    at
}

/// The first word and its length in bytes; no kind for blanks.
fn word(rest: &str) -> (Option<Kind>, usize) {
    let Some(first) = rest.chars().next() else { return (None, 1) };
    let run = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
    match first {
        c if c.is_whitespace() => (None, c.len_utf8()),
        '\'' | '"' => (Some(Kind::Text), quoted(rest, first)),
        c if c.is_ascii_digit() => (Some(Kind::Number), run(|c| c.is_ascii_alphanumeric() || c == '_')),
        c if c.is_alphabetic() || c == '_' => (Some(Kind::Word), run(|c| c.is_alphanumeric() || c == '_')),
        _ if rest.starts_with("**") || rest.starts_with("//") => (Some(Kind::Sign), 2),
        c => (Some(Kind::Sign), c.len_utf8()),
    }
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
