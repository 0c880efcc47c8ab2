//! `earwitness export`: events into a file, page by page, so that memory stays the same however many they are.

use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Source;
use crate::app::serve::runtime;
use crate::cli::sheet::{COLUMNS, cell, is_column};
use crate::cli::{Exit, ExportArgs, ExportFormat};

/// Writes the events asked for, newest first.
///
/// # Errors
/// When the log cannot be read or the file not be written; the message says with which cursor to go on.
pub fn export(args: &ExportArgs) -> Result<Exit> {
    let columns: Vec<&str> = match args.columns.as_slice() {
        [] => COLUMNS.to_vec(),
        asked => asked.iter().map(|column| column.trim()).collect(),
    };
    if let Some(odd) = columns.iter().find(|column| !is_column(column)) {
        bail!("`{odd}` is no column: a path into the event, such as `actor.email`, is one");
    }
    let Some(source) = Source::open(&args.at)? else { return Ok(Exit::Wrong) };
    let out: Box<dyn Write> = match &args.out {
        None => Box::new(std::io::stdout().lock()),
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("{} cannot be made", path.display()))?)
        }
    };
    let mut writing = Writing { form: Form::new(args.format, columns, BufWriter::new(out))?, count: 0 };
    let shows_progress = args.out.is_some() && std::io::stderr().is_terminal();
    let mut cursor = args.cursor.clone();
    let count = std::cell::Cell::new(0);
    let each = source.each(
        &args.which,
        args.cursor.as_deref(),
        |event| {
            writing.put(event)?;
            count.set(writing.count);
            Ok(ControlFlow::Continue(()))
        },
        |next| {
            cursor = Some(next.to_owned());
            if shows_progress {
                let _ = write!(std::io::stderr(), "\r{} events", count.get());
            }
        },
    );
    let done = runtime()?.block_on(each);
    source.close();
    let finished = writing.form.finish();
    if shows_progress {
        writeln!(std::io::stderr(), "\r{} events", count.get())?;
    }
    done.and(finished).with_context(|| match &cursor {
        Some(cursor) => format!("broken off after {} events; go on with --cursor {cursor}", count.get()),
        None => "nothing was exported".to_owned(),
    })?;
    Ok(Exit::Done)
}

/// The events on their way into the file.
struct Writing<W: Write> {
    form: Form<W>,
    count: u64,
}

enum Form<W: Write> {
    Lines(W),
    Array { out: W, is_first: bool },
    Sheet { out: Box<csv::Writer<W>>, columns: Vec<String> },
}

impl<W: Write> Writing<W> {
    fn put(&mut self, event: &str) -> Result<()> {
        match &mut self.form {
            Form::Lines(out) => writeln!(out, "{event}")?,
            Form::Array { out, is_first } => {
                write!(out, "{}\n{event}", if std::mem::take(is_first) { "" } else { "," })?;
            }
            Form::Sheet { out, columns } => {
                let event: Value = serde_json::from_str(event).context("the log holds an odd event")?;
                out.write_record(columns.iter().map(|column| cell(&event, column)))?;
            }
        }
        self.count += 1;
        Ok(())
    }
}

impl<W: Write> Form<W> {
    fn new(format: ExportFormat, columns: Vec<&str>, mut out: W) -> Result<Form<W>> {
        Ok(match format {
            ExportFormat::Ndjson => Form::Lines(out),
            ExportFormat::Json => {
                out.write_all(b"[")?;
                Form::Array { out, is_first: true }
            }
            ExportFormat::Csv => {
                let mut out = csv::Writer::from_writer(out);
                out.write_record(&columns)?;
                Form::Sheet { out: Box::new(out), columns: columns.into_iter().map(str::to_owned).collect() }
            }
        })
    }

    fn finish(self) -> Result<()> {
        match self {
            Form::Lines(mut out) => out.flush()?,
            Form::Array { mut out, .. } => {
                out.write_all(b"\n]\n")?;
                out.flush()?;
            }
            Form::Sheet { mut out, .. } => out.flush()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: ExportFormat, columns: Vec<&str>, events: &[&str], expected: &str) {
        let mut bytes = Vec::new();
        {
            let mut writing = Writing { form: Form::new(format, columns, &mut bytes).unwrap(), count: 0 };
            events.iter().for_each(|event| writing.put(event).unwrap());
            assert_eq!(writing.count, events.len() as u64);
            writing.form.finish().unwrap();
        }
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn each_form_holds_all_events_in_their_order() {
        let events = [r#"{"id":"b","actor":{"name":"A, \"B\""}}"#, r#"{"id":"a","actor":{"name":"=1"}}"#];
        check(ExportFormat::Ndjson, vec![], &events, &format!("{}\n{}\n", events[0], events[1]));
        check(ExportFormat::Json, vec![], &events, &format!("[\n{},\n{}\n]\n", events[0], events[1]));
        check(ExportFormat::Json, vec![], &[], "[\n]\n");
        let sheet = "id,actor.name\nb,\"A, \"\"B\"\"\"\na,'=1\n";
        check(ExportFormat::Csv, vec!["id", "actor.name"], &events, sheet);
    }
}
