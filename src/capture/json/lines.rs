//! JSON Lines: a document on each line (`application/x-ndjson`, `application/jsonl`).
//!
//! The value is the list of them. A line that cannot be read is null in its place with a doubt there, so that
//! one broken line neither hides the others nor moves them.

use super::super::{Doubtful, Parsed};
use crate::event::NoteCode;
use crate::value::Value;

/// Reads lines; no value when not one of them is JSON.
pub(in crate::capture) fn parse(text: &str) -> Parsed {
    let mut values = Vec::new();
    let mut doubts = Vec::new();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    for (index, line) in lines.by_ref().take(LINES_MAX).enumerate() {
        let place = index.to_string();
        let Ok(reading) = super::parse(line) else {
            values.push(None);
            tell(&mut doubts, Doubtful::at(vec![place], NoteCode::BodyUnparsed, "a line that is not JSON"));
            continue;
        };
        values.push(Some(reading.value));
        for mut doubt in reading.doubts {
            doubt.path.insert(0, place.clone());
            tell(&mut doubts, doubt);
        }
    }
    if lines.next().is_some() {
        doubts.push(Doubtful::at(Vec::new(), NoteCode::BodyCut, "more than 10,000 lines"));
    }
    let has_any = values.iter().any(Option::is_some);
    let values = values.into_iter().map(Option::unwrap_or_default).collect();
    Parsed { value: has_any.then_some(Value::Array(values)), doubts, ..Parsed::default() }
}

/// Past the limit the whole body is in doubt.
fn tell(doubts: &mut Vec<Doubtful>, doubt: Doubtful) {
    if doubts.len() < DOUBTS_MAX {
        doubts.push(doubt);
    } else if doubts.len() == DOUBTS_MAX {
        doubts.push(Doubtful::at(Vec::new(), doubt.code, "many doubtful lines"));
    }
}

/// Documents of one body; more are not looked at, with doubt.
const LINES_MAX: usize = 10_000;
const DOUBTS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use crate::value::json;

    use super::*;

    #[test]
    fn each_line_is_a_document_and_each_failure_is_told_at_its_place() {
        let check = |text: &str, value: Option<Value>, doubts: &[&[&str]]| {
            let parsed = parse(text);
            let paths: Vec<_> = parsed.doubts.iter().map(|doubt| doubt.path.clone()).collect();
            assert_eq!((parsed.value, paths.as_slice().len()), (value, doubts.len()), "{text}");
            assert!(paths.iter().zip(doubts).all(|(path, doubt)| path == doubt), "{text}: {paths:?}");
        };
        check("{\"a\":1}\n{\"a\":2}\n", Some(json!([{"a": 1}, {"a": 2}])), &[]);
        check("{\"a\":1}\r\n\r\n 2", Some(json!([{"a": 1}, 2])), &[]);
        check(
            "{\"a\":1}\nno\n{\"a\":1e400}",
            Some(json!([{"a": 1}, null, {"a": "1e400"}])),
            &[&["1"], &["2", "a"]],
        );
        check("null", Some(json!([null])), &[]);
        check("no\nno", None, &[&["0"], &["1"]]);
        check("", None, &[]);
        assert_eq!(parse(&"1\n".repeat(LINES_MAX + 1)).doubts[0].code, NoteCode::BodyCut);
        assert_eq!(parse(&"x\n".repeat(1_000)).doubts.len(), DOUBTS_MAX + 1);
    }
}
