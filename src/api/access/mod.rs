//! Who may do what: the guard turns what a request shows into a [`Caller`], and `need` says which callers a route is
//! for. What a caller sees of the log goes into the filter of every question, so that the store applies it.
//!
//! Nothing here looks at an event, and no route decides for itself who may come.

mod caller;
mod need;

pub(super) use caller::Caller;
pub(super) use need::Need;
