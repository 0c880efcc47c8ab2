//! A checked path: what RFC 9535 allows and we can bound, and nothing else.

use regex::Regex;

use super::super::scope::Root;
use crate::value::Value;

/// A query, from the document's root or from the current element of a filter.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) base: Base,
    pub(super) segments: Vec<Segment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// `$.request`: the first segment is taken off.
    Root(Root),
    /// `@`.
    Current,
}

/// RFC 9535 section 2.5. The two that a singular path is made of stand apart, for speed.
#[derive(Debug)]
pub(super) enum Segment {
    Name(String),
    Index(i64),
    Child(Vec<Selector>),
    Descendant(Vec<Selector>),
}

/// RFC 9535 section 2.3.
#[derive(Debug)]
pub(super) enum Selector {
    Name(String),
    Index(i64),
    Wildcard,
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    Filter(Filter),
}

#[derive(Debug)]
pub(super) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Query),
    Compare(Operand, Order, Operand),
    /// `match` (anchored at load) and `search`, their patterns compiled.
    Finds(Operand, Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// A singular query.
    Single(Query),
    Length(Box<Operand>),
    Count(Query),
    /// `value()`: the only match of a query.
    Only(Query),
}

impl Segment {
    pub(super) fn is_singular(&self) -> bool {
        match self {
            Segment::Name(_) | Segment::Index(_) => true,
            Segment::Child(_) | Segment::Descendant(_) => false,
        }
    }
}

impl Query {
    pub(super) fn is_singular(&self) -> bool {
        self.segments.iter().all(Segment::is_singular)
    }

    /// From which segment on names are also found in another case: inside the request's body, and in
    /// elements that may come from it, the client chooses the spelling.
    pub(super) fn lenient_from(&self) -> usize {
        match (self.base, self.segments.first()) {
            (Base::Root(Root::Request), Some(Segment::Name(name))) if name == "body" => 1,
            (Base::Root(Root::Item), _) => 0,
            _ => usize::MAX,
        }
    }
}
