//! A door for the fuzz targets (`fuzz/`): a file through decoding, sheet, mapping and row reader, without a database.
//!
//! Only in builds with the feature `fuzzing`; nothing of the suite uses it.

use super::mapping::{self, Target};
use super::row::RowReader;
use super::sheet::Sheet;
use crate::audience::field::Registry;
use crate::audience::types::{Field, FieldKind};

/// What was read of a file.
#[derive(Debug)]
pub struct Read {
    /// The address of each row, or line and reason of its refusal.
    pub rows: Vec<Result<String, (u64, String)>>,
    /// Length of the decoded text, in bytes.
    pub text_bytes: usize,
}

/// Reads a whole file, with one field of each kind in the registry.
///
/// # Errors
/// A sentence, when there is nothing to import.
pub fn read(file: &[u8]) -> Result<Read, String> {
    let sheet = Sheet::open(file)?;
    let registry = registry();
    let mut mapping = mapping::suggest(&sheet, &registry);
    if !mapping.contains(&Some(Target::Address)) {
        mapping[0] = Some(Target::Address);
    }
    let mut reader = RowReader::new(&mapping, &sheet.columns, &registry);
    let rows = sheet.rows().map(|row| match reader.read(row) {
        Ok(good) => Ok(good.address.to_string()),
        Err(refused) => Err((refused.line, refused.reason)),
    });
    Ok(Read { rows: rows.collect(), text_bytes: sheet.text_bytes() })
}

fn registry() -> Registry {
    let field = |name: &str, kind| {
        let choices = if kind == FieldKind::Choice { vec!["red".to_owned(), "blue".to_owned()] } else { Vec::new() };
        Field { name: name.to_owned(), label: name.to_owned(), kind, choices }
    };
    let kinds = [
        ("first_name", FieldKind::Text),
        ("age", FieldKind::Number),
        ("vip", FieldKind::Boolean),
        ("born", FieldKind::Date),
        ("colour", FieldKind::Choice),
    ];
    kinds.into_iter().map(|(name, kind)| (name.to_owned(), field(name, kind))).collect()
}
