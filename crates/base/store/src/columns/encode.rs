//! Rows to a record batch, column by column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, StringBuilder, StringDictionaryBuilder, TimestampMicrosecondArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::arrow::record_batch::RecordBatch;

use super::{Access, COLUMNS, Row, Width, schema};
use crate::error::StoreError;

/// The rows as a record batch of [`schema`].
///
/// # Errors
/// [`StoreError::Columns`] when a column grows beyond what an array can hold (2 GB of text): callers pass few rows.
pub(crate) fn batch(rows: &[Row]) -> Result<RecordBatch, StoreError> {
    let columns = COLUMNS.iter().map(|column| encode(&column.access, rows)).collect();
    RecordBatch::try_new(schema(), columns).map_err(StoreError::columns("making columns"))
}

fn encode(access: &Access, rows: &[Row]) -> ArrayRef {
    match access {
        Access::Word(get, _) => words(rows, *get),
        Access::Made(get, _) => made(rows, *get),
        Access::Text(get, _) => texts(rows, *get),
        Access::Number(width, get, _) => numbers(rows, *width, *get),
        Access::Time(get, _) => {
            Arc::new(rows.iter().map(get).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Access::Flag(get, _) => {
            let mut builder = BooleanBuilder::with_capacity(rows.len());
            rows.iter().for_each(|row| builder.append_option(get(row).then_some(true)));
            Arc::new(builder.finish())
        }
        Access::Whole(get) => {
            let mut builder = BinaryBuilder::with_capacity(rows.len(), 0);
            rows.iter().for_each(|row| builder.append_option(get(row)));
            Arc::new(builder.finish())
        }
    }
}

fn words(rows: &[Row], get: fn(&Row) -> Option<&str>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::with_capacity(rows.len(), 0, 0);
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

fn made(rows: &[Row], get: fn(&Row) -> Option<String>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::with_capacity(rows.len(), 0, 0);
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

fn texts(rows: &[Row], get: fn(&Row) -> Option<&str>) -> ArrayRef {
    let bytes = rows.iter().filter_map(get).map(str::len).sum();
    let mut builder = StringBuilder::with_capacity(rows.len(), bytes);
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

#[expect(clippy::cast_possible_truncation, reason = "the width of a column is that of the values it is read from")]
fn numbers(rows: &[Row], width: Width, get: fn(&Row) -> Option<u64>) -> ArrayRef {
    let values = rows.iter().map(get);
    match width {
        Width::Bits8 => Arc::new(values.map(|value| value.map(|value| value as u8)).collect::<UInt8Array>()),
        Width::Bits16 => Arc::new(values.map(|value| value.map(|value| value as u16)).collect::<UInt16Array>()),
        Width::Bits32 => Arc::new(values.map(|value| value.map(|value| value as u32)).collect::<UInt32Array>()),
        Width::Bits64 => Arc::new(values.collect::<UInt64Array>()),
    }
}
