//! The tests of a condition (RULES section 4), over all matches of its path.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use regex::Regex;

use super::Expr;
use super::path::compare::{is_same, order};
use super::scope::Scope;
use crate::value::{Number, Value};

/// What is asked of the matches of a path. With several matches any may satisfy it.
#[derive(Debug)]
pub enum Test {
    /// Equal; a number or boolean also to its own text.
    Equals(Expr),
    /// Any of these.
    Any(Vec<Test>),
    /// One match satisfies all of these.
    All(Vec<Test>),
    /// There is a match.
    Exists,
    /// There is none.
    Absent,
    /// No match satisfies it.
    Not(Box<Test>),
    /// The regex finds it.
    Matches(Regex),
    /// The text contains it, or the list has it.
    Contains(Expr),
    /// The text starts with it.
    StartsWith(Expr),
    /// The text ends with it.
    EndsWith(Expr),
    /// Greater or later.
    Above(Expr),
    /// Less or earlier.
    Below(Expr),
}

impl Test {
    /// Whether it holds for these matches.
    pub(super) fn holds(&self, matches: &[&Value], scope: &Scope<'_>) -> bool {
        match self {
            Test::Exists => !matches.is_empty(),
            Test::Absent => matches.is_empty(),
            Test::Not(test) => !test.holds(matches, scope),
            Test::Any(tests) => tests.iter().any(|test| test.holds(matches, scope)),
            Test::All(tests) => {
                let (of_all, of_one): (Vec<&Test>, Vec<&Test>) =
                    tests.iter().partition(|test| test.is_of_all());
                of_all.iter().all(|test| test.holds(matches, scope))
                    && (of_one.is_empty()
                        || matches.iter().any(|one| of_one.iter().all(|test| test.holds(&[*one], scope))))
            }
            Test::Matches(regex) => {
                matches.iter().any(|one| text(one).is_some_and(|one| regex.is_match(&one)))
            }
            Test::Equals(right) => against(right, matches, scope, is_equal),
            Test::Contains(right) => against(right, matches, scope, contains),
            Test::StartsWith(right) => against(right, matches, scope, |one, right| {
                both(one, right, |one, right| one.starts_with(right))
            }),
            Test::EndsWith(right) => against(right, matches, scope, |one, right| {
                both(one, right, |one, right| one.ends_with(right))
            }),
            Test::Above(right) => {
                against(right, matches, scope, |one, right| compare(one, right) == Some(Ordering::Greater))
            }
            Test::Below(right) => {
                against(right, matches, scope, |one, right| compare(one, right) == Some(Ordering::Less))
            }
        }
    }

    /// Each value that the matches are compared with.
    pub(super) fn visit_values(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Test::Exists | Test::Absent | Test::Matches(_) => {}
            Test::Not(test) => test.visit_values(visit),
            Test::Any(tests) | Test::All(tests) => tests.iter().for_each(|test| test.visit_values(visit)),
            Test::Equals(right)
            | Test::Contains(right)
            | Test::StartsWith(right)
            | Test::EndsWith(right)
            | Test::Above(right)
            | Test::Below(right) => visit(right),
        }
    }

    /// Each literal, one of which a match must equal for the test to hold.
    pub(super) fn visit_literals(&self, visit: &mut dyn FnMut(&Value)) {
        match self {
            Test::Equals(Expr::Literal(value)) => visit(value),
            Test::Any(tests) => tests.iter().for_each(|test| test.visit_literals(visit)),
            Test::Equals(_)
            | Test::All(_)
            | Test::Exists
            | Test::Absent
            | Test::Not(_)
            | Test::Matches(_)
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Above(_)
            | Test::Below(_) => {}
        }
    }

    /// Whether it asks about all matches at once, not about one of them.
    fn is_of_all(&self) -> bool {
        match self {
            Test::Exists | Test::Absent | Test::Not(_) => true,
            Test::Any(tests) | Test::All(tests) => tests.iter().any(Test::is_of_all),
            Test::Equals(_)
            | Test::Matches(_)
            | Test::Contains(_)
            | Test::StartsWith(_)
            | Test::EndsWith(_)
            | Test::Above(_)
            | Test::Below(_) => false,
        }
    }
}

/// Nothing compares with a missing value.
fn against(right: &Expr, matches: &[&Value], scope: &Scope<'_>, holds: fn(&Value, &Value) -> bool) -> bool {
    if let Expr::Literal(right) = right {
        return matches.iter().any(|one| holds(one, right));
    }
    !matches.is_empty()
        && right.look_up(scope).is_some_and(|right| matches.iter().any(|one| holds(one, &right)))
}

/// Whether one value of a request may equal both: in kind, as text, or as the number or time that both are.
pub(crate) fn may_be_one(left: &Value, right: &Value) -> bool {
    is_equal(left, right) || compare(left, right) == Some(Ordering::Equal)
}

fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(text), other @ (Value::Number(_) | Value::Bool(_)))
        | (other @ (Value::Number(_) | Value::Bool(_)), Value::String(text)) => own_text(other) == *text,
        _ => is_same(left, right),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match whole {
        Value::Array(items) => items.iter().any(|item| is_equal(item, part)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            both(whole, part, |whole, part| whole.contains(part))
        }
    }
}

fn both(left: &Value, right: &Value, holds: fn(&str, &str) -> bool) -> bool {
    match (text(left), text(right)) {
        (Some(left), Some(right)) => holds(&left, &right),
        _ => false,
    }
}

/// Numbers (also written as text, as forms and queries do), else RFC 3339 times.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => order(&left, &right),
        _ => {
            let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
            Some(time(left)?.cmp(&time(right)?))
        }
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) => Some(Number::from(number)),
            Err(_) => Number::from_f64(text.parse().ok()?),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) | Value::Bool(_) => Some(Cow::Owned(own_text(value))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn own_text(value: &Value) -> String {
    value.to_string()
}
