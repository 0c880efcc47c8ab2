//! Which parts of the document an expression looks at: known at load, and the ground for three answers:
//! when the expression can be evaluated, whether its names exist, and whether what it sees can be relied on.

use super::scope::{Doubt, Doubts, Phase, Root};
use crate::event::NoteCode;

/// A part of the document that an expression looks at, as far as its text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The top-level name.
    pub root: Root,
    /// The way down from there; what lies below the last step is looked at too.
    pub steps: Vec<ReachStep>,
    /// When it is known at the earliest.
    pub phase: Phase,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReachStep {
    /// A member.
    Name(String),
    /// An element, from the end if negative.
    Index(i64),
    /// Any member or element.
    Any,
}

impl Reach {
    /// The first doubtful part that this goes into, through, or lies above of; `found` values are there. What a
    /// withheld answer still shows is so: only what it does not show is in doubt.
    pub fn doubted<'d>(&self, doubts: &'d Doubts, found: usize) -> Option<&'d Doubt> {
        doubts.iter().filter(|doubt| found == 0 || doubt.code != NoteCode::AnswerWithheld).find(|doubt| {
            let Some((root, rest)) = doubt.path.split_first() else { return true };
            root == self.root.name() && rest.iter().zip(&self.steps).all(|(name, step)| step.may_be(name))
        })
    }
}

impl ReachStep {
    fn may_be(&self, name: &str) -> bool {
        match self {
            ReachStep::Name(own) => own == name,
            ReachStep::Index(index) if *index >= 0 => {
                name.parse::<i64>().map_or(true, |other| other == *index)
            }
            ReachStep::Index(_) | ReachStep::Any => true,
        }
    }
}

/// Why a condition that looks at a doubtful part is in doubt, for people.
pub(super) fn reason(text: &str, doubt: &Doubt) -> String {
    let code = serde_json::to_value(doubt.code).ok();
    let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or("doubtful");
    let part = doubt.path.join(".");
    match &doubt.detail {
        Some(detail) => format!("{text} looks at {part}: {code} ({detail})"),
        None => format!("{text} looks at {part}: {code}"),
    }
}
