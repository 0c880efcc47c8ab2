//! From YAML to checked rules.
//!
//! A pack's files are read, their nodes checked key by key, and everything that is wrong is told at once,
//! with place and cure. What comes out (`rules::model`) holds nothing that could be wrong.

mod lines;

pub use lines::LineError;
