//! Workbooks (Office Open XML). Every cell is a string: no formula, no link, no number that loses its digits.
//!
//! Rows go to temporary files without a name, which are gone when this is dropped or the process dies (THREATS X09). The library
//! writes characters that XML does not have as `_xHHHH_`, as spreadsheets do.

use std::borrow::Cow;
use std::io::Write;

use rust_xlsxwriter::XlsxError;

use super::ExportError;
use super::columns::Columns;
use super::facts::Facts;
use super::sheet::text;

/// A workbook that is written row by row.
pub(super) struct Workbook {
    book: rust_xlsxwriter::Workbook,
    columns: Columns,
    rows_max: u32,
    /// Sheets of events so far; the last one is being filled.
    sheets: usize,
    /// Rows in the last one.
    rows: u32,
    /// Cells that were too long for a spreadsheet.
    cut: u64,
}

impl Workbook {
    /// An empty workbook.
    pub(super) fn new(columns: Columns) -> Result<Workbook, ExportError> {
        Workbook::with_rows(columns, ROWS_MAX)
    }

    fn with_rows(columns: Columns, rows_max: u32) -> Result<Workbook, ExportError> {
        let book = rust_xlsxwriter::Workbook::new();
        let mut workbook = Workbook { book, columns, rows_max, sheets: 0, rows: 0, cut: 0 };
        workbook.begin_sheet()?;
        Ok(workbook)
    }

    /// Adds an event; on a new sheet, where the last one is full.
    pub(super) fn put(&mut self, event: &str) -> Result<(), ExportError> {
        if self.rows == self.rows_max {
            self.begin_sheet()?;
        }
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (column, value) in (0..).zip(self.columns.of(event)?) {
            let text = text(value)?;
            if text.is_empty() {
                continue;
            }
            let fitting = fitting(&text);
            self.cut += u64::from(fitting.len() < text.len());
            sheet.write_string(self.rows, column, fitting)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Adds a sheet with the facts, and writes all of it.
    pub(super) fn finish(
        mut self,
        facts: Option<&Facts>,
        out: &mut (dyn Write + Send),
    ) -> Result<(), ExportError> {
        if let Some(facts) = facts {
            let mut words = facts.words();
            if self.cut > 0 {
                let told = format!("{}, to {CELL_MAX} characters; NDJSON has all of them", self.cut);
                words.push(("Cells that were cut", told));
            }
            let sheet = self.book.add_worksheet_with_constant_memory()?;
            sheet.set_name("About this export")?;
            for (row, (about, words)) in (0..).zip(&words) {
                sheet.write_string(row, 0, *about)?;
                sheet.write_string(row, 1, fitting(words))?;
            }
        }
        Ok(self.book.save_to_writer(out)?)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        self.rows = 1;
        let name = match self.sheets {
            1 => Cow::Borrowed("Events"),
            number => Cow::Owned(format!("Events {number}")),
        };
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        for (column, name) in (0..).zip(self.columns.names()) {
            sheet.write_string(0, column, fitting(name))?;
        }
        Ok(())
    }
}

/// As much of a text as a cell takes, counted as spreadsheets count: in units of UTF-16.
fn fitting(text: &str) -> &str {
    if text.len() <= CELL_MAX {
        return text;
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > CELL_MAX
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

const CELL_MAX: usize = 32_767;
/// Rows of a sheet, its head among them.
const ROWS_MAX: u32 = 1_048_576;

#[cfg(test)]
mod tests {
    use super::*;

    // THREATS X02
    #[test]
    fn a_full_sheet_is_followed_by_another() {
        let mut workbook = Workbook::with_rows(Columns::new(&["a"]).unwrap(), 3).unwrap();
        (0..5).for_each(|n| workbook.put(&format!("{{\"a\":\"{n}\"}}")).unwrap());
        assert_eq!((workbook.sheets, workbook.rows), (3, 2));
        let mut out = Vec::new();
        workbook.finish(None, &mut out).unwrap();
        assert!(out.starts_with(b"PK"));
    }

    // THREATS X02
    #[test]
    fn a_text_is_cut_where_a_cell_ends_and_never_within_a_character() {
        let check = |text: &str, expected: usize| assert_eq!(fitting(text).chars().count(), expected);
        check(&"a".repeat(32_767), 32_767);
        check(&"a".repeat(40_000), 32_767);
        check(&"ä".repeat(32_767), 32_767);
        check(&"👩".repeat(20_000), 16_383);
        let mut workbook = Workbook::with_rows(Columns::new(&["a"]).unwrap(), 9).unwrap();
        workbook.put(&format!("{{\"a\":\"{}\"}}", "a".repeat(40_000))).unwrap();
        assert_eq!(workbook.cut, 1);
    }
}
