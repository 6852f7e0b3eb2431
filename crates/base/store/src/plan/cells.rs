//! Arrays of the engine as cells of an answer.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use model::id::MessageId;
use model::time::Timestamp;

use crate::error::QueryError;
use crate::query::{Cell, CellKind};

/// One cell for each row. Rates are made of two arrays: see [`counts`].
pub(crate) fn cells(array: &ArrayRef, kind: CellKind) -> Result<Vec<Cell>, QueryError> {
    let wanted = match kind {
        CellKind::Text => DataType::Utf8,
        CellKind::Id => DataType::UInt64,
        CellKind::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
        CellKind::Integer | CellKind::Rate => DataType::Int64,
        CellKind::Number => DataType::Float64,
        CellKind::Flag => DataType::Boolean,
    };
    let array = cast(array, &wanted).map_err(|error| QueryError::Failed(error.to_string()))?;
    let cell = |row: usize| match kind {
        CellKind::Text => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        CellKind::Id => Cell::Text(MessageId(array.as_primitive::<UInt64Type>().value(row)).to_string()),
        CellKind::Time => {
            Cell::Text(Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)).to_string())
        }
        CellKind::Integer | CellKind::Rate => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
        CellKind::Number => Cell::Number(array.as_primitive::<Float64Type>().value(row)),
        CellKind::Flag => Cell::Flag(array.as_boolean().value(row)),
    };
    Ok((0..array.len()).map(|row| if array.is_null(row) { Cell::Null } else { cell(row) }).collect())
}

/// Counts, absent ones as zero.
pub(crate) fn counts(array: &ArrayRef) -> Result<Vec<u64>, QueryError> {
    let array = cast(array, &DataType::UInt64).map_err(|error| QueryError::Failed(error.to_string()))?;
    let array = array.as_primitive::<UInt64Type>();
    Ok((0..array.len()).map(|row| if array.is_null(row) { 0 } else { array.value(row) }).collect())
}
