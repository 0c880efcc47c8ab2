//! Rule files together with the exchanges that they meet: whatever an author writes and a client sends, what loads
//! plans and derives to an end, and every event can be stored. The input: a rule file, a zero byte, and an exchange as
//! `play.rs` reads it.

#![no_main]

mod play;

use std::sync::Arc;

use earwitness::config::Limits;
use earwitness::derive::Engine;
use earwitness::rules::model::RuleSet;
use earwitness::rules::redact::Key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let Ok(loaded) = RuleSet::from_texts("fuzz", &[("pack.yaml", text)]) else { return };
    let engine = Engine::new(Arc::new(loaded.rules), Key::new([7; 32]), &Limits::default());
    play::play(&engine, &play::exchange(parts.next().unwrap_or_default()));
});
