//! The schema and the loader say the same: each key that one knows the other knows, and what loads is valid.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::of_rule_files;
use crate::rules::load::known_keys;
use crate::rules::model::RuleSet;
use crate::yaml::{self, Problems, Source};

/// Definitions whose names are words of the language of conditions, not keys of a mapping.
const WORDS: [&str; 2] = ["Condition", "Test"];

#[test]
fn every_key_that_the_loader_knows_stands_in_the_schema_and_none_more() {
    for path in rule_files() {
        // What is wrong with a file does not matter here, only which keys were asked for.
        let _ = RuleSet::load(std::slice::from_ref(&path));
    }
    for text in include_str!("../load/mistakes.txt").split("---\n") {
        let text = text.split_once('\n').unwrap().1;
        let _ = RuleSet::from_texts("pack", &[("pack.yaml", text)]);
    }
    let own = "version: 1\noverrides: { p/r: { mode: shadow } }\ntests: { r: [{ name: n, answers: { GET /x: { fail: timeout } }, \
               client: { certificate: { subject: CN=a, issuer: CN=b } }, response: { stream: { state: opened } } }] }\n\
               rules: [{ id: r, match: { request: POST /x }, action: A, scope: { team: t }, links: [{ rel: a, type: b, id: c }], \
               changes: { f: { label: l } }, session: { starts: { cookie: c } } }]";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yaml");
    std::fs::write(&file, own).unwrap();
    let _ = RuleSet::load(&[file]);

    let loader: BTreeSet<BTreeSet<String>> = known_keys();
    let mut schema = BTreeSet::new();
    let root = of_rule_files();
    schema.insert(names(&root));
    for (name, definition) in root["definitions"].as_object().unwrap() {
        if definition.get("properties").is_some() && !WORDS.contains(&name.as_str()) {
            schema.insert(names(definition));
        }
    }
    let only_loader: Vec<_> = loader.difference(&schema).collect();
    let only_schema: Vec<_> = schema.difference(&loader).collect();
    assert!(
        only_loader.is_empty() && only_schema.is_empty(),
        "only the loader: {only_loader:#?}\nonly the schema: {only_schema:#?}"
    );
}

#[test]
fn every_rule_file_of_the_repository_is_valid_and_a_mistake_is_not() {
    let schema = of_rule_files();
    let check = |text: &str, is_valid: bool| {
        let mut problems = Problems::default();
        let node = yaml::parse(&Source::new("x.yaml", text), &mut problems).unwrap();
        let flaw = flaw(&node.to_json(), &schema, &schema);
        assert_eq!(flaw.is_none(), is_valid, "{flaw:?} in\n{text}");
    };
    let files = rule_files();
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        check(&std::fs::read_to_string(file).unwrap(), true);
    }
    for wrong in [
        "version: 2",
        "rules: []",
        "version: 1\nruls: []",
        "version: 1\nrules: [{ id: r, match: POST /x, actoin: A }]",
        "version: 1\nrules: [{ match: POST /x, action: A }]",
        "version: 1\nrules: [{ id: r, match: POST /x, action: A, mode: off }]",
        "version: 1\nrules: [{ id: r, match: POST /x, action: A, when: { status: 200 } }]",
        "version: 1\nrules: [{ id: r, match: POST /x, action: A, when: { $.path: { is: 200 } } }]",
        "version: 1\nrules: [{ id: r, match: POST /x, action: A, target: [a] }]",
        "version: 1\nrules: [{ id: r, match: POST /x, events: [{ id: x }] }]",
    ] {
        check(wrong, false);
    }
}

/// All rule files that stand in the repository.
fn rule_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["rules", "examples", "src/rules/load/examples"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml")
                && text.lines().any(|line| line == "version: 1")
            {
                found.push(path);
            }
        }
    }
    found
}

fn names(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

/// What is wrong by a schema: the words of JSON Schema that ours uses, and a panic at any other.
fn flaw(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    let words = match schema {
        Value::Bool(true) => return None,
        Value::Object(words) => words,
        other => panic!("{other}"),
    };
    words.iter().find_map(|(word, rule)| match word.as_str() {
        "$schema" | "title" | "description" | "definitions" | "format" | "default" => None,
        "$ref" => {
            let name = rule.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
            flaw(value, &root["definitions"][name], root)
        }
        "allOf" => list(rule).iter().find_map(|one| flaw(value, one, root)),
        "anyOf" | "oneOf" => {
            let flaws: Vec<String> = list(rule).iter().map_while(|one| flaw(value, one, root)).collect();
            (flaws.len() == list(rule).len()).then(|| flaws.join(" and "))
        }
        "enum" => (!list(rule).contains(value)).then(|| format!("{value} is not in {rule}")),
        "const" => (value != rule).then(|| format!("{value} is not {rule}")),
        "type" => {
            let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
            (!types.iter().any(|one| is_type(value, one))).then(|| format!("{value} is no {rule}"))
        }
        "minimum" => (value.as_f64() < rule.as_f64()).then(|| format!("{value} < {rule}")),
        "maximum" => (value.as_f64() > rule.as_f64()).then(|| format!("{value} > {rule}")),
        "minItems" => (value.as_array().is_some_and(Vec::is_empty)).then(|| "empty".to_owned()),
        "minProperties" => (value.as_object().is_some_and(Map::is_empty)).then(|| "empty".to_owned()),
        "items" => value.as_array().into_iter().flatten().find_map(|one| flaw(one, rule, root)),
        "required" => {
            let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
            list(rule).iter().filter(|_| value.is_object()).find(missing).map(|name| format!("no {name}"))
        }
        "properties" | "patternProperties" | "additionalProperties" => members(value, words, root),
        other => panic!("the walker does not know `{other}`"),
    })
}

fn members(value: &Value, words: &Map<String, Value>, root: &Value) -> Option<String> {
    value.as_object().into_iter().flatten().find_map(|(name, value)| {
        if let Some(schema) = words.get("properties").and_then(|all| all.get(name)) {
            return flaw(value, schema, root).map(|flaw| format!("{name}: {flaw}"));
        }
        // The only pattern is that of paths.
        if let Some(schema) = words.get("patternProperties").filter(|_| name.starts_with('$')) {
            return flaw(value, &schema["^\\$"], root).map(|flaw| format!("{name}: {flaw}"));
        }
        match words.get("additionalProperties") {
            Some(Value::Bool(false)) => Some(format!("unknown key {name}")),
            Some(schema) => flaw(value, schema, root).map(|flaw| format!("{name}: {flaw}")),
            None => None,
        }
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn is_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => *value == json!(null),
        other => panic!("{other}"),
    }
}
