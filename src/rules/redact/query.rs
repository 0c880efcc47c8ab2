//! Documents as jsonpath-rust sees them, for the paths of `redact`: only what they hold, none of its extensions.

use jsonpath_rust::query::queryable::Queryable;

use crate::value::Value;

impl Queryable for Value {
    fn get(&self, name: &str) -> Option<&Value> {
        Value::get(self, name)
    }

    fn as_array(&self) -> Option<&Vec<Value>> {
        Value::as_array(self)
    }

    fn as_object(&self) -> Option<Vec<(&str, &Value)>> {
        Some(Value::as_object(self)?.iter().map(|(name, value)| (name.as_str(), value)).collect())
    }

    fn as_str(&self) -> Option<&str> {
        Value::as_str(self)
    }

    fn as_i64(&self) -> Option<i64> {
        Value::as_i64(self)
    }

    fn as_f64(&self) -> Option<f64> {
        Value::as_f64(self)
    }

    fn as_bool(&self) -> Option<bool> {
        Value::as_bool(self)
    }

    fn null() -> Value {
        Value::Null
    }
}
