//! RFC 9535 paths: parsed by jsonpath-rust, checked by `build`, run on fuel by `walk`.
//!
//! Evaluation cannot fail. What is too dear to find out counts as not found, with a note, and puts a
//! condition into doubt.

mod ast;
mod build;
pub(super) mod compare;
pub(super) mod fold;
mod walk;

use smallvec::SmallVec;

use self::ast::Query;
use self::walk::{StepRef, Trail, Walk};
use super::reach::{Reach, reason};
use super::scope::{Phase, Root, Scope};
use crate::event::{Note, NoteCode};

pub(super) use self::build::compile;
pub(super) use self::build::pattern;
use crate::value::Value;

/// An RFC 9535 path, compiled once.
#[derive(Debug)]
pub struct Path {
    /// As written.
    pub text: String,
    root: Root,
    query: Query,
    reaches: Vec<Reach>,
}

/// A step down into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member of an object.
    Name(String),
    /// An element of a list.
    Index(usize),
}

impl Path {
    /// All matches, in order; bounded by fuel.
    pub fn all(&self, scope: &Scope<'_>) -> Vec<Value> {
        self.all_ref(scope).into_iter().cloned().collect()
    }

    /// All matches, borrowed, in order; bounded by fuel.
    pub fn all_ref<'a>(&self, scope: &Scope<'a>) -> Vec<&'a Value> {
        self.look(scope).values.into_vec()
    }

    /// The first match.
    pub fn first<'a>(&self, scope: &Scope<'a>) -> Option<&'a Value> {
        if !self.is_singular() {
            return self.all_ref(scope).into_iter().next();
        }
        let walk = Walk::new(scope);
        let found = walk.single(&self.query);
        self.report(&walk, scope, usize::from(found.is_some()));
        found
    }

    /// Where the matches stand: the steps below [`Path::root`].
    pub fn locate(&self, scope: &Scope<'_>) -> Vec<Vec<Step>> {
        let found: Vec<(_, Vec<StepRef<'_>>)> = self.run(scope);
        found.into_iter().map(|(_, steps)| steps.into_iter().map(Step::from).collect()).collect()
    }

    /// Whether it is made of names and indexes alone, so that it has at most one match.
    pub fn is_singular(&self) -> bool {
        self.query.is_singular()
    }

    /// The part of the document that it starts from.
    pub fn root(&self) -> Root {
        self.root
    }

    /// When the last of the parts that it looks at is known at the earliest.
    pub fn phase(&self) -> Phase {
        self.reaches.iter().map(|reach| reach.phase).max().unwrap_or(Phase::Head)
    }

    /// The parts of the document that it looks at, its filters' too.
    pub fn reaches(&self) -> &[Reach] {
        &self.reaches
    }

    /// Each match with the index or member name at which it stands.
    pub(super) fn keyed<'a>(&self, scope: &Scope<'a>) -> Vec<(Value, &'a Value)> {
        let found: Vec<(_, Option<StepRef<'a>>)> = self.run(scope);
        let key = |step| match step {
            Some(StepRef::Name(name)) => Value::from(name),
            Some(StepRef::Index(index)) => Value::from(index),
            None => Value::from(0),
        };
        found.into_iter().map(|(value, step)| (key(step), value)).collect()
    }

    /// The matches for a condition, with what makes them doubtful.
    pub(super) fn look<'a>(&self, scope: &Scope<'a>) -> Look<'a> {
        let walk = Walk::new(scope);
        let values: SmallVec<_> = if self.is_singular() {
            walk.single(&self.query).into_iter().collect()
        } else {
            walk.run::<()>(&self.query).into_iter().map(|(value, ())| value).collect()
        };
        let doubt = self.report(&walk, scope, values.len());
        Look { values, doubt }
    }

    fn run<'a, T: Trail<'a>>(&self, scope: &Scope<'a>) -> Vec<(&'a Value, T)> {
        let walk = Walk::new(scope);
        let found = walk.run(&self.query);
        self.report(&walk, scope, found.len());
        found
    }

    /// Notes what went wrong in a run; the answer is why its result is doubtful, if it is.
    fn report(&self, walk: &Walk<'_, '_>, scope: &Scope<'_>, found: usize) -> Option<String> {
        if walk.is_spent.get() {
            let detail = format!("{} looks at more than {} values", self.text, walk::FUEL);
            scope.log.note(Note::with(NoteCode::RuleFailed, detail.clone()));
            return Some(detail);
        }
        if let Some(why) = walk.folded.borrow().as_ref() {
            let detail = format!("{}: {why}", self.text);
            scope.log.note(Note::with(NoteCode::DuplicateKey, detail.clone()));
            return Some(detail);
        }
        let doubt = self.reaches.iter().find_map(|reach| reach.doubted(scope.doubts, found))?;
        Some(reason(&self.text, doubt))
    }
}

/// What a condition sees of a path.
pub(super) struct Look<'a> {
    pub(super) values: SmallVec<[&'a Value; 1]>,
    /// Why that cannot be relied on.
    pub(super) doubt: Option<String>,
}

impl From<StepRef<'_>> for Step {
    fn from(step: StepRef<'_>) -> Step {
        match step {
            StepRef::Name(name) => Step::Name(name.to_owned()),
            StepRef::Index(index) => Step::Index(index),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
