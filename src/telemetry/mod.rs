//! What operators watch: metrics, each defined once, logs, and spans for whoever collects traces.

mod logs;
mod metrics;
mod otlp;
mod spans;

pub use logs::{LogFormat, LogsError, init};
pub use metrics::{Metrics, RequestKind};
pub use otlp::{PROTOBUF, encode};
pub use spans::{Span, Spans, well_known};
