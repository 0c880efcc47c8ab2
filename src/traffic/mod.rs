//! Traffic that is kept in files, as exchanges: HAR 1.2 in and out, and what `curl -v` prints, in.
//!
//! Text to data and back, without I/O. What is read comes from strangers' tools, so whatever they leave out
//! is made up for where that is honest (a body that is not there was not copied) and told where it is not;
//! what is written has been redacted first. A file is never believed to be complete, small or well meant.

mod bodies;
pub mod curl;
pub mod har;

use crate::exchange::{Capture, CaptureState, Exchange};

/// The exchanges of a file.
#[derive(Debug, Default)]
pub struct Traffic {
    /// In the order in which they began, where each tells its time; else in the order of the file.
    pub entries: Vec<Entry>,
    /// Entries that are no HTTP exchange, such as `data:` and `ws:`.
    pub skipped: usize,
    /// The file ends in the middle; what stands before is here.
    pub is_cut: bool,
}

/// One exchange of a file.
#[derive(Debug)]
pub struct Entry {
    /// Its place among all entries of the file, from 1.
    pub number: usize,
    /// What was asked and answered.
    pub exchange: Exchange,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    /// Not JSON, or not the shape of a HAR.
    #[error("line {line}, column {column}: {what}")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was found there.
        what: String,
    },
    /// An entry that says something impossible.
    #[error("entry {number}: {what}")]
    Entry {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing in it is an exchange.
    #[error("{0}")]
    Nothing(&'static str),
}

/// A body as the proxy would have copied it.
fn body(mut bytes: Vec<u8>, bytes_max: usize) -> Capture {
    let seen_bytes = bytes.len() as u64;
    let state = match bytes.len() {
        0 => CaptureState::Empty,
        length if length > bytes_max => CaptureState::Cut,
        _ => CaptureState::Complete,
    };
    bytes.truncate(bytes_max);
    Capture { bytes: bytes.into(), seen_bytes, state, ..Capture::default() }
}

/// A body that went by and of which nothing is known.
fn unknown_body(seen_bytes: u64) -> Capture {
    Capture { seen_bytes, state: CaptureState::Skipped, ..Capture::default() }
}

/// Entries of one file; more are an error, because a half-read file would look like a whole one.
pub const ENTRIES_MAX: usize = 100_000;
