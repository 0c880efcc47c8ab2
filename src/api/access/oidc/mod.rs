//! Tokens of a provider of identities (OpenID Connect): signed statements about a person, which we check by the
//! provider's public keys and turn into grants by the configuration. `jwt` checks one, `keys` reads the provider's,
//! `provider` holds them and fetches them again, `fetch` is its way out.
//!
//! Who a person is, is the provider's word in `sub` and nothing else: an e-mail address can be taken over.

mod fetch;
mod jwt;
mod keys;
mod provider;
#[cfg(test)]
mod tests;

pub(super) use jwt::{Person, is_jwt};
pub(super) use provider::Provider;
