//! Who exports now: an export reads the whole log, so a reader has one at a time, and all of them a few.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use parking_lot::Mutex;

use super::super::answers::problem::Problem;

/// The exports under way.
#[derive(Default)]
pub(in crate::api) struct Exports {
    readers: Arc<Mutex<HashSet<String>>>,
}

/// The right to export; given back when it is dropped.
pub(super) struct Turn {
    reader: String,
    readers: Arc<Mutex<HashSet<String>>>,
}

impl Exports {
    /// A turn of this reader.
    ///
    /// # Errors
    /// When he has one, or too many others have.
    pub(super) fn begin(&self, reader: &str) -> Result<Turn, Problem> {
        let mut readers = self.readers.lock();
        let refuse = |detail: &'static str| Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
        if readers.contains(reader) {
            return refuse("Another export of yours is under way; each reader has one at a time.");
        }
        if readers.len() >= EXPORTS_MAX {
            return refuse("Too many exports are under way; ask again later.");
        }
        readers.insert(reader.to_owned());
        Ok(Turn { reader: reader.to_owned(), readers: Arc::clone(&self.readers) })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.readers.lock().remove(&self.reader);
    }
}

const EXPORTS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_has_one_turn_and_all_of_them_a_few() {
        let exports = Exports::default();
        let ada = exports.begin("ada").ok().unwrap();
        assert!(exports.begin("ada").is_err());
        let others: Vec<_> = (1..EXPORTS_MAX).map(|n| exports.begin(&n.to_string()).ok().unwrap()).collect();
        assert!(exports.begin("bo").is_err());
        drop(ada);
        let bo = exports.begin("bo").ok().unwrap();
        assert!(exports.begin("ada").is_err());
        drop((bo, others));
        assert!(exports.begin("ada").is_ok());
    }
}
