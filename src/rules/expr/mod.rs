//! Values and conditions of the rule language, evaluated over an exchange document.
//!
//! One syntax for values: a string that starts with `$` is an RFC 9535 path, one with `{{` is a template,
//! anything else is a literal; `first`, `all` and `count` wrap paths that may have many matches. Everything
//! is compiled once, at load. Evaluation cannot fail: what is not there is missing (`None`), which is not
//! null; what goes wrong (fuel, a formatter) is missing too, and said in the scope's log.

mod compile;
mod condition;
mod explain;
mod names;
mod path;
mod reach;
mod scope;
mod shape;
mod template;
mod test;
mod value;

pub use compile::Compiler;
pub use condition::{Check, Condition, Verdict};
pub use explain::Tested;
pub use names::Names;
pub use path::compare::is_same;
pub use path::fold::{Member, member};
pub use path::{Path, Step};
pub use reach::{Reach, ReachStep};
pub use scope::{Doubt, Doubts, EvalLog, Phase, Root, Scope, Verdicts};
pub use template::Template;
pub use test::Test;
pub(crate) use test::may_be_one;

use std::sync::Arc;

use crate::value::Value;
use crate::yaml::{Source, Span};

/// A value of a rule, compiled.
#[derive(Debug)]
pub enum Expr {
    /// Itself.
    Literal(Value),
    /// What a singular path finds.
    Path(Path),
    /// Text with values put in; exactly one `{{ … }}` keeps its type.
    Template(Template),
    /// `{ first: path }`: the first match of a path that may have many.
    FirstOf(Path),
    /// `{ first: [v, …] }`: the first value that exists.
    First(Vec<Alternative>),
    /// `{ all: path }`: the list of all matches; missing when there are none.
    All(Path),
    /// `{ count: path }`.
    Count(Path),
    /// Member by member; members whose value is missing are left out.
    Map(Vec<(String, Expr)>),
    /// Element by element; missing ones are left out.
    List(Vec<Expr>),
}

/// An entry of `first`.
#[derive(Debug)]
pub struct Alternative {
    /// The value.
    pub value: Expr,
    /// It counts only if this holds (doubt does not count).
    pub when: Option<Condition>,
    /// The file it stands in.
    pub source: Arc<Source>,
    /// Its place there.
    pub span: Span,
}

#[cfg(test)]
mod tests;
