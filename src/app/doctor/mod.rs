//! `earwitness doctor`: what would keep the log from being whole, looked for from outside. It changes nothing.

mod files;
mod retention;
mod ways;

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::reading::Source;
use super::reload;
use super::serve::runtime;
use crate::cli::{AnswerFormat, DoctorArgs, Exit, show, visible};
use crate::config::{Config, environment};
use crate::yaml::Severity;

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    state: State,
    /// What was looked at: `application`, `key_file`.
    what: &'static str,
    /// What was found, in a sentence.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// A person should look.
    Look,
    /// The log is not whole, or not safe.
    Bad,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Finding {
        Finding { state: State::Ok, what, found: found.into(), cure: None }
    }

    fn look(what: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { state: State::Look, what, found: found.into(), cure: Some(cure.into()) }
    }

    fn bad(what: &'static str, found: impl Into<String>, cure: impl Into<String>) -> Finding {
        Finding { state: State::Bad, what, found: found.into(), cure: Some(cure.into()) }
    }
}

/// Looks, and prints what it found; fails when something is bad.
///
/// # Errors
/// When the findings cannot be printed.
pub fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let config = match Config::load(args.config.as_deref(), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    let runtime = runtime()?;
    let mut findings = runtime.block_on(ways::past(&config, &args.r#try));
    findings.extend(settings(&config));
    findings.extend(files::look(&config));
    findings.push(rules(&config));
    findings.push(runtime.block_on(retention::look(&config)));
    findings.push(runtime.block_on(running(&config)));
    print(&findings, args.format)?;
    let is_bad = findings.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Exit::Failed } else { Exit::Done })
}

fn print(findings: &[Finding], format: AnswerFormat) -> Result<()> {
    let mut out = std::io::stdout();
    if format == AnswerFormat::Json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(findings)?)?);
    }
    for Finding { state, what, found, cure } in findings {
        let word = match state {
            State::Ok => "ok  ",
            State::Look => "LOOK",
            State::Bad => "BAD ",
        };
        writeln!(out, "{word}  {what}: {}", visible(found))?;
        if let Some(cure) = cure {
            writeln!(out, "      {}", visible(cure))?;
        }
    }
    Ok(())
}

/// What the configuration opens to others.
fn settings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let everybody = |network: &ipnet::IpNet| network.prefix_len() == 0;
    if config.trusted_proxies.iter().any(everybody) {
        let found = "whoever connects is believed to be a proxy, and may say from which address he comes";
        findings.push(Finding::bad("trusted_proxies", found, "list the addresses of your proxies only"));
    }
    if config.upstream.is_unverified() {
        let found = "whoever answers is believed to be the application";
        findings.push(Finding::bad("upstream_tls", found, "give its `ca`, and remove `insecure`"));
    }
    findings.push(match &config.admin.token {
        Some(_) => Finding::ok("admin.token", "readers of the log show a token"),
        None => {
            let found = "the log is open to every user of this machine";
            Finding::look("admin.token", found, "set it, unless all of them may read everything")
        }
    });
    findings
}

/// Whether the rules would be put into force.
fn rules(config: &Config) -> Finding {
    match reload::rules(config) {
        Ok(((rules, warnings), _)) => {
            let count: usize = rules.packs.iter().map(|pack| pack.rules.len()).sum();
            match warnings.iter().count() {
                0 => Finding::ok("rules", format!("{count} rules in {} packs", rules.packs.len())),
                told => Finding::look(
                    "rules",
                    format!("{told} warnings"),
                    "`earwitness check --config …` tells them",
                ),
            }
        }
        Err(problems) => {
            let count = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            let found = format!("{count} mistakes: they would not be put into force");
            Finding::bad("rules", found, "`earwitness check --config …` tells them, with cures")
        }
    }
}

/// How the process is that runs by this configuration.
async fn running(config: &Config) -> Finding {
    const WHAT: &str = "process";
    if !super::reading::is_held(&config.data_dir) {
        let found = "no Earwitness runs on this data directory: nothing is recorded";
        return Finding::look(WHAT, found, "start it");
    }
    let asked = Source::running(config, None).get("/readyz").await;
    let answer: Result<serde_json::Value> = asked.and_then(|body| Ok(serde_json::from_slice(&body)?));
    match answer {
        Ok(answer) if answer["rulesStaleSince"].is_string() => Finding::bad(
            WHAT,
            "the rules on the disk are not those in force",
            "`earwitness check --config …` tells what is wrong with them",
        ),
        Ok(_) => Finding::ok(WHAT, "it runs, and records"),
        Err(error) => Finding::bad(WHAT, format!("it runs, and is not ready: {error:#}"), "its log says why"),
    }
}
