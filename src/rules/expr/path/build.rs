//! From a path's text to a checked query: jsonpath-rust's parser, then everything that it accepts though
//! RFC 9535 does not (E07), then what we cannot bound: patterns out of the data, a second `..`.

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{
    self, Comparable, Comparison, FilterAtom, FnArg, JpQuery, Literal, SingularQuery, SingularQuerySegment,
    Test, TestFunction,
};
use jsonpath_rust::parser::parse_json_path;
use regex::{Regex, RegexBuilder};

use super::super::compile::Flaw;
use super::super::names::Names;
use super::super::reach::{Reach, ReachStep};
use super::super::scope::Root;
use super::super::shape::refuse_dead_end;
use super::Path;
use super::ast::{Base, Filter, Operand, Order, Query, Segment, Selector};
use crate::value::{Number, Value};

/// A path, or what is wrong with it; warnings go beside it.
pub(in super::super) fn compile(text: &str, names: &Names, warnings: &mut Vec<Flaw>) -> Result<Path, Flaw> {
    if text.len() > PATH_BYTES_MAX {
        return Err(Flaw::whole("E22", "a path longer than 1,000 bytes").cure("split it with `vars`"));
    }
    if let Some(at) = blank_inside_name(text) {
        let flaw = Flaw::at("E07", at, 1, "a blank inside a name");
        return Err(flaw.cure("write such names as `['a b']`; the operators `in` and the like do not exist"));
    }
    let parsed = parse_json_path(text).map_err(|error| syntax(text, &error))?;
    let mut build = Build { names, reaches: Vec::new(), descents: 0 };
    let (root, query) = build.rooted(&parsed)?;
    if build.descents > 0 {
        let flaw = Flaw::word("W7", "..", "`..` looks at everything below");
        warnings.push(flaw.cure("name the members on the way, if they are known"));
    }
    Ok(Path { text: text.to_owned(), root, query, reaches: build.reaches })
}

/// A regex of a rule: the dot takes line ends too, so that no `%0a` hides what stands behind it
/// (THREATS E05), and its size is bounded.
pub(in super::super) fn pattern(text: &str) -> Result<Regex, Flaw> {
    let mut builder = RegexBuilder::new(text);
    builder.dot_matches_new_line(true).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.build().map_err(|error| {
        let message = error.to_string();
        let last = message.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        Flaw::whole("E12", format!("not a regular expression: {last}"))
            .cure("the syntax is that of the crate `regex`: no look-around, no back-references")
    })
}

struct Build<'n> {
    names: &'n Names,
    reaches: Vec<Reach>,
    /// How many `..` so far, in filters too.
    descents: usize,
}

impl Build<'_> {
    fn rooted(&mut self, parsed: &JpQuery) -> Result<(Root, Query), Flaw> {
        let segments = self.segments(&parsed.segments)?;
        self.with_root(segments)
    }

    /// Takes the root's name off the segments and checks it.
    fn with_root(&mut self, mut segments: Vec<Segment>) -> Result<(Root, Query), Flaw> {
        let Some(Segment::Name(name)) = segments.first() else {
            let flaw = Flaw::whole("E09", "a path begins with the name of a part of the document");
            return Err(flaw.cure("`$.request…`, `$.response…`, `$.before…`"));
        };
        let root = self.names.root(name)?;
        segments.remove(0);
        let first = match segments.first() {
            Some(Segment::Name(name)) => Some(name.as_str()),
            Some(Segment::Index(_) | Segment::Child(_) | Segment::Descendant(_)) | None => None,
        };
        let phase = self.names.phase_of(root, first)?;
        let steps = steps(&segments);
        refuse_dead_end(root, &steps)?;
        self.reaches.push(Reach { root, steps, phase });
        Ok((root, Query { base: Base::Root(root), segments }))
    }

    fn segments(&mut self, segments: &[model::Segment]) -> Result<Vec<Segment>, Flaw> {
        segments.iter().map(|segment| self.segment(segment)).collect()
    }

    fn segment(&mut self, segment: &model::Segment) -> Result<Segment, Flaw> {
        Ok(match segment {
            model::Segment::Selector(model::Selector::Name(name)) => Segment::Name(name.clone()),
            model::Segment::Selector(model::Selector::Index(index)) => Segment::Index(*index),
            model::Segment::Selector(selector) => Segment::Child(vec![self.selector(selector)?]),
            model::Segment::Selectors(all) => {
                Segment::Child(all.iter().map(|one| self.selector(one)).collect::<Result<_, _>>()?)
            }
            model::Segment::Descendant(inner) => {
                self.descents += 1;
                if self.descents > 1 {
                    let flaw = Flaw::word("E22", "..", "more than one `..` in a path: its cost has no bound");
                    return Err(flaw.cure("name the members on the way"));
                }
                Segment::Descendant(match self.segment(inner)? {
                    Segment::Name(name) => vec![Selector::Name(name)],
                    Segment::Index(index) => vec![Selector::Index(index)],
                    Segment::Child(selectors) | Segment::Descendant(selectors) => selectors,
                })
            }
        })
    }

    fn selector(&mut self, selector: &model::Selector) -> Result<Selector, Flaw> {
        Ok(match selector {
            model::Selector::Name(name) => Selector::Name(name.clone()),
            model::Selector::Wildcard => Selector::Wildcard,
            model::Selector::Index(index) => Selector::Index(*index),
            model::Selector::Slice(start, end, step) => {
                Selector::Slice { start: *start, end: *end, step: step.unwrap_or(1) }
            }
            model::Selector::Filter(filter) => Selector::Filter(self.filter(filter)?),
        })
    }

    fn filter(&mut self, filter: &model::Filter) -> Result<Filter, Flaw> {
        Ok(match filter {
            model::Filter::Or(all) => Filter::Or(self.filters(all)?),
            model::Filter::And(all) => Filter::And(self.filters(all)?),
            model::Filter::Atom(FilterAtom::Filter { expr, not }) => negated(self.filter(expr)?, *not),
            model::Filter::Atom(FilterAtom::Test { expr, not }) => negated(self.test(expr)?, *not),
            model::Filter::Atom(FilterAtom::Comparison(comparison)) => self.comparison(comparison)?,
        })
    }

    fn filters(&mut self, all: &[model::Filter]) -> Result<Vec<Filter>, Flaw> {
        all.iter().map(|filter| self.filter(filter)).collect()
    }

    fn test(&mut self, test: &Test) -> Result<Filter, Flaw> {
        match test {
            Test::RelQuery(_) | Test::AbsQuery(_) => Ok(Filter::Exists(self.query(test)?)),
            Test::Function(function) => match &**function {
                TestFunction::Match(text, wanted) => {
                    self.finds(text, wanted, |wanted| format!(r"\A(?:{wanted})\z"))
                }
                TestFunction::Search(text, wanted) => self.finds(text, wanted, str::to_owned),
                TestFunction::Custom(name, _) => Err(no_function(name)),
                TestFunction::Length(_) => Err(ill_typed("length")),
                TestFunction::Count(_) => Err(ill_typed("count")),
                TestFunction::Value(_) => Err(ill_typed("value")),
            },
        }
    }

    /// THREATS E67: a pattern from the data would let the sender of a request choose our work.
    fn finds(
        &mut self,
        text: &FnArg,
        wanted: &FnArg,
        anchor: impl Fn(&str) -> String,
    ) -> Result<Filter, Flaw> {
        let FnArg::Literal(Literal::String(wanted)) = wanted else {
            let flaw = Flaw::whole("E12", "the pattern of `match` and `search` must be a literal text");
            return Err(flaw.cure("write the pattern into the rule: `search(@.a, 'x.*')`"));
        };
        pattern(wanted)?;
        Ok(Filter::Finds(self.argument(text)?, pattern(&anchor(wanted))?))
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<Filter, Flaw> {
        let (left, right) = comparison.vals();
        let order = match comparison {
            Comparison::Eq(..) => Order::Equal,
            Comparison::Ne(..) => Order::Unequal,
            Comparison::Gt(..) => Order::Greater,
            Comparison::Gte(..) => Order::GreaterOrEqual,
            Comparison::Lt(..) => Order::Less,
            Comparison::Lte(..) => Order::LessOrEqual,
        };
        Ok(Filter::Compare(self.comparable(left)?, order, self.comparable(right)?))
    }

    fn comparable(&mut self, comparable: &Comparable) -> Result<Operand, Flaw> {
        match comparable {
            Comparable::Literal(literal) => Ok(Operand::Literal(value_of(literal)?)),
            Comparable::SingularQuery(query) => Ok(Operand::Single(self.singular(query)?)),
            Comparable::Function(function) => self.function(function),
        }
    }

    fn function(&mut self, function: &TestFunction) -> Result<Operand, Flaw> {
        match function {
            TestFunction::Length(argument) => Ok(Operand::Length(Box::new(self.argument(argument)?))),
            TestFunction::Count(argument) => Ok(Operand::Count(self.query_argument(argument, "count")?)),
            TestFunction::Value(argument) => Ok(Operand::Only(self.query_argument(argument, "value")?)),
            TestFunction::Custom(name, _) => Err(no_function(name)),
            TestFunction::Match(..) => Err(ill_typed("match")),
            TestFunction::Search(..) => Err(ill_typed("search")),
        }
    }

    /// An argument of ValueType: a literal, a singular query, a function with a value (RFC 9535, 2.4.3).
    fn argument(&mut self, argument: &FnArg) -> Result<Operand, Flaw> {
        match argument {
            FnArg::Literal(literal) => Ok(Operand::Literal(value_of(literal)?)),
            FnArg::Test(test) => match &**test {
                Test::Function(function) => self.function(function),
                Test::RelQuery(_) | Test::AbsQuery(_) => {
                    let query = self.query(test)?;
                    if query.is_singular() {
                        return Ok(Operand::Single(query));
                    }
                    let flaw = Flaw::whole("E07", "a function of a value is given a path with many matches");
                    Err(flaw.cure("name one value, or wrap the path in `value()` or `count()`"))
                }
            },
            FnArg::Filter(_) => Err(Flaw::whole("E07", "a function is given a condition")),
        }
    }

    fn query_argument(&mut self, argument: &FnArg, name: &str) -> Result<Query, Flaw> {
        match argument {
            FnArg::Test(test) if !matches!(**test, Test::Function(_)) => self.query(test),
            FnArg::Test(_) | FnArg::Literal(_) | FnArg::Filter(_) => {
                Err(Flaw::word("E07", name, format!("`{name}()` takes a path")))
            }
        }
    }

    fn query(&mut self, test: &Test) -> Result<Query, Flaw> {
        match test {
            Test::RelQuery(segments) => Ok(Query { base: Base::Current, segments: self.segments(segments)? }),
            Test::AbsQuery(query) => Ok(self.rooted(query)?.1),
            Test::Function(_) => Err(Flaw::whole("E07", "a function where a path is needed")),
        }
    }

    fn singular(&mut self, query: &SingularQuery) -> Result<Query, Flaw> {
        let built = |segments: &[SingularQuerySegment]| -> Vec<Segment> {
            let one = |segment: &SingularQuerySegment| match segment {
                SingularQuerySegment::Name(name) => Segment::Name(name.clone()),
                SingularQuerySegment::Index(index) => Segment::Index(*index),
            };
            segments.iter().map(one).collect()
        };
        match query {
            SingularQuery::Current(segments) => Ok(Query { base: Base::Current, segments: built(segments) }),
            SingularQuery::Root(segments) => Ok(self.with_root(built(segments))?.1),
        }
    }
}

/// The way down as far as the text says it. A filter and `..` look anywhere below.
fn steps(segments: &[Segment]) -> Vec<ReachStep> {
    let mut steps = Vec::new();
    for segment in segments {
        match segment {
            Segment::Name(name) => steps.push(ReachStep::Name(name.clone())),
            Segment::Index(index) => steps.push(ReachStep::Index(*index)),
            Segment::Child(selectors) => match selectors.as_slice() {
                [Selector::Filter(_)] => return steps,
                all if all.iter().any(|one| matches!(one, Selector::Filter(_))) => return steps,
                _ => steps.push(ReachStep::Any),
            },
            Segment::Descendant(_) => return steps,
        }
    }
    steps
}

fn negated(filter: Filter, not: bool) -> Filter {
    if not { Filter::Not(Box::new(filter)) } else { filter }
}

fn value_of(literal: &Literal) -> Result<Value, Flaw> {
    Ok(match literal {
        Literal::Int(number) => Value::from(*number),
        Literal::Float(number) => Number::from_f64(*number)
            .map(Value::Number)
            .ok_or_else(|| Flaw::whole("E06", "a number that is too large"))?,
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Bool(value) => Value::from(*value),
        Literal::Null => Value::Null,
    })
}

fn no_function(name: &str) -> Flaw {
    Flaw::word("E07", name, format!("RFC 9535 has no function `{name}`"))
        .cure("there are length, count, value, match and search; write `@.a == 'x' || @.a == 'y'` for a list")
}

fn ill_typed(name: &str) -> Flaw {
    let flaw = Flaw::word("E07", name, format!("the result of `{name}()` is used in the wrong place"));
    match name {
        "match" | "search" => flaw.cure("it stands alone: `[?match(@.a, 'x')]`"),
        _ => flaw.cure(format!("compare it: `{name}(…) > 0`")),
    }
}

/// Outside quotes, a blank between two characters of a name, or after the dot: jsonpath-rust takes it as
/// a part of the name, so that `$.a.b c` asks for `b c` and finds nothing, for ever.
fn blank_inside_name(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    let mut before: Option<char> = None;
    let mut blank: Option<usize> = None;
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if c == open => quote = None,
                _ => {}
            }
            before = Some(c);
            continue;
        }
        if c.is_whitespace() {
            blank.get_or_insert(at);
            continue;
        }
        if let (Some(at), Some(before)) = (blank.take(), before)
            && ((is_name(before) && (is_name(c) || c == '(')) || (before == '.' && (is_name(c) || c == '*')))
        {
            return Some(at);
        }
        if matches!(c, '\'' | '"') {
            quote = Some(c);
        }
        before = Some(c);
    }
    blank
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

fn syntax(text: &str, error: &JsonPathError) -> Flaw {
    let at = match error {
        JsonPathError::PestError(error) => place(text, &error.to_string()),
        _ => 0,
    };
    if let Some((at, length, cure)) = unquoted_name(text) {
        return Flaw::at("E06", at, length, "not a path: this name needs quotes").cure(cure);
    }
    let flaw = Flaw::at("E06", at, 1, "not a path (RFC 9535)");
    match error {
        JsonPathError::MaxNestingDepthExceeded(_) => flaw.cure("it is nested too deeply"),
        _ => flaw.cure("`$.name`, `['any name']`, `[0]`, `[*]`, `[?@.name == 'x']`"),
    }
}

/// A dotted name that would have to stand in brackets: `headers.user-agent`, `hosts.0`.
fn unquoted_name(text: &str) -> Option<(usize, usize, String)> {
    let plain_end = text.find(['[', '?', ' ']).unwrap_or(text.len());
    let mut at = 0;
    for piece in text.get(..plain_end)?.split('.') {
        let is_shorthand = !piece.starts_with(|c: char| c.is_ascii_digit()) && piece.chars().all(is_name);
        if at > 0 && !piece.is_empty() && piece != "*" && !is_shorthand {
            let cure = match piece.parse::<u32>() {
                Ok(index) => format!("write `[{index}]` for `.{index}`"),
                Err(_) => format!("write `['{}']` for `.{piece}`", piece.replace('\'', "\\'")),
            };
            return Some((at, piece.len(), cure));
        }
        at += piece.len() + 1;
    }
    None
}

/// The byte that pest's message names as ` --> line:column` (both from 1, in characters); its types are not
/// ours to name.
fn place(text: &str, message: &str) -> usize {
    let numbers = message.trim_start().strip_prefix("--> ").and_then(|rest| rest.lines().next());
    let Some((line, column)) = numbers.and_then(|numbers| numbers.split_once(':')) else { return 0 };
    let number = |text: &str| text.trim().parse::<usize>().unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(number(line)).map(str::len).sum();
    let inside: usize = text[start..].chars().take(number(column)).map(char::len_utf8).sum();
    start + inside
}

const PATH_BYTES_MAX: usize = 1_000;
const PATTERN_BYTES_MAX: usize = 1 << 20;
