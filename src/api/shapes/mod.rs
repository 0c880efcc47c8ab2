//! The log in other shapes than a page: as files, and as other programs know audit logs.

pub(super) mod calcom;
mod export;
pub(super) mod google;
mod query;
mod turns;

pub(super) use export::export;
pub(super) use turns::Exports;
