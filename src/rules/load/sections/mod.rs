//! The sections of a pack's files beside its rules, one file each: their shape, and what they become.
//!
//! A section is read by itself; the pack puts them together. What only several of them tell together (a
//! name that nothing uses, tests that are missing) is looked at in `checks`.

pub(super) mod actors;
pub(super) mod aliases;
pub(super) mod envelopes;
pub(super) mod exceptions;
pub(super) mod memory;
pub(super) mod overrides;
pub(super) mod redaction;
pub(super) mod resource;
pub(super) mod vars;
