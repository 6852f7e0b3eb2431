//! A value on its way into or out of the database, in the five forms both engines share.
//!
//! Ids are stored as the bits of their `u64` in a signed 64-bit column. They sort by birth until the year 2089, when
//! the highest bit is first set.

use model::id::{AccountId, CampaignId, ContactId, ImportId, ListId, MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;

/// One value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// NULL.
    #[default]
    Null,
    /// A whole number, an id, a time in microseconds, or a boolean as 0 or 1.
    Int(i64),
    /// A number with a fraction.
    Real(f64),
    /// A text, JSON included. Must not hold U+0000, which PostgreSQL refuses.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// What kind of value it is, for error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Int(_) => "a whole number",
            Value::Real(_) => "a number",
            Value::Text(_) => "a text",
            Value::Blob(_) => "bytes",
        }
    }

    /// A value written as JSON text.
    ///
    /// # Panics
    /// When the type's own `Serialize` fails, which the types of this suite never do.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        Value::Text(serde_json::to_string(value).expect("invariant: our types can be written as JSON"))
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Value::Int(i64::from(number))
            }
        })*
    };
}

whole_numbers!(i64, i32, u32, u16, u8, bool);

/// The bits, not the number: ids beyond 2^63 come back as they were.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Int(number as i64)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Int(number as i64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<&Name> for Value {
    fn from(name: &Name) -> Self {
        Value::Text(name.as_str().to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes)
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Value::Int(at.0)
    }
}

macro_rules! ids {
    ($($id:ty),*) => {
        $(impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Value::from(id.0)
            }
        })*
    };
}

ids!(AccountId, CampaignId, ContactId, ImportId, ListId, MessageId, RecipientId);

impl<T> From<Option<T>> for Value
where
    Value: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Value::from)
    }
}
