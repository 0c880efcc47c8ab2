//! Events as files: one encoder for each form, used by the command line and by the query endpoint alike.
//!
//! An encoder takes events one after the other, as the endpoint writes them, and appends bytes to whatever it is given:
//! it knows neither pages nor sockets, so memory stays the same however many events there are. What a file says about
//! itself, the [`Facts`], tells a whole export from one that was cut or filtered.
//!
//! Nothing that came with the traffic becomes a formula, a link or markup here.

mod cloud_events;
mod columns;
mod facts;
mod ocsf;
mod sheet;
mod table;
#[cfg(test)]
mod tests;
mod workbook;

pub use facts::{Between, Cover, EVERYTHING, Facts, Place, Signed, Taken, Wholeness};
#[cfg(test)]
use facts::{Telling, told};

use std::io::{self, Write};

use clap::ValueEnum;

use columns::Columns;
use sheet::Sheet;
use table::Table;
use workbook::Workbook;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One event a line, byte for byte as stored, with its place in the tree: what `verify --file` reads.
    Ndjson,
    /// The same as one document.
    Json,
    /// For spreadsheets.
    Csv,
    /// A workbook, whose cells are text.
    Xlsx,
    /// A table in columns, for programs that count.
    Parquet,
    /// CloudEvents 1.0 in JSON, one a line.
    #[value(name = "cloudevents")]
    CloudEvents,
    /// OCSF 1.3, class API Activity, one a line.
    Ocsf,
}

/// How CSV is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// RFC 4180: commas, UTF-8.
    #[default]
    Comma,
    /// Semicolons and a byte order mark, which spreadsheets expect where the comma is in numbers.
    Semicolon,
    /// A first line that tells spreadsheets the separator: `sep=,`.
    Sep,
}

/// Whether a file tells about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Telltale {
    /// What was asked for stands at its beginning, how many there are at its end.
    #[default]
    Yes,
    /// Events and nothing else, for programs that take only these.
    No,
}

/// Whether an export shows that its events are in the log that was signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Proof {
    /// A checkpoint stands at its beginning, and the hashes of what is left out between its events.
    Yes,
    /// Nothing of that.
    No,
}

/// How much of a log an export is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Whole,
    /// Some of it.
    Part,
}

/// What an export is to look like.
#[derive(Clone, Debug)]
pub struct Shape {
    format: Format,
    dialect: Dialect,
    telltale: Telltale,
    /// Those that were asked for.
    columns: Option<Columns>,
}

/// A wish that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// `columns` or `dialect`.
    pub wish: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// An event is not what the endpoint writes.
    #[error("the log holds an odd event: {0}")]
    Odd(#[from] serde_json::Error),
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The workbook cannot be made.
    #[error("the workbook cannot be written: {0}")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// The table cannot be made.
    #[error("the table cannot be written: {0}")]
    Table(#[from] parquet::errors::ParquetError),
}

/// Writes events.
pub struct Encoder {
    writing: Writing,
    telltale: Telltale,
    facts: Facts,
    /// The event before, of which the last one's place is told.
    last: String,
}

enum Writing {
    Lines(Option<Columns>),
    Array { columns: Option<Columns>, is_first: bool },
    Sheet(Sheet),
    Workbook(Box<Workbook>),
    Table(Box<Table>),
    CloudEvents,
    Ocsf,
}

impl Shape {
    /// A shape of these wishes; without columns, a format's own.
    ///
    /// # Errors
    /// Every wish that the format cannot meet.
    pub fn new(
        format: Format,
        columns: &[&str],
        dialect: Option<Dialect>,
        telltale: Telltale,
    ) -> Result<Shape, Vec<Odd>> {
        let mut odd = Vec::new();
        let has_columns = match format {
            Format::Ndjson | Format::Json | Format::Csv | Format::Xlsx | Format::Parquet => true,
            Format::CloudEvents | Format::Ocsf => false,
        };
        let columns = match columns {
            [] => None,
            _ if !has_columns => {
                odd.push(Odd { wish: "columns", detail: "this format has members of its own".to_owned() });
                None
            }
            asked => Columns::new(asked).map_err(|detail| odd.push(Odd { wish: "columns", detail })).ok(),
        };
        if dialect.is_some() && format != Format::Csv {
            odd.push(Odd { wish: "dialect", detail: "only csv has dialects".to_owned() });
        }
        if odd.is_empty() {
            Ok(Shape { format, dialect: dialect.unwrap_or_default(), telltale, columns })
        } else {
            Err(odd)
        }
    }

    /// Whether an export of this shape shows where its events stand in the log. A whole one does where it can, for that
    /// costs nothing; one of a few events reads much of what is beside them.
    ///
    /// # Errors
    /// When it is asked for, and the shape has no place for it.
    pub fn proof(&self, asked: Option<Proof>, reach: Reach) -> Result<Proof, Odd> {
        let can_prove =
            self.format == Format::Ndjson && self.columns.is_none() && self.telltale == Telltale::Yes;
        match (asked, reach) {
            (Some(Proof::Yes), _) if !can_prove => {
                let detail = "only ndjson with all columns and with its facts proves anything".to_owned();
                Err(Odd { wish: "proof", detail })
            }
            (Some(asked), _) => Ok(asked),
            (None, Reach::Whole) if can_prove => Ok(Proof::Yes),
            (None, Reach::Whole | Reach::Part) => Ok(Proof::No),
        }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Format {
    /// The media type of a file.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Ndjson | Format::Ocsf => "application/x-ndjson",
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::CloudEvents => "application/cloudevents+x-ndjson",
        }
    }

    /// How a file's name ends.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Parquet => "parquet",
            Format::CloudEvents => "cloudevents.ndjson",
            Format::Ocsf => "ocsf.ndjson",
        }
    }
}

impl Encoder {
    /// An encoder; what stands before the first event is appended to `out`.
    ///
    /// # Errors
    /// When a workbook finds no place for its temporary files.
    pub fn new(shape: Shape, facts: Facts, out: &mut Vec<u8>) -> Result<Encoder, ExportError> {
        let Shape { format, dialect, telltale, columns } = shape;
        let start = match telltale {
            Telltale::Yes => Some(facts.start()),
            Telltale::No => None,
        };
        let writing = match format {
            Format::Ndjson => {
                start.iter().for_each(|start| push_line(out, start));
                Writing::Lines(columns)
            }
            Format::Json => {
                out.push(b'{');
                if let Some(start) = start {
                    out.extend_from_slice(format!("\"export\":{start},\n").as_bytes());
                }
                out.extend_from_slice(b"\"data\":[");
                Writing::Array { columns, is_first: true }
            }
            Format::Csv => Writing::Sheet(Sheet::new(columns.unwrap_or_default(), dialect, out)),
            Format::Xlsx => Writing::Workbook(Box::new(Workbook::new(columns.unwrap_or_default())?)),
            Format::Parquet => Writing::Table(Box::new(Table::new(columns.unwrap_or_default())?)),
            Format::CloudEvents => Writing::CloudEvents,
            Format::Ocsf => Writing::Ocsf,
        };
        Ok(Encoder { writing, telltale, facts, last: String::new() })
    }

    /// Appends an event, given as the endpoint writes it.
    ///
    /// # Errors
    /// When it is no event, or a workbook cannot be written.
    pub fn put(&mut self, event: &str, out: &mut Vec<u8>) -> Result<(), ExportError> {
        match &mut self.writing {
            Writing::Lines(None) => push_line(out, event),
            Writing::Lines(Some(columns)) => {
                columns.push_object(event, out)?;
                out.push(b'\n');
            }
            Writing::Array { columns, is_first } => {
                out.extend_from_slice(if std::mem::take(is_first) { b"\n" } else { b",\n" });
                match columns {
                    None => out.extend_from_slice(event.as_bytes()),
                    Some(columns) => columns.push_object(event, out)?,
                }
            }
            Writing::Sheet(sheet) => sheet.put(event, out)?,
            Writing::Workbook(workbook) => workbook.put(event)?,
            Writing::Table(table) => table.put(event, out)?,
            Writing::CloudEvents => cloud_events::push(event, out)?,
            Writing::Ocsf => ocsf::push(event, out)?,
        }
        if self.facts.count == 0 {
            self.facts.newest = Some(Place::of(event)?);
        }
        self.facts.count += 1;
        self.last.clear();
        self.last.push_str(event);
        Ok(())
    }

    /// Appends what stands for events that are left out, where the form has a place for it.
    pub fn put_between(&mut self, between: &Between, out: &mut Vec<u8>) {
        match &self.writing {
            Writing::Lines(_) => push_line(out, &between.line()),
            Writing::Array { .. }
            | Writing::Sheet(_)
            | Writing::Workbook(_)
            | Writing::Table(_)
            | Writing::CloudEvents
            | Writing::Ocsf => {}
        }
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.facts.count
    }

    /// Writes what stands behind the last event. An export that breaks off before lacks it, and shows by that.
    ///
    /// # Errors
    /// When `out` takes no more, or a workbook cannot be made.
    pub fn finish(mut self, mut out: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        if self.facts.count > 0 {
            self.facts.oldest = Some(Place::of(&self.last)?);
        }
        let facts = match self.telltale {
            Telltale::Yes => Some(self.facts),
            Telltale::No => None,
        };
        match self.writing {
            Writing::Lines(_) => facts.iter().try_for_each(|facts| writeln!(out, "{}", facts.end()))?,
            Writing::Array { .. } => {
                out.write_all(b"\n]")?;
                if let Some(facts) = facts {
                    write!(out, ",\n\"end\":{}", facts.end())?;
                }
                out.write_all(b"}\n")?;
            }
            Writing::Sheet(sheet) => {
                if let Some(facts) = facts {
                    let mut row = Vec::new();
                    sheet.push_told(&facts.sentence(), &mut row);
                    out.write_all(&row)?;
                }
            }
            Writing::Workbook(workbook) => workbook.finish(facts.as_ref(), &mut out)?,
            Writing::Table(table) => table.finish(facts.as_ref(), out)?,
            Writing::CloudEvents => {
                if let Some(facts) = facts {
                    writeln!(out, "{}", cloud_events::end(&facts))?;
                }
            }
            Writing::Ocsf => {
                if let Some(facts) = facts {
                    writeln!(out, "{}", ocsf::end(&facts))?;
                }
            }
        }
        Ok(())
    }
}

fn push_line(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}
