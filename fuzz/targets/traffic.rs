//! Files of recorded traffic: HAR, and what `curl -v` prints.

#![no_main]

use earwitness::traffic::{curl, har};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = har::read(text, 64 << 10);
    let _ = curl::read(text, 64 << 10);
});
