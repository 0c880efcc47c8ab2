//! `earwitness query`: events on the terminal.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Source;
use crate::app::serve::runtime;
use crate::cli::{Exit, QueryArgs, ReplayFormat, Timeline};
use crate::event::Event;

/// Prints the newest events of those asked for.
///
/// # Errors
/// When the log cannot be read.
pub fn query(args: &QueryArgs) -> Result<Exit> {
    let Some(source) = Source::open(&args.at)? else { return Ok(Exit::Wrong) };
    let mut out = std::io::stdout().lock();
    let (mut left, mut day) = (args.limit, None);
    let each = source.each(
        &args.which,
        None,
        |event| {
            if left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            left -= 1;
            match args.format {
                ReplayFormat::Json => writeln!(out, "{event}")?,
                ReplayFormat::Text => {
                    let event: Event = serde_json::from_str(event).context("the log holds an odd event")?;
                    print(&mut out, &event, &mut day)?;
                }
            }
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
        |_| {},
    );
    let asked = runtime()?.block_on(each);
    source.close();
    asked.map(|()| Exit::Done)
}

/// One event, with its day where that is another than the event's before.
fn print(out: &mut impl Write, event: &Event, day: &mut Option<Date>) -> Result<()> {
    let of_event = event.time.to_zoned(TimeZone::UTC).date();
    if day.replace(of_event) != Some(of_event) {
        writeln!(out, "{of_event} (UTC)")?;
    }
    Ok(writeln!(out, "{}", Timeline(event))?)
}
