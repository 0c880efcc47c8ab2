//! `earwitness retention`: what may leave the log and what would leave it now; and, when told so, that it leaves.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::state::{self, Told};
use super::terms;
use crate::app::reading::{Source, ask, post};
use crate::app::serve::runtime;
use crate::cli::{AnswerFormat, Exit, RetentionArgs, show, visible};
use crate::config::{Config, environment};

/// Shows the plan, or has it carried out by the process that holds the log.
///
/// # Errors
/// When the log cannot be read, or nobody runs who could remove anything.
pub(in crate::app) fn retention(args: &RetentionArgs) -> Result<Exit> {
    if args.at.data_dir.is_some() {
        bail!("what may leave stands in the configuration: give --config instead of --data-dir");
    }
    let is_pass = args.run || args.confirm.is_some();
    let told = match Source::open(&args.at)? {
        None => return Ok(Exit::Wrong),
        Some(Source::Listener { authority, token, .. }) => {
            let token = token.as_deref();
            let confirm = args.confirm.as_deref().map(|id| format!("?confirm={id}")).unwrap_or_default();
            let target = format!("/audit/v1/retention/pass{confirm}");
            runtime()?.block_on(async {
                if !is_pass {
                    return ask(&authority, SHOWN, token).await;
                }
                let mut told = post(&authority, &target, token).await?;
                while told["isPassing"] == true {
                    tokio::time::sleep(PAUSE).await;
                    told = ask(&authority, SHOWN, token).await?;
                }
                Ok(told)
            })?
        }
        Some(source) if is_pass => {
            source.close();
            bail!(
                "no Earwitness runs on this data directory: start it, for a purge is recorded before it happens"
            );
        }
        Some(source) => {
            let told = alone(args, &source);
            source.close();
            match told? {
                Some(told) => told,
                None => return Ok(Exit::Wrong),
            }
        }
    };
    print(&told, args.format)?;
    let needs_somebody = is_pass && (told["asks"].is_string() || told["failed"].is_string());
    Ok(if needs_somebody { Exit::Failed } else { Exit::Done })
}

/// What a log that nobody holds would lose; `None` when the configuration is wrong, which has been shown.
fn alone(args: &RetentionArgs, source: &Source) -> Result<Option<Value>> {
    let Source::Directory { log, .. } = source else { bail!("there is no log to look at") };
    let config = match Config::load(args.at.config.as_deref(), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(None);
        }
    };
    let mut told = Told::of(&config.retention);
    told.schedule(state::read(&config.data_dir).last, Timestamp::now());
    let terms = terms::of(&config.retention);
    if !terms.keep_everything() {
        told.plan = Some(log.plan(&terms, Timestamp::now()).context("the log cannot be read")?);
    }
    Ok(Some(told.to_json()))
}

fn print(told: &Value, format: AnswerFormat) -> Result<()> {
    let mut out = std::io::stdout();
    if format == AnswerFormat::Json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(told)?)?);
    }
    write!(out, "{}", visible(&text(told)))?;
    Ok(())
}

fn text(told: &Value) -> String {
    let mut lines = Vec::new();
    let list = |name: &str| told[name].as_array().map(Vec::as_slice).unwrap_or_default();
    for policy in list("policies") {
        lines.push(format!("{} {}: kept {}", word(&policy["name"]), policy["filter"], word(&policy["keep"])));
    }
    lines.push(format!("everything else: kept {}", word(&told["keep"])));
    for hold in list("holds") {
        let until = hold["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
        lines.push(format!("held{until}: {} {}", word(&hold["name"]), hold["filter"]));
    }
    if let Some(last) = told["last"].as_object() {
        let of = |name: &str| last.get(name).map(word).unwrap_or_default();
        lines.push(format!("last pass: {}, {} events", of("at"), of("events")));
    }
    if let Some(next) = told["next"].as_str() {
        lines.push(format!("next pass: {next}"));
    }
    lines.extend(plan(&told["plan"]));
    for (name, what) in [("asks", "WAITS"), ("failed", "FAILED")] {
        if let Some(why) = told[name].as_str() {
            lines.push(format!("{what}: {why}"));
        }
    }
    if told["asks"].is_string() {
        lines.push(format!("to let it go: earwitness retention --confirm {}", word(&told["plan"]["id"])));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn plan(plan: &Value) -> Vec<String> {
    if plan.is_null() {
        return vec!["nothing would leave: everything is kept".to_owned()];
    }
    let mib = |value: &Value| value.as_u64().unwrap_or(0) >> 20;
    let mut lines = vec![format!(
        "now would leave: {} of {} events {}; the store is {} MiB, and would be {} MiB; plan {}",
        plan["events"],
        plan["total"],
        plan["policies"],
        mib(&plan["bytes"]),
        mib(&plan["bytesAfter"]),
        word(&plan["id"])
    )];
    for part in plan["partitions"].as_array().into_iter().flatten() {
        let how = if part["isWhole"] == true { "all" } else { "some" };
        lines.push(format!(
            "  {} to {}: {how}, {} events {}",
            part["first"], part["last"], part["events"], part["policies"]
        ));
    }
    if plan["isCut"] == true {
        lines.push("  and more in later passes".to_owned());
    }
    lines
}

/// A text without its quotes, or a number.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

const SHOWN: &str = "/audit/v1/retention";
/// Between two looks at a pass that takes longer than an answer may.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_told_with_what_to_do_about_it() {
        let told = json!({
            "policies": [{ "name": "free", "filter": { "tag": ["free"] }, "keep": "3d" }],
            "keep": "forever", "holds": [{ "name": "case", "filter": {}, "until": null }],
            "last": { "at": "2026-01-31T03:00:00Z", "events": 7, "partitions": 1 }, "next": null,
            "plan": { "id": "0123456789abcdef", "events": 5, "total": 9, "policies": { "free": 5 },
                      "bytes": 3 << 20, "bytesAfter": 1 << 20, "isCut": false,
                      "partitions": [{ "first": 1, "last": 5, "events": 5, "policies": { "free": 5 }, "isWhole": true }] },
            "asks": "much would go", "failed": null,
        });
        let expected = "free {\"tag\":[\"free\"]}: kept 3d\neverything else: kept forever\nheld: case {}\n\
                        last pass: 2026-01-31T03:00:00Z, 7 events\n\
                        now would leave: 5 of 9 events {\"free\":5}; the store is 3 MiB, and would be 1 MiB; \
                        plan 0123456789abcdef\n  1 to 5: all, 5 events {\"free\":5}\nWAITS: much would go\n\
                        to let it go: earwitness retention --confirm 0123456789abcdef\n";
        assert_eq!(text(&told), expected);
    }
}
