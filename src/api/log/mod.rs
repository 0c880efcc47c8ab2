//! What readers ask the log, through a `reader`: `events` by the page, the `history` of one thing, `counts`, the `tail` as it
//! is recorded, and `proofs` that all of it is there. `parameters` are what they ask by, a `turn` is one page of the answer,
//! and a `cursor` the place where the next begins.

pub(super) mod counts;
pub(super) mod cursor;
pub(super) mod events;
pub(super) mod history;
pub(super) mod parameters;
pub(super) mod proofs;
pub(super) mod reader;
pub(super) mod tail;
pub(super) mod turn;
