//! The first bytes of connections: requests at the gate, PROXY headers, answers of the application, and cursors
//! that clients send back. The first byte says which.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    match which % 4 {
        0 => earwitness::serve::fuzzing::requests(data),
        1 => earwitness::serve::fuzzing::proxy_header(data),
        2 => earwitness::proxy::fuzzing::answers(data),
        _ => earwitness::api::fuzzing::cursor(data),
    }
});
