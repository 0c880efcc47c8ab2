//! The log in other shapes than a page: as files, and as other programs know audit logs.

pub(super) mod calcom;
mod export;
pub(super) mod google;
mod proving;
pub(super) mod query;
mod wish;

pub(super) use export::export;
pub(super) use wish::OWN as EXPORT_PARAMETERS;
