//! From a filter to what the index is asked. The index may name too many events, never too few; a plan knows
//! whether it names exactly those that are meant.

use std::ops::{Bound, RangeInclusive};

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, Query, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::schema::{Fields, Mark, is_unmistakable, network_terms, schema, term, time_ms};
use crate::store::words::{Clause, Phrase, What};
use crate::store::{Filter, Keyword, Sight, Thing, Visible};

/// What an index is asked for a filter.
pub(in crate::store::embedded) struct Plan {
    pub(super) query: Box<dyn Query>,
    /// Milliseconds since 1970 between which the events are.
    pub(super) times: Option<RangeInclusive<i64>>,
    /// True when what is named is exactly what the filter asks for.
    pub(super) is_exact: bool,
    /// True when nothing but times is asked for.
    pub(in crate::store::embedded) is_everything: bool,
}

struct Making {
    fields: Fields,
    clauses: Vec<(Occur, Box<dyn Query>)>,
    is_exact: bool,
}

impl Plan {
    pub(in crate::store::embedded) fn of(filter: &Filter) -> Plan {
        let mut making = Making { fields: schema().1, clauses: Vec::new(), is_exact: true };
        making.keywords(filter);
        making.networks(filter);
        making.visible(&filter.visible);
        making.things(&filter.things);
        filter.search.iter().for_each(|clause| making.clause(clause));
        let times = making.times(filter);
        let Making { mut clauses, is_exact, .. } = making;
        let is_everything = clauses.is_empty() && is_exact;
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        let query: Box<dyn Query> = match <[_; 1]>::try_from(clauses) {
            Ok([(_, only)]) => only,
            Err(clauses) => Box::new(BooleanQuery::new(clauses)),
        };
        Plan { query, times, is_exact, is_everything }
    }
}

impl Making {
    fn keywords(&mut self, filter: &Filter) {
        let results: Vec<&str> = filter.result.iter().map(|result| result.as_str()).collect();
        self.any_of(Mark::Keyword(Keyword::Result), &results);
        for (keyword, asked) in filter.texts() {
            self.any_of(Mark::Keyword(keyword), asked);
        }
    }

    /// One of these values, if there are any.
    fn any_of<T: AsRef<str>>(&mut self, mark: Mark, values: &[T]) {
        if values.is_empty() {
            return;
        }
        self.is_exact &= values.iter().all(|value| is_unmistakable(mark, value.as_ref()));
        let terms = values.iter().map(|value| self.keyword(mark, value.as_ref())).collect();
        self.clauses.push((Occur::Must, union(terms)));
    }

    fn networks(&mut self, filter: &Filter) {
        if filter.ip.is_empty() {
            return;
        }
        let mut terms = Vec::new();
        for network in &filter.ip {
            let Some((named, is_exact)) = network_terms(network) else {
                self.is_exact = false;
                return;
            };
            self.is_exact &= is_exact;
            terms.extend(named.iter().map(|name| one(self.fields.keyword, name)));
        }
        self.clauses.push((Occur::Must, union(terms)));
    }

    fn visible(&mut self, visible: &Visible) {
        let Visible::Only(sights) = visible else { return };
        let mut terms = Vec::new();
        for sight in sights {
            let (mark, value, is_exact) = match sight {
                Sight::Organization(id) => (Mark::Organization, id, true),
                Sight::Team(id) => (Mark::Team, id, true),
                // Without case, and of any kind: too many, and the filter looks at each.
                Sight::Target { id, .. } => (Mark::Keyword(Keyword::TargetId), id, false),
                Sight::Actor(id) => (Mark::Keyword(Keyword::Actor), id, false),
            };
            self.is_exact &= is_exact && is_unmistakable(mark, value);
            terms.push(self.keyword(mark, value));
        }
        self.clauses.push((Occur::Must, union(terms)));
    }

    /// Without case, and of any kind: too many, and the filter looks at each.
    fn things(&mut self, things: &[Thing]) {
        if things.is_empty() {
            return;
        }
        self.is_exact = false;
        let terms = things.iter().map(|thing| self.keyword(Mark::Keyword(Keyword::TargetId), &thing.id));
        let terms = terms.collect();
        self.clauses.push((Occur::Must, union(terms)));
    }

    fn clause(&mut self, clause: &Clause) {
        let (queries, is_exact) = match &clause.what {
            What::Value(keyword, value) => {
                let mark = Mark::Keyword(*keyword);
                (vec![self.keyword(mark, value)], is_unmistakable(mark, value))
            }
            What::Words(within, phrase) => {
                let (queries, is_exact) = self.phrase(phrase);
                (queries, is_exact && within.is_none())
            }
        };
        self.is_exact &= is_exact;
        match (clause.is_not, is_exact) {
            (false, _) => self.clauses.extend(queries.into_iter().map(|query| (Occur::Must, query))),
            (true, true) => self.clauses.extend(queries.into_iter().map(|query| (Occur::MustNot, query))),
            // What may not be meant cannot be left out either.
            (true, false) => {}
        }
    }

    /// What must all be there for a phrase to be there, and whether that is enough.
    fn phrase(&self, phrase: &Phrase) -> (Vec<Box<dyn Query>>, bool) {
        let ask = |field: Field, text: &str, is_open: bool| {
            if is_open { begins(field, text) } else { one(field, text) }
        };
        if let [word] = &phrase.words[..] {
            return (vec![ask(self.fields.word, word, phrase.is_open)], true);
        }
        let last = phrase.words.len().saturating_sub(2);
        let pairs = phrase.words.windows(2).enumerate();
        let pairs =
            pairs.map(|(at, pair)| ask(self.fields.pair, &pair.join(" "), phrase.is_open && at == last));
        (pairs.collect(), phrase.words.len() == 2)
    }

    /// Whole milliseconds, as the index has them.
    fn times(&mut self, filter: &Filter) -> Option<RangeInclusive<i64>> {
        if filter.from.is_none() && filter.to.is_none() {
            return None;
        }
        let is_whole = |time: jiff::Timestamp| time.as_nanosecond().rem_euclid(NANOS_PER_MS) == 0;
        self.is_exact &= filter.from.is_none_or(is_whole) && filter.to.is_none_or(is_whole);
        let from = filter.from.map_or(i64::MIN, time_ms);
        let to = filter.to.map_or(i64::MAX, |to| time_ms(to) - i64::from(is_whole(to)));
        Some(from..=to)
    }

    fn keyword(&self, mark: Mark, value: &str) -> Box<dyn Query> {
        one(self.fields.keyword, &term(mark, value))
    }
}

fn one(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn union(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match <[_; 1]>::try_from(queries) {
        Ok([only]) => only,
        Err(none) if none.is_empty() => Box::new(EmptyQuery),
        Err(queries) => Box::new(BooleanQuery::union(queries)),
    }
}

/// Terms that begin so.
fn begins(field: Field, text: &str) -> Box<dyn Query> {
    let from = Bound::Included(Term::from_field_text(field, text));
    let to = match behind(text) {
        Some(behind) => Bound::Excluded(Term::from_field_text(field, &behind)),
        None => Bound::Unbounded,
    };
    Box::new(RangeQuery::new(from, to))
}

/// The first text behind all that begin so.
fn behind(text: &str) -> Option<String> {
    let mut letters: Vec<char> = text.chars().collect();
    while let Some(last) = letters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

const NANOS_PER_MS: i128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_beginning_is_the_next_letter() {
        assert_eq!(behind("ab").as_deref(), Some("ac"));
        assert_eq!(behind("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10ffff}"), None);
    }
}
