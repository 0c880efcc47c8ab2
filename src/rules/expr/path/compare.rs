//! How JSON values compare: by value, not by how they are written. `1` equals `1.0`, and identifiers above
//! 2^53 keep all their digits (jsonpath-rust's own comparison goes through f64 and takes
//! 9007199254740993 for 9007199254740992).

use std::cmp::Ordering;

use crate::value::{Number, Value};

/// JSON equality: `1` equals `1.0`, the order of members does not matter.
pub fn is_same(left: &Value, right: &Value) -> bool {
    equal(left, right, &mut |_| true)
}

/// JSON equality, bounded: `burn` is asked before each value looked at and may stop it.
pub(crate) fn equal(left: &Value, right: &Value, burn: &mut dyn FnMut(usize) -> bool) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => order(left, right) == Some(Ordering::Equal),
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| burn(1) && equal(left, right, burn))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| {
                    burn(1) && right.get(name).is_some_and(|right| equal(left, right, burn))
                })
        }
        _ => false,
    }
}

/// Numbers by value; whole numbers exactly.
pub(crate) fn order(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}
