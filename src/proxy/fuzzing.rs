//! What the fuzz targets in `fuzz/` call: the parts of this room that read the application's bytes. For nobody
//! else.

/// The gate before answers. The first byte says what was asked.
///
/// # Panics
/// When the gate does, or its verdict hangs on how the bytes were cut.
pub fn answers(bytes: &[u8]) {
    super::wire::answers(bytes);
}
