//! YAML files with places: what configuration and rule files are read from.
//!
//! [`Node`] is the text as the user wrote it, each value with its span, and [`Problems`] collects
//! everything that is wrong with it, so that a user sees all mistakes at once. What a file means is not
//! known here: `config` and `rules` turn nodes into checked types.

mod nearest;
mod node;
mod parse;
mod problem;

pub use nearest::nearest;
pub use node::{Key, Node, Span, Yaml};
pub use parse::parse;
pub use problem::{Problem, Problems, Severity, Source};
