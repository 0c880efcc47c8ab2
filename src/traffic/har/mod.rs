//! HAR 1.2 (the format of browsers' and proxies' recordings).
//!
//! Members that HAR has no place for stand in `_earwitness`, as the format provides for; a file without
//! them is read just as well.

mod form;
mod read;
mod write;

pub use read::read;
pub use write::{HEAD, TAIL, Writing};
