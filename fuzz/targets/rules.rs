//! Rule files, with the YAML, JSONPath, templates and expressions in them, as their authors might send them.

#![no_main]

use earwitness::rules::model::RuleSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(problems) = RuleSet::from_texts("fuzz", &[("pack.yaml", text)]) {
        assert!(problems.error_count() > 0);
        let _ = problems.render();
    }
});
