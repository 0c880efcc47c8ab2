//! What differs between two documents, and where.

use super::*;
use crate::rules::model::RuleSet;
use crate::value::json;

const RESOURCE: &str = "version: 1
resources:
  r: { read: GET /r, ignore: [etag, meta.seen], fields: { guests: { key: email }, start.dateTime: Start } }
rules:
  - { id: a, match: PUT /r, before: r, action: A }
";

fn check(before: Value, after: Value, document: Value, names: &[&str], notes: usize) {
    let loaded = RuleSet::from_texts("p", &[("a.yaml", RESOURCE)]).unwrap();
    let changes = compare(&before, &after, loaded.rules.packs[0].resources.first());
    assert_eq!(Value::Object(changes.document), document);
    let found: Vec<&str> = changes.atoms.iter().map(|atom| atom.name.as_str()).collect();
    assert_eq!(found, names);
    for atom in &changes.atoms {
        // RFC 6901: the pointer leads to the value that the piece tells.
        let thing = if atom.after.is_some() { &after } else { &before };
        let told = atom.after.as_ref().or(atom.before.as_ref());
        assert_eq!(thing.pointer(&atom.pointer), told, "{}", atom.pointer);
    }
    assert_eq!(changes.notes.len(), notes);
}

#[test]
fn members_are_compared_as_wholes_and_missing_is_not_null() {
    check(json!({"a": 1, "etag": 1}), json!({"a": 1.0, "etag": 2}), json!({}), &[], 0);
    check(json!({"a": [1]}), json!({"a": [2]}), json!({"a": {"before": [1], "after": [2]}}), &["a"], 0);
    check(json!({}), json!({"a": null}), json!({"a": {"after": null}}), &["a"], 0);
    let odd = json!({"a/b~c.d": {"before": 1, "after": 2}});
    check(json!({"a/b~c.d": 1}), json!({"a/b~c.d": 2}), odd, &["a/b~c.d"], 0);
    check(json!("x"), json!("y"), json!({"value": {"before": "x", "after": "y"}}), &["value"], 0);
    check(json!({"meta": {"seen": 1}}), json!({"meta": {"seen": 2}}), json!({}), &[], 0);
}

#[test]
fn declared_nested_fields_are_told_apart_from_the_rest() {
    let old = json!({"start": {"dateTime": 1, "timeZone": "a"}});
    let sides = |after: &Value| json!({"before": old["start"], "after": after["start"]});
    let new = json!({"start": {"dateTime": 2, "timeZone": "a"}});
    let document = json!({"start": sides(&new), "start.dateTime": {"before": 1, "after": 2}});
    check(old.clone(), new, document, &["start.dateTime"], 0);
    let new = json!({"start": {"dateTime": 1, "timeZone": "b"}});
    check(old.clone(), new.clone(), json!({"start": sides(&new)}), &["start"], 0);
}

#[test]
fn lists_with_a_key_are_compared_by_element() {
    let old = json!({"guests": [{"email": "A@x ", "r": 1}, {"email": "b@x"}]});
    let new = json!({"guests": [{"email": "c@x"}, {"email": "a@x", "r": 2}]});
    let document = json!({"guests": {
        "added": [{"email": "c@x"}], "removed": [{"email": "b@x"}],
        "changed": [{"key": "a@x", "before": {"email": "A@x ", "r": 1}, "after": {"email": "a@x", "r": 2}}],
    }});
    let names = ["guests[b@x]", "guests[a@x].r", "guests[c@x]"];
    check(old.clone(), new, document, &names, 0);
    let gone = json!({"guests": {"added": [], "removed": old["guests"], "changed": []}});
    check(old.clone(), json!({}), gone, &["guests[a@x]", "guests[b@x]"], 0);
    let twice = json!({"guests": [{"email": "a@x"}, {"email": "A@X"}]});
    let whole = json!({"guests": {"before": old["guests"], "after": twice["guests"]}});
    check(old, twice, whole, &["guests"], 1);
}
