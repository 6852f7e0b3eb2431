//! One row of a result, read by column name.

use std::sync::Arc;

use model::id::{AccountId, CampaignId, ContactId, ImportId, ListId, MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;

use crate::error::DbError;
use crate::value::Value;

/// One row. The names of the columns are shared by all rows of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(crate) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        debug_assert_eq!(columns.len(), values.len(), "one value for each column");
        Row { columns, values }
    }

    /// The value of this column as a `T`.
    ///
    /// # Errors
    /// [`DbError::Column`] when there is no such column or its value is no `T`: the statement and the code that reads
    /// it disagree.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, DbError> {
        let value = self.value(column)?;
        T::from_value(value).ok_or_else(|| mismatch(column, value, T::EXPECTED))
    }

    /// The value of this column, a JSON text, as a `T`.
    ///
    /// # Errors
    /// [`DbError::Column`] as for [`Row::get`], and when the text is not the JSON of a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, DbError> {
        let value = self.value(column)?;
        let text = match value {
            Value::Text(text) => text,
            _ => return Err(mismatch(column, value, "JSON")),
        };
        serde_json::from_str(text).map_err(|error| DbError::Column { column: column.into(), reason: error.to_string() })
    }

    /// The value of this column as it is.
    ///
    /// # Errors
    /// [`DbError::Column`] when there is no such column.
    pub fn value(&self, column: &str) -> Result<&Value, DbError> {
        let place = self.columns.iter().position(|known| known == column);
        place
            .map(|place| &self.values[place])
            .ok_or_else(|| DbError::Column { column: column.into(), reason: "there is no such column".into() })
    }
}

fn mismatch(column: &str, value: &Value, expected: &str) -> DbError {
    DbError::Column { column: column.into(), reason: format!("holds {} where {expected} is expected", value.kind()) }
}

/// What can be read out of a column.
pub trait FromValue: Sized {
    /// What is expected, for error messages.
    const EXPECTED: &'static str;

    /// The value as this type, if it is one.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_int {
    ($expected:literal: $($number:ty => $convert:expr),* $(,)?) => {
        $(impl FromValue for $number {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Int(number) => $convert(*number),
                    _ => None,
                }
            }
        })*
    };
}

from_int!("a whole number in range":
    i64 => Some,
    u64 => |bits| Some(bits as u64),
    u32 => |number: i64| u32::try_from(number).ok(),
    u16 => |number: i64| u16::try_from(number).ok(),
    u8 => |number: i64| u8::try_from(number).ok(),
);
from_int!("0 or 1": bool => |number| match number { 0 => Some(false), 1 => Some(true), _ => None });
from_int!("a time": Timestamp => |micros| Some(Timestamp(micros)));
from_int!("an id":
    AccountId => |bits| Some(AccountId(bits as u64)),
    CampaignId => |bits| Some(CampaignId(bits as u64)),
    ContactId => |bits| Some(ContactId(bits as u64)),
    ImportId => |bits| Some(ImportId(bits as u64)),
    ListId => |bits| Some(ListId(bits as u64)),
    MessageId => |bits| Some(MessageId(bits as u64)),
    RecipientId => |bits| Some(RecipientId(bits as u64)),
);

impl FromValue for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            _ => None,
        }
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Name {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(Name::from(text.as_str())),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    const EXPECTED: &'static str = "bytes";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}
