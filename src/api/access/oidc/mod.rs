//! Tokens of a provider of identities (OpenID Connect): signed statements about a person, which we check by the
//! provider's public keys and turn into grants by the configuration. `jwt` checks one, `keys` reads the provider's,
//! `provider` holds them and fetches them again, `fetch` is its way out. `sign_in` sends people there from the viewer, `begun` is
//! what is known of them until they come back, `renew` asks later what they still may do.
//!
//! Who a person is, is the provider's word in `sub` and nothing else: an e-mail address can be taken over.

mod begun;
mod fetch;
mod jwt;
mod keys;
mod provider;
mod renew;
mod sign_in;
#[cfg(test)]
mod tests;

pub(super) use begun::LASTS_S as SIGN_IN_LASTS_S;
pub(super) use jwt::{Person, is_jwt};
pub(super) use provider::Provider;
pub(super) use renew::{Renewal, Unrenewed};
pub(in crate::api) use sign_in::{Arrived, CALLBACK, Manner, Refused, SignIn};
