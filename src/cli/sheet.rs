//! Events as rows of a spreadsheet.
//!
//! A cell that a spreadsheet would take for a formula is given a quote in front (OWASP, "CSV Injection"): what
//! somebody typed into a booking must not run on the machine of who reads the log.

use serde_json::Value;

/// Columns that are written when none are asked for.
pub(crate) const COLUMNS: &[&str] = &[
    "sequence",
    "time",
    "result",
    "action",
    "message.text",
    "actor.name",
    "actor.email",
    "actor.id",
    "actor.assurance",
    "onBehalfOf.name",
    "target.type",
    "target.id",
    "target.name",
    "source",
    "reason",
    "error",
    "changes",
    "client.ip",
    "client.userAgent",
    "request.method",
    "request.url",
    "response.status",
    "rule.id",
    "id",
];

/// One cell: the member at `path` (`actor.email`) as text, objects and lists as JSON; empty where there is none.
pub(crate) fn cell(event: &Value, path: &str) -> String {
    match path.split('.').try_fold(event, |value, name| value.get(name)) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless(text),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(value @ (Value::Array(_) | Value::Object(_))) => harmless(&value.to_string()),
    }
}

/// True when a column can be one: names, with dots between them.
pub(crate) fn is_column(path: &str) -> bool {
    !path.is_empty() && path.split('.').all(|name| !name.is_empty())
}

fn harmless(text: &str) -> String {
    match text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).chars().next() {
        // Also their full-width forms, which some spreadsheets read alike.
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '|' | '%' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_text_and_never_a_formula() {
        let check = |value: Value, expected: &str| {
            assert_eq!(cell(&json!({ "a": { "b": value } }), "a.b"), expected);
        };
        check(json!("Ben"), "Ben");
        check(json!(-3), "-3");
        check(json!(null), "");
        check(json!({ "c": 1 }), r#"{"c":1}"#);
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\u{feff}=1", "＝1", "|cmd", "%0a"] {
            check(json!(formula), &format!("'{formula}"));
        }
        assert_eq!((cell(&json!({ "a": "x" }), "a.b"), cell(&json!(1), "a")), (String::new(), String::new()));
    }

    #[test]
    fn a_column_is_names_with_dots_between() {
        for (column, expected) in [("a", true), ("a.b", true), ("", false), ("a..b", false), (".a", false)] {
            assert_eq!(is_column(column), expected, "{column}");
        }
    }
}
