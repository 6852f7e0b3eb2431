//! Keyset pages: a list is cut at a key, never at a count, so that page 1,000 costs what page 1 costs and rows that
//! come or go meanwhile neither repeat nor hide others.
//!
//! The cursor is the key of the last row of a page. It is opaque to clients, but holds nothing secret and grants
//! nothing: a forged one only names another place in the same list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::value::Value;

/// Rows on a page when nobody says.
pub const LIMIT_DEFAULT: u32 = 50;

/// Most rows on a page.
pub const LIMIT_MAX: u32 = 200;

/// Longest cursor accepted, in bytes.
const CURSOR_LEN_MAX: usize = 2_048;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `after` for the next page; absent on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page out of the rows of a statement that asked for [`PageRequest::fetch`] rows; `key` is what the list is
    /// sorted by.
    pub fn new(mut rows: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Vec<Value>) -> Self {
        let limit = request.limit() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| encode(&key(row))) } else { None };
        Page { items: rows, next }
    }
}

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(default)]
pub struct PageRequest {
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many rows, 1 to 200; 50 when absent.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "limit")]
    pub limit: Option<u32>,
}

/// Who asks for more than a page holds has to know that it gets less: a list that ends early looks complete.
fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(limit) if !(1..=LIMIT_MAX).contains(&limit) => {
            Err(de::Error::custom(format!("A page has 1 to {LIMIT_MAX} rows; `next` leads to the others.")))
        }
        limit => Ok(limit),
    }
}

impl PageRequest {
    /// How many rows the page may have.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }

    /// How many rows to ask the database for: one more, which tells whether there is a next page.
    pub fn fetch(&self) -> Value {
        Value::Int(i64::from(self.limit()) + 1)
    }

    /// The key behind which the page begins: as many values as the list has sort columns, or `None` for the first page.
    ///
    /// # Errors
    /// [`CursorError`] when `after` was not made by this list: the client's mistake.
    pub fn start(&self, columns: usize) -> Result<Option<Vec<Value>>, CursorError> {
        let Some(text) = self.after.as_deref() else { return Ok(None) };
        match decode(text) {
            Some(key) if key.len() == columns => Ok(Some(key)),
            _ => Err(CursorError),
        }
    }
}

/// A cursor that was not made by this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`after` is not a cursor of this list; start again without it")]
pub struct CursorError;

fn encode(key: &[Value]) -> String {
    let key: Vec<serde_json::Value> = key
        .iter()
        .map(|value| match value {
            Value::Int(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Real(number) => (*number).into(),
            Value::Null | Value::Blob(_) => unreachable!("invariant: lists are sorted by numbers and texts"),
        })
        .collect();
    URL_SAFE_NO_PAD.encode(serde_json::Value::Array(key).to_string())
}

fn decode(text: &str) -> Option<Vec<Value>> {
    if text.len() > CURSOR_LEN_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let key: Vec<serde_json::Value> = serde_json::from_slice(&bytes).ok()?;
    key.into_iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(Value::Text(text)),
            serde_json::Value::Number(number) => {
                number.as_i64().map(Value::Int).or_else(|| number.as_f64().map(Value::Real))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_page_has_no_next() {
        let request = PageRequest { limit: Some(2), after: None };
        let page = |rows: Vec<i64>| Page::new(rows, &request, |row| vec![Value::Int(*row)]);
        assert_eq!(page(vec![1, 2]), Page { items: vec![1, 2], next: None });
        let first = page(vec![1, 2, 3]);
        assert_eq!(first.items, [1, 2]);
        let second = PageRequest { after: first.next, limit: None };
        assert_eq!(second.start(1), Ok(Some(vec![Value::Int(2)])));
        assert_eq!(second.start(2), Err(CursorError), "a cursor of another list");
    }

    #[test]
    fn limits_are_kept() {
        let limit = |limit| PageRequest { after: None, limit }.limit();
        assert_eq!([limit(None), limit(Some(0)), limit(Some(9)), limit(Some(100_000))], [50, 1, 9, 200]);
    }

    #[test]
    fn a_limit_beyond_the_page_is_refused_and_not_cut() {
        let check = |json: &str, expected: Option<Option<u32>>| {
            let read = serde_json::from_str::<PageRequest>(json).ok().map(|request| request.limit);
            assert_eq!(read, expected, "{json}");
        };
        check("{}", Some(None));
        check(r#"{"limit":200}"#, Some(Some(200)));
        check(r#"{"limit":201}"#, None);
        check(r#"{"limit":0}"#, None);
    }

    proptest! {
        #[test]
        fn cursors_are_read_back(number: i64, text in ".{0,40}") {
            let key = vec![Value::Text(text), Value::Int(number)];
            prop_assert_eq!(decode(&encode(&key)), Some(key));
        }

        #[test]
        fn foreign_cursors_do_not_panic(text in ".{0,60}") {
            let _ = PageRequest { after: Some(text), limit: None }.start(1);
        }
    }
}
