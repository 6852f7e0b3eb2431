//! A place in the event log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A place in the event log, between two events. Ordered like the log; the default lies before everything.
///
/// Text form: segment, a colon, offset, both in decimal: `12:3456`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// Number of the segment.
    pub segment: u32,
    /// Byte offset in it.
    pub offset: u32,
}

/// A text that is not a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor such as \"12:3456\": {0:?}")]
pub struct CursorError(String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let refuse = || CursorError(text.chars().take(40).collect());
        let (segment, offset) = text.split_once(':').ok_or_else(refuse)?;
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| refuse());
        Ok(Cursor { segment: number(segment)?, offset: number(offset)? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Cursor>) {
        assert_eq!(text.parse().ok(), expected, "{text:?}");
    }

    #[test]
    fn text_form() {
        let cursor = Cursor { segment: 12, offset: 3456 };
        assert_eq!(cursor.to_string(), "12:3456");
        check("12:3456", Some(cursor));
        check("0:0", Some(Cursor::default()));
        for wrong in ["", ":", "12", "12:", "12:x", "-1:2", "4294967296:0", "1:2:3"] {
            check(wrong, None);
        }
        assert_eq!(serde_json::to_string(&cursor).unwrap(), r#""12:3456""#);
        assert_eq!(serde_json::from_str::<Cursor>(r#""12:3456""#).unwrap(), cursor);
    }
}
