//! Parameters of `content-type` and `content-disposition` (RFC 9110 section 5.6.6, RFC 2183), read
//! tolerantly: what stands there comes back, with a mark where readers disagree about it.

/// One `name=value`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// In lower case.
    pub(crate) name: String,
    /// Without its quotes.
    pub(crate) value: String,
    /// True when readers disagree: an escape, a quote that is not closed, text behind it, blanks around `=`, a tab.
    pub(crate) is_odd: bool,
}

/// What follows the first `;`. A `;` within quotes separates nothing.
pub(crate) fn parameters(text: &str) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while !rest.is_empty() && found.len() < PARAMETERS_MAX {
        let Some(end) = rest.find(['=', ';']) else { break };
        let name = rest[..end].trim_start();
        let after = &rest[end + 1..];
        if rest[end..].starts_with(';') {
            rest = after;
            continue;
        }
        let value = after.trim_start();
        let has_blanks = value.len() < after.len() || name.trim_end().len() < name.len();
        let (value, is_odd, behind) = match value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, behind) = value.split_once(';').unwrap_or((value, ""));
                let is_odd_token = value.contains('\t');
                let value = value.trim_end();
                (value.to_owned(), is_odd_token || value.contains(['"', '\'', ',', ' ', '\\']), behind)
            }
        };
        let name = name.trim_end().to_ascii_lowercase();
        found.push(Parameter { name, value, is_odd: is_odd || has_blanks });
        rest = behind;
    }
    found
}

/// The value up to the closing quote, whether it is odd, and what follows its `;`.
///
/// `\"` is an escape to some and the end to others. Any other backslash stands for itself: old browsers sent
/// whole Windows paths.
fn unquoted(text: &str) -> (String, bool, &str) {
    let mut value = String::new();
    let mut is_odd = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let (between, behind) = text[at + 1..].split_once(';').unwrap_or((&text[at + 1..], ""));
                return (value, is_odd || !between.trim().is_empty(), behind);
            }
            '\\' => {
                is_odd = true;
                match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, next)) => value.push(next),
                    None => value.push(c),
                }
            }
            other => value.push(other),
        }
    }
    (value, true, "")
}

/// Parameters of one header; more are not looked at.
const PARAMETERS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_the_odd_ones_marked() {
        let check = |text: &str, expected: &[(&str, &str, bool)]| {
            let found = parameters(text);
            let found: Vec<_> =
                found.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.is_odd)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("form-data", &[]);
        check("form-data;; name=a", &[("name", "a", false)]);
        check(
            "form-data; NAME=\"a;b\"; filename=c.txt",
            &[("name", "a;b", false), ("filename", "c.txt", false)],
        );
        check("x; name=\"a\\\"b\"", &[("name", "a\"b", true)]);
        check("x; filename=\"C:\\dir\\f\"", &[("filename", "C:\\dir\\f", true)]);
        check("x; name=\"a", &[("name", "a", true)]);
        check("x; name=\"a\"b; c=d", &[("name", "a", true), ("c", "d", false)]);
        check("x; name = a", &[("name", "a", true)]);
        check("x; name=a\t; b=c", &[("name", "a", true), ("b", "c", false)]);
        check("x; name='a'", &[("name", "'a'", true)]);
        check("x; boundary=a, b", &[("boundary", "a, b", true)]);
        check("x; flag; =", &[("", "", false)]);
        assert_eq!(parameters(&"; a=b".repeat(1_000)).len(), PARAMETERS_MAX);
    }
}
