//! What the fuzz targets in `fuzz/` call: the parts of this room that read what a client sends back. For nobody
//! else.

use super::log::cursor::Cursors;
use crate::store::{Filter, Order};

/// A cursor that we did not make is refused.
///
/// # Panics
/// When it is not.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let cursors = Cursors::new(&[7; 32]);
    assert!(cursors.open(text, &Filter::default(), Order::Newest).is_err(), "{text}");
}
