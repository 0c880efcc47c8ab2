//! Values, conditions and tests: what has no fixed shape, written out as schemas.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A value of the rule language.
pub(super) struct Value;

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value: a literal; a path such as `$.request.body.start`; a sentence such as \
                `Moved to {{ after.start | date }}`; or `{ first: […] }`, `{ all: path }`, `{ count: path }`."
        })
    }
}

/// A condition.
pub(super) struct Condition;

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let test = generator.subschema_for::<Test>();
        let own = generator.subschema_for::<Condition>();
        json_schema!({
            "description": "A mapping of path to test, all of which must hold; or a list of such mappings, \
                one of which must hold.",
            "anyOf": [
                {
                    "type": "object",
                    "properties": {
                        "changed": {
                            "description": "A field, or a list of fields: one of them is among the changes.",
                            "anyOf": [
                                { "type": "string" },
                                { "type": "array", "items": { "type": "string" }, "minItems": 1 }
                            ]
                        }
                    },
                    "patternProperties": { "^\\$": test },
                    "additionalProperties": false
                },
                { "type": "array", "items": own, "minItems": 1 }
            ]
        })
    }
}

/// What is asked of the matches of a path.
struct Test;

impl JsonSchema for Test {
    fn schema_name() -> Cow<'static, str> {
        "Test".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<Value>();
        let own = generator.subschema_for::<Test>();
        json_schema!({
            "description": "A value that must be equal, a list of which one must hold, or a mapping of tests.",
            "anyOf": [
                { "type": ["string", "number", "boolean", "null"] },
                { "type": "array", "items": own, "minItems": 1 },
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": false,
                    "properties": {
                        "exists": { "type": "boolean", "description": "There is something, or nothing." },
                        "not": { "description": "Nothing satisfies this test.", "allOf": [own] },
                        "matches": { "type": "string", "description": "This regular expression finds it." },
                        "contains": { "description": "The text contains it, or the list has it.", "allOf": [value] },
                        "starts_with": { "description": "The text starts with it.", "allOf": [value] },
                        "ends_with": { "description": "The text ends with it.", "allOf": [value] },
                        "above": { "description": "A greater number, or a later time.", "allOf": [value] },
                        "below": { "description": "A lesser number, or an earlier time.", "allOf": [value] },
                        "first": { "description": "Equal to the first of these that exists.", "allOf": [value] },
                        "all": { "description": "Equal to the list of all matches.", "type": "string" },
                        "count": { "description": "Equal to the number of matches.", "type": "string" }
                    }
                }
            ]
        })
    }
}

/// One of something, or a list of it.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}
