//! `earwitness verify`: the chain of hashes, computed anew from what is stored or was exported.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};

use super::Source;
use crate::api;
use crate::app::serve::runtime;
use crate::cli::{Exit, VerifyArgs, WhichArgs};
use crate::store::{ChainCheck, Checked};

/// Walks the log, newest first, and tells of the first event that is not as it was recorded.
///
/// # Errors
/// When the log cannot be read to its end.
pub fn verify(args: &VerifyArgs) -> Result<Exit> {
    let checked = match &args.file {
        Some(file) => of_file(file)?,
        None => {
            let Some(source) = Source::open(&args.at)? else { return Ok(Exit::Wrong) };
            let checked = of_log(&source);
            source.close();
            checked?
        }
    };
    let mut out = std::io::stdout();
    write!(out, "{checked}")?;
    Ok(if checked.is_sound() { Exit::Done } else { Exit::Failed })
}

/// Checks all events of a log.
pub(in crate::app) fn of_log(source: &Source) -> Result<Checked> {
    let mut check = ChainCheck::default();
    let all = WhichArgs::default();
    let each = source.each(
        &all,
        None,
        |event| {
            check.take(api::sealed(event.as_bytes()).as_ref());
            Ok(ControlFlow::Continue(()))
        },
        |_| {},
    );
    runtime()?.block_on(each)?;
    Ok(check.finish())
}

fn of_file(path: &Path) -> Result<Checked> {
    let mut lines: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?,
        )),
    };
    let mut check = ChainCheck::default();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        check.take(api::sealed(line.trim_ascii()).as_ref());
        line.clear();
    }
    Ok(check.finish())
}
