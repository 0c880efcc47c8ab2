//! The members of an object, sorted by name.
//!
//! Objects of applications have ten or twenty members: a sorted list finds, copies and drops them faster than a
//! tree, in one allocation. What somebody sends may have a hundred thousand; from [`FEW_MAX`] on it is a
//! tree, so that no order of names makes inserting slow.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::ops::Index;
use std::{fmt, slice, vec};

use super::{Text, Value};

type Member = (Text, Value);

/// Members by name, sorted; each name once.
#[derive(Clone, Default)]
pub struct Map(Members);

#[derive(Clone)]
enum Members {
    Few(Vec<Member>),
    Many(BTreeMap<Text, Value>),
}

impl Default for Members {
    fn default() -> Members {
        Members::Few(Vec::new())
    }
}

impl Map {
    /// None yet.
    pub fn new() -> Map {
        Map::default()
    }

    /// How many.
    pub fn len(&self) -> usize {
        match &self.0 {
            Members::Few(few) => few.len(),
            Members::Many(many) => many.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.get_key_value(name).map(|(_, value)| value)
    }

    /// The same with the name.
    pub fn get_key_value(&self, name: &str) -> Option<(&Text, &Value)> {
        match &self.0 {
            // Names differ in length mostly, so that going through is faster than halving.
            Members::Few(few) => few.iter().find(|(own, _)| own == name).map(|(own, value)| (own, value)),
            Members::Many(many) => many.get_key_value(name),
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        match &mut self.0 {
            Members::Few(few) => few.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value),
            Members::Many(many) => many.get_mut(name),
        }
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Puts a member in; what comes back is the one that was there.
    pub fn insert(&mut self, name: impl Into<Text>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.room() {
            Members::Few(few) => match find(few, &name) {
                Ok(at) => Some(std::mem::replace(&mut few[at].1, value)),
                Err(at) => {
                    few.insert(at, (name, value));
                    None
                }
            },
            Members::Many(many) => many.insert(name, value),
        }
    }

    /// The member of that name, made where it is missing.
    pub fn place(&mut self, name: impl Into<Text>, value: impl FnOnce() -> Value) -> &mut Value {
        let name = name.into();
        match self.room() {
            Members::Few(few) => {
                let at = find(few, &name).unwrap_or_else(|at| {
                    few.insert(at, (name, value()));
                    at
                });
                &mut few[at].1
            }
            Members::Many(many) => many.entry(name).or_insert_with(value),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        match &mut self.0 {
            Members::Few(few) => find(few, name).ok().map(|at| few.remove(at).1),
            Members::Many(many) => many.remove(name),
        }
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &Text> {
        self.iter().map(|(name, _)| name)
    }

    /// The values, by their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.iter().map(|(_, value)| value)
    }

    /// The members, sorted by name.
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Members::Few(few) => Iter::Few(few.iter()),
            Members::Many(many) => Iter::Many(many.iter()),
        }
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        match &mut self.0 {
            Members::Few(few) => IterMut::Few(few.iter_mut()),
            Members::Many(many) => IterMut::Many(many.iter_mut()),
        }
    }

    /// Members in the order in which they were sent; of two with one name the last stays. `tell` hears of each
    /// that is replaced: its name, and what stands there instead.
    pub(crate) fn from_sent(mut sent: Vec<Member>, mut tell: impl FnMut(&str, &Value, &Value)) -> Map {
        let is_sorted = sent.is_sorted_by(|(one, _), (next, _)| order(one, next).is_lt());
        if !is_sorted {
            // Stable: of two with one name the first stays in front.
            sent.sort_by(|(one, _), (other, _)| order(one, other));
            sent.dedup_by(|(next, value), (name, kept)| {
                let is_same = next == name;
                if is_same {
                    tell(name, kept, value);
                    std::mem::swap(kept, value);
                }
                is_same
            });
        }
        Map(if sent.len() > FEW_MAX { Members::Many(sent.into_iter().collect()) } else { Members::Few(sent) })
    }

    /// Where there is room for one more.
    fn room(&mut self) -> &mut Members {
        if let Members::Few(few) = &mut self.0
            && few.len() >= FEW_MAX
        {
            self.0 = Members::Many(std::mem::take(few).into_iter().collect());
        }
        &mut self.0
    }
}

/// The order of names, by their bytes; most differ in the first four.
fn order(one: &Text, other: &Text) -> Ordering {
    // What a short name lacks counts as zeros: it stands in front of those that go on.
    let first = |name: &Text| match *name.as_bytes() {
        [a, b, c, d, ..] => u32::from_be_bytes([a, b, c, d]),
        [a, b, c] => u32::from_be_bytes([a, b, c, 0]),
        [a, b] => u32::from_be_bytes([a, b, 0, 0]),
        [a] => u32::from_be_bytes([a, 0, 0, 0]),
        [] => 0,
    };
    first(one).cmp(&first(other)).then_with(|| one.cmp(other))
}

fn find(few: &[Member], name: &str) -> Result<usize, usize> {
    // Who puts in what is sorted already puts it at the end.
    match few.last() {
        Some((last, _)) if last.as_str() < name => Err(few.len()),
        Some(_) | None => few.binary_search_by(|(own, _)| own.as_str().cmp(name)),
    }
}

/// Null where there is no such member.
impl Index<&str> for Map {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::NULL)
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self).finish()
    }
}

impl<N: Into<Text>, V: Into<Value>> FromIterator<(N, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Map {
        let members = members.into_iter().map(|(name, value)| (name.into(), value.into()));
        Map::from_sent(members.collect(), |_, _, _| {})
    }
}

impl<N: Into<Text>, V: Into<Value>, const COUNT: usize> From<[(N, V); COUNT]> for Map {
    fn from(members: [(N, V); COUNT]) -> Map {
        members.into_iter().collect()
    }
}

impl<N: Into<Text>> Extend<(N, Value)> for Map {
    fn extend<I: IntoIterator<Item = (N, Value)>>(&mut self, members: I) {
        for (name, value) in members {
            self.insert(name, value);
        }
    }
}

/// Members, one after another.
#[derive(Clone, Debug)]
pub enum Iter<'m> {
    /// Of a list.
    Few(slice::Iter<'m, (Text, Value)>),
    /// Of a tree.
    Many(btree_map::Iter<'m, Text, Value>),
}

impl<'m> Iterator for Iter<'m> {
    type Item = (&'m Text, &'m Value);

    fn next(&mut self) -> Option<(&'m Text, &'m Value)> {
        match self {
            Iter::Few(few) => few.next().map(|(name, value)| (name, value)),
            Iter::Many(many) => many.next(),
        }
    }
}

/// Members to be changed, one after another.
#[derive(Debug)]
pub enum IterMut<'m> {
    /// Of a list.
    Few(slice::IterMut<'m, (Text, Value)>),
    /// Of a tree.
    Many(btree_map::IterMut<'m, Text, Value>),
}

impl<'m> Iterator for IterMut<'m> {
    type Item = (&'m Text, &'m mut Value);

    fn next(&mut self) -> Option<(&'m Text, &'m mut Value)> {
        match self {
            IterMut::Few(few) => few.next().map(|(name, value)| (&*name, value)),
            IterMut::Many(many) => many.next(),
        }
    }
}

/// Members on their way out.
#[derive(Debug)]
pub enum IntoIter {
    /// Of a list.
    Few(vec::IntoIter<(Text, Value)>),
    /// Of a tree.
    Many(btree_map::IntoIter<Text, Value>),
}

impl Iterator for IntoIter {
    type Item = (Text, Value);

    fn next(&mut self) -> Option<(Text, Value)> {
        match self {
            IntoIter::Few(few) => few.next(),
            IntoIter::Many(many) => many.next(),
        }
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        match self.0 {
            Members::Few(few) => IntoIter::Few(few.into_iter()),
            Members::Many(many) => IntoIter::Many(many.into_iter()),
        }
    }
}

impl<'m> IntoIterator for &'m Map {
    type Item = (&'m Text, &'m Value);
    type IntoIter = Iter<'m>;

    fn into_iter(self) -> Iter<'m> {
        self.iter()
    }
}

impl<'m> IntoIterator for &'m mut Map {
    type Item = (&'m Text, &'m mut Value);
    type IntoIter = IterMut<'m>;

    fn into_iter(self) -> IterMut<'m> {
        self.iter_mut()
    }
}

/// Members of a list; more are a tree.
pub(super) const FEW_MAX: usize = 64;
