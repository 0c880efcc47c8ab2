//! The steps of a derivation, for somebody who wants to understand it. Without a listener nothing is
//! collected: each step costs the look whether there is one.

use std::fmt::Debug;

use crate::event::Event;
use crate::rules::expr::Scope;
use crate::rules::model::{Entry, Pack, Rule};
use crate::rules::router::Candidate;

/// Hears of each step while it is taken.
pub trait Trace: Debug {
    /// This happens now.
    fn step(&self, step: Step<'_>);
}

/// A step.
#[derive(Clone, Copy)]
pub enum Step<'s> {
    /// A rule's turn begins; what follows is about it.
    Begun {
        /// The rule's pack.
        pack: &'s Pack,
        /// The rule.
        rule: &'s Rule,
        /// How it was met.
        candidate: &'s Candidate,
    },
    /// Only a loosened path met it, and the application does not know that path.
    Missed,
    /// The body does not name the method that the rule wants.
    Unmeant,
    /// The rule's condition cannot hold, by the request alone.
    Excluded {
        /// The rule.
        rule: &'s Rule,
        /// What was known.
        scope: Scope<'s>,
    },
    /// Who acts was looked for; the name of the way that found somebody.
    Identified {
        /// `None` when none did.
        way: Option<&'s str>,
    },
    /// An entry was tried.
    Tried {
        /// The rule.
        rule: &'s Rule,
        /// The entry.
        entry: &'s Entry,
        /// What was known.
        scope: Scope<'s>,
    },
    /// It fired.
    Fired {
        /// The event, before what no event carries is added to the first.
        event: &'s Event,
    },
}
