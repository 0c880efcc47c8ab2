//! superjson's wrapping taken off: `{json, meta}`, as tRPC servers send and read it.
//!
//! `meta` says what JSON cannot: that a text is a date, that a member is `undefined`. Dates stay text, because
//! text is what an audit record keeps anyway; what is `undefined` becomes missing, because the application
//! sees nothing there. A client writes `meta` too, so whatever in it changes what the application sees is
//! doubt.

use super::{Doubtful, Parsed, json};
use crate::event::NoteCode;
use crate::value::{Text, Value};

/// What was inside.
#[derive(Debug, PartialEq)]
pub struct Unwrapped {
    /// The document; `None` where the whole is `undefined`.
    pub value: Option<Value>,
    /// Where `meta` changes more than an honest one does.
    pub doubts: Vec<Doubtful>,
}

/// Reads a wrapped body.
pub(super) fn parse(text: &str) -> Parsed {
    let Ok(reading) = json::parse(text) else { return Parsed::default() };
    let Unwrapped { value, doubts } = unwrap_doubted(reading.value, reading.doubts);
    Parsed { value, doubts, ..Parsed::default() }
}

/// Takes `json` off a value that is doubtful in places.
pub(super) fn unwrap_doubted(value: Value, found: Vec<Doubtful>) -> Unwrapped {
    let is_wrapped = value.get("json").is_some();
    let Unwrapped { value, mut doubts } = unwrap(value);
    for mut doubt in found {
        if is_wrapped {
            let is_inside = doubt.path.first().is_some_and(|first| first == "json");
            // What is doubtful about `meta` may be about anything.
            doubt.path = if is_inside { doubt.path.split_off(1) } else { Vec::new() };
        }
        doubts.push(doubt);
    }
    Unwrapped { value, doubts }
}

/// Takes `json` off; a value without that member comes back as it is.
pub fn unwrap(mut value: Value) -> Unwrapped {
    let Some(members) = value.as_object_mut().filter(|members| members.contains_key("json")) else {
        return Unwrapped { value: Some(value), doubts: Vec::new() };
    };
    let mut inner = Some(members.remove("json").unwrap_or_default());
    let meta = members.remove("meta").unwrap_or_default();
    let mut doubts = Vec::new();
    if !members.is_empty() {
        doubts.push(whole("members beside `json` and `meta`"));
    }
    if shares_differently(inner.as_ref(), &meta["referentialEqualities"]) {
        doubts.push(whole("values shared by reference"));
    }
    let escape = if meta["v"].is_null() { Escape::Dots } else { Escape::DotsAndBackslashes };
    let Some(paths) = undefined(&meta["values"], escape) else {
        doubts.push(whole("more in `meta` than is looked at"));
        return Unwrapped { value: inner, doubts };
    };
    for path in paths {
        if let Some(hidden) = take(&mut inner, &path)
            && !hidden.is_null()
            && doubts.len() < DOUBTS_MAX
        {
            let detail = Some("said to be `undefined`, but sent".to_owned());
            doubts.push(Doubtful { path, code: NoteCode::BodyAmbiguous, detail, values: vec![hidden] });
        }
    }
    Unwrapped { value: inner, doubts }
}

fn whole(detail: &str) -> Doubtful {
    Doubtful::at(Vec::new(), NoteCode::BodyAmbiguous, detail)
}

/// How a path is written: from version 1 of superjson's form on, a backslash is escaped too.
#[derive(Clone, Copy)]
enum Escape {
    Dots,
    DotsAndBackslashes,
}

/// The paths that `values` annotates with `undefined`; `None` when there are too many annotations.
///
/// `values` is a tree: `[annotation]`, `[annotation, {path: tree}]`, or `{path: tree}` with paths relative to
/// the place. Own stack: its depth is the sender's choice.
fn undefined(values: &Value, escape: Escape) -> Option<Vec<Vec<String>>> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), values)];
    let mut seen = 0;
    while let Some((path, tree)) = open.pop() {
        let children = match tree {
            Value::Array(node) => {
                if node.first().is_some_and(|annotation| annotation == "undefined") {
                    found.push(path.clone());
                }
                node.get(1)
            }
            other => Some(other),
        };
        for (key, child) in children.and_then(Value::as_object).into_iter().flatten() {
            seen += 1;
            let inner: Vec<String> = path.iter().cloned().chain(split(key, escape)).collect();
            if seen > ANNOTATIONS_MAX || inner.len() > STEPS_MAX {
                return None;
            }
            open.push((inner, child));
        }
    }
    Some(found)
}

/// The steps of a path such as `guests.0.na\.me`.
fn split(path: &str, escape: Escape) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut chars = path.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = match (c, escape) {
            ('\\', Escape::Dots) => chars.next_if_eq(&'.'),
            ('\\', Escape::DotsAndBackslashes) => chars.next_if(|next| matches!(next, '.' | '\\')),
            ('.', _) => {
                steps.push(String::new());
                if steps.len() > STEPS_MAX {
                    return steps;
                }
                continue;
            }
            _ => None,
        };
        if let Some(last) = steps.last_mut() {
            last.push(escaped.unwrap_or(c));
        }
    }
    steps
}

/// Takes what stands at a path away; an element of a list leaves null, so that the others keep their places.
fn take(value: &mut Option<Value>, path: &[String]) -> Option<Value> {
    let Some((last, before)) = path.split_last() else { return value.take() };
    let mut place = value.as_mut()?;
    for step in before {
        place = match place {
            Value::Object(members) => members.get_mut(step)?,
            Value::Array(elements) => elements.get_mut(step.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    match place {
        Value::Object(members) => members.remove(last),
        Value::Array(elements) => elements.get_mut(last.parse::<usize>().ok()?).map(Value::take),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether `referentialEqualities` (`{path: [paths]}`) put other values into places than stand there. An
/// honest sender's copies are equal, unless it leaves them out, which is rare.
fn shares_differently(value: Option<&Value>, shared: &Value) -> bool {
    let Some(value) = value else { return false };
    let at = |path: &str| {
        split(path, Escape::DotsAndBackslashes).iter().try_fold(value, |place, step| match place {
            Value::Object(members) => members.get(step),
            Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    };
    match shared {
        Value::Null => false,
        Value::Object(pairs) => {
            let count: usize = pairs.values().map(|targets| targets.as_array().map_or(1, Vec::len)).sum();
            let differs = |(source, targets): (&Text, &Value)| {
                let targets = targets.as_array().map(Vec::as_slice).unwrap_or_default();
                targets.iter().any(|target| at(source) != target.as_str().and_then(at))
            };
            count > SHARED_MAX || pairs.iter().any(differs)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    }
}

/// Annotations of one document; a list of a hundred bookings has a thousand dates.
const ANNOTATIONS_MAX: usize = 5_000;
/// Steps of one path: JSON is not read deeper than this.
const STEPS_MAX: usize = 512;
/// Each may be a comparison of two large values.
const SHARED_MAX: usize = 100;
/// Hidden values told one by one.
const DOUBTS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::json;

    #[test]
    fn the_wrapping_comes_off_and_what_is_undefined_is_missing() {
        let check = |wrapped: Value, expected: Option<Value>| {
            let unwrapped = unwrap(wrapped.clone());
            assert_eq!((unwrapped.value, unwrapped.doubts), (expected, vec![]), "{wrapped}");
        };
        check(json!({"json": {"a": 1}}), Some(json!({"a": 1})));
        check(json!({"a": 1}), Some(json!({"a": 1})));
        check(json!([1]), Some(json!([1])));
        check(json!({"json": null, "meta": {"values": ["undefined"], "v": 1}}), None);
        let start = "2026-01-10T09:00:00.000Z";
        check(
            json!({"json": {"start": start, "b": null, "c": null}, "meta": {"values": {"start": ["Date"], "b": ["undefined"]}}}),
            Some(json!({"start": start, "c": null})),
        );
        check(
            json!({"json": {"a": [{"b": null, "c": 1}, null]}, "meta": {"values": {"a.0.b": ["undefined"], "a.1": ["undefined"]}}}),
            Some(json!({"a": [{"c": 1}, null]})),
        );
        check(
            json!({"json": {"s": [[1, null]], "x.y": null, "z\\": {"q": null}}, "meta": {"v": 1, "values": {
                "s": ["set", {"0": ["map", {"1": ["undefined"]}]}], "x\\.y": ["undefined"], "z\\\\.q": ["undefined"],
            }}}),
            Some(json!({"s": [[1, null]], "z\\": {}})),
        );
        let shared =
            json!({"json": {"a": {"x": 1}, "b": {"x": 1}}, "meta": {"referentialEqualities": {"a": ["b"]}}});
        check(shared, Some(json!({"a": {"x": 1}, "b": {"x": 1}})));
    }

    // THREATS E18: an application that honours `meta` sees something else than its `json` says.
    #[test]
    fn a_meta_that_hides_or_moves_values_is_doubt() {
        let check = |wrapped: Value, path: &[&str]| {
            let doubts = unwrap(wrapped.clone()).doubts;
            assert!(doubts.iter().any(|doubt| doubt.path == path), "{wrapped}: {doubts:?}");
        };
        check(json!({"json": {"role": "ADMIN"}, "meta": {"values": {"role": ["undefined"]}}}), &["role"]);
        check(json!({"json": {"a": 1, "b": null}, "meta": {"referentialEqualities": {"a": ["b"]}}}), &[]);
        check(json!({"json": {"a": 1}, "meta": {"referentialEqualities": [["a"]]}}), &[]);
        check(json!({"json": {"a": 1}, "role": "ADMIN"}), &[]);
        let many: crate::value::Map = (0..6_000).map(|n| (n.to_string(), json!(["Date"]))).collect();
        check(json!({"json": {"a": 1}, "meta": {"values": many}}), &[]);
        check(json!({"json": {"a": 1}, "meta": {"values": {"a.".repeat(600): ["undefined"]}}}), &[]);
    }

    #[test]
    fn doubts_of_the_text_stand_where_the_value_is() {
        let check = |text: &str, value: Option<Value>, path: &[&str]| {
            let parsed = parse(text);
            assert_eq!(parsed.value, value, "{text}");
            assert_eq!(parsed.doubts[0].path, path, "{text}");
        };
        check(r#"{"json":{"a":1,"a":2}}"#, Some(json!({"a": 2})), &["a"]);
        check(r#"{"json":{},"meta":{"v":1,"v":2}}"#, Some(json!({})), &[]);
        check(r#"{"json":1,"json":2}"#, Some(json!(2)), &[]);
        check(r#"{"a":1,"a":2}"#, Some(json!({"a": 2})), &["a"]);
        assert_eq!(parse("no").value, None);
    }

    proptest! {
        #[test]
        fn any_meta_is_survived(path in "[ab0.\\\\]{0,6}", other in "[ab0.]{0,4}", word in "(undefined|Date|set)", v in 0..2) {
            let mut meta = json!({"values": {&path: [word, {&other: ["undefined"]}]}, "referentialEqualities": {&path: [other]}});
            if v == 1 {
                meta["v"] = json!(1);
            }
            unwrap(json!({"json": {"a": [{"b": 1}, "0"], "b": {"0": null}, "": 1}, "meta": meta}));
        }
    }
}
