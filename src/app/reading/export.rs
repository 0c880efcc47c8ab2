//! `earwitness export`: events into a file, page by page, so that memory stays the same however many they are. While a page
//! is written, the one behind it is read.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;

use super::proving::Proving;
use super::{Events, Source};
use crate::app::serve::runtime;
use crate::cli::{Exit, ExportArgs, WhichArgs};
use crate::export::{EVERYTHING, Encoder, Facts, Place, Proof, Reach, Shape};

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
    // Before a file is made.
    proof(args, &shape, None)?;
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
    let mut filter: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    filter.extend(args.id.map(|id| ("id".to_owned(), id.to_string())));
    let log = newest(source).await?;
    let scope = source.scope().await;
    let mut proving = Proving::begin(source, proof(args, &shape, scope.as_deref())?).await?;
    let facts = Facts::new(Timestamp::now(), filter, scope, args.cursor.is_some(), log);
    let facts = facts.signed_by(proving.as_ref().map(|proving| proving.signed.clone()));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(shape, facts, &mut bytes)?;
    let mut cursor = args.cursor.clone();
    let written = async {
        let mut page = match args.id {
            None => source.page(&args.which, None, cursor.as_deref()).await?,
            Some(id) => source.one(id).await?,
        };
        loop {
            let next = page.next.take();
            let ahead = async {
                let Some(next) = &next else { return Ok(None) };
                source.page(&args.which, None, Some(next)).await.map(Some)
            };
            let (ahead, put) = tokio::join!(ahead, put(&page, &mut encoder, &mut proving, &mut bytes));
            put?;
            out.write_all(&bytes)?;
            bytes.clear();
            progress.told(encoder.count(), page.events.last());
            cursor = next.or(cursor.take());
            let Some(read) = ahead? else { break };
            page = read;
        }
        if let Some(proving) = proving {
            let rest = proving.rest().await?;
            rest.iter().for_each(|between| encoder.put_between(between, &mut bytes));
            out.write_all(&bytes)?;
        }
        Ok(())
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

/// Writes a page.
async fn put(
    page: &Events,
    encoder: &mut Encoder,
    proving: &mut Option<Proving<'_>>,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    for (index, event) in page.events.iter().enumerate() {
        // This waits for nothing, and who asks for the next page meanwhile would never be let.
        if index % TURN_EVENTS == 0 {
            tokio::task::yield_now().await;
        }
        if let Some(proving) = proving {
            let sequence = Place::of(event)?.sequence.context("events have no places for this reader")?;
            // It was recorded since, and nobody has signed for it.
            if sequence > proving.size {
                continue;
            }
            let between = proving.before(sequence).await?;
            between.iter().for_each(|between| encoder.put_between(between, bytes));
        }
        encoder.put(event, bytes)?;
    }
    Ok(())
}

/// Whether the export is to be proven, for who sees so much of the log.
fn proof(args: &ExportArgs, shape: &Shape, scope: Option<&str>) -> Result<Proof> {
    let takes_all = args.which.query().is_empty() && args.id.is_none() && args.cursor.is_none();
    let is_whole = takes_all && scope == Some(EVERYTHING);
    let proof = shape.proof(args.proof, if is_whole { Reach::Whole } else { Reach::Part });
    proof.map_err(|odd| anyhow!("--{}: {}", odd.wish, odd.detail))
}

/// The newest event of all that can be seen: where the log stands.
async fn newest(source: &Source) -> Result<Option<Place>> {
    let page = source.page(&WhichArgs::default(), Some(1), None).await?;
    Ok(page.events.first().and_then(|event| Place::of(event).ok()))
}

/// A bar on a terminal: how far through the log, and how many events were found there.
struct Progress {
    shows_progress: bool,
    /// The first event's place, where it is told. Places count from 1 without holes, so each tells how much lies below it.
    first: Option<u64>,
}

impl Progress {
    fn told(&mut self, count: u64, last: Option<&String>) {
        let place = last.filter(|_| self.shows_progress).and_then(|event| Place::of(event).ok());
        let Some(sequence) = place.and_then(|place| place.sequence) else { return };
        let first = *self.first.get_or_insert(sequence.max(1));
        let done = first.saturating_sub(sequence.saturating_sub(1)) * 100 / first;
        let bar = "#".repeat(usize::try_from(done / 4).unwrap_or(0).min(25));
        let _ = write!(std::io::stderr(), "\r[{bar:<25}] {done:>3} % of the log, {count} events");
    }

    fn ends(&self) {
        if self.shows_progress {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// A page has ten times as many, or more.
const TURN_EVENTS: usize = 50;
