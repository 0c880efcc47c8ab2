//! `earwitness blindspots`: asks a running Earwitness what nothing recorded.

use std::io::Write;

use anyhow::Result;

use super::ask::ask;
use super::{authority, reachable};
use crate::app::serve::runtime;
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
    let answer = runtime()?.block_on(ask(&authority, "/audit/v1/blind-spots", token.as_deref()))?;
    let mut out = std::io::stdout();
    match args.format {
        AnswerFormat::Text => write!(out, "{}", blind_spots(&answer))?,
        AnswerFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
    }
    Ok(Exit::Done)
}
