//! Running a path over a document, on fuel.
//!
//! jsonpath-rust parses; it does not run here. Its own engine has no bound, builds a text for each node,
//! compiles a regex for each element and compares numbers as f64. This one visits at most [`FUEL`] values
//! and says when it stopped; a caller must then not rely on what was found. Iterative where the data could
//! be deep; the only recursion is over the path's own filters, whose depth the parser limits.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;

use super::super::scope::Scope;
use super::ast::{Base, Filter, Operand, Order, Query, Segment, Selector};
use super::compare::{equal, order};
use super::fold::{in_any_case, otherwise};
use crate::value::Value;

/// How a found value is placed: nothing, the last step, or the whole way.
pub(super) trait Trail<'a>: Clone {
    fn top() -> Self;
    fn below(&self, step: StepRef<'a>) -> Self;
}

/// A step down into a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum StepRef<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> for () {
    fn top() -> Self {}
    fn below(&self, _step: StepRef<'a>) -> Self {}
}

impl<'a> Trail<'a> for Option<StepRef<'a>> {
    fn top() -> Self {
        None
    }

    fn below(&self, step: StepRef<'a>) -> Self {
        Some(step)
    }
}

impl<'a> Trail<'a> for Vec<StepRef<'a>> {
    fn top() -> Self {
        Vec::new()
    }

    fn below(&self, step: StepRef<'a>) -> Self {
        let mut all = Vec::with_capacity(self.len() + 1);
        all.extend_from_slice(self);
        all.push(step);
        all
    }
}

/// One run.
pub(super) struct Walk<'s, 'a> {
    scope: &'s Scope<'a>,
    fuel: Cell<usize>,
    /// Why another reader may find another member, where names differ only in their case.
    pub(super) folded: RefCell<Option<String>>,
    pub(super) is_spent: Cell<bool>,
}

/// Whether names are also found in another case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Exact,
    Lenient,
}

impl<'s, 'a> Walk<'s, 'a> {
    pub(super) fn new(scope: &'s Scope<'a>) -> Walk<'s, 'a> {
        Walk { scope, fuel: Cell::new(FUEL), folded: RefCell::new(None), is_spent: Cell::new(false) }
    }

    /// What a rooted query finds.
    pub(super) fn run<T: Trail<'a>>(&self, query: &Query) -> Vec<(&'a Value, T)> {
        let Base::Root(root) = query.base else { return Vec::new() };
        let Some(start) = self.scope.root(root) else { return Vec::new() };
        self.segments(&query.segments, start, query.lenient_from())
    }

    /// What a rooted singular query finds; no allocation.
    pub(super) fn single(&self, query: &Query) -> Option<&'a Value> {
        let Base::Root(root) = query.base else { return None };
        self.descend(&query.segments, self.scope.root(root)?, query.lenient_from())
    }

    fn burn(&self, amount: usize) -> bool {
        match self.fuel.get().checked_sub(amount) {
            Some(rest) => self.fuel.set(rest),
            None => self.is_spent.set(true),
        }
        !self.is_spent.get()
    }

    fn descend(&self, segments: &[Segment], start: &'a Value, lenient_from: usize) -> Option<&'a Value> {
        let mut value = start;
        for (position, segment) in segments.iter().enumerate() {
            value = match segment {
                Segment::Name(name) => self.name(value, name, spelling(position, lenient_from))?.1,
                Segment::Index(index) => element(value, *index)?.1,
                Segment::Child(_) | Segment::Descendant(_) => return None,
            };
        }
        Some(value)
    }

    fn segments<T: Trail<'a>>(
        &self,
        segments: &[Segment],
        start: &'a Value,
        lenient_from: usize,
    ) -> Vec<(&'a Value, T)> {
        let mut nodes = vec![(start, T::top())];
        for (position, segment) in segments.iter().enumerate() {
            let spelling = spelling(position, lenient_from);
            let mut next = Vec::new();
            for (value, trail) in &nodes {
                match segment {
                    Segment::Name(name) => self.select_name(value, trail, name, spelling, &mut next),
                    Segment::Index(index) => select_index(value, trail, *index, &mut next),
                    Segment::Child(selectors) => self.select(selectors, value, trail, spelling, &mut next),
                    Segment::Descendant(selectors) => {
                        self.descendants(selectors, value, trail, spelling, &mut next);
                    }
                }
            }
            nodes = next;
            if nodes.is_empty() || self.is_spent.get() {
                break;
            }
        }
        if self.is_spent.get() { Vec::new() } else { nodes }
    }

    /// RFC 9535 section 2.5.2: each value before its children, elements in their order.
    fn descendants<T: Trail<'a>>(
        &self,
        selectors: &[Selector],
        start: &'a Value,
        trail: &T,
        spelling: Spelling,
        out: &mut Vec<(&'a Value, T)>,
    ) {
        let mut open = vec![(start, trail.clone())];
        while let Some((value, trail)) = open.pop() {
            if !self.burn(1) {
                return;
            }
            self.select(selectors, value, &trail, spelling, out);
            let at = open.len();
            self.children(value, |step, child| open.push((child, trail.below(step))));
            open[at..].reverse();
        }
    }

    fn select<T: Trail<'a>>(
        &self,
        selectors: &[Selector],
        value: &'a Value,
        trail: &T,
        spelling: Spelling,
        out: &mut Vec<(&'a Value, T)>,
    ) {
        for selector in selectors {
            match selector {
                Selector::Name(name) => self.select_name(value, trail, name, spelling, out),
                Selector::Index(index) => select_index(value, trail, *index, out),
                Selector::Wildcard => {
                    self.children(value, |step, child| out.push((child, trail.below(step))));
                }
                Selector::Slice { start, end, step } => {
                    self.slice(value, trail, (*start, *end, *step), out);
                }
                Selector::Filter(filter) => self.children(value, |step, child| {
                    if self.holds(filter, child, spelling) {
                        out.push((child, trail.below(step)));
                    }
                }),
            }
        }
    }

    fn children(&self, value: &'a Value, mut visit: impl FnMut(StepRef<'a>, &'a Value)) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if !self.burn(1) {
                        return;
                    }
                    visit(StepRef::Index(index), item);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    if !self.burn(1) {
                        return;
                    }
                    visit(StepRef::Name(name), member);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn select_name<T: Trail<'a>>(
        &self,
        value: &'a Value,
        trail: &T,
        name: &str,
        spelling: Spelling,
        out: &mut Vec<(&'a Value, T)>,
    ) {
        if let Some((name, child)) = self.name(value, name, spelling) {
            out.push((child, trail.below(StepRef::Name(name))));
        }
    }

    fn name(&self, value: &'a Value, name: &str, spelling: Spelling) -> Option<(&'a str, &'a Value)> {
        let Value::Object(members) = value else { return None };
        let exact = members.get_key_value(name).map(|(name, value)| (name.as_str(), value));
        let fuel = if exact.is_some() { members.len() / NAMES_PER_FUEL } else { members.len() };
        if spelling == Spelling::Exact || !self.burn(fuel) {
            return exact;
        }
        let (taken, value) = exact.or_else(|| in_any_case(members, name))?;
        if let Some(why) = otherwise(members, name, taken) {
            self.folded.borrow_mut().get_or_insert(why);
        }
        Some((taken, value))
    }

    /// RFC 9535 section 2.3.4.2.
    fn slice<T: Trail<'a>>(
        &self,
        value: &'a Value,
        trail: &T,
        (start, end, step): (Option<i64>, Option<i64>, i64),
        out: &mut Vec<(&'a Value, T)>,
    ) {
        let Value::Array(items) = value else { return };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let normal = |index: i64| if index >= 0 { index } else { length.saturating_add(index) };
        let (mut at, last) = if step >= 0 {
            (normal(start.unwrap_or(0)).clamp(0, length), normal(end.unwrap_or(length)).clamp(0, length))
        } else {
            let first = start.map_or(length - 1, normal).clamp(-1, length - 1);
            (first, end.map_or(-1, normal).clamp(-1, length - 1))
        };
        while step != 0 && (if step > 0 { at < last } else { at > last }) && self.burn(1) {
            if let Some((index, item)) = usize::try_from(at).ok().and_then(|at| Some((at, items.get(at)?))) {
                out.push((item, trail.below(StepRef::Index(index))));
            }
            at = at.saturating_add(step);
        }
    }

    fn holds(&self, filter: &Filter, current: &'a Value, spelling: Spelling) -> bool {
        match filter {
            Filter::Or(filters) => filters.iter().any(|filter| self.holds(filter, current, spelling)),
            Filter::And(filters) => filters.iter().all(|filter| self.holds(filter, current, spelling)),
            Filter::Not(filter) => !self.holds(filter, current, spelling),
            Filter::Exists(query) => !self.nodes(query, current, spelling).is_empty(),
            Filter::Compare(left, comparison, right) => {
                let left = self.operand(left, current, spelling);
                let right = self.operand(right, current, spelling);
                self.compares(&left, *comparison, &right)
            }
            Filter::Finds(operand, regex) => match self.operand(operand, current, spelling) {
                Held::Found(Value::String(text)) => {
                    self.burn(text.len() / REGEX_BYTES_PER_FUEL) && regex.is_match(text)
                }
                Held::Found(_) | Held::Length(_) | Held::Nothing => false,
            },
        }
    }

    fn nodes(&self, query: &Query, current: &'a Value, spelling: Spelling) -> Vec<(&'a Value, ())> {
        match query.base {
            Base::Root(_) => self.run(query),
            Base::Current => {
                let lenient_from = if spelling == Spelling::Lenient { 0 } else { usize::MAX };
                self.segments(&query.segments, current, lenient_from)
            }
        }
    }

    fn operand<'q>(&self, operand: &'q Operand, current: &'a Value, spelling: Spelling) -> Held<'q>
    where
        'a: 'q,
    {
        match operand {
            Operand::Literal(value) => Held::Found(value),
            Operand::Single(query) => {
                let found = match query.base {
                    Base::Root(_) => self.single(query),
                    Base::Current => {
                        let lenient_from = if spelling == Spelling::Lenient { 0 } else { usize::MAX };
                        self.descend(&query.segments, current, lenient_from)
                    }
                };
                found.map_or(Held::Nothing, Held::Found)
            }
            Operand::Only(query) => match self.nodes(query, current, spelling).as_slice() {
                [(value, ())] => Held::Found(value),
                _ => Held::Nothing,
            },
            Operand::Count(query) => Held::Length(self.nodes(query, current, spelling).len()),
            Operand::Length(inner) => match self.operand(inner, current, spelling) {
                Held::Found(Value::String(text)) => {
                    self.burn(text.len() / REGEX_BYTES_PER_FUEL);
                    Held::Length(text.chars().count())
                }
                Held::Found(Value::Array(items)) => Held::Length(items.len()),
                Held::Found(Value::Object(members)) => Held::Length(members.len()),
                Held::Found(_) | Held::Length(_) | Held::Nothing => Held::Nothing,
            },
        }
    }

    /// RFC 9535 section 2.3.5.2.2: two missing sides are equal, and nothing else equals a missing one.
    fn compares(&self, left: &Held<'_>, comparison: Order, right: &Held<'_>) -> bool {
        let is_equal = || match (left, right) {
            (Held::Nothing, Held::Nothing) => true,
            (Held::Nothing, _) | (_, Held::Nothing) => false,
            (left, right) => {
                left.with(|left| right.with(|right| equal(left, right, &mut |amount| self.burn(amount))))
            }
        };
        let is_less =
            |left: &Held<'_>, right: &Held<'_>| left.with(|left| right.with(|right| less(left, right)));
        match comparison {
            Order::Equal => is_equal(),
            Order::Unequal => !is_equal(),
            Order::Less => is_less(left, right),
            Order::Greater => is_less(right, left),
            Order::LessOrEqual => is_less(left, right) || is_equal(),
            Order::GreaterOrEqual => is_less(right, left) || is_equal(),
        }
    }
}

/// One side of a comparison.
enum Held<'v> {
    Found(&'v Value),
    Length(usize),
    Nothing,
}

impl Held<'_> {
    fn with(&self, test: impl FnOnce(&Value) -> bool) -> bool {
        match self {
            Held::Found(value) => test(value),
            Held::Length(length) => test(&Value::from(*length)),
            Held::Nothing => false,
        }
    }
}

fn less(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order(left, right) == Some(Ordering::Less),
        (Value::String(left), Value::String(right)) => left < right,
        _ => false,
    }
}

fn select_index<'a, T: Trail<'a>>(value: &'a Value, trail: &T, index: i64, out: &mut Vec<(&'a Value, T)>) {
    if let Some((index, item)) = element(value, index) {
        out.push((item, trail.below(StepRef::Index(index))));
    }
}

fn element(value: &Value, index: i64) -> Option<(usize, &Value)> {
    let Value::Array(items) = value else { return None };
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    Some((index, items.get(index)?))
}

fn spelling(position: usize, lenient_from: usize) -> Spelling {
    if position >= lenient_from { Spelling::Lenient } else { Spelling::Exact }
}

/// Values visited at most by one path (THREATS E68).
pub(super) const FUEL: usize = 10_000;

/// A long text costs a regex as much as many values.
const REGEX_BYTES_PER_FUEL: usize = 32;

/// So many names are compared as fast as a value is visited.
const NAMES_PER_FUEL: usize = 8;
