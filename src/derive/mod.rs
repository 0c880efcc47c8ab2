//! From an exchange to events: pure functions of rules, exchange and answers. No clock, no I/O, no panic
//! on any input; what goes wrong is a note in the event.
//!
//! Before the request is forwarded, [`Engine::plan`] says which rules still stand and what must be read;
//! when the exchange is over, [`Engine::derive`] makes the events.

mod access;
mod actor;
mod carry;
mod case;
mod changes;
mod document;
mod engine;
mod envelope;
mod events;
mod learn;
mod limits;
mod plan;
mod read;
mod rule;
mod session;
mod situation;
mod trace;

pub use engine::{Derived, Engine, Given};
pub use plan::Plan;
pub use read::{
    Answer, Answers, Learned, Lesson, Logins, Meanwhile, Person, Purpose, ReadFailure, ReadKey, ReadRequest,
    Recall, Write,
};
pub use trace::{Step, Trace};

#[cfg(test)]
mod tests;
