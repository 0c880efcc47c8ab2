//! Where the personal values of an event stand in its JSON: who, what was said of whom, from where. Everything that a
//! person brought or that points at one is such a value; the words of rules (actions, types, labels, roles) are not,
//! nor are times, results, and the scope that access is decided by.
//!
//! One pass, no allocation but the list. What is not the JSON that this program writes (compact, an object) has no
//! personal values that could be told apart: then the leaf is over all of it as text.

use std::ops::Range;

/// What a value holds.
enum Shape {
    /// Nothing personal.
    Public,
    /// It is personal as a whole.
    Personal,
    /// An object: its members by name, and what all others are.
    Members(&'static [(&'static str, Shape)], &'static Shape),
    /// An array: each of its elements.
    Elements(&'static Shape),
}

/// The list, part of the leaf's format: an entry's place in the tree depends on it.
const EVENT: Shape = Shape::Members(
    &[
        ("title", Shape::Personal),
        ("message", Shape::Members(&[("parts", PARTS)], &Shape::Personal)),
        ("actor", ACTOR),
        ("onBehalfOf", ACTOR),
        ("target", Shape::Members(&[("type", Shape::Public)], &Shape::Personal)),
        ("links", Shape::Elements(&Shape::Members(&[("id", Shape::Personal)], &Shape::Public))),
        ("error", Shape::Personal),
        ("reason", Shape::Personal),
        ("changes", Shape::Elements(&Shape::Members(&[("label", Shape::Public)], &Shape::Personal))),
        ("details", ALL),
        ("client", ALL),
        (
            "request",
            Shape::Members(&[("url", Shape::Personal), ("destination", Shape::Personal)], &Shape::Public),
        ),
        ("notes", Shape::Elements(&Shape::Members(&[("detail", Shape::Personal)], &Shape::Public))),
        ("raw", ALL),
    ],
    &Shape::Public,
);
const PARTS: Shape = Shape::Elements(&ALL);
const ALL: Shape = Shape::Members(&[], &Shape::Personal);
const ACTOR: Shape = Shape::Members(
    &[
        ("type", Shape::Public),
        ("role", Shape::Public),
        ("organization", Shape::Public),
        ("team", Shape::Public),
        ("assurance", Shape::Public),
        ("evidence", Shape::Public),
        ("evidenceAgeS", Shape::Public),
    ],
    &Shape::Personal,
);

/// The places of all personal values, in their order; none when this is no event of ours.
pub(in crate::store) fn of(json: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::with_capacity(PLACES_USUAL);
    let end = if json.first() == Some(&b'{') { walk(json, 0, &EVENT, &mut places) } else { None };
    if end == Some(json.len()) { places } else { Vec::new() }
}

/// The members of an event that have personal values, by their names, and where their values stand; of what is no
/// event of ours, as far as it is one.
pub(in crate::store) fn members(json: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let mut found = Vec::new();
    let Shape::Members(known, _) = &EVENT else { return found };
    each(json, 0, b'}', |from| {
        let start = end_of_text(json, from)? + 1;
        let end = end_of(json, start)?;
        let name = json.get(from + 1..start - 2)?;
        let known = known.iter().find(|(known, _)| known.as_bytes() == name);
        found.extend(known.map(|(known, _)| (*known, start..end)));
        Some(end)
    });
    found
}

/// Passes over the value at `at`; where it ends. As deep as the shape is, and no deeper.
fn walk(json: &[u8], at: usize, shape: &Shape, places: &mut Vec<Range<usize>>) -> Option<usize> {
    match (shape, json.get(at)?) {
        (Shape::Public, _) => end_of(json, at),
        (Shape::Members(members, others), b'{') => each(json, at, b'}', |mut from| {
            let name_end = end_of_text(json, from)?;
            let name = &json[from + 1..name_end - 1];
            from = name_end + 1;
            let known = members.iter().find(|(known, _)| known.as_bytes() == name);
            let is_named = json.get(name_end) == Some(&b':');
            is_named.then(|| walk(json, from, known.map_or(*others, |(_, shape)| shape), places))?
        }),
        (Shape::Elements(shape), b'[') => each(json, at, b']', |from| walk(json, from, shape, places)),
        // Another kind of value than it should be: nobody knows what is in it.
        (Shape::Personal | Shape::Members(..) | Shape::Elements(_), _) => {
            let end = end_of(json, at)?;
            places.push(at..end);
            Some(end)
        }
    }
}

/// Passes over what stands between brackets, separated by commas.
fn each(json: &[u8], at: usize, close: u8, mut one: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    let mut at = at + 1;
    if *json.get(at)? == close {
        return Some(at + 1);
    }
    loop {
        at = one(at)?;
        match *json.get(at)? {
            b',' => at += 1,
            byte if byte == close => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Where a value ends, however deep it is.
fn end_of(json: &[u8], at: usize) -> Option<usize> {
    let (mut at, mut depth) = (at, 0usize);
    loop {
        match *json.get(at)? {
            b'"' => at = end_of_text(json, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' if depth > 0 => {
                at += 1;
                continue;
            }
            b',' | b':' => return None,
            _ => {
                let is_over = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':' | b'"' | b'{' | b'[');
                at = json[at..].iter().position(is_over).map_or(json.len(), |length| at + length);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where a text ends that begins with a quote at `at`.
fn end_of_text(json: &[u8], at: usize) -> Option<usize> {
    if *json.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

const PLACES_USUAL: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::event;

    fn check(json: &str, expected: &[&str]) {
        let found: Vec<&str> = of(json.as_bytes()).into_iter().map(|place| &json[place]).collect();
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn personal_values_are_found_where_they_are_and_nothing_else_is() {
        check("{}", &[]);
        check(r#"{"id":"x","title":"a \" b","result":"success"}"#, &[r#""a \" b""#]);
        check(r#"{"actor":{"type":"user","id":"4","role":"admin","name":"N"}}"#, &["\"4\"", "\"N\""]);
        check(
            r#"{"actor":{},"links":[],"raw":{"a":{"b":[1,{"c":"}"}]},"d":null}}"#,
            &[r#"{"b":[1,{"c":"}"}]}"#, "null"],
        );
        check(
            r#"{"links":[{"rel":"to","id":"l"}],"changes":[{"field":"f","label":"L","after":[]},{"before":-1.5e3}]}"#,
            &["\"l\"", "\"f\"", "[]", "-1.5e3"],
        );
        check(
            r#"{"message":{"text":"t","parts":[{"value":"v"}]},"request":{"id":"r","url":"u"}}"#,
            &["\"t\"", "\"v\"", "\"u\""],
        );
        let json = br#"{"id":"x","title":"a","actor":{"id":"4"},"title2":1,"links":[]}"#;
        let found: Vec<_> = members(json).into_iter().map(|(name, place)| (name, &json[place])).collect();
        let expected = [("title", &b"\"a\""[..]), ("actor", br#"{"id":"4"}"#), ("links", b"[]")];
        assert_eq!(found, expected);
        // A value of another kind than it should be is personal as a whole.
        check(r#"{"actor":"someone","links":{"id":1}}"#, &["\"someone\"", r#"{"id":1}"#]);
    }

    #[test]
    fn what_is_not_an_event_of_ours_has_none() {
        for odd in [
            "",
            "a",
            "[]",
            "{",
            "{\"title\":1",
            "{\"title\":1}x",
            "{\"title\" :1}",
            "{\"title\":}",
            "{\"a\":]}",
            "{\"title\":\"\\",
        ] {
            assert!(of(odd.as_bytes()).is_empty(), "{odd}");
        }
        let deep = format!("{{\"raw\":{{\"a\":{}{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(of(deep.as_bytes()).len(), 1);
    }

    #[test]
    fn no_cut_or_flip_of_an_event_panics() {
        let json = serde_json::to_vec(&event(7)).unwrap();
        assert!(of(&json).len() > 20);
        for at in 0..json.len() {
            let _ = of(&json[..at]);
            for byte in [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', 0] {
                let mut flipped = json.clone();
                flipped[at] = byte;
                let _ = members(&flipped);
                let places = of(&flipped);
                assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start));
            }
        }
    }
}
