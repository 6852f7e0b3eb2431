//! A record batch back to events. Columns that are not there read as empty.

use datafusion::arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use model::event::Event;

use super::{Access, COLUMNS};
use crate::error::StoreError;

/// The events of a batch, in its order.
///
/// # Errors
/// [`StoreError::Columns`] when a column has a type that this program never writes.
pub(crate) fn events(batch: &RecordBatch) -> Result<Vec<Event>, StoreError> {
    let mut events = vec![Event::default(); batch.num_rows()];
    for column in COLUMNS {
        if let Some(array) = batch.column_by_name(column.name) {
            decode(&column.access, array, &mut events).map_err(StoreError::columns(column.name))?;
        }
    }
    Ok(events)
}

fn decode(access: &Access, array: &dyn Array, events: &mut [Event]) -> Result<(), String> {
    if array.null_count() == array.len() {
        return Ok(());
    }
    let wanted = match access {
        Access::Word(..) | Access::Made(..) | Access::Text(..) => DataType::Utf8,
        Access::Number(..) => DataType::UInt64,
        Access::Time(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        Access::Flag(..) => DataType::Boolean,
        Access::Whole(..) => DataType::Binary,
    };
    let array = cast(array, &wanted).map_err(|error| error.to_string())?;
    let present = events.iter_mut().enumerate().filter(|(place, _)| array.is_valid(*place));
    match access {
        Access::Word(_, set) | Access::Made(_, set) | Access::Text(_, set) => {
            let values: &StringArray = array.as_string();
            present.for_each(|(place, event)| set(event, values.value(place)));
        }
        Access::Number(_, _, set) => {
            let values: &UInt64Array = array.as_primitive();
            present.for_each(|(place, event)| set(event, values.value(place)));
        }
        Access::Time(_, set) => {
            let values: &TimestampMicrosecondArray = array.as_primitive();
            present.for_each(|(place, event)| set(event, values.value(place)));
        }
        Access::Flag(_, set) => {
            let values: &BooleanArray = array.as_boolean();
            present.filter(|(place, _)| values.value(*place)).for_each(|(_, event)| set(event));
        }
        Access::Whole(_) => {
            let values: &BinaryArray = array.as_binary();
            for (place, event) in present {
                *event = Event::from_binary(values.value(place)).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}
