//! `earwitness export`: events into a file, page by page, so that memory stays the same however many they are.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::Source;
use crate::app::serve::runtime;
use crate::cli::{Exit, ExportArgs, WhichArgs};
use crate::export::{Encoder, Facts, Place, Shape};

/// Writes the events asked for, newest first.
///
/// # Errors
/// When the log cannot be read or the file not be written; the message says with which cursor to go on.
pub fn export(args: &ExportArgs) -> Result<Exit> {
    let columns: Vec<&str> = args.columns.iter().map(|column| column.trim()).collect();
    let shape = match Shape::new(args.format, &columns, args.dialect, args.facts) {
        Ok(shape) => shape,
        Err(odd) => {
            let wrong: Vec<String> = odd.iter().map(|odd| format!("--{} {}", odd.wish, odd.detail)).collect();
            bail!("{}", wrong.join("; "));
        }
    };
    let Some(source) = Source::open(&args.at)? else { return Ok(Exit::Wrong) };
    let mut out: Box<dyn Write + Send> = match &args.out {
        None => Box::new(std::io::stdout()),
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("{} cannot be made", path.display()))?)
        }
    };
    let shows_progress = args.out.is_some() && std::io::stderr().is_terminal();
    let mut progress = Progress { shows_progress, first: None };
    let done = runtime()?.block_on(write(&source, args, shape, &mut out, &mut progress));
    source.close();
    done.map(|()| Exit::Done)
}

/// Writes page after page.
async fn write(
    source: &Source,
    args: &ExportArgs,
    shape: Shape,
    out: &mut (dyn Write + Send),
    progress: &mut Progress,
) -> Result<()> {
    let query = args.which.query();
    let filter = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let log = newest(source).await?;
    let facts = Facts::new(Timestamp::now(), filter, source.scope().await, args.cursor.is_some(), log);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(shape, facts, &mut bytes)?;
    let mut cursor = args.cursor.clone();
    let written = async {
        loop {
            let page = source.page(&args.which, None, cursor.as_deref()).await?;
            for event in &page.events {
                encoder.put(event, &mut bytes)?;
            }
            out.write_all(&bytes)?;
            bytes.clear();
            progress.told(encoder.count(), page.events.last());
            let Some(next) = page.next else { return Ok(()) };
            cursor = Some(next);
        }
    };
    let written: Result<()> = written.await;
    progress.ends();
    let count = encoder.count();
    let finished = written.and_then(|()| {
        encoder.finish(out)?;
        Ok(out.flush()?)
    });
    finished.with_context(|| match &cursor {
        Some(cursor) => format!("broken off after {count} events; go on with --cursor {cursor}"),
        None => "nothing was exported".to_owned(),
    })
}

/// The newest event of all that can be seen: where the log stands.
async fn newest(source: &Source) -> Result<Option<Place>> {
    let page = source.page(&WhichArgs::default(), Some(1), None).await?;
    Ok(page.events.first().and_then(|event| Place::of(event).ok()))
}

/// A bar on a terminal: how far through the log, and how many events were found there.
struct Progress {
    shows_progress: bool,
    /// The first event's place. Places count from 1 without holes, so each tells how much lies below it.
    first: Option<u64>,
}

impl Progress {
    fn told(&mut self, count: u64, last: Option<&String>) {
        let place = last.filter(|_| self.shows_progress).and_then(|event| Place::of(event).ok());
        let Some(place) = place else { return };
        let first = *self.first.get_or_insert(place.sequence.max(1));
        let done = first.saturating_sub(place.sequence.saturating_sub(1)) * 100 / first;
        let bar = "#".repeat(usize::try_from(done / 4).unwrap_or(0).min(25));
        let _ = write!(std::io::stderr(), "\r[{bar:<25}] {done:>3} % of the log, {count} events");
    }

    fn ends(&self) {
        if self.shows_progress {
            let _ = writeln!(std::io::stderr());
        }
    }
}
