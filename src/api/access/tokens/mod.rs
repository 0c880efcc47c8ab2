//! Tokens that `earwitness token` makes: 256 random bits each, of which only a hash is kept.
//!
//! They live in a file of their own, which the command writes and every process that runs by the same configuration
//! reads again when it has changed; so they are made and revoked whether or not one runs. `live` is what the listener
//! holds of the file, `seen` what it remembers of each token, `signature` what keeps a link what it was, `text` the form in
//! which a reader shows one.

mod file;
mod live;
mod seen;
mod signature;
mod text;

pub(in crate::api) use file::LINK_ROLES;
pub use file::{LINK_COMMAND, Link, Token, TokenFault, TokenFile};
pub(super) use live::Tokens;
pub(in crate::api) use seen::Fate;
pub use seen::last_used;
pub use text::{NewToken, fresh};
pub(super) use text::{hash, is_whole};
