//! Counting what a filter finds: by value, for drop-downs, and over time. What a caller does not see is not counted:
//! his sight is part of the filter (THREATS Q02).

mod facets;
mod histogram;

pub(in crate::api) use facets::{TAKES as FACETS_PARAMETERS, facets};
pub(in crate::api) use histogram::{TAKES as HISTOGRAM_PARAMETERS, histogram};

use serde::Serialize;

/// How many events a filter finds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    count: u64,
    /// True when there may be more, for the time was over.
    at_least: bool,
}
