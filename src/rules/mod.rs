//! Rules: which request to look for, and what to record of it.
//!
//! `load` turns the YAML of a pack into the checked types of `model`; past that point nothing in a rule
//! can be wrong. `router` finds the rules that a request line may concern, `expr` evaluates values and
//! conditions over an exchange document. Pure: no I/O beyond reading rule files at load, no clock.

pub mod described;
pub mod expr;
mod identity;
pub mod load;
pub mod model;
pub mod reaches;
pub mod redact;
pub mod router;
pub mod schema;
pub mod trial;
