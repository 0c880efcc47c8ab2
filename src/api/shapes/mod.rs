//! The log in other shapes than a page: as files, and as other programs know audit logs.

pub(super) mod calcom;
mod export;
pub(super) mod google;
pub(super) mod query;
mod turns;

pub(super) use export::{OWN as EXPORT_PARAMETERS, export};
pub(super) use turns::Exports;
