//! From the cells of a row to a contact, or to the reason why not.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use mail::address::Address;
use model::value::Fields;

use super::mapping::{Mapping, Target};
use super::sheet::{BadRow, Sheet, SheetRow};
use crate::audience::contact::{CONTACT_NAME_MAX, clean_name};
use crate::audience::field::{MonthFirst, Registry, is_blank};
use crate::audience::types::FieldKind;

/// A row that can be imported.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GoodRow {
    pub(super) address: Address,
    pub(super) name: String,
    /// Blank cells are not among them: they leave what is there.
    pub(super) fields: Fields,
}

/// A row that is refused, for the error file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefusedRow {
    pub(super) line: u64,
    /// Name of the column at fault; empty for the whole row.
    pub(super) column: String,
    pub(super) reason: String,
    pub(super) cells: Vec<String>,
}

/// Checks rows; remembers the addresses of the file.
pub(super) struct RowReader<'a> {
    mapping: &'a Mapping,
    columns: &'a [String],
    registry: &'a Registry,
    seen: HashMap<String, u64>,
    /// For each column: dates have the month in front.
    month_first: Vec<bool>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(mapping: &'a Mapping, columns: &'a [String], registry: &'a Registry) -> Self {
        RowReader { mapping, columns, registry, seen: HashMap::new(), month_first: vec![false; columns.len()] }
    }

    /// Looks through the columns that go into dates for the month in front.
    pub(super) fn look_at_dates(&mut self, sheet: &Sheet) {
        let is_date = |target: &Option<Target>| match target {
            Some(Target::Field(field)) => self.registry.get(field).is_some_and(|field| field.kind == FieldKind::Date),
            _ => false,
        };
        self.month_first = month_first(sheet, &self.mapping.iter().map(is_date).collect::<Vec<_>>());
    }

    /// The contact of a row.
    pub(super) fn read(&mut self, row: Result<SheetRow, BadRow>) -> Result<GoodRow, RefusedRow> {
        let row = row.map_err(|bad| RefusedRow {
            line: bad.line,
            column: String::new(),
            reason: bad.reason,
            cells: vec![bad.text],
        })?;
        match self.contact(&row) {
            Ok(good) => Ok(good),
            Err((place, reason)) => {
                let column = place.and_then(|place| self.columns.get(place)).cloned().unwrap_or_default();
                Err(RefusedRow { line: row.line, column, reason, cells: row.cells })
            }
        }
    }

    fn contact(&mut self, row: &SheetRow) -> Result<GoodRow, (Option<usize>, String)> {
        let (found, expected) = (row.cells.len(), self.columns.len());
        let surplus = row.cells.iter().skip(expected).any(|cell| !cell.chars().all(is_blank));
        if found < expected || surplus {
            return Err((None, format!("the row has {found} cells, the first row has {expected}")));
        }
        let (mut address, mut name, mut name_of_address) = (None, String::new(), String::new());
        let mut fields = Fields::default();
        for (place, target) in self.mapping.iter().enumerate() {
            let cell = row.cells[place].as_str();
            let refuse = |reason| (Some(place), reason);
            match target {
                Some(Target::Address) => {
                    let (parsed, display) = parse_address(cell).map_err(refuse)?;
                    address = Some((place, parsed));
                    name_of_address = display;
                }
                Some(Target::Name) => name = clean_name(cell),
                Some(Target::Field(field)) => {
                    let turned = self.month_first[place].then(|| MonthFirst::turned(cell)).flatten();
                    if let Some(value) =
                        self.registry[field].parse(turned.as_deref().unwrap_or(cell)).map_err(refuse)?
                    {
                        fields.set(field, value);
                    }
                }
                None => {}
            }
        }
        let (place, address) = address.expect("invariant: a mapping has an address column");
        if name.is_empty() {
            name = name_of_address;
        }
        name.truncate(name.floor_char_boundary(CONTACT_NAME_MAX));
        match self.seen.entry(address.key()) {
            Entry::Occupied(first) => Err((Some(place), format!("the same address as in line {}", first.get()))),
            Entry::Vacant(free) => {
                free.insert(row.line);
                Ok(GoodRow { address, name, fields })
            }
        }
    }
}

/// Which of the wanted columns hold dates with the month in front.
pub(super) fn month_first(sheet: &Sheet, wanted: &[bool]) -> Vec<bool> {
    let mut looks = vec![MonthFirst::default(); wanted.len()];
    if wanted.contains(&true) {
        for row in sheet.rows().filter_map(Result::ok) {
            for ((look, _), cell) in looks.iter_mut().zip(wanted).zip(&row.cells).filter(|((_, wanted), _)| **wanted) {
                look.look(cell);
            }
        }
    }
    looks.into_iter().map(MonthFirst::is_so).collect()
}

/// An address, perhaps with `mailto:` in front or as `Name <address>`.
fn parse_address(cell: &str) -> Result<(Address, String), String> {
    let mut text = cell.trim_matches(is_blank);
    let mut name = String::new();
    if let (Some(open), true) = (text.rfind('<'), text.ends_with('>')) {
        name = clean_name(text[..open].trim().trim_matches('"'));
        text = text[open + 1..text.len() - 1].trim_matches(is_blank);
    }
    if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
        text = text[7..].split('?').next().unwrap_or_default();
    }
    match Address::parse(text) {
        Ok(address) => Ok((address, name)),
        Err(_) if text.matches('@').count() > 1 && text.contains([',', ';', ' ', '/']) => {
            Err("there is more than one address in this cell".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::types::Field;

    fn check(cells: &[&str], expected: &str) {
        let age = Field { name: "age".into(), label: "Age".into(), kind: FieldKind::Number, choices: Vec::new() };
        let registry: Registry = [("age".to_owned(), age)].into();
        let mapping = vec![Some(Target::Address), Some(Target::Field("age".to_owned())), None];
        let columns = ["email", "age", "other"].map(str::to_owned);
        let mut reader = RowReader::new(&mapping, &columns, &registry);
        let row = SheetRow { line: 2, cells: cells.iter().map(|cell| (*cell).to_owned()).collect() };
        let found = match reader.read(Ok(row)) {
            Ok(good) => format!("{} {:?} {}", good.address, good.name, serde_json::to_string(&good.fields).unwrap()),
            Err(refused) => format!("{}: {}", refused.column, refused.reason),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_become_contacts_or_reasons() {
        check(&["ada@example.org", "41", "x"], "ada@example.org \"\" {\"age\":41}");
        check(&["\u{a0}ada@EXAMPLE.org\u{200b}", "", "x"], "ada@example.org \"\" {}");
        check(&["MailTo:ada@example.org?subject=x", "", ""], "ada@example.org \"\" {}");
        check(&["\"Ada, L.\" <ada@example.org>", "", ""], "ada@example.org \"Ada, L.\" {}");
        check(&["jürgen@bücher.example", "", ""], "jürgen@xn--bcher-kva.example \"\" {}");
        check(&["ada@example.org", "", "", " "], "ada@example.org \"\" {}");
        check(&["ada@example.org", "old", ""], "age: \"old\" is not a number");
        check(&["a@example.org; b@example.org", "", ""], "email: there is more than one address in this cell");
        check(&["nobody", "", ""], "email: the address has no @");
        check(&["", "1", ""], "email: the address is empty");
        check(&["ada@example.org", "1"], ": the row has 2 cells, the first row has 3");
        check(&["ada@example.org", "1", "", "y"], ": the row has 4 cells, the first row has 3");
    }
}
