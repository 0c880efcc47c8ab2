//! Values and conditions of the rule language, evaluated over an exchange document.
//!
//! One syntax for values: a string that starts with `$` is an RFC 9535 path, one with `{{` is a template,
//! anything else is a literal; `first`, `all` and `count` wrap paths that may have many matches. Everything
//! is compiled once, at load. Evaluation cannot fail: what is not there is missing (`None`), which is not
//! null; what goes wrong (fuel, a formatter) is missing too, and said in the scope's log.

mod scope;

pub use scope::{Doubt, Doubts, EvalLog, Phase, Root, Scope};

use std::sync::Arc;

use serde_json::Value;

use crate::event::Sentence;
use crate::yaml::{Node, Problems, Source, Span};

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
}

impl Expr {
    /// The value; `None` is missing.
    pub fn eval(&self, _scope: &Scope<'_>) -> Option<Value> {
        unimplemented!()
    }

    /// The value as a sentence with its parts; literals are words, paths are values.
    pub fn eval_sentence(&self, _scope: &Scope<'_>) -> Option<Sentence> {
        unimplemented!()
    }

    /// Each match of the path for `for_each`: a singular path's list gives its elements with their index,
    /// null or missing nothing, anything else itself (key 0); a path with many gives each match with the
    /// index or member name it stands at.
    pub fn each(&self, _scope: &Scope<'_>) -> Vec<(Value, Value)> {
        unimplemented!()
    }

    /// When the value can be known at the earliest.
    pub fn phase(&self) -> Phase {
        unimplemented!()
    }
}

/// An RFC 9535 path, compiled once.
#[derive(Debug)]
pub struct Path {
    /// As written.
    pub text: String,
}

impl Path {
    /// All matches, in order; bounded by fuel.
    pub fn all<'a>(&self, _scope: &Scope<'a>) -> Vec<Value> {
        unimplemented!()
    }
}

/// A minijinja template, compiled once.
#[derive(Debug)]
pub struct Template {
    /// As written.
    pub text: String,
}

/// A condition, compiled.
#[derive(Debug)]
pub enum Condition {
    /// All of them; none means always.
    All(Vec<Condition>),
    /// Any of them.
    Any(Vec<Condition>),
    /// One of these fields is in `$.changes`.
    Changed(Vec<String>),
    /// A path and a test; R1 fills it.
    Test(Path),
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It looks at a part of the document that cannot be relied on.
    Doubt,
}

impl Condition {
    /// The condition that always holds.
    pub fn always() -> Condition {
        Condition::All(Vec::new())
    }

    /// Whether it holds. Reasons for doubt go to the scope's log.
    pub fn test(&self, _scope: &Scope<'_>) -> Verdict {
        unimplemented!()
    }

    /// False when the condition cannot hold whatever comes later: tests on parts that are known only after
    /// `now` count as open.
    pub fn may_hold(&self, _scope: &Scope<'_>, _now: Phase) -> bool {
        unimplemented!()
    }

    /// When the last of its tests can be decided.
    pub fn phase(&self) -> Phase {
        unimplemented!()
    }
}

/// Names that an expression may use at the place where it stands; anything else is E09 or E10.
#[derive(Clone, Debug)]
pub struct Names {
    /// The latest phase whose names are known there.
    pub phase: Phase,
    /// `$.answer` and `$.with` exist there.
    pub has_answer: bool,
    /// `$.item` and `$.key` exist there.
    pub has_item: bool,
    /// Named parts of the `match` line; `None` where it depends on the rule (pack-wide expressions).
    pub parts: Option<Vec<String>>,
    /// Names of `vars`, with the phase at which each is known.
    pub vars: Vec<(String, Phase)>,
}

/// Compiles the values and conditions of one file.
pub struct Compiler<'a> {
    /// The file.
    pub source: &'a Arc<Source>,
    /// Where problems go.
    pub problems: &'a mut Problems,
    /// What is known at the place at hand.
    pub names: Names,
}

impl Compiler<'_> {
    /// A value; `None` when it is wrong, with the reason in the problems.
    pub fn value(&mut self, _node: &Node) -> Option<Expr> {
        unimplemented!()
    }

    /// A value in a place that takes many (`for_each`): a path may have many matches.
    pub fn each(&mut self, _node: &Node) -> Option<Expr> {
        unimplemented!()
    }

    /// A condition.
    pub fn condition(&mut self, _node: &Node) -> Option<Condition> {
        unimplemented!()
    }

    /// A path in a place that takes one with many matches (`raw`, `redact`).
    pub fn path(&mut self, _text: &str, _span: Span) -> Option<Path> {
        unimplemented!()
    }
}
