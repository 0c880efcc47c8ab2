//! Signing in: a token is exchanged for a cookie that no script of the page can read. `sessions` holds who is signed
//! in, `cookie` is the form of it, `routes` are the ways in and out, `people` the one by a provider,
//! `renew` has it say again and again what they may do.
//!
//! Sessions live in memory: a restart ends them. Each request by one is answered as its token stands now, so that what
//! is revoked ends its sessions too.

mod cookie;
mod people;
mod renew;
mod routes;
mod sessions;

pub(super) use cookie::{is_ours, is_safe, of_request};
pub(in crate::api) use people::{receive, send};
pub(in crate::api) use renew::{renew, renew_shown};
pub(in crate::api) use routes::{end, show, start};
pub(super) use sessions::Sessions;
