//! From the text of a file to its rows: delimiter, header, records with their line numbers.
//!
//! A record that begins a quotation and never ends it would swallow the lines behind it, up to the next quotation mark or
//! the end of the file; then only its first line is given up, with a reason, and reading goes on with the next line.
//!
//! Limits: [`RECORD_BYTES_MAX`], [`COLUMNS_MAX`], [`IN_VAIN_BYTES_MAX`].

use csv::{ByteRecord, Reader, ReaderBuilder};
use mail::address::Address;

use super::decode::decode;

/// Longest record, in bytes of text.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Most columns of a file.
pub const COLUMNS_MAX: usize = 500;

/// How much may be read in vain behind quotation marks that are never closed, in bytes, beyond eight times the file: in
/// some files every line opens one and finds no end, and the time would grow with the square of their size.
pub const IN_VAIN_BYTES_MAX: usize = 4 << 20;

/// Records looked at to find the delimiter.
const SNIFF_RECORDS: usize = 50;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file that was opened, its first row looked at.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    text: String,
    /// Where the first row begins: behind `sep=;`.
    start: usize,
    pub(super) encoding: &'static str,
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
    /// Names of the columns; `column 3` where there is no name.
    pub(super) columns: Vec<String>,
}

/// A row of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SheetRow {
    /// Line of the file on which it begins, from 1.
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadRow {
    pub(super) line: u64,
    pub(super) reason: String,
    /// What stands there, cut to a line.
    pub(super) text: String,
}

impl Sheet {
    /// Opens a file; fails with a sentence when there is no row in it.
    pub(super) fn open(bytes: &[u8]) -> Result<Self, String> {
        let decoded = decode(bytes);
        let (start, told) = told_delimiter(&decoded.text);
        let delimiter = told.unwrap_or_else(|| sniff(&decoded.text[start..]));
        let mut sheet = Sheet {
            text: decoded.text,
            start,
            encoding: decoded.encoding,
            delimiter,
            has_header: false,
            columns: Vec::new(),
        };
        let first = match sheet.all_rows().next() {
            None => return Err("the file has no rows".to_owned()),
            Some(Err(bad)) => return Err(format!("line {}: {}", bad.line, bad.reason)),
            Some(Ok(row)) => row.cells,
        };
        if first.len() > COLUMNS_MAX {
            return Err(format!("the file has more than {COLUMNS_MAX} columns"));
        }
        sheet.has_header = !first.iter().any(|cell| Address::parse(cell).is_ok());
        sheet.columns =
            first.iter().enumerate().map(|(place, cell)| column_name(place, cell, sheet.has_header)).collect();
        Ok(sheet)
    }

    /// The rows behind the header, and how far each ends in the text.
    pub(super) fn rows(&self) -> Rows<'_> {
        let mut rows = self.all_rows();
        if self.has_header {
            rows.next();
        }
        rows
    }

    /// Length of the text, for progress.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    fn all_rows(&self) -> Rows<'_> {
        Rows {
            text: &self.text,
            delimiter: self.delimiter,
            columns: self.columns.len(),
            reader: reader(&self.text[self.start..], self.delimiter),
            base: self.start,
            line: LineCounter { place: 0, line: 1 },
            in_vain: IN_VAIN_BYTES_MAX + 8 * self.text.len(),
        }
    }
}

fn column_name(place: usize, cell: &str, has_header: bool) -> String {
    let name = cell.trim_matches(crate::audience::field::is_blank);
    if has_header && !name.is_empty() { name.chars().take(100).collect() } else { format!("column {}", place + 1) }
}

/// Spreadsheets write `sep=;` in front for each other.
fn told_delimiter(text: &str) -> (usize, Option<u8>) {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    match line.trim_matches('"').as_bytes() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if DELIMITERS.contains(delimiter) => {
            let rest = &text[line.len()..];
            let ends = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
            (line.len() + ends, Some(*delimiter))
        }
        _ => (0, None),
    }
}

/// The delimiter with which most records have as many cells as the first, and more than one; a comma if none does.
fn sniff(text: &str) -> u8 {
    let score = |delimiter: u8| {
        let counts: Vec<usize> = reader(text, delimiter)
            .byte_records()
            .take(SNIFF_RECORDS)
            .map_while(Result::ok)
            .map(|record| record.len())
            .collect();
        let first = counts.first().copied().unwrap_or_default();
        if first < 2 {
            return (0, 0);
        }
        (counts.iter().filter(|count| **count == first).count() * 100 / counts.len(), first)
    };
    // Reversed, because the last of equal ones wins: the comma comes first.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

/// Reads rows one by one; rows without any content are passed over.
pub(super) struct Rows<'a> {
    text: &'a str,
    delimiter: u8,
    /// Cells that a row should have; 0 while that is not known.
    columns: usize,
    reader: Reader<&'a [u8]>,
    /// Where in the text the reader began.
    base: usize,
    line: LineCounter,
    /// Bytes that may still be read in vain; 0: the file has been given up.
    in_vain: usize,
}

impl Rows<'_> {
    /// How much of the text has been read, in bytes.
    pub(super) fn place(&self) -> usize {
        self.base + usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX)
    }

    /// Begins again behind the line that starts at `start`.
    fn skip_line(&mut self, start: usize) {
        let line_len = self.text[start..].find(['\r', '\n']).unwrap_or(self.text.len() - start);
        self.base = start + line_len;
        self.reader = reader(&self.text[self.base..], self.delimiter);
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<SheetRow, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = ByteRecord::new();
        while self.in_vain > 0 {
            let before = self.place();
            // Reading from memory does not fail, and records of any length are allowed.
            if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
                return None;
            }
            let start = self.text.len() - self.text[before..].trim_start_matches(['\r', '\n']).len();
            let raw = &self.text[start..self.place()];
            let line = self.line.at(self.text, start);
            let several_lines = raw.trim_end_matches(['\r', '\n']).contains(['\r', '\n']);
            let odd = raw.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
            // An even number, but another number of cells: a later quotation mark was taken for the closing one.
            let strange = self.columns > 0 && record.len() != self.columns;
            let unclosed = several_lines && (odd || strange);
            if unclosed || raw.len() > RECORD_BYTES_MAX {
                self.in_vain = self.in_vain.saturating_sub(if unclosed { raw.len() } else { 0 });
                let reason = match (unclosed, self.in_vain) {
                    (false, _) => "the row is too long",
                    (true, 0) => "too many quotation marks are opened and never closed; from here on nothing was read",
                    (true, _) => "a quotation mark is opened and never closed",
                };
                let text = raw.split(['\r', '\n']).next().unwrap_or_default().chars().take(500).collect();
                if unclosed {
                    self.skip_line(start);
                }
                return Some(Err(BadRow { line, reason: reason.to_owned(), text }));
            }
            let cells: Vec<String> = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            if cells.iter().any(|cell| !cell.chars().all(crate::audience::field::is_blank)) {
                return Some(Ok(SheetRow { line, cells }));
            }
        }
        None
    }
}

/// Counts lines, ended by LF, CR LF or CR alone.
struct LineCounter {
    place: usize,
    line: u64,
}

impl LineCounter {
    /// The number of the line at `place`, which never lies before an earlier one by more than a line.
    fn at(&mut self, text: &str, place: usize) -> u64 {
        let bytes = text.as_bytes();
        for position in self.place..place {
            let ends = match bytes[position] {
                b'\n' => true,
                b'\r' => bytes.get(position + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(ends);
        }
        self.place = self.place.max(place);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, String)> {
        let sheet = Sheet::open(text.as_bytes()).unwrap();
        let show = |row: Result<SheetRow, BadRow>| match row {
            Ok(row) => (row.line, row.cells.join("¦").replace(['\r', '\n'], "⏎")),
            Err(bad) => (bad.line, format!("! {} ({})", bad.reason, bad.text)),
        };
        sheet.rows().map(show).collect()
    }

    fn check(text: &str, expected: &[(u64, &str)]) {
        let found = rows(text);
        let found: Vec<(u64, &str)> = found.iter().map(|(line, row)| (*line, row.as_str())).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn lines_are_counted_in_every_ending() {
        check("a,b\n1,2\n\n3,4\n", &[(2, "1¦2"), (4, "3¦4")]);
        check("a,b\r\n1,2\r\n3,4", &[(2, "1¦2"), (3, "3¦4")]);
        check("a,b\r1,2\r3,4\r", &[(2, "1¦2"), (3, "3¦4")]);
        check("a,b\n\"1\n1\",2\n3,4\n", &[(2, "1⏎1¦2"), (4, "3¦4")]);
        check("a;b\n;\n1;2\n", &[(3, "1¦2")]);
    }

    #[test]
    fn an_open_quotation_costs_one_line() {
        let reason = "! a quotation mark is opened and never closed (1,\"2)";
        check("a,b\n1,\"2\n3,4\n5,6\n", &[(2, reason), (3, "3¦4"), (4, "5¦6")]);
        let reason = "! a quotation mark is opened and never closed (1,\"2,x)";
        check("a,b,c\n1,\"2,x\n3,4,5\n5,\"6\n6\",7\n", &[(2, reason), (3, "3¦4¦5"), (4, "5¦6⏎6¦7")]);
        check("a,b\n5\" pipe,2\n3,4\n", &[(2, "5\" pipe¦2"), (3, "3¦4")]);
    }

    #[test]
    fn quotations_without_end_do_not_take_for_ever() {
        let found = rows(&format!("a,b,c\n{}", "a\",\"\n".repeat(4_000)));
        let (line, last) = found.last().unwrap();
        assert!(last.contains("from here on nothing was read") && *line < 1_000, "line {line}: {last}");
        assert!(found[..found.len() - 1].iter().all(|(_, row)| row.contains("opened and never closed (")));
    }

    fn delimiter(text: &str, expected: char) {
        assert_eq!(char::from(Sheet::open(text.as_bytes()).unwrap().delimiter), expected, "{text:?}");
    }

    #[test]
    fn delimiters_are_found() {
        delimiter("a,b\n1,2\n", ',');
        delimiter("a;b\n1,5;2\n", ';');
        delimiter("a\tb\n1,5\t2,5\n", '\t');
        delimiter("a|b|c\n1|2|3\n", '|');
        delimiter("email\nada@example.org\n", ',');
        delimiter("sep=;\r\na,x;b\n1;2\n", ';');
        delimiter("name;note\n\"x,y,z\";1\n\"x,y,z\";2\n", ';');
    }

    #[test]
    fn headers_are_told_from_rows() {
        let header = |text: &str| Sheet::open(text.as_bytes()).map(|sheet| (sheet.has_header, sheet.columns));
        assert_eq!(header("email,x\na@example.org,1"), Ok((true, vec!["email".into(), "x".into()])));
        assert_eq!(header("email,\na@example.org,1"), Ok((true, vec!["email".into(), "column 2".into()])));
        assert_eq!(header("a@example.org,1\n"), Ok((false, vec!["column 1".into(), "column 2".into()])));
        assert!(header("").is_err());
        assert!(header("\n\n").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            if let Ok(sheet) = Sheet::open(&bytes) {
                let lines: Vec<u64> = sheet.rows().map(|row| row.map_or_else(|bad| bad.line, |row| row.line)).collect();
                proptest::prop_assert!(lines.is_sorted());
            }
        }

        #[test]
        fn any_signs_are_read_to_their_end(text in "[\"',;\n\ra1é]{0,60}") {
            if let Ok(sheet) = Sheet::open(text.as_bytes()) {
                let lines: Vec<u64> = sheet.rows().map(|row| row.map_or_else(|bad| bad.line, |row| row.line)).collect();
                proptest::prop_assert!(lines.is_sorted());
            }
        }
    }
}
