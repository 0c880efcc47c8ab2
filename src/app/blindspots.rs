//! `earwitness blindspots`: asks a running Earwitness what nothing recorded.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Uri;

use super::ask::ask;
use super::serve::runtime;
use crate::cli::{AnswerFormat, BlindspotsArgs, Exit, blind_spots, show};
use crate::config::{Config, environment};

/// Prints the blind spots.
///
/// # Errors
/// When nothing answers, or it refuses.
pub fn blindspots(args: &BlindspotsArgs) -> Result<Exit> {
    let (authority, token) = match &args.url {
        Some(url) => (authority(url)?, args.token.clone()),
        None => match Config::load(args.config.as_deref(), environment()) {
            Ok(config) => {
                let token = config.admin.token.map(|token| token.expose().to_owned());
                (reachable(config.admin.listen).to_string(), args.token.clone().or(token))
            }
            Err(problems) => {
                show(&problems)?;
                return Ok(Exit::Wrong);
            }
        },
    };
    let asking = async {
        tokio::time::timeout(PATIENCE, ask(&authority, "/audit/v1/blind-spots", token.as_deref())).await
    };
    let answer =
        runtime()?.block_on(asking).with_context(|| format!("http://{authority} does not answer"))??;
    let mut out = std::io::stdout();
    match args.format {
        AnswerFormat::Text => write!(out, "{}", blind_spots(&answer))?,
        AnswerFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
    }
    Ok(Exit::Done)
}

fn authority(url: &str) -> Result<String> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) => Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80))),
        (_, _) => bail!("`{url}` is not the address of an audit listener, such as http://127.0.0.1:9090"),
    }
}

/// A listener on all addresses is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = listen.ip();
    SocketAddr::new(if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip }, listen.port())
}

const PATIENCE: Duration = Duration::from_secs(30);
