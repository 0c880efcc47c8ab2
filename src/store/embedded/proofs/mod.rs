//! What shows that the store holds what was recorded: it is hashed again into the tree and compared, whole or where
//! somebody asks for a proof.
//!
//! - [`audit`]: the check of a whole store.
//! - [`prove`]: proofs over what is stored.
//! - [`tiles`]: the file of hashes that spares a proof most of the reading.

mod audit;
mod prove;
pub(super) mod tiles;

pub(super) use audit::check;
pub use prove::Ground;
