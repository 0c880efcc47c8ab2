//! CSV. What somebody typed into a booking must not run on the machine of who reads the log.
//!
//! A spreadsheet takes a cell for a formula by its first character, and which characters begin a cell depends on where it
//! is opened: a German one splits at `;` what an English one splits at `,` (THREATS X01). So every field is quoted, and a quote
//! is set before whatever could begin a formula, at a field's start and after everything that some spreadsheet splits at.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Dialect;
use super::columns::Columns;

/// A sheet that is written row by row.
pub(super) struct Sheet {
    columns: Columns,
    separator: u8,
}

impl Sheet {
    /// A sheet; its head is appended to `out`.
    pub(super) fn new(columns: Columns, dialect: Dialect, out: &mut Vec<u8>) -> Sheet {
        let separator = match dialect {
            Dialect::Comma => b',',
            Dialect::Semicolon => {
                out.extend_from_slice("\u{feff}".as_bytes());
                b';'
            }
            Dialect::Sep => {
                out.extend_from_slice(b"sep=,\r\n");
                b','
            }
        };
        let sheet = Sheet { columns, separator };
        sheet.row(sheet.columns.names().iter().map(String::as_str), out);
        sheet
    }

    /// Appends an event.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn put(&self, event: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        for (index, value) in self.columns.of(event)?.into_iter().enumerate() {
            if index > 0 {
                out.push(self.separator);
            }
            push_cell(out, value)?;
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Appends a row that is no event: a text in its first cell.
    pub(super) fn push_told(&self, text: &str, out: &mut Vec<u8>) {
        let rest = self.columns.names().iter().skip(1).map(|_| "");
        self.row(std::iter::once(text).chain(rest), out);
    }

    fn row<'t>(&self, cells: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                out.push(self.separator);
            }
            push_text(out, cell);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// A value as text: objects and lists as JSON; empty where there is none.
pub(super) fn text(value: Option<&RawValue>) -> Result<Cow<'_, str>, serde_json::Error> {
    match value.map(RawValue::get) {
        None | Some("null") => Ok(Cow::Borrowed("")),
        Some(text) if text.starts_with('"') => match text.get(1..text.len() - 1) {
            // Nearly every text stands in JSON as it is.
            Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
            Some(_) | None => serde_json::from_str::<String>(text).map(Cow::Owned),
        },
        Some(text) => Ok(Cow::Borrowed(text)),
    }
}

/// Appends a value as a field. A number is no formula, also below zero.
fn push_cell(out: &mut Vec<u8>, value: Option<&RawValue>) -> Result<(), serde_json::Error> {
    let text = text(value)?;
    if value.is_some_and(|value| value.get().starts_with(['"', '{', '['])) {
        push_text(out, &text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
    Ok(())
}

/// Appends a text as a field (RFC 4180 section 2), with a `'` wherever a cell may begin and a formula with it.
fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.starts_with(is_odd_start) {
        out.push(b'\'');
    }
    let mut rest = text;
    while !rest.is_empty() {
        if rest.trim_start_matches(is_skipped).starts_with(is_formula) {
            out.push(b'\'');
        }
        // All that splits is one byte long.
        let end = rest.bytes().position(is_split).map_or(rest.len(), |at| at + 1);
        push_quoted(out, &rest.as_bytes()[..end]);
        rest = &rest[end..];
    }
    out.push(b'"');
}

/// Appends what stands between quotes.
fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// What some spreadsheet takes for the beginning of a formula; also the full-width forms, which some read alike.
fn is_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '%' | '＝' | '＋' | '－' | '＠')
}

/// What else is told to be dangerous at the beginning of a field (OWASP, "CSV Injection").
fn is_odd_start(character: char) -> bool {
    matches!(character, '|' | '\t' | '\r' | '\n')
}

/// What some spreadsheet splits at.
fn is_split(byte: u8) -> bool {
    matches!(byte, b';' | b',' | b'\t' | b'\r' | b'\n' | b'|')
}

/// What some spreadsheet passes over at the beginning of a cell.
fn is_skipped(character: char) -> bool {
    matches!(character, ' ' | '"' | '\'' | '\u{a0}' | '\u{feff}' | '\u{200b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field as it is read.
    fn harmless(text: &str) -> String {
        let mut out = Vec::new();
        push_text(&mut out, text);
        let field = String::from_utf8(out).unwrap();
        let quoted = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        let read = quoted.replace("\"\"", "\u{0}");
        assert!(!read.contains('"'), "{field}");
        read.replace('\u{0}', "\"")
    }

    // THREATS X01
    #[test]
    fn a_cell_is_text_wherever_it_is_split() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected, "{text:?}");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u{feff}=1", "＝1", "\"=1", " \" '=1", "%0a"]
        {
            check(formula, &format!("'{formula}"));
        }
        check("x;=1+1", "x;'=1+1");
        check("x,@SUM(A1)", "x,'@SUM(A1)");
        check("x;\"=1", "x;'\"=1");
        check("x; =1", "x;' =1");
        check("a\n=1\r\n-2", "a\n'=1\r\n'-2");
        check("a\t=1", "a\t'=1");
        check("a|=1", "a|'=1");
        check("|=cmd", "'|'=cmd");
        check("\t=1", "'\t'=1");
        check("\ttext", "'\ttext");
        check(";;+1", ";;'+1");
        for text in
            ["", "Ben", "a = b", "e-mail", "2026-01-31", "a, b; c", "50 %", "Ä=ö", "a@x.org", "a\r\n\r\nb"]
        {
            check(text, text);
        }
    }

    proptest::proptest! {
        // THREATS X07
        #[test]
        fn another_reader_reads_every_cell_as_it_was_written(
            texts in proptest::collection::vec("[ -~äé=;,|\\t\\r\\n\"'\u{feff}]{0,12}", 1..5),
            semicolons in proptest::bool::ANY,
        ) {
            let names: Vec<String> = (0..texts.len()).map(|index| format!("c{index}")).collect();
            let event: serde_json::Map<_, _> =
                names.iter().cloned().zip(texts.iter().map(|text| text.as_str().into())).collect();
            let event = serde_json::to_string(&event).unwrap();
            let columns = Columns::new(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            let mut out = Vec::new();
            let dialect = if semicolons { Dialect::Semicolon } else { Dialect::Comma };
            let sheet = Sheet::new(columns, dialect, &mut out);
            sheet.put(&event, &mut out).unwrap();
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(if semicolons { b';' } else { b',' })
                .from_reader(&out[..]);
            let row = reader.records().next().unwrap().unwrap();
            let expected: Vec<_> = texts.iter().map(|text| harmless(text)).collect();
            proptest::prop_assert_eq!(row.iter().collect::<Vec<_>>(), expected);
        }
    }
}
