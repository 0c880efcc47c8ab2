//! What leaves the log, and what it is full of: personal data that is kept for ever should be kept on purpose
//! (THREATS P06).

use anyhow::Result;
use serde_json::Value;

use super::Finding;
use crate::app::reading::{Source, is_held};
use crate::config::Config;

/// Looks at the terms, and asks the process that carries them out.
pub(super) async fn look(config: &Config) -> Finding {
    if config.retention.keeps_everything() {
        return Finding::ok(WHAT, "everything is kept for ever");
    }
    if !is_held(&config.data_dir) {
        return Finding::look(WHAT, "nothing leaves the log while no Earwitness runs", "start it");
    }
    let asked = Source::running(config, None).get("/audit/v1/retention").await;
    match asked.and_then(|body| -> Result<Value> { Ok(serde_json::from_slice(&body)?) }) {
        Ok(told) => finding(&told),
        Err(error) => Finding::look(WHAT, format!("it is not known: {error:#}"), "its log says why"),
    }
}

fn finding(told: &Value) -> Finding {
    let cure = "`earwitness retention --dry-run` shows what would leave";
    if let Some(why) = told["asks"].as_str().or_else(|| told["failed"].as_str()) {
        return Finding::bad(WHAT, format!("nothing leaves the log: {why}"), cure);
    }
    let plan = &told["plan"];
    let total = plan["total"].as_u64().unwrap_or(0);
    let share = |count: u64| u128::from(count) * 100 / u128::from(total.max(1));
    let categories = plan["categories"].as_object().into_iter().flatten();
    let shares: Vec<String> = categories
        .map(|(name, count)| {
            let name = if name.is_empty() { "no category" } else { name };
            format!("{} % {name}", share(count.as_u64().unwrap_or(0)))
        })
        .collect();
    let held = share(plan["held"].as_u64().unwrap_or(0));
    Finding::ok(WHAT, format!("{total} events: {}; {held} % are never removed", shares.join(", ")))
}

const WHAT: &str = "retention";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::State;
    use super::*;

    #[test]
    fn the_log_is_told_by_its_shares() {
        let plan = json!({ "total": 200, "held": 20, "categories": { "": 20, "DATA": 150, "SECURITY": 30 } });
        let told = finding(&json!({ "asks": null, "plan": plan }));
        let expected = "200 events: 10 % no category, 75 % DATA, 15 % SECURITY; 10 % are never removed";
        assert_eq!((told.state, told.found.as_str()), (State::Ok, expected));
        assert_eq!(finding(&json!({ "asks": "much would go", "plan": plan })).state, State::Bad);
    }
}
