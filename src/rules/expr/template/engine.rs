//! The one minijinja environment: our filters, a formatter that refuses to print what is missing and marks
//! what it prints, fuel. Nothing of minijinja's own that is not listed here exists in a template.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use parking_lot::Mutex;
use regex::Regex;

use super::super::path::pattern;
use super::{filters, time};

/// Shared by all templates; a template with text holds a cheap copy.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// The filters of RULES section 8.
pub(super) const FILTERS: [&str; 16] = [
    "date", "time", "datetime", "name", "names", "query", "extract", "default", "length", "join", "lower",
    "upper", "replace", "trim", "first", "last",
];

/// What may stand behind `is`.
pub(super) const TESTS: [&str; 3] = ["defined", "undefined", "none"];

/// Around each inserted value in the engine's output. Unicode keeps them out of interchange (noncharacters),
/// and they are taken out of the data before.
pub(super) const BEGIN: char = '\u{fdd0}';
/// Likewise.
pub(super) const END: char = '\u{fdd1}';

/// Text of a value as people read it; missing has none.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::Invalid => None,
        ValueKind::None => Some("null".to_owned()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Plain => {
            serde_json::to_string(value).ok()
        }
        _ => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}

/// What a quoted text of a template says.
pub(super) fn literal(quoted: &str) -> Option<String> {
    let value = ENVIRONMENT.compile_expression(quoted).ok()?.eval(()).ok()?;
    value.as_str().map(str::to_owned)
}

/// Whether it is a strftime pattern.
pub(super) fn is_time_format(text: &str) -> bool {
    time::is_format(text)
}

fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION_MAX);
    env.set_formatter(print);
    env.add_filter("date", |value: &Value, format: Option<String>| {
        time::format(value, format.as_deref(), time::Shape::Date)
    });
    env.add_filter("time", |value: &Value, format: Option<String>| {
        time::format(value, format.as_deref(), time::Shape::Time)
    });
    env.add_filter("datetime", |value: &Value, format: Option<String>| {
        time::format(value, format.as_deref(), time::Shape::DateTime)
    });
    env.add_filter("name", |value: &Value| filters::name(value));
    env.add_filter("names", |value: &Value| filters::names(value));
    env.add_filter("query", |value: &Value, key: &str| filters::query(value, key));
    env.add_filter("extract", |value: &Value, wanted: &str| extract(value, wanted));
    env.add_filter("default", |value: &Value, other: Rest<Value>| {
        if value.is_undefined() {
            other.first().cloned().unwrap_or_else(|| Value::from(""))
        } else {
            value.clone()
        }
    });
    env.add_filter("length", |value: &Value| filters::length(value));
    env.add_filter("join", |value: &Value, between: Option<String>| filters::join(value, between.as_deref()));
    env.add_filter("lower", |value: &Value| filters::lower(value));
    env.add_filter("upper", |value: &Value| filters::upper(value));
    env.add_filter("trim", |value: &Value| filters::trim(value));
    env.add_filter("replace", |value: &Value, from: &str, to: &str| filters::replace(value, from, to));
    env.add_filter("first", |value: &Value| filters::end(value, filters::End::First));
    env.add_filter("last", |value: &Value| filters::end(value, filters::End::Last));
    env.add_test("defined", |value: &Value| !value.is_undefined());
    env.add_test("undefined", |value: &Value| value.is_undefined());
    env.add_test("none", |value: &Value| value.is_none());
    env
}

/// Prints a value between marks.
fn print(out: &mut Output<'_>, _state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    let Some(text) = text_of(value) else {
        return Err(Error::new(ErrorKind::UndefinedError, "a value is missing"));
    };
    let write = |result: std::fmt::Result| result.map_err(Error::from);
    write(out.write_char(BEGIN))?;
    write(out.write_str(&clean(&text)))?;
    write(out.write_char(END))
}

/// A value's text without our marks, cut far above what any template may yield.
pub(super) fn clean(text: &str) -> String {
    let end = text.floor_char_boundary(VALUE_BYTES_MAX);
    let mut clean = text[..end].replace([BEGIN, END], "\u{fffd}");
    if end < text.len() {
        clean.push('…');
    }
    clean
}

/// The first group of the first hit (all of the hit where the pattern has no group).
fn extract(value: &Value, wanted: &str) -> Value {
    let Some(text) = value.as_str() else { return Value::UNDEFINED };
    let Some(regex) = compiled(wanted) else { return Value::UNDEFINED };
    let hit = regex.captures(text).and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
    hit.map_or(Value::UNDEFINED, |hit| Value::from(hit.as_str()))
}

/// Shared, not cloned: a clone of a regex begins with empty caches. Patterns come from rule files alone, so
/// this stays small; it is emptied when it is not.
fn compiled(wanted: &str) -> Option<Arc<Regex>> {
    static CACHE: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    let mut cache = CACHE.lock();
    if let Some(regex) = cache.get(wanted) {
        return Some(Arc::clone(regex));
    }
    let regex = Arc::new(pattern(wanted).ok()?);
    if cache.len() >= PATTERNS_MAX {
        cache.clear();
    }
    cache.insert(wanted.to_owned(), Arc::clone(&regex));
    Some(regex)
}

const FUEL: u64 = 10_000;
const RECURSION_MAX: usize = 32;
/// Far more than a whole template may yield: a sentence folds runs of blanks before it cuts.
const VALUE_BYTES_MAX: usize = 32 << 10;
const PATTERNS_MAX: usize = 1_024;
