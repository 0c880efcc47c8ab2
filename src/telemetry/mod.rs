//! What operators watch: metrics, each defined once, and logs.

mod logs;
mod metrics;

pub use logs::{LogFormat, LogsError, init};
pub use metrics::{Metrics, RequestKind};
