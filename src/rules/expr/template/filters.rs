//! Filters of templates. Each takes what is missing to missing, so that a `default` behind it can cure it,
//! and none yields more than [`TEXT_BYTES_MAX`].

use minijinja::Value;
use minijinja::value::ValueKind;

use super::engine::text_of;

/// Which end of a list.
#[derive(Clone, Copy)]
pub(super) enum End {
    First,
    Last,
}

/// Name, else e-mail, else id, of an actor or person; a text is itself.
pub(super) fn name(value: &Value) -> Value {
    if value.kind() == ValueKind::String {
        return value.clone();
    }
    let members = ["name", "displayName", "email", "id"].into_iter();
    let texts = members.filter_map(|member| value.get_attr(member).ok());
    let mut texts = texts.filter(|value| matches!(value.kind(), ValueKind::String | ValueKind::Number));
    let text = texts.find_map(|value| text_of(&value).filter(|text| !text.trim().is_empty()));
    text.map_or(Value::UNDEFINED, Value::from)
}

/// `a, b and c` of a list of persons; at most five are named.
pub(super) fn names(value: &Value) -> Value {
    if value.kind() != ValueKind::Seq {
        return name(value);
    }
    let Ok(items) = value.try_iter() else { return Value::UNDEFINED };
    let all: Vec<String> = items.filter_map(|item| text_of(&name(&item))).collect();
    let Some((last, before)) = all.split_last() else { return Value::UNDEFINED };
    Value::from(if all.len() > NAMES_MAX {
        format!("{} and {} more", all[..NAMES_MAX].join(", "), all.len() - NAMES_MAX)
    } else if before.is_empty() {
        last.clone()
    } else {
        format!("{} and {last}", before.join(", "))
    })
}

/// A URL's parameter, decoded.
pub(super) fn query(value: &Value, key: &str) -> Value {
    let Some(text) = value.as_str() else { return Value::UNDEFINED };
    let Some((_, query)) = text.split_once('?') else { return Value::UNDEFINED };
    let query = query.split('#').next().unwrap_or("");
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == key).map_or(Value::UNDEFINED, |(_, value)| Value::from(value.into_owned()))
}

/// Characters of a text, elements of a list, members of an object.
pub(super) fn length(value: &Value) -> Value {
    value.len().map_or(Value::UNDEFINED, Value::from)
}

/// The elements' texts with something between them.
pub(super) fn join(value: &Value, between: Option<&str>) -> Value {
    let Ok(items) = value.try_iter() else { return Value::UNDEFINED };
    if value.is_undefined() {
        return Value::UNDEFINED;
    }
    let mut out = String::new();
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(between.unwrap_or(""));
        }
        out.push_str(&text_of(&item).unwrap_or_default());
        if out.len() > TEXT_BYTES_MAX {
            return Value::UNDEFINED;
        }
    }
    Value::from(out)
}

/// A text changed; numbers and booleans by their own text.
fn map(value: &Value, change: fn(&str) -> String) -> Value {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            text_of(value).map_or(Value::UNDEFINED, |text| Value::from(change(&text)))
        }
        _ => Value::UNDEFINED,
    }
}

/// In lower case.
pub(super) fn lower(value: &Value) -> Value {
    map(value, str::to_lowercase)
}

/// In upper case.
pub(super) fn upper(value: &Value) -> Value {
    map(value, str::to_uppercase)
}

/// Without blanks at its ends.
pub(super) fn trim(value: &Value) -> Value {
    map(value, |text| text.trim().to_owned())
}

/// Each occurrence replaced; refused where the result could be far larger than the text.
pub(super) fn replace(value: &Value, from: &str, to: &str) -> Value {
    let Some(text) = value.as_str() else { return Value::UNDEFINED };
    let grown = text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len());
    if to.len() > from.len() && grown > TEXT_BYTES_MAX {
        return Value::UNDEFINED;
    }
    Value::from(text.replace(from, to))
}

/// The first or last element, or character.
pub(super) fn end(value: &Value, end: End) -> Value {
    if let Some(text) = value.as_str() {
        let found = match end {
            End::First => text.chars().next(),
            End::Last => text.chars().next_back(),
        };
        return found.map_or(Value::UNDEFINED, |found| Value::from(found.to_string()));
    }
    if value.kind() != ValueKind::Seq {
        return Value::UNDEFINED;
    }
    let found = match end {
        End::First => value.get_item_by_index(0),
        End::Last => value.get_item_by_index(value.len().unwrap_or(0).saturating_sub(1)),
    };
    found.unwrap_or(Value::UNDEFINED)
}

const NAMES_MAX: usize = 5;
const TEXT_BYTES_MAX: usize = 64 << 10;
