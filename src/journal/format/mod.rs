//! What stands in a segment, as bytes: its header, its entries, and the seals on both.

pub(super) mod entry;
pub(super) mod header;
pub(super) mod seal;
