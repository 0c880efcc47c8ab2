//! The JSON Schema of rule files: what lets an editor complete keys, show what they mean, and underline
//! mistakes while they are written.
//!
//! The types here mirror the file format and are never filled: `load` reads files by hand, because it tells
//! all mistakes at once and with a cure. A test compares both, key by key. Draft 7 is what editors'
//! YAML support reads best.

#![expect(dead_code, reason = "the types are read by the derive of their schema alone")]

mod file;
mod person;
mod rule;
mod trial;
mod value;

use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of a rule file.
pub fn of_rule_files() -> Value {
    let settings = SchemaSettings::draft07();
    let mut schema = settings.into_generator().into_root_schema_for::<file::RuleFile>();
    schema.insert("title".to_owned(), Value::from("Earwitness rules, version 1"));
    schema.to_value()
}

#[cfg(test)]
mod tests;
