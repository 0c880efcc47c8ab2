//! `earwitness record`: the real proxy, with a recorder in the place of the audit.

mod recorder;

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};

use self::recorder::Recorder;
use super::serve::{Stop, rules, runtime};
use crate::cli::{Exit, RecordArgs, show};
use crate::config::{Config, environment};
use crate::proxy::Proxy;
use crate::rules::model::RuleSet;
use crate::serve::{Entrance, Workers};
use crate::telemetry::Metrics;

/// Passes traffic on and records it, until SIGTERM, SIGINT or the end of the time given.
///
/// # Errors
/// When the file or a listener cannot be made, or the file cannot be written.
pub fn record(args: &RecordArgs) -> Result<Exit> {
    let config = match Config::load(args.config.as_deref(), settings(args)) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    // Their secrets are left out of the file.
    let rules = match args.config {
        Some(_) => rules(&config)?,
        None => Some(RuleSet::default()),
    };
    let Some(rules) = rules else { return Ok(Exit::Wrong) };
    runtime()?.block_on(run(args, config, &rules))?;
    Ok(Exit::Done)
}

/// The environment with what the arguments say, which wins. Without a file, what a recording does not need
/// must not be missing.
fn settings(args: &RecordArgs) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = environment().collect();
    let mut set = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            settings.retain(|(own, _)| own != name);
            settings.push((name.to_owned(), value.clone()));
        }
    };
    set("EARWITNESS_LISTEN", args.listen.as_ref());
    set("EARWITNESS_UPSTREAM", args.upstream.as_ref());
    if args.config.is_none() {
        set("EARWITNESS_RULES", Some(&".".to_owned()));
        set("EARWITNESS_ADMIN_LISTEN", Some(&"127.0.0.1:0".to_owned()));
    }
    settings
}

async fn run(args: &RecordArgs, config: Config, rules: &RuleSet) -> Result<()> {
    let (recorder, writer) = Recorder::new(&args.out, rules, config.limits.decoded_bytes_max)?;
    let recorder = Arc::new(recorder);
    let clients = std::net::TcpListener::bind(config.listen)
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = clients.local_addr()?;
    let (metrics, count) = (Metrics::new(), config.workers);
    let entrance = Entrance::new(&config, &metrics)?;
    let scheme = if entrance.tls.is_some() { "https" } else { "http" };
    let face = Proxy::new(Arc::new(config), Arc::clone(&recorder) as Arc<_>, Arc::clone(&metrics));
    let workers = Workers::start(clients, count, entrance, &metrics, move || face.worker())?;
    let mut stop = Stop::listen()?;
    let mut out = std::io::stdout();
    writeln!(out, "proxy listens on {scheme}://{address}, recording to {}", args.out.display())?;
    out.flush()?;
    match args.r#for {
        Some(time) => tokio::select! {
            () = stop.asked() => {}
            () = tokio::time::sleep(time) => {}
        },
        None => stop.asked().await,
    }
    let recorded = tokio::task::spawn_blocking(move || {
        workers.stop();
        recorder.finish(writer)
    })
    .await??;
    writeln!(out, "{} exchanges recorded", recorded.written)?;
    if recorded.lost > 0 {
        writeln!(
            out,
            "{} exchanges are missing: the disk was too slow, or the file at 512 MiB",
            recorded.lost
        )?;
    }
    Ok(())
}
