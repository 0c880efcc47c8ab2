//! From an exchange to events: pure functions of rules, exchange and answers. No clock, no I/O, no panic
//! on any input; what goes wrong is a note in the event.
//!
//! Before the request is forwarded, [`Plan::make`] says which rules still stand and what must be read;
//! when the exchange is over, [`derive`] makes the events.

mod plan;
mod read;

pub use plan::{Plan, derive, reads_after};
pub use read::{Answer, Answers, Purpose, ReadFailure, ReadKey, ReadRequest};
