//! `earwitness erase`: what an erasure of a person's values would take; and, when that is confirmed, that it does.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::event::By;
use super::lists;
use super::worker::Worker;
use crate::app::key;
use crate::app::reading::{Source, ask, is_held, post_json};
use crate::app::retention::holds;
use crate::app::serve::runtime;
use crate::cli::{AnswerFormat, EraseArgs, Exit, show, visible};
use crate::config::{Approval, Config, environment};
use crate::record::Log;
use crate::rules::redact::Key;
use crate::telemetry::Metrics;

/// Shows what would be erased, or has it erased.
///
/// # Errors
/// When the log cannot be read, or what was confirmed is not what would be erased.
pub(in crate::app) fn erase(args: &EraseArgs) -> Result<Exit> {
    if args.at.data_dir.is_some() {
        bail!("what may not be erased stands in the configuration: give --config instead of --data-dir");
    }
    let told = match (&args.at.url, Config::load(args.at.config.as_deref(), environment())) {
        (None, Err(problems)) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
        (None, Ok(config)) if !is_held(&config.data_dir) => alone(args, &config)?,
        (_, _) => match Source::open(&args.at)? {
            Some(Source::Listener { authority, token, .. }) => {
                runtime()?.block_on(by_listener(args, &authority, token.as_deref()))?
            }
            Some(source @ Source::Directory { .. }) => {
                source.close();
                bail!("the Earwitness whose log it is has just ended: try again")
            }
            None => return Ok(Exit::Wrong),
        },
    };
    print(&told, args)?;
    Ok(if told["failed"].is_string() { Exit::Failed } else { Exit::Done })
}

/// Asks the process that holds the log, and waits until it is done.
async fn by_listener(args: &EraseArgs, authority: &str, token: Option<&str>) -> Result<Value> {
    let wish = json!({ "subject": args.subject, "confirm": args.confirm });
    let mut told = post_json(authority, ADDRESS, token, &wish).await?;
    let deadline = Instant::now() + WAIT_MAX;
    while told["state"] != "idle" && told["failed"].is_null() && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        told = ask(authority, ADDRESS, token).await?;
    }
    Ok(told)
}

/// Does it here, with a log that nobody holds.
fn alone(args: &EraseArgs, config: &Config) -> Result<Value> {
    if args.confirm.is_some() && config.erasure.approval == Approval::Required {
        bail!(
            "a second person must confirm an erasure (`erasure.approval`): start Earwitness, which knows who asks"
        );
    }
    let key = key::load_or_create(&config.key_file)?;
    let log = Log::open(&config.data_dir, Some(key), &config.limits, Metrics::new())?;
    let runtime: Runtime = runtime()?;
    let held = holds(&config.retention);
    let worker = Worker {
        log: log.clone(),
        data_dir: config.data_dir.clone(),
        key: Key::new(key),
        runtime: runtime.handle().clone(),
        holds: Box::new(move || held.clone()),
        memory: None,
        lists: lists(&config.data_dir, config.erasure.files.clone()),
    };
    let told = carried_out(args, &worker);
    log.close(CLOSE_MAX);
    told
}

fn carried_out(args: &EraseArgs, worker: &Worker) -> Result<Value> {
    let planned = worker.plan(&args.subject)??;
    let mut told = json!({ "state": "idle", "plan": planned.to_json(), "last": null, "failed": null });
    let Some(confirm) = &args.confirm else { return Ok(told) };
    if *confirm != planned.id {
        return Err(crate::api::Unerased::OtherPlan(planned.id).into());
    }
    worker
        .begin(&args.subject, By { first: COMMAND.to_owned(), second: None })
        .context("the erasure cannot be begun")?;
    let deadline = Instant::now() + WAIT_MAX;
    let (mut events, mut values) = (0, 0);
    loop {
        let Some((person, erasure)) = worker.go_on()? else { break };
        (events, values) = (events + erasure.events, values + erasure.values);
        told["last"] = json!({ "person": person, "events": events, "values": values });
        if erasure.is_done {
            break;
        }
        if Instant::now() >= deadline {
            told["failed"] = json!("a part of the log is read just now: the next start goes on");
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(told)
}

fn print(told: &Value, args: &EraseArgs) -> Result<()> {
    let mut out = std::io::stdout();
    if args.format == AnswerFormat::Json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(told)?)?);
    }
    write!(out, "{}", visible(&text(told, args.confirm.as_deref())))?;
    Ok(())
}

fn text(told: &Value, confirm: Option<&str>) -> String {
    let mut lines = Vec::new();
    let (plan, last) = (&told["plan"], &told["last"]);
    let mut awaiting = told["awaiting"].as_array().into_iter().flatten();
    if let Some(waiting) = awaiting.find(|one| confirm.is_some() && one["id"].as_str() == confirm) {
        let word = |name: &str| waiting[name].as_str().unwrap_or_default();
        lines.push(format!(
            "nothing is erased yet: {} has confirmed it, and somebody else must confirm the same until {}",
            word("by"),
            word("until")
        ));
    } else if confirm.is_some() && told["state"] == "idle" && !last.is_null() {
        lines.push(format!(
            "erased: {} values of {} events; the person is erased:{} from now on",
            last["values"],
            last["events"],
            last["person"].as_str().unwrap_or_default()
        ));
    } else if let Some(plan) = plan.as_object() {
        lines.push(format!("would be erased: {} values of {} events", plan["values"], plan["events"]));
        let of = |name: &str| plan[name].as_object().into_iter().flatten();
        lines.extend(of("fields").map(|(field, values)| format!("  {field}: {values}")));
        if plan["held"] != 0 {
            lines.push(format!("{} more events are held, and keep theirs", plan["held"]));
        }
        if plan["claimed"] != 0 {
            lines.push(format!("of {} events only the client says who the actor is", plan["claimed"]));
        }
        lines.extend(of("also").map(|(name, events)| format!("also called \"{name}\" in {events} events")));
        lines.push(format!("events such as {}", plan["sample"]));
        lines.push(format!(
            "to erase it: the same with --confirm {}",
            plan["id"].as_str().unwrap_or_default()
        ));
    }
    if told["state"] != "idle" {
        lines.push(format!("under way: {}", told["state"].as_str().unwrap_or_default()));
    }
    if let Some(why) = told["failed"].as_str() {
        lines.push(format!("FAILED: {why}"));
    }
    lines.push(String::new());
    lines.join("\n")
}

const ADDRESS: &str = "/audit/v1/erasure";
/// Who erases a log that nobody holds.
const COMMAND: &str = "earwitness erase";
const PAUSE: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(3_600);
const CLOSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_with_what_to_do_about_it() {
        let plan = json!({
            "id": "0123456789abcdef", "person": "fedcba9876543210", "events": 3, "values": 7, "held": 1, "claimed": 2,
            "fields": { "actor": 6, "title": 1 }, "also": { "Anna Meyer": 3 }, "sample": [4, 5, 9],
        });
        let mut told = json!({ "state": "idle", "plan": plan, "last": null, "failed": null });
        let expected = "would be erased: 7 values of 3 events\n  actor: 6\n  title: 1\n\
                        1 more events are held, and keep theirs\nof 2 events only the client says who the actor is\n\
                        also called \"Anna Meyer\" in 3 events\nevents such as [4,5,9]\n\
                        to erase it: the same with --confirm 0123456789abcdef\n";
        assert_eq!(text(&told, None), expected);
        told["last"] = json!({ "person": "fedcba9876543210", "events": 3, "values": 7 });
        let expected = "erased: 7 values of 3 events; the person is erased:fedcba9876543210 from now on\n";
        assert_eq!(text(&told, Some("0123456789abcdef")), expected);
        told["state"] = json!("waiting");
        told["failed"] = json!("no room");
        assert!(text(&told, Some("0123456789abcdef")).ends_with("under way: waiting\nFAILED: no room\n"));
        told = json!({ "state": "idle", "plan": told["plan"], "last": told["last"], "failed": null, "awaiting":
            [{ "id": "0123456789abcdef", "by": "admin.token", "until": "2026-02-01T08:00:00Z" }] });
        let expected = "nothing is erased yet: admin.token has confirmed it, and somebody else must confirm the same until 2026-02-01T08:00:00Z\n";
        assert_eq!(text(&told, Some("0123456789abcdef")), expected);
        assert!(text(&told, None).starts_with("would be erased"), "who looks sees the plan");
    }
}
