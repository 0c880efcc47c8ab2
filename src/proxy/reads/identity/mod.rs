//! Who somebody is, remembered: what the application said about a credential, for a minute, and what logins have
//! shown of sessions, for half a day.

mod identities;
mod kept;
mod sessions;

pub(super) use identities::{Asking, Turn};
pub(in crate::proxy) use identities::{Identities, Marks};
pub(in crate::proxy) use sessions::Sessions;

#[cfg(test)]
mod tests;
