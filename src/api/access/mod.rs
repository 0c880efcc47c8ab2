//! Who may do what: the guard turns what a request shows into a [`Caller`], and `need` says which callers a route is
//! for. What a caller sees of the log goes into the filter of every question, so that the store applies it.
//!
//! Nothing here looks at an event, and no route decides for itself who may come.

mod caller;
mod door;
mod need;
mod oidc;
mod rate;
mod reads;
pub(super) mod session;
mod tokens;
mod told;

pub(super) use caller::{Caller, Proof};
pub(super) use door::{Door, Lock};
#[cfg(test)]
pub(super) use need::NEEDS;
pub(super) use need::Need;
pub(super) use oidc::{CALLBACK, SignIn};
pub(super) use reads::{Read, Reads, Tally};
pub(super) use tokens::{Fate, LINK_ROLES};
pub use tokens::{
    LINK_COMMAND, Link, NewToken, Token, TokenFault, TokenFile, fresh as fresh_token, last_used,
};
pub(super) use told::{Turn, of_fate, of_reads, of_session};
