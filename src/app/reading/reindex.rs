//! `earwitness reindex`: the index of a log that nobody holds, made anew.

use std::io::Write;

use anyhow::Result;

use super::{Source, key};
use crate::cli::{Exit, ReindexArgs, show};
use crate::config::{Config, Limits, environment};

/// Removes the index and makes it of the events.
///
/// # Errors
/// When somebody holds the log, or the disk refuses.
pub fn reindex(args: &ReindexArgs) -> Result<Exit> {
    let source = match &args.data_dir {
        Some(directory) => Source::directory(directory, None, Limits::default())?,
        None => match Config::load(args.config.as_deref(), environment()) {
            Ok(config) => {
                Source::directory(&config.data_dir, key::existing(&config.key_file)?, config.limits)?
            }
            Err(problems) => {
                show(&problems)?;
                return Ok(Exit::Wrong);
            }
        },
    };
    let made = source.reindex();
    source.close();
    let events = made?;
    writeln!(std::io::stdout(), "{events} events indexed")?;
    Ok(Exit::Done)
}
