//! Parquet: a table in columns, for programs that count over millions of rows.
//!
//! Rows wait until there are enough for a group of them, which is then encoded, compressed and let go: so memory is bounded by
//! a group, and by what the file's end tells of each group, some kilobytes. The end also has the facts of the export, under
//! the names that the lines of NDJSON have. A file without it opens nowhere.

use std::io::Write;
use std::mem;
use std::sync::Arc;

use jiff::Timestamp;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::value::RawValue;

use super::ExportError;
use super::columns::Columns;
use super::facts::Facts;
use super::sheet::text;

/// A table that is written group by group.
pub(super) struct Table {
    columns: Columns,
    waiting: Vec<Waiting>,
    rows: usize,
    bytes: usize,
    /// Encoded groups go through the list in it, which is emptied after each.
    file: SerializedFileWriter<Vec<u8>>,
}

/// The values of a column that wait for their group, and for each row whether it has one.
struct Waiting {
    kind: Kind,
    numbers: Vec<i64>,
    texts: Vec<ByteArray>,
    /// 1 where there is a value, 0 where there is none: definition levels, as Parquet has them.
    levels: Vec<i16>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    /// Microseconds since 1970, in UTC: what every reader of Parquet knows.
    Time,
}

impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// When a file cannot be begun.
    pub(super) fn new(columns: Columns) -> Result<Table, ExportError> {
        let kinds: Vec<Kind> = columns.names().iter().map(|name| Kind::of(name)).collect();
        let fields = columns.names().iter().zip(&kinds).map(|(name, kind)| kind.field(name));
        let fields = fields.collect::<Result<Vec<TypePtr>, ParquetError>>()?;
        let schema = Type::group_type_builder("events").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("earwitness version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        let waiting = kinds.into_iter().map(Waiting::new).collect();
        Ok(Table { columns, waiting, rows: 0, bytes: 0, file })
    }

    /// Adds an event; appends what was encoded to `out`.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn put(&mut self, event: &str, out: &mut Vec<u8>) -> Result<(), ExportError> {
        for (waiting, value) in self.waiting.iter_mut().zip(self.columns.of(event)?) {
            self.bytes += waiting.take(value)?;
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
            self.write_group(out)?;
        }
        Ok(())
    }

    /// Writes the last group, and the end of the file.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub(super) fn finish(
        mut self,
        facts: Option<&Facts>,
        out: &mut (dyn Write + Send),
    ) -> Result<(), ExportError> {
        let mut bytes = Vec::new();
        self.write_group(&mut bytes)?;
        if let Some(facts) = facts {
            for (name, line) in [("earwitness.export", facts.start()), ("earwitness.export-end", facts.end())]
            {
                self.file.append_key_value_metadata(KeyValue::new(name.to_owned(), line));
            }
        }
        bytes.append(&mut self.file.into_inner()?);
        Ok(out.write_all(&bytes)?)
    }

    fn write_group(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        if self.rows > 0 {
            let mut group = self.file.next_row_group()?;
            for waiting in &mut self.waiting {
                // As many as the schema has columns.
                let Some(mut column) = group.next_column()? else { break };
                let levels = Some(waiting.levels.as_slice());
                match waiting.kind {
                    Kind::Text => {
                        column.typed::<ByteArrayType>().write_batch(&waiting.texts, levels, None)?
                    }
                    Kind::Whole | Kind::Time => {
                        column.typed::<Int64Type>().write_batch(&waiting.numbers, levels, None)?
                    }
                };
                column.close()?;
                waiting.clear();
            }
            group.close()?;
        }
        (self.rows, self.bytes) = (0, 0);
        self.file.flush()?;
        // The writer counts for itself where it is; what it has written so far is of no use to it.
        out.append(&mut mem::take(self.file.inner_mut()));
        Ok(())
    }
}

impl Waiting {
    fn new(kind: Kind) -> Waiting {
        Waiting { kind, numbers: Vec::new(), texts: Vec::new(), levels: Vec::new() }
    }

    /// Takes a row's value; how many bytes it takes until its group is written.
    fn take(&mut self, value: Option<&RawValue>) -> Result<usize, serde_json::Error> {
        let value = value.filter(|value| value.get() != "null");
        let is_there = match self.kind {
            Kind::Text => {
                let text = value.map(|value| text(Some(value))).transpose()?;
                let length = text.as_ref().map_or(0, |text| text.len());
                self.texts.extend(text.map(|text| ByteArray::from(text.into_owned().into_bytes())));
                self.levels.push(value.is_some().into());
                return Ok(length + TEXT_BYTES);
            }
            Kind::Whole => value.and_then(|value| value.get().parse().ok()),
            Kind::Time => value.and_then(|value| {
                serde_json::from_str::<Timestamp>(value.get()).ok().map(Timestamp::as_microsecond)
            }),
        };
        self.levels.push(is_there.is_some().into());
        self.numbers.extend(is_there);
        Ok(size_of::<i64>() + size_of::<i16>())
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
        self.levels.clear();
    }
}

impl Kind {
    fn of(column: &str) -> Kind {
        match column {
            "time" => Kind::Time,
            _ if WHOLE.contains(&column) => Kind::Whole,
            _ => Kind::Text,
        }
    }

    fn field(self, name: &str) -> Result<TypePtr, ParquetError> {
        let (physical, logical) = match self {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Whole => (Physical::INT64, None),
            Kind::Time => {
                let time = LogicalType::timestamp(true, TimeUnit::MICROS);
                (Physical::INT64, Some(time))
            }
        };
        let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        Ok(Arc::new(field.with_repetition(Repetition::OPTIONAL).build()?))
    }
}

/// Paths that are whole numbers in every event that has them.
const WHOLE: [&str; 7] = [
    "sequence",
    "format",
    "response.status",
    "response.durationMs",
    "before.ageMs",
    "actor.evidenceAgeS",
    "onBehalfOf.evidenceAgeS",
];
const GROUP_ROWS_MAX: usize = 65_536;
/// Of values that wait, as they are held in memory.
const GROUP_BYTES_MAX: usize = 32 << 20;
/// What a text takes beside its letters.
const TEXT_BYTES: usize = size_of::<ByteArray>() + size_of::<i16>();

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use serde_json::json;

    use super::*;

    fn event(sequence: u64) -> String {
        let changes = json!([{ "field": "start", "before": -1 }]);
        json!({ "sequence": sequence, "time": "2026-01-31T08:00:00.123456789Z", "title": format!("=Käse {sequence}"), "changes": changes, "response": { "status": null } })
            .to_string()
    }

    fn read(columns: &[&str], events: u64) -> (SerializedFileReader<Bytes>, usize) {
        let mut table = Table::new(Columns::new(columns).unwrap()).unwrap();
        let (mut file, mut largest) = (Vec::new(), 0);
        for sequence in (1..=events).rev() {
            let before = file.len();
            table.put(&event(sequence), &mut file).unwrap();
            largest = largest.max(file.len() - before);
        }
        table.finish(None, &mut file).unwrap();
        (SerializedFileReader::new(Bytes::from(file)).unwrap(), largest)
    }

    #[test]
    fn every_value_is_there_with_its_type() {
        let columns = ["sequence", "time", "title", "changes", "response.status", "actor.name"];
        let (file, _) = read(&columns, 3);
        let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].get_long(0).unwrap(), rows[2].get_long(0).unwrap()), (3, 1));
        assert_eq!(rows[0].get_timestamp_micros(1).unwrap(), 1_769_846_400_123_456);
        assert_eq!(rows[0].get_string(2).unwrap(), "=Käse 3");
        assert_eq!(rows[0].get_string(3).unwrap(), r#"[{"before":-1,"field":"start"}]"#);
        assert!(rows[0].get_long(4).is_err() && rows[0].get_string(5).is_err(), "there is nothing");
        let names = file.metadata().file_metadata().schema_descr().columns();
        assert_eq!(names.iter().map(|column| column.name()).collect::<Vec<_>>(), columns);
    }

    // THREATS X02
    #[test]
    fn a_full_group_is_written_and_let_go() {
        let (file, largest) = read(&["sequence"], GROUP_ROWS_MAX as u64 * 2 + 5);
        let groups: Vec<i64> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [GROUP_ROWS_MAX as i64, GROUP_ROWS_MAX as i64, 5]);
        assert!(largest > 0, "it goes out while events still come");
        let rows = file.get_row_iter(None).unwrap();
        assert_eq!(rows.last().unwrap().unwrap().get_long(0).unwrap(), 1);
    }

    // THREATS X02
    #[test]
    fn long_values_make_a_group_of_fewer_rows() {
        let mut table = Table::new(Columns::new(&["title"]).unwrap()).unwrap();
        let long = json!({ "title": "x".repeat(1 << 20) }).to_string();
        let mut file = Vec::new();
        (0..40).for_each(|_| table.put(&long, &mut file).unwrap());
        assert!(table.rows < 40 && table.bytes < GROUP_BYTES_MAX, "{} rows wait", table.rows);
        table.finish(None, &mut file).unwrap();
        let read = SerializedFileReader::new(Bytes::from(file)).unwrap();
        assert_eq!(read.metadata().file_metadata().num_rows(), 40);
        assert_eq!(read.metadata().num_row_groups(), 2);
    }

    #[test]
    fn the_largest_number_and_none_are_read_as_they_are() {
        let mut table = Table::new(Columns::new(&["sequence", "time"]).unwrap()).unwrap();
        let mut file = Vec::new();
        for text in ["{\"sequence\":9007199254740993}", "{}", "{\"sequence\":null,\"time\":\"no time\"}"] {
            table.put(text, &mut file).unwrap();
        }
        table.finish(None, &mut file).unwrap();
        let read = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let rows: Vec<_> = read.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let numbers: Vec<Option<i64>> = rows.iter().map(|row| row.get_long(0).ok()).collect();
        assert_eq!(numbers, [Some(9_007_199_254_740_993), None, None]);
        assert!(rows.iter().all(|row| row.get_timestamp_micros(1).is_err()));
    }
}
