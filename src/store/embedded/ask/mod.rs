//! What is asked of the store: one event by its id, pages of events, and how many there are. Each goes from partition
//! to partition over the catalogue, and looks at what an index covers by the index.
//!
//! - [`find`] finds one event by its id, without an index.
//! - [`scan`] reads pages.
//! - [`tally`](mod@tally) counts.

mod find;
mod scan;
mod tally;

pub(super) use find::get;
pub(super) use scan::query;
pub(super) use tally::tally;
