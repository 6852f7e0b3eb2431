//! Events as columns: one table says for each column its name, its type, how it is read from an event and written back.
//!
//! Encoding and decoding walk the same table, so they cannot drift apart. Reply, category, source address and
//! `suppress` belong to an attempt, to a report or to a change: an event has one of the three, and `parts` says which.
//! An event with two of them (nothing makes one today) is kept whole in the column `extra`, in its binary form.
//! Columns may be added, never renamed or reused: a file without a column reads as if it were empty.

mod accessors;
mod decode;
mod encode;
mod table;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use model::event::Event;
use model::hash::fnv1a;

pub(crate) use decode::events;
pub(crate) use encode::batch;
pub(crate) use table::COLUMNS;

use crate::filter::folded;

/// Columns that are no fields of a query.
pub(crate) const ID_ROOT: &str = "id_root";
pub(crate) const ID_LEAF: &str = "id_leaf";
pub(crate) const ADDRESS_HASH: &str = "address_hash";
pub(crate) const TRANSCRIPT: &str = "transcript";

/// An event on its way into columns, with the number of its reply template (0: none).
#[derive(Debug)]
pub(crate) struct Row {
    pub event: Event,
    pub template: u32,
}

/// Name, type and access of a column.
pub(crate) struct Column {
    pub name: &'static str,
    pub access: Access,
}

/// How a column is read from an event and written back; derived columns write nothing.
pub(crate) enum Access {
    /// Few different texts: a dictionary.
    Word(fn(&Row) -> Option<&str>, fn(&mut Event, &str)),
    /// Few different texts that have to be made first.
    Made(fn(&Row) -> Option<String>, fn(&mut Event, &str)),
    /// Any text.
    Text(fn(&Row) -> Option<&str>, fn(&mut Event, &str)),
    /// Whole numbers of this width.
    Number(Width, fn(&Row) -> Option<u64>, fn(&mut Event, u64)),
    /// Microseconds since 1970.
    Time(fn(&Row) -> Option<i64>, fn(&mut Event, i64)),
    /// True or absent.
    Flag(fn(&Row) -> bool, fn(&mut Event)),
    /// The whole event in binary form.
    Whole(fn(&Row) -> Option<Vec<u8>>),
}

/// Bits of a number column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Bits8,
    Bits16,
    Bits32,
    Bits64,
}

impl Column {
    pub(crate) fn data_type(&self) -> DataType {
        match &self.access {
            Access::Word(..) | Access::Made(..) => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Access::Text(..) => DataType::Utf8,
            Access::Number(Width::Bits8, ..) => DataType::UInt8,
            Access::Number(Width::Bits16, ..) => DataType::UInt16,
            Access::Number(Width::Bits32, ..) => DataType::UInt32,
            Access::Number(Width::Bits64, ..) => DataType::UInt64,
            Access::Time(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Access::Flag(..) => DataType::Boolean,
            Access::Whole(..) => DataType::Binary,
        }
    }
}

/// The schema of hot batches and segments.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = COLUMNS.iter().map(|column| ArrowField::new(column.name, column.data_type(), true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// Number under which an address is indexed, made of its lower-case form. Equal addresses have equal numbers; the
/// opposite is checked against the text.
pub(crate) fn address_hash(address: &str) -> u64 {
    fnv1a(folded(address).bytes())
}

#[cfg(test)]
mod tests;
