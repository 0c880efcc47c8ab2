//! `earwitness demo`: the whole of it on one machine, with nothing but this program.
//!
//! A booking application of the old kind starts, Earwitness starts before it with the rules that were
//! written for it, a day of real requests goes through, and the records are read back from the query
//! endpoint, as anybody would read them.

#[path = "../../examples/legacy/app.rs"]
mod legacy;
#[path = "../../examples/legacy/script.rs"]
mod script;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use super::App;
use super::reading::ask;
use super::reload::Origin;
use super::serve::{Stop, runtime};
use super::service::Sockets;
use crate::cli::{DemoArgs, Exit, Timeline, visible};
use crate::config::{Admin, Checkpoints, Config, Erasure, Limits, OnFailure, Retention, Upstream};
use crate::event::{Event, own};
use crate::rules::model::RuleSet;

/// Plays the demonstration, shows the records, and stays up unless told otherwise.
///
/// # Errors
/// When a part cannot be started, or a request of the script fails.
pub fn demo(args: &DemoArgs) -> Result<Exit> {
    runtime()?.block_on(async {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let application = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let upstream = application.local_addr()?;
        tokio::spawn(legacy::serve(application));
        let app = App::start(config(upstream, folder.path()), rules()?, Origin::Program, Sockets::default())
            .await?;
        let played = script::play(app.proxy).await.context("a request of the demonstration failed")?;
        let events = events(app.audit).await.context("the records cannot be read")?;
        let mut stop = Stop::listen()?;
        show(&app, upstream, &played, &events)?;
        if !args.exit {
            stop.asked().await;
        }
        app.stop().await?;
        Ok(Exit::Done)
    })
}

fn config(upstream: SocketAddr, folder: &Path) -> Config {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config {
        listen: any_port,
        tls: None,
        upstream: Upstream::tcp(upstream),
        admin: Admin::open(any_port),
        data_dir: folder.join("data"),
        key_file: folder.join("earwitness.key"),
        signing_key_file: folder.join("earwitness.signing-key"),
        checkpoints: Checkpoints::default(),
        rules: Vec::new(),
        credentials: Vec::new(),
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        methods: Vec::new(),
        limits: Limits::default(),
        workers: 1,
        watch: false,
        trace_context: true,
        telemetry: None,
        on_failure: OnFailure::Allow,
        retention: Retention::default(),
        erasure: Erasure::default(),
    }
}

/// The rules of examples/legacy, which the program carries so that the demonstration needs no checkout.
fn rules() -> Result<RuleSet> {
    let loaded = RuleSet::from_texts("legacy", RULES);
    loaded.map(|loaded| loaded.rules).map_err(|problems| anyhow::anyhow!(problems.render()))
}

/// The newest events, oldest first, from the query endpoint; of the application, not of the recorder.
async fn events(audit: SocketAddr) -> Result<Vec<Event>> {
    let mut page = ask(&audit.to_string(), "/audit/v1/events?limit=100", None).await?;
    let mut events: Vec<Event> = serde_json::from_value(page["data"].take())?;
    events.retain(|event| event.source.as_deref() != Some(own::SOURCE));
    events.reverse();
    Ok(events)
}

fn show(app: &App, upstream: SocketAddr, played: &[script::Played], events: &[Event]) -> Result<()> {
    let (proxy, audit) = (app.proxy, app.audit);
    let mut text = format!(
        "\nA booking office that knows nothing of audit runs on http://{upstream}.\n\
         Earwitness stands before it on http://{proxy}. These requests went through:\n\n"
    );
    for step in played {
        writeln!(text, "  {:<42} {:<34} {}", visible(&step.what), visible(&step.line), step.status)?;
    }
    write!(text, "\nWhat Earwitness recorded of them, {} events:\n\n", events.len())?;
    for event in events {
        writeln!(text, "{}", Timeline(event))?;
    }
    write!(
        text,
        "Look at it: http://{audit}/\n\
         Ask for yourself:\n  \
         curl 'http://{audit}/audit/v1/events?action=BOOKING_MOVED'\n  \
         curl 'http://{audit}/audit/v1/events?result=denied&result=failure'\n  \
         curl 'http://{audit}/audit/v1/events?actor=alma&limit=5'\n\
         The application, through Earwitness: http://{proxy}/ (log in as ben, password ben-knows)\n"
    )?;
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

const RULES: &[(&str, &str)] = &[
    ("pack.yaml", include_str!("../../examples/legacy/rules/legacy/pack.yaml")),
    ("bookings.yaml", include_str!("../../examples/legacy/rules/legacy/bookings.yaml")),
    ("sessions.yaml", include_str!("../../examples/legacy/rules/legacy/sessions.yaml")),
];
