//! What operators watch: metrics, each defined once, and logs.

mod metrics;

pub use metrics::{Metrics, RequestKind};
