//! From an exchange to events: pure functions of rules, exchange and answers. No clock, no I/O, no panic
//! on any input; what goes wrong is a note in the event.
//!
//! Before the request is forwarded, [`Engine::plan`] says which rules still stand and what must be read;
//! when the exchange is over, [`Engine::derive`] makes the events.
//!
//! The files here are the way from the rules in force to one rule and its case. The folders are what a rule
//! works with: `document` is the exchange as data, `read` what is asked of the application, `who` tells who
//! did it and who may see it, `thing` is the thing before and after, `events` what is recorded.

mod case;
mod document;
mod engine;
mod envelope;
mod events;
mod intent;
mod plan;
mod read;
mod rule;
mod thing;
mod trace;
mod who;

pub use engine::{Derived, Engine, Given};
pub use plan::Plan;
pub use read::{
    Answer, Answers, LOGIN_KEPT_S, Learned, Lesson, Logins, Meanwhile, Person, Purpose, ReadFailure, ReadKey,
    ReadRequest, Recall, Write,
};
pub use thing::drift::Sighting;
pub use trace::{Step, Trace};

#[cfg(test)]
mod tests;
